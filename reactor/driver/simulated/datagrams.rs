//! Datagrams: who gets what is sent, and what the network makes of it on the way.
//!
//! ```text
//!   send ──room?──▶ on its way ──lost?──▶ arrives, once or twice, at each socket that is there
//!                                            └─ none: a refusal goes back, to a socket that is connected
//! ```
//!
//! Each datagram has a latency of its own, so where that is a range they overtake each other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::datagram_end::{Datagram, DatagramId, End, OnItsWay, is_for_many};
use super::events::Source;
use super::network::{Fault, Happening, Network};
use super::places::{any_of, collide};
use crate::driver::{DatagramOption, DatagramSocket};
use crate::engine::table::Token;

impl Network {
    pub(crate) fn bind_datagrams(
        &mut self,
        mut address: SocketAddr,
        is_shared: bool,
        token: Option<Token>,
    ) -> io::Result<DatagramId> {
        let is_taken = |end: &End| match end.token.is_some() == token.is_some() {
            true => collide(end.local, address) && !(end.is_shared && is_shared),
            false => end.local == address, // every address of one machine is not that of another
        };
        if address.port() == 0 {
            address.set_port(self.free_port());
        } else if self.datagrams.values().any(is_taken) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if token.is_some() {
            self.take_descriptor()?;
        }
        let end = End {
            token,
            news: false,
            local: address,
            peer: None,
            is_shared,
            groups: Vec::new(),
            may_broadcast: false,
            gets_its_own: true,
            arrived: VecDeque::new(),
            receive_buffer: self.random.size_within(&self.conditions.receive_buffer),
            send_buffer: self.random.size_within(&self.conditions.send_buffer),
            leaving: 0,
            refused: false,
        };
        let id = self.new_id();
        self.datagrams.insert(id, end);
        Ok(id)
    }

    pub(crate) fn close_datagrams(&mut self, id: DatagramId) {
        if let Some(token) = self.datagrams.remove(&id).and_then(|end| end.token) {
            self.give_descriptor(token);
        }
    }

    pub(crate) fn datagrams_addr(&self, id: DatagramId) -> io::Result<SocketAddr> {
        let end = self.datagrams.get(&id).ok_or_else(closed)?;
        Ok(end.local)
    }

