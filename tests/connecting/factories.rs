//! Factories: what they may build, refuse and limit.

use reactor::testing::Simulation;
use reactor::{Address, Factory, Limits, Protocol, Reason, Transport};

use crate::support::{Log, SECOND, Then, listener, millis};
use crate::{React, with_limits};

/// Refuses the clients whose number it is told, by nothing or by a panic.
struct Picky {
    log: Log,
    count: usize,
    refuses: usize,
    panics: usize,
}

impl Factory for Picky {
    type Protocol = crate::support::Probe<React>;

    fn build_protocol(&mut self, _: &Address) -> Option<Self::Protocol> {
        self.count += 1;
        assert!(self.count != self.panics, "no");
        (self.count != self.refuses)
            .then(|| crate::support::Probe::new(&self.log, (|_, _| Then::Default) as React))
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.log.note(format!("failed: {reason}"));
    }
}

#[test]
fn a_factory_may_refuse_or_panic_and_only_that_connection_is_closed() {
    let simulation = Simulation::new();
    let log = Log::default();
    let picky = Picky {
        log: log.clone(),
        count: 0,
        refuses: 1,
        panics: 2,
    };
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", picky)
        .expect("the port is free");
    let peers = [0; 3].map(|_| simulation.connect("10.0.0.1:7"));
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["made"]);
    assert_eq!(
        [0, 1, 2].map(|n: usize| peers[n].has_ended()),
        [true, true, false]
    );
    assert_eq!(simulation.descriptors(), 2);

    let _server = simulation.listen("10.0.0.2:7");
    for (refuses, panics) in [(1, 0), (0, 1)] {
        let picky = Picky {
            log: log.clone(),
            count: 0,
            refuses,
            panics,
        };
        simulation.reactor().connect_tcp("10.0.0.2", 7, picky);
        simulation.run_until_idle();
    }
    assert_eq!(
        log.count("failed: the factory refused the connection"),
        2,
        "{log:?}"
    );
    assert_eq!(simulation.descriptors(), 2);
}

/// Keeps what its factory knew of the peer.
struct Met(Log, String);

impl Protocol for Met {
    fn connection_made(&mut self, _: &Transport) {
        self.0.note(&self.1);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn a_closure_is_a_factory_whether_it_looks_at_the_address_or_not() {
    fn met(peer: Address) -> Met {
        Met(Log::default(), peer.to_string())
    }
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (one, other) = (log.clone(), log.clone());
    let ports = [
        reactor.listen_tcp("10.0.0.1:1", move |_| {
            Met(one.clone(), "somebody".to_owned())
        }),
        reactor.listen_tcp("10.0.0.1:2", move |peer: Address| {
            Met(other.clone(), peer.to_string())
        }),
        reactor.listen_tcp("10.0.0.1:3", met),
        reactor.listen_tcp(
            "10.0.0.1:4",
            (|_| Met(Log::default(), String::new())).with_limits(Limits::default()),
        ),
    ];
    assert!(ports.iter().all(Result::is_ok), "{ports:?}");
    let peers: Vec<_> = (1..=2)
        .map(|port| simulation.connect_from([10, 9, 9, 9].into(), format!("10.0.0.1:{port}")))
        .collect();
    simulation.run_until_idle();
    assert_eq!(
        log.entries(),
        ["somebody".to_owned(), peers[1].local_addr().to_string()]
    );
}

#[test]
fn limits_of_zero_that_let_nobody_in_are_mistakes() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let nobody = Limits::default().connections(0);
    let at_once = Limits::default().keepalive(millis(0));
    for (limits, expected) in [
        (
            nobody,
            "Limits::connections is zero, so no client could connect",
        ),
        (
            at_once.clone(),
            "Limits::keepalive is zero, so no peer could answer in time",
        ),
    ] {
        let error = reactor.listen_tcp("10.0.0.1:7", with_limits(&Log::default(), limits));
        let error = error.expect_err("a mistake").to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let log = Log::default();
    let _connector = reactor.connect_tcp("10.0.0.1", 7, with_limits(&log, at_once));
    simulation.run_until_idle();
    let said = "failed: Limits::keepalive is zero, so no peer could answer in time";
    assert_eq!(log.entries(), [said]);
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("a mistake in a drop");
    }
}

#[test]
fn a_factory_whose_drop_panics_ends_nothing_but_itself() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (grenade, client) = (Grenade, log.clone());
    let factory = move |_| {
        let _held = &grenade;
        listener(&client)
    };
    reactor.connect_tcp("10.0.0.1", 81, factory);
    let (grenade, server) = (Grenade, log.clone());
    let factory = move |_| {
        let _held = &grenade;
        listener(&server)
    };
    let port = reactor.listen_tcp("10.0.0.1:80", factory).expect("a port");
    let peer = simulation.connect("10.0.0.1:80");
    simulation.run_for(SECOND);
    port.stop_listening();
    peer.write(b"still here");
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["made", "still here"]);
}
