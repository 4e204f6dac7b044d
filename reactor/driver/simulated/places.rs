//! Which addresses mean one place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether a port at `all` is one at every address of `one`'s family.
pub(super) fn is_every_address(all: SocketAddr, one: SocketAddr) -> bool {
    let is_same_family = all.is_ipv4() == one.is_ipv4();
    is_same_family && all.ip().is_unspecified() && all.port() == one.port()
}

pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    one == other || is_every_address(one, other) || is_every_address(other, one)
}

/// The address from which another is reached by who has not chosen one.
pub(super) fn any_of(reached: IpAddr) -> IpAddr {
    // A loopback address is reached from itself, others from one in the same documentation
    // range (RFC 5737) that nobody listens at by chance.
    match reached {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    }
}
