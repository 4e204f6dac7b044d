//! Policies around TLS and inside it: each connection is limited and encrypted, whichever factory is the
//! outer one.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use reactor::policies::{LimitConnectionsByPeer, LimitTotalConnections, Throttling, TrafficLog};
use reactor::testing::Simulation;
use reactor::{Accepted, Factory, Rates};

use crate::support::SECOND;
use crate::{HOST, PLACE, Side, client, echoes, named, says_hello, server};

/// Clients come and go, and there is room for one.
fn check(simulation: &Simulation) {
    let reactor = simulation.reactor();
    let come = || {
        let side = Side::default();
        reactor.connect_tls(HOST, 443, &client(), side.factory(says_hello));
        simulation.run_for(SECOND);
        side
    };
    for _ in 0..2 {
        let first = come();
        assert_eq!(first.data(), b"hello");
        let refused = come();
        assert_eq!(refused.data(), b"");
        assert!(!refused.reason().is_clean());
        first.transport().lose_connection();
        simulation.run_for(SECOND);
        assert!(first.reason().is_clean());
    }
}

#[test]
fn a_policy_inside_tls_refuses_before_a_byte_is_said() {
    let simulation = named(Simulation::new());
    let ours = Side::default();
    let policy = LimitTotalConnections::new(ours.factory(echoes), 1);
    let policy = LimitConnectionsByPeer::new(policy, 1);
    let listening = simulation.reactor().listen_tls(PLACE, &server(), policy);
    listening.expect("the port is free");
    check(&simulation);
}

#[test]
fn tls_inside_a_policy_is_not_forgotten_by_it() {
    let simulation = named(Simulation::new());
    let ours = Side::default();
    let tls = server();
    let factory = move |_| Accepted::new(ours.protocol(echoes)).with_layer(tls.layer());
    let policy = LimitConnectionsByPeer::new(factory, 1);
    let policy = LimitTotalConnections::new(policy, 1).with_limits(reactor::Limits::default());
    let listening = simulation.reactor().listen_tcp(PLACE, policy);
    listening.expect("the port is free");
    check(&simulation);
}

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn has(&self, bytes: &[u8]) -> bool {
        self.0.borrow().windows(bytes.len()).any(|it| it == bytes)
    }
}

#[test]
fn a_traffic_log_inside_tls_is_in_the_clear_and_one_around_it_is_not() {
    let (plain, wire) = (Memory::default(), Memory::default());
    let simulation = named(Simulation::new());
    let reactor = simulation.reactor();
    let (ours, theirs) = (Side::default(), Side::default());
    let log = TrafficLog::pcap(&reactor, plain.clone());
    let factory = log.around(ours.factory(echoes));
    let listening = reactor.listen_tls(PLACE, &server(), factory);
    listening.expect("the port is free");
    let protocol = theirs.clone();
    let factory = move |_| {
        let layer = client().layer(HOST).expect("a host");
        Accepted::new(protocol.protocol(says_hello)).with_layer(layer)
    };
    let log = TrafficLog::pcap(&reactor, wire.clone());
    reactor.connect_tcp(HOST, 443, log.around(factory));
    simulation.run_for(SECOND);
    assert_eq!(theirs.data(), b"hello");
    assert!(plain.has(b"hello") && !plain.has(HOST.as_bytes()));
    // The name stands in the first message of the handshake.
    assert!(wire.has(HOST.as_bytes()) && !wire.has(b"hello"));
}

#[test]
fn a_handshake_and_what_follows_pass_a_throttle() {
    let simulation = named(Simulation::new());
    let reactor = simulation.reactor();
    let (ours, theirs) = (Side::default(), Side::default());
    let rates = Rates::default().sending(2_000).receiving(2_000);
    let factory = Throttling::new(ours.factory(echoes), &reactor).each(rates);
    let listening = reactor.listen_tls(PLACE, &server(), factory);
    listening.expect("the port is free");
    reactor.connect_tls(HOST, 443, &client(), theirs.factory(says_hello));
    simulation.run_for(SECOND / 10);
    assert_eq!(theirs.data(), b"");
    simulation.run_for(4 * SECOND);
    assert_eq!(theirs.data(), b"hello");
}

#[test]
fn tls_inside_tls_is_two_layers() {
    let simulation = named(Simulation::new());
    let (ours, theirs) = (Side::default(), Side::default());
    let inner = server();
    let protocol = ours.clone();
    let factory = move |_| Accepted::new(protocol.protocol(echoes)).with_layer(inner.layer());
    let listening = simulation.reactor().listen_tls(PLACE, &server(), factory);
    listening.expect("the port is free");
    let protocol = theirs.clone();
    let factory = move |_| {
        let layer = client().layer(HOST).expect("a host");
        Accepted::new(protocol.protocol(says_hello)).with_layer(layer)
    };
    let reactor = simulation.reactor();
    reactor.connect_tls(HOST, 443, &client(), factory);
    simulation.run_for(SECOND);
    assert_eq!(theirs.data(), b"hello");
}
