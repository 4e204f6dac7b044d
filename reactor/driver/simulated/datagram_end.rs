//! A socket for datagrams in the network, and what is on its way to others.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::places::is_every_address;
use crate::engine::table::Token;

pub(crate) type DatagramId = u64;

/// A datagram, with where it comes from.
pub(super) type Datagram = (SocketAddr, Vec<u8>);

/// What is to happen with datagrams.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OnItsWay {
    /// It arrives where it was sent to.
    Arrives {
        sender: DatagramId,
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
    },
    /// So many bytes have left the sender's buffer.
    Leaves(DatagramId, usize),
    /// The answer arrives that nothing is there.
    Refused(DatagramId),
}

/// All sockets for datagrams.
pub(super) type Datagrams = BTreeMap<DatagramId, End>;

/// A socket for datagrams.
#[derive(Debug)]
pub(super) struct End {
    /// Where events go; a test looks by itself.
    pub(super) token: Option<Token>,
    pub(super) news: bool,
    pub(super) local: SocketAddr,
    pub(super) peer: Option<SocketAddr>,
    pub(super) is_shared: bool,
    pub(super) groups: Vec<IpAddr>,
    pub(super) may_broadcast: bool,
    pub(super) gets_its_own: bool,
    pub(super) arrived: VecDeque<Datagram>,
    /// How many bytes may have arrived and not been received, or been sent and not left.
    pub(super) receive_buffer: usize,
    pub(super) send_buffer: usize,
    pub(super) leaving: usize,
    /// What the next call reports.
    pub(super) refused: bool,
}

impl End {
    pub(super) fn waiting(&self) -> usize {
        self.arrived.iter().map(|(_, data)| data.len()).sum()
    }

    /// Whether what is sent from one address to another arrives here.
    pub(super) fn takes(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let is_here = match to.ip() {
            ip if ip.is_multicast() => self.local.port() == to.port() && self.groups.contains(&ip),
            IpAddr::V4(Ipv4Addr::BROADCAST) => {
                self.local.port() == to.port() && self.local.is_ipv4()
            }
            _ => self.local == to || is_every_address(self.local, to),
        };
        is_here && self.peer.is_none_or(|peer| peer == from)
    }
}

/// Whether a place is one for many.
pub(super) fn is_for_many(to: SocketAddr) -> bool {
    to.ip().is_multicast() || to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST)
}
