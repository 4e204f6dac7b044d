//! Where a connection comes from or goes to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One end of a connection.
///
/// More kinds of transport add more variants, so a `match` needs a wildcard arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port. Made with `from`, an IPv4 address is always one, also where it
    /// came inside an IPv6 one.
    Tcp(SocketAddr),
}

impl Address {
    /// The IP address and port, where this kind of address has them.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
        }
    }
}

impl From<SocketAddr> for Address {
    /// An address, in its one form: `::ffff:127.0.0.1` is `127.0.0.1`, so that nobody has two.
    fn from(mut address: SocketAddr) -> Self {
        if let IpAddr::V6(ip) = address.ip()
            && let Some(ip) = ip.to_ipv4_mapped()
        {
            address.set_ip(ip.into());
        }
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
