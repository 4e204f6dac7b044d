//! UDP sockets of the operating system.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::Interest;
use mio::net::UdpSocket;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use super::registrations::Registrations;
use crate::datagram::MulticastInterface;
use crate::driver::{DatagramOption, DatagramSocket};
use crate::engine::table::Token;

pub(super) struct MioDatagrams(UdpSocket);

impl MioDatagrams {
    pub(super) fn bind(
        address: SocketAddr,
        is_shared: bool,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?; // an address is for its own family, as a port's
        }
        if is_shared {
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(true)?; // BSD asks for both
        }
        only_its_own_groups(&socket, address.is_ipv4())?;
        socket.bind(&address.into())?;
        let mut socket = UdpSocket::from_std(socket.into());
        // Not for writing: nothing waits to be sent, and each datagram that leaves would be an event.
        registrations.register_for(&mut socket, token, Interest::READABLE)?;
        Ok(Self(socket))
    }

    fn join(&self, joins: bool, group: IpAddr, at: MulticastInterface) -> io::Result<()> {
        let socket = SockRef::from(&self.0);
        match group {
            IpAddr::V4(group) => {
                let at = match at {
                    MulticastInterface::Any => {
                        InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED)
                    }
                    MulticastInterface::Address(address) => {
                        InterfaceIndexOrAddress::Address(address)
                    }
                    MulticastInterface::Index(index) => InterfaceIndexOrAddress::Index(index),
                };
                match joins {
                    true => socket.join_multicast_v4_n(&group, &at),
                    false => socket.leave_multicast_v4_n(&group, &at),
                }
            }
            IpAddr::V6(group) => {
                let at = index(at)?;
                match joins {
                    true => socket.join_multicast_v6(&group, at),
                    false => socket.leave_multicast_v6(&group, at),
                }
            }
        }
    }

    fn leave_through(&self, interface: MulticastInterface) -> io::Result<()> {
        let socket = SockRef::from(&self.0);
        if !self.0.local_addr()?.is_ipv4() {
            return socket.set_multicast_if_v6(index(interface)?);
        }
        match interface {
            MulticastInterface::Any => socket.set_multicast_if_v4(&Ipv4Addr::UNSPECIFIED),
            MulticastInterface::Address(address) => socket.set_multicast_if_v4(&address),
            MulticastInterface::Index(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an IPv4 socket sends through an interface that is given by its address",
            )),
        }
    }
}

/// Linux gives a socket what others on this machine have joined, too, unless it is told otherwise.
#[cfg(target_os = "linux")]
fn only_its_own_groups(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 {
        return socket.set_multicast_all_v4(false);
    }
    let _ = socket.set_multicast_all_v6(false); // unknown before Linux 4.20
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn only_its_own_groups(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

fn index(interface: MulticastInterface) -> io::Result<u32> {
    match interface {
        MulticastInterface::Any => Ok(0),
        MulticastInterface::Index(index) => Ok(index),
        MulticastInterface::Address(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "an IPv6 interface is given by its number",
        )),
    }
}

impl DatagramSocket for MioDatagrams {
    fn recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer)
    }

    fn send_to(&mut self, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        // A datagram is taken whole or not at all, so the number of bytes is known.
        match to {
            Some(to) => self.0.send_to(data, to).map(drop),
            None => self.0.send(data).map(drop),
        }
    }

    fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.0.connect(peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn set(&mut self, option: DatagramOption) -> io::Result<()> {
        let socket = SockRef::from(&self.0);
        let is_v4 = self.0.local_addr()?.is_ipv4();
        match option {
            DatagramOption::Broadcast(allowed) => socket.set_broadcast(allowed),
            DatagramOption::Join(group, at) => self.join(true, group, at),
            DatagramOption::Leave(group, at) => self.join(false, group, at),
            DatagramOption::Loopback(comes_back) if is_v4 => {
                socket.set_multicast_loop_v4(comes_back)
            }
            DatagramOption::Loopback(comes_back) => socket.set_multicast_loop_v6(comes_back),
            DatagramOption::Ttl(ttl) if is_v4 => socket.set_multicast_ttl_v4(ttl.into()),
            DatagramOption::Ttl(ttl) => socket.set_multicast_hops_v6(ttl.into()),
            DatagramOption::Interface(interface) => self.leave_through(interface),
        }
    }
}
