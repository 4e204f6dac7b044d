//! Which network interface a multicast group is joined at.

use std::net::Ipv4Addr;

/// A network interface, for multicast: by its address, or by its number, which `ip link` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MulticastInterface {
    /// The operating system chooses one, by its routes.
    #[default]
    Any,
    /// The one that has this address. For IPv4 only.
    Address(Ipv4Addr),
    /// The one that has this number.
    Index(u32),
}
