//! In which order the addresses of a host are tried.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::address::Address;

/// The addresses in turn of IPv6 and of IPv4, beginning with the family of the first one (RFC 8305,
/// section 4): where one family leads nowhere, the second try is one of the other.
pub(super) fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<Address> {
    // The family of the first one leads, and each stays in its order: the resolver has sorted them by
    // what it knows of the routes (RFC 6724).
    let begins_with_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let count = addresses.len();
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == begins_with_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = VecDeque::with_capacity(count);
    while order.len() < count {
        order.extend(first.next().map(Address::from));
        order.extend(second.next().map(Address::from));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::interleaved;

    #[track_caller]
    fn check(addresses: &str, expected: &str) {
        let addresses = addresses.split_whitespace();
        let addresses =
            addresses.map(|ip| (ip.parse::<std::net::IpAddr>().expect("an address"), 80).into());
        let order: Vec<_> = interleaved(addresses.collect())
            .iter()
            .filter_map(|address| Some(address.socket_addr()?.ip().to_string()))
            .collect();
        assert_eq!(order.join(" "), expected);
    }

    #[test]
    fn the_families_take_turns() {
        check("::1 ::2 ::3 1.1.1.1 2.2.2.2", "::1 1.1.1.1 ::2 2.2.2.2 ::3");
        check("1.1.1.1 ::1 ::2", "1.1.1.1 ::1 ::2");
    }

    #[test]
    fn one_family_stays_in_its_order() {
        check("2.2.2.2 1.1.1.1 3.3.3.3", "2.2.2.2 1.1.1.1 3.3.3.3");
        check("", "");
    }
}
