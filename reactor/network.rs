//! An IP network: the peers that one rule is for.
//!
//! `10.0.0.0/8` is every address whose first eight bits are those of 10.0.0.0. What trusts peers, limits them or turns
//! them away names them so. An IPv4 address mapped into IPv6 is the IPv4 address, here as in [`Address`], so that no
//! peer passes a rule by its other spelling.
//!
//! [`Address`]: crate::Address

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::visible::visible;

/// An IP network, in the notation of RFC 4632 and RFC 4291, section 2.3: an address, and how many of its bits count.
///
/// An address without a prefix is the network of that one address.
///
/// ```
/// use reactor::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains([10, 1, 2, 3].into()));
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!network.contains([11, 0, 0, 1].into()));
/// # Ok::<(), reactor::BadNetwork>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Never an IPv4-mapped one; its bits behind the prefix are zero.
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of `ip` with a prefix for its kind of address: clients of IPv6 are counted by 64 bits, for instance,
    /// as each of them has at least so many addresses.
    ///
    /// A prefix that is longer than the address is the whole address.
    ///
    /// ```
    /// use reactor::Network;
    ///
    /// let of = |ip: &str| Network::of(ip.parse().unwrap(), 32, 64).to_string();
    /// assert_eq!(of("192.0.2.7"), "192.0.2.7");
    /// assert_eq!(of("2001:db8::7"), "2001:db8::/64");
    /// ```
    #[must_use]
    pub fn of(ip: IpAddr, prefix_v4: u8, prefix_v6: u8) -> Self {
        let address = ip.to_canonical();
        let prefix = match address {
            IpAddr::V4(_) => prefix_v4,
            IpAddr::V6(_) => prefix_v6,
        };
        let prefix = prefix.min(bits(address));
        Self {
            address: masked(address, prefix),
            prefix,
        }
    }

    /// Whether `ip` is an address of this network. No IPv4 address is in an IPv6 network, `::/0` included.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.address.is_ipv4() && masked(ip, self.prefix) == self.address
    }

    /// The first address of the network.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits the addresses of the network have in common: at most 32 for IPv4, 128 for IPv6.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

/// The network of one address.
impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        Self::of(ip, 32, 128)
    }
}

/// The opposite of `Display`. A network in IPv6 that is mapped from IPv4, as `::ffff:10.0.0.0/104`, is the IPv4 network.
impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(written) = address.parse::<IpAddr>() else {
            return Err(BadNetwork::Address(text.to_owned()));
        };
        let Some(prefix) = prefix else {
            return Ok(written.into());
        };
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix.parse::<u8>() {
            Ok(prefix) if digits && prefix <= bits(written) => prefix,
            _ => return Err(BadNetwork::Prefix(text.to_owned(), bits(written))),
        };
        let first = masked(written, prefix);
        if first != written {
            // Someone who writes 10.0.0.1/8 means one of two things; where peers are trusted, guessing is not for us.
            return Err(BadNetwork::HostBits(text.to_owned(), first, prefix));
        }
        let address = written.to_canonical();
        // A mapped address that has no bits behind its prefix has one of at least 96: the mapping ends in ones.
        let prefix = prefix - (bits(written) - bits(address));
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.prefix < bits(self.address) {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// A text is not an IP network. It holds the text, and what could have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadNetwork {
    /// What stands before the slash, or all of it, is not an IP address.
    Address(String),
    /// What stands behind the slash is not a number, or more than the bits of the address, which come second.
    Prefix(String, u8),
    /// Bits behind the prefix are set: 10.0.0.1/8 is either the address 10.0.0.1 or the network 10.0.0.0/8. The
    /// network's address and its prefix come second and third.
    HostBits(String, IpAddr, u8),
}

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(text) => {
                let text = visible(text);
                write!(
                    f,
                    "\"{text}\" is not an IP network, as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1"
                )
            }
            Self::Prefix(text, most) => {
                let text = visible(text);
                write!(
                    f,
                    "\"{text}\" has an invalid prefix: it is a number from 0 to {most}"
                )
            }
            Self::HostBits(text, first, prefix) => {
                let text = visible(text);
                write!(
                    f,
                    "\"{text}\" has bits set behind its prefix: the network is {first}/{prefix}"
                )
            }
        }
    }
}

