//! Limits by network, and networks that are allowed or denied.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use reactor::policies::{FilterNetworks, LimitConnectionsByNetwork};
use reactor::{Address, Factory};

use crate::connections::{host, serve, visit};

fn address(text: &str) -> Address {
    text.parse::<SocketAddr>().unwrap().into()
}

#[test]
fn an_ipv6_network_has_one_limit_however_many_addresses_it_takes() {
    let mut factory = LimitConnectionsByNetwork::new(host, 2);
    let mut build = |ip: &str| factory.build_protocol(&address(&format!("[{ip}]:1")));
    let first = build("2001:db8::1");
    let second = build("2001:db8::2");
    assert!(first.is_some() && second.is_some());
    assert!(build("2001:db8:0:0:ffff::9").is_none());
    let neighbour = build("2001:db8:0:1::1");
    assert!(neighbour.is_some(), "the next /64 is another network");
    drop(first);
    let again = build("2001:db8::3");
    assert!(again.is_some());
    assert!(build("2001:db8::4").is_none());
}

#[test]
fn an_ipv4_address_is_a_network_of_its_own_also_inside_an_ipv6_address() {
    let mut factory = LimitConnectionsByNetwork::new(host, 1);
    let mut build = |at: &str| factory.build_protocol(&address(at));
    let first = build("10.0.0.2:1");
    let other = build("10.0.0.3:1");
    assert!(first.is_some() && other.is_some());
    assert!(build("[::ffff:10.0.0.2]:2").is_none());
}

#[test]
fn the_prefixes_of_networks_can_be_set() {
    let mut factory = LimitConnectionsByNetwork::new(host, 1).prefixes(24, 48);
    let mut build = |at: &str| factory.build_protocol(&address(at));
    let first = build("10.0.0.2:1");
    let second = build("[2001:db8:0:1::1]:1");
    assert!(first.is_some() && second.is_some());
    assert!(build("10.0.0.200:1").is_none());
    assert!(build("[2001:db8:0:2::1]:1").is_none());
    assert!(build("10.0.1.2:1").is_some());
    assert!(build("[2001:db8:1::1]:1").is_some());
}

#[test]
fn a_network_above_its_limit_is_refused_until_one_of_its_connections_is_gone() {
    let simulation = serve(LimitConnectionsByNetwork::new(host, 2).prefixes(24, 64));
    let first = visit(&simulation, "10.0.0.2", true);
    let _second = visit(&simulation, "10.0.0.3", true);
    let _ = visit(&simulation, "10.0.0.4", false);
    let _other = visit(&simulation, "10.0.9.4", true);
    first.reset();
    simulation.run_until_idle();
    let _third = visit(&simulation, "10.0.0.4", true);
    let _ = visit(&simulation, "10.0.0.5", false);
}

#[test]
fn a_filter_accepts_peers_of_allowed_networks_except_for_denied_ones() {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let factory = move |address| {
        count.set(count.get() + 1);
        host(address)
    };
    let simulation = serve(
        FilterNetworks::new(factory)
            .allow(["10.0.0.0/8".parse().unwrap()])
            .deny(["10.6.6.0/24".parse().unwrap()]),
    );
    let _in = visit(&simulation, "10.0.0.2", true);
    let _denied = visit(&simulation, "10.6.6.6", false);
    let _outside = visit(&simulation, "192.0.2.1", false);
    let _beside = visit(&simulation, "10.6.7.6", true);
    assert_eq!(asked.get(), 2, "a refused peer costs the factory nothing");
}

#[test]
fn a_filter_that_allows_nothing_only_denies() {
    let mut open = FilterNetworks::new(host);
    assert!(open.build_protocol(&address("192.0.2.1:1")).is_some());
    let mut factory = FilterNetworks::new(host).deny(["2001:db8::/32".parse().unwrap()]);
    let mut accepts = |at: &str| factory.build_protocol(&address(at)).is_some();
    assert!(accepts("192.0.2.1:1") && accepts("[2001:db9::1]:1"));
    assert!(!accepts("[2001:db8:5::1]:1"));
}
