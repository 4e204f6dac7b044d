//! Where a connection comes from or goes to.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::visible::visible;

/// One end of a connection.
///
/// More kinds of transport add more variants, so a `match` needs a wildcard arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port. Made with `from` or `parse`, an IPv4 address that is mapped into
    /// an IPv6 one is the IPv4 address.
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
    /// The address in its canonical form: `::ffff:127.0.0.1` is `127.0.0.1`, so that no peer has two.
    fn from(mut address: SocketAddr) -> Self {
        if let IpAddr::V6(ip) = address.ip()
            && let Some(ip) = ip.to_ipv4_mapped()
        {
            address.set_ip(ip.into());
        }
        Self::Tcp(address)
    }
}

/// The opposite of `Display`.
///
/// ```
/// use reactor::Address;
///
/// let address: Address = "[::1]:1400".parse()?;
/// assert_eq!(address.to_string(), "[::1]:1400");
/// assert!("localhost:1400".parse::<Address>().is_err()); // a name is looked up, not parsed
/// # Ok::<(), reactor::BadAddress>(())
/// ```
impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let address: Result<SocketAddr, _> = text.parse();
        address
            .map(Self::from)
            .map_err(|_| BadAddress(text.to_owned()))
    }
}

/// A text is not the address of one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = visible(&self.0);
        write!(
            f,
            "\"{text}\" is not an IP address and a port, as 127.0.0.1:1400 or [::1]:1400"
        )
    }
}

impl Error for BadAddress {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