impl Error for BadNetwork {}

fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `ip` with only its first `prefix` bits, which are at most as many as it has.
fn masked(ip: IpAddr, prefix: u8) -> IpAddr {
    // A shift by all bits of a number is an overflow, and means a mask of nothing here.
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(prefix))
                .unwrap_or_default();
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix))
                .unwrap_or_default();
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn wrong(text: &str) -> String {
        text.parse::<Network>().expect_err("no network").to_string()
    }

    #[test]
    fn a_network_is_displayed_as_it_is_parsed() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "192.0.2.1",
            "2001:db8::/32",
            "::/0",
            "::1",
        ] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("192.0.2.1/32").to_string(), "192.0.2.1");
        assert_eq!(network("::1/128"), network("::1"));
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix_at_every_length() {
        for prefix in 0..=32 {
            let network = Network::of(ip("203.0.113.77"), prefix, 0);
            let of = |bit: u32| Ipv4Addr::from_bits(ip_bits("203.0.113.77") ^ (1 << (31 - bit)));
            for bit in 0..32 {
                let inside = bit >= u32::from(prefix);
                assert_eq!(
                    network.contains(of(bit).into()),
                    inside,
                    "{network}, bit {bit}"
                );
            }
        }
        for prefix in [0, 1, 32, 63, 64, 65, 127, 128] {
            let network = Network::of(ip("2001:db8::7"), 0, prefix);
            let Ok(IpAddr::V6(of)) = "2001:db8::7".parse() else {
                panic!("an IPv6 address");
            };
            for bit in 0..128 {
                let other = Ipv6Addr::from_bits(of.to_bits() ^ (1 << (127 - bit)));
                assert_eq!(network.contains(other.into()), bit >= u32::from(prefix));
            }
        }
    }

    fn ip_bits(text: &str) -> u32 {
        text.parse::<Ipv4Addr>().expect("an address").to_bits()
    }

    #[test]
    fn an_ipv4_address_mapped_into_ipv6_is_the_ipv4_address() {
        assert!(network("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("::ffff:0:0/96"), network("0.0.0.0/0"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(
            Network::of(ip("::ffff:192.0.2.1"), 24, 64),
            network("192.0.2.0/24")
        );
        assert!(!network("::/0").contains(ip("::ffff:10.1.2.3")));
        assert!(!network("::/0").contains(ip("10.1.2.3")));
        assert!(!network("0.0.0.0/0").contains(ip("::1")));
    }

    #[test]
    fn a_prefix_that_is_too_long_is_the_whole_address() {
        assert_eq!(Network::of(ip("192.0.2.1"), 64, 64), ip("192.0.2.1").into());
        assert_eq!(Network::of(ip("::1"), 0, 255), ip("::1").into());
    }

    #[test]
    fn a_wrong_text_is_refused_with_what_is_wrong_in_it() {
        for text in [
            "",
            "/",
            "/8",
            "localhost",
            "10.0.0",
            "10.0.0.0:80",
            "[::1]/128",
            " ::1",
            "fe80::1%2",
        ] {
            let says = format!(
                "\"{text}\" is not an IP network, as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1"
            );
            assert_eq!(wrong(text), says);
        }
        for text in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0/999",
        ] {
            let says = format!("\"{text}\" has an invalid prefix: it is a number from 0 to 32");
            assert_eq!(wrong(text), says);
        }
        assert_eq!(
            wrong("::/129"),
            "\"::/129\" has an invalid prefix: it is a number from 0 to 128"
        );
        assert_eq!(
            wrong("10.0.0.1/8"),
            "\"10.0.0.1/8\" has bits set behind its prefix: the network is 10.0.0.0/8"
        );
        assert_eq!(
            wrong("::ffff:10.0.0.0/90"),
            "\"::ffff:10.0.0.0/90\" has bits set behind its prefix: the network is ::ffc0:0:0/90"
        );
    }
}
