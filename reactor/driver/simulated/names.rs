//! What has no IP address: UNIX sockets, and the standard input and output. The network knows each by an
//! address that stands for it, in a range from which nothing ever comes (RFC 6666), so that everything
//! else here knows one kind of address only.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::end::EndId;
use crate::address::{Address, UnixAddress};

/// The first of the range, which stands for sockets without a name.
const NOBODY: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0);

/// The terminal, and what it looks at.
pub(super) const STDIO: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 1, 0, 0, 0);

/// The port of each: such an address has none.
pub(super) const PORT: u16 = 1;

#[derive(Debug, Default)]
pub(super) struct Names {
    sockets: BTreeMap<UnixAddress, SocketAddr>,
    /// The terminal's end, and this process's, once one of them was asked for.
    pub(super) stdio: Option<(EndId, EndId)>,
}

/// Whether an address stands for a UNIX socket.
pub(super) fn stands_for_unix(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V6(ip) => ip.segments()[..7] == NOBODY.segments()[..7],
        IpAddr::V4(_) => false,
    }
}

impl Names {
    /// What stands for an address.
    pub(super) fn place(&mut self, address: &Address) -> io::Result<SocketAddr> {
        match address {
            Address::Tcp(address) => Ok(*address),
            Address::Unix(UnixAddress::Unnamed)
            | Address::Stdio
            | Address::Pipe
            | Address::Process(_) => Err(io::ErrorKind::Unsupported.into()),
            Address::Unix(name) => {
                let number = self.sockets.len() as u16 + 1;
                let next = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, number);
                let place = self.sockets.entry(name.clone());
                Ok(*place.or_insert(SocketAddr::new(next.into(), PORT)))
            }
        }
    }

    /// The opposite.
    pub(super) fn name(&self, place: SocketAddr) -> Address {
        if place.ip() == IpAddr::V6(STDIO) {
            return Address::Stdio;
        }
        if !stands_for_unix(place) {
            return place.into();
        }
        let mut sockets = self.sockets.iter();
        let name = sockets.find(|(_, at)| **at == place);
        Address::Unix(name.map_or(UnixAddress::Unnamed, |(name, _)| name.clone()))
    }

    /// The address from which a client without a name comes.
    pub(super) fn nobody() -> IpAddr {
        NOBODY.into()
    }
}