    pub(crate) fn receive_datagram(&mut self, id: DatagramId) -> io::Result<Datagram> {
        let end = self.datagrams.get_mut(&id).ok_or_else(closed)?;
        if std::mem::take(&mut end.refused) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        end.arrived
            .pop_front()
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    pub(crate) fn send_datagram(
        &mut self,
        id: DatagramId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> io::Result<()> {
        let end = self.datagrams.get_mut(&id).ok_or_else(closed)?;
        if std::mem::take(&mut end.refused) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let to = to.or(end.peer).ok_or(io::ErrorKind::NotConnected)?;
        if to.port() == 0 || to.is_ipv4() != end.local.is_ipv4() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) && !end.may_broadcast {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if self.faults.get(&to) == Some(&Fault::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        // An empty buffer takes any, as the operating system's does.
        if end.token.is_some() && end.leaving > 0 && end.leaving + data.len() > end.send_buffer {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        end.leaving += data.len();
        let mut from = end.local;
        if from.ip().is_unspecified() {
            from.set_ip(any_of(to.ip()));
        }
        let latency = self.random.duration_within(&self.conditions.latency);
        let leaves = OnItsWay::Leaves(id, data.len());
        self.after(latency, Happening::Datagram(leaves));
        self.carry_datagram(id, from, to, data, latency);
        Ok(())
    }

    /// Lets it arrive: not at all, once or twice, in time or late.
    fn carry_datagram(
        &mut self,
        sender: DatagramId,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
        mut latency: Duration,
    ) {
        let is_swallowed = self.faults.get(&to) == Some(&Fault::Swallows);
        if is_swallowed || self.random.chance(self.conditions.datagram_loss) {
            return;
        }
        let is_twice = self.random.chance(self.conditions.datagram_duplicates);
        for _ in 0..1 + u32::from(is_twice) {
            if self.random.chance(self.conditions.datagram_reordering) {
                // Behind what is sent in the time of ten latencies.
                let longest = *self.conditions.latency.end() * 10;
                latency += self.random.duration_within(&(Duration::ZERO..=longest));
            }
            let arrives = OnItsWay::Arrives {
                sender,
                from,
                to,
                data: data.to_vec(),
            };
            self.after(latency, Happening::Datagram(arrives));
            latency = self.random.duration_within(&self.conditions.latency);
        }
    }

    pub(super) fn datagram_happens(&mut self, what: OnItsWay) {
        match what {
            OnItsWay::Leaves(sender, bytes) => {
                if let Some(end) = self.datagrams.get_mut(&sender) {
                    end.leaving -= bytes;
                }
            }
            OnItsWay::Refused(sender) => {
                if let Some(end) = self.datagrams.get_mut(&sender) {
                    end.refused = true;
                }
                self.datagrams_have_news(sender);
            }
            OnItsWay::Arrives {
                sender,
                from,
                to,
                data,
            } => self.deliver_datagram(sender, from, to, &data),
        }
    }

    fn deliver_datagram(
        &mut self,
        sender: DatagramId,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
    ) {
        let refuses = self.faults.get(&to) == Some(&Fault::Refuses);
        let comes_back = self
            .datagrams
            .get(&sender)
            .is_none_or(|end| end.gets_its_own);
        let takes = |(id, end): (&DatagramId, &End)| {
            let is_own = *id == sender && is_for_many(to) && !comes_back;
            (!refuses && !is_own && end.takes(from, to)).then_some(*id)
        };
        let mut there: Vec<DatagramId> = self.datagrams.iter().filter_map(takes).collect();
        if !is_for_many(to) {
            // Who is connected to the sender, or bound to this very address, is meant more than others.
            let rank = |id: &DatagramId| {
                let end = &self.datagrams[id];
                (end.peer.is_none(), end.local != to, *id)
            };
            there.sort_by_key(rank);
            there.truncate(1);
            if there.is_empty() && self.is_connected_to(sender, to) {
                self.later(Happening::Datagram(OnItsWay::Refused(sender)));
            }
        }
        for id in there {
            let Some(end) = self.datagrams.get_mut(&id) else {
                continue;
            };
            let waiting = end.waiting();
            let has_room = waiting == 0 || waiting + data.len() <= end.receive_buffer;
            if end.token.is_none() || has_room {
                end.arrived.push_back((from, data.to_vec()));
                self.datagrams_have_news(id);
            }
        }
    }

    fn is_connected_to(&self, id: DatagramId, to: SocketAddr) -> bool {
        let end = self.datagrams.get(&id);
        end.is_some_and(|end| end.peer == Some(to))
    }

    fn datagrams_have_news(&mut self, id: DatagramId) {
        if let Some(end) = self.datagrams.get_mut(&id)
            && end.token.is_some()
            && !std::mem::replace(&mut end.news, true)
        {
            self.with_news.push(Source::Datagrams(id));
        }
    }

    fn connect_datagrams(&mut self, id: DatagramId, peer: SocketAddr) -> io::Result<()> {
        if self.faults.get(&peer) == Some(&Fault::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let end = self.datagrams.get_mut(&id).ok_or_else(closed)?;
        if peer.is_ipv4() != end.local.is_ipv4() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if end.local.ip().is_unspecified() {
            end.local.set_ip(any_of(peer.ip()));
        }
        end.peer = Some(peer);
        Ok(())
    }

    pub(crate) fn set_datagrams(
        &mut self,
        id: DatagramId,
        option: DatagramOption,
    ) -> io::Result<()> {
        let end = self.datagrams.get_mut(&id).ok_or_else(closed)?;
        match option {
            DatagramOption::Broadcast(allowed) => end.may_broadcast = allowed,
            DatagramOption::Loopback(comes_back) => end.gets_its_own = comes_back,
            DatagramOption::Join(group, _) => {
                let is_group = group.is_multicast() && group.is_ipv4() == end.local.is_ipv4();
                if !is_group {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                if end.groups.contains(&group) {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                end.groups.push(group);
            }
            DatagramOption::Leave(group, _) => {
                let at = end.groups.iter().position(|joined| *joined == group);
                end.groups
                    .remove(at.ok_or(io::ErrorKind::AddrNotAvailable)?);
            }
            // There is one network, and no router in it.
            DatagramOption::Ttl(_) | DatagramOption::Interface(_) => {}
        }
        Ok(())
    }
}

fn closed() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

/// A socket that the reactor holds.
pub(super) struct SimulatedDatagrams {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) id: DatagramId,
}

impl DatagramSocket for SimulatedDatagrams {
    fn recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut network = self.network.borrow_mut();
        network.interrupt()?;
        let (from, data) = network.receive_datagram(self.id)?;
        let length = data.len().min(buffer.len()); // the rest is lost, as on real sockets
        buffer[..length].copy_from_slice(&data[..length]);
        Ok((length, from))
    }

    fn send_to(&mut self, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.interrupt()?;
        network.send_datagram(self.id, data, to)
    }

    fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.network.borrow_mut().connect_datagrams(self.id, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.network.borrow().datagrams_addr(self.id)
    }

    fn set(&mut self, option: DatagramOption) -> io::Result<()> {
        self.network.borrow_mut().set_datagrams(self.id, option)
    }
}

impl Drop for SimulatedDatagrams {
    fn drop(&mut self) {
        self.network.borrow_mut().close_datagrams(self.id);
    }
}
