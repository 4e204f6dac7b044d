//! Which of several addresses is tried when, and which is taken.

use std::net::IpAddr;

use reactor::Limits;
use reactor::testing::{Conditions, PeerListener, Simulation};

use crate::support::{Client, Log, SECOND, millis};
use crate::{client, connect};

/// Somewhere with these addresses, at some of which somebody listens.
fn host(simulation: &Simulation, addresses: &[&str], listens: &[&str]) -> Vec<PeerListener> {
    let ips: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    simulation.add_host("example.org", &ips);
    let listens = listens.iter().map(|address| simulation.listen(address));
    listens.collect()
}

#[test]
fn an_address_that_swallows_packets_costs_a_quarter_of_a_second() {
    let simulation = Simulation::new();
    let log = Log::default();
    let servers = host(&simulation, &["10.0.0.1", "10.0.0.2"], &["10.0.0.2:80"]);
    simulation.swallow("10.0.0.1:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(249));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 1));
    simulation.run_for(millis(2));
    assert_eq!(log.entries(), ["made"]);
    let peer = servers[0].accept().expect("a client");
    assert_eq!(simulation.descriptors(), 1, "the other socket is closed");
    simulation.run_for(60 * SECOND);
    assert!(peer.is_connected() && log.entries().len() == 1, "{log:?}");
}

#[test]
fn an_address_that_refuses_makes_room_for_the_next_one_at_once() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    let servers = host(&simulation, &addresses, &["10.0.0.3:80"]);
    simulation.make_unreachable("10.0.0.2:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(2));
    assert_eq!(log.entries(), ["made"]);

    drop(servers);
    simulation.run_for(SECOND);
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(2));
    assert!(log.contains("failed: connection refused"), "{log:?}");
    let _connector = {
        simulation.add_host("example.org", &[]);
        connect(&simulation, &log)
    };
    simulation.run_until_idle();
    let nowhere = "failed: Example.ORG:80 has no address";
    assert!(log.contains(nowhere), "{log:?}");
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn a_refusal_does_not_end_the_wait_for_an_address_that_was_tried_before() {
    let slow = Conditions::calm().latency(millis(400)..=millis(400));
    let simulation = Simulation::with_conditions(slow, 0);
    let log = Log::default();
    let servers = host(&simulation, &["10.0.0.1", "10.0.0.2"], &["10.0.0.1:80"]);
    simulation.make_unreachable("10.0.0.2:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(801));
    assert_eq!(log.entries(), ["made"]);
    assert!(servers[0].accept().is_some());
}

#[test]
fn the_first_that_is_connected_wins_and_the_others_are_closed() {
    let slow = Conditions::calm().latency(millis(300)..=millis(300));
    let simulation = Simulation::with_conditions(slow, 0);
    let log = Log::default();
    let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    let listens = addresses.map(|ip| format!("{ip}:80"));
    let listens = listens.each_ref().map(String::as_str);
    let servers = host(&simulation, &addresses, &listens);
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(599));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 3));
    simulation.run_for(SECOND);
    let open = servers.iter().filter_map(PeerListener::accept);
    let open: Vec<_> = open
        .map(|peer| peer.is_connected() && !peer.has_ended())
        .collect();
    assert!(open[0] && !open[1..].contains(&true), "{open:?}");
    assert_eq!(
        (log.entries(), simulation.descriptors()),
        (vec!["made".to_owned()], 1)
    );
}

#[test]
fn the_second_try_is_one_of_the_other_family() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses = ["2001:db8::1", "2001:db8::2", "10.0.0.1"];
    let _servers = host(&simulation, &addresses, &["10.0.0.1:80"]);
    simulation.swallow("[2001:db8::1]:80");
    simulation.swallow("[2001:db8::2]:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(251));
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn all_addresses_have_their_turn_within_the_limit_and_at_most_eight_at_the_same_time() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses: Vec<String> = (1..=12).map(|n| format!("10.0.0.{n}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let _servers = host(&simulation, &addresses, &["10.0.0.12:80"]);
    for ip in &addresses[..11] {
        simulation.swallow(format!("{ip}:80"));
    }
    let _connector = connect(&simulation, &log);
    for _ in 0..300 {
        simulation.run_for(millis(100));
        assert!(simulation.descriptors() <= 8);
    }
    assert_eq!(log.entries(), ["made"]);

    // With less time there are shorter waits.
    let log = Log::default();
    let hasty = Client {
        limits: Limits::default().connect(millis(300)),
        ..client(&log)
    };
    let _servers = host(&simulation, &addresses[9..], &[]);
    let _connector = simulation.reactor().connect_tcp("example.org", 80, hasty);
    simulation.run_for(millis(202));
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn an_attempt_ends_at_its_limit_however_many_addresses_are_tried() {
    let simulation = Simulation::new();
    let log = Log::default();
    let _servers = host(&simulation, &["10.0.0.1", "10.0.0.2", "10.0.0.3"], &[]);
    for n in 1..=3 {
        simulation.swallow(format!("10.0.0.{n}:80"));
    }
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(29_999));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 3));
    simulation.run_for(millis(1));
    let late = "failed: the connection was not established in time";
    assert_eq!(
        (log.take(), simulation.descriptors()),
        (vec![late.to_owned()], 0)
    );

    let connector = connect(&simulation, &log);
    simulation.run_for(SECOND);
    connector.cancel();
    simulation.run_for(SECOND);
    let cancelled = "failed: the attempt to connect was cancelled";
    assert_eq!(
        (log.take(), simulation.descriptors()),
        (vec![cancelled.to_owned()], 0)
    );
}

#[test]
fn a_limit_of_zero_is_a_mistake_that_says_so() {
    let simulation = Simulation::new();
    let _server = simulation.listen("10.0.0.1:80");
    let log = Log::default();
    let never = Client {
        limits: Limits::default().connect(millis(0)),
        ..client(&log)
    };
    let _connector = simulation.reactor().connect_tcp("10.0.0.1", 80, never);
    simulation.run_until_idle();
    let said = "failed: Limits::connect is zero, which leaves no time to connect";
    assert_eq!(log.entries(), [said]);
}
