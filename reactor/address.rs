//! Where a connection comes from or goes to.

use std::fmt;
use std::net::SocketAddr;

/// One end of a connection.
///
/// More kinds of transport add more variants, so a `match` needs a wildcard arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port.
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
    fn from(address: SocketAddr) -> Self {
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
