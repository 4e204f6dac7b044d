//! Connecting and listening: who is asked when, what fails how, and that nothing is left of it.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use reactor::testing::{Conditions, Simulation};
use reactor::{Address, Event, Factory, Limits, Observer, Protocol, Reason, Transport};
use support::{Client, Heard, Log, SECOND, Then, listener, millis};

type React = fn(&Heard<'_>, &Transport) -> Then;

fn client(log: &Log) -> Client<React> {
    Client::new(log, |_, _| Then::Default)
}

#[test]
fn nothing_is_called_before_connect_has_returned() {
    let simulation = Simulation::new();
    simulation.make_unreachable("10.0.0.2:80");
    let _server = simulation.listen("10.0.0.1:80");
    let log = Log::default();
    for host in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "no such host"] {
        let _ = simulation.reactor().connect_tcp(host, 80, client(&log));
    }
    assert_eq!(log.entries(), [""; 0]);
    simulation.run_until_idle();
    let mut entries = log.entries();
    entries.sort();
    assert_eq!(
        entries,
        [
            "failed: connection refused",
            "failed: network unreachable",
            "failed: there is no host no such host",
            "made"
        ]
    );
}

#[test]
fn a_connection_to_nobody_fails_with_the_refusal() {
    let simulation = Simulation::new();
    let log = Log::default();
    let connector = simulation
        .reactor()
        .connect_tcp("10.0.0.1", 80, client(&log));
    assert!(connector.is_connecting());
    simulation.run_until_idle();
    assert!(!connector.is_connecting());
    assert_eq!(log.entries(), ["failed: connection refused"]);
    assert_eq!(simulation.descriptors(), 0);
    connector.cancel();
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["failed: connection refused"]);
}

#[test]
fn an_attempt_that_nobody_answers_times_out_at_its_time() {
    let simulation = Simulation::new();
    simulation.swallow("10.0.0.1:80");
    let log = Log::default();
    let patient = Client {
        limits: Limits {
            connect: 7 * SECOND,
            ..Limits::default()
        },
        ..client(&log)
    };
    let _ = simulation.reactor().connect_tcp("10.0.0.1", 80, patient);
    simulation.run_for(millis(6999));
    assert_eq!(log.entries(), [""; 0]);
    assert_eq!(simulation.descriptors(), 1);
    simulation.run_for(millis(1));
    assert_eq!(
        log.entries(),
        ["failed: the connection was not established in time"]
    );
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn an_attempt_can_be_given_up_at_any_time_and_leaves_nothing() {
    for after in 0..300 {
        let simulation = Simulation::new();
        let server = simulation.listen("10.0.0.1:80");
        let log = Log::default();
        let connector = simulation
            .reactor()
            .connect_tcp("10.0.0.1", 80, client(&log));
        let step = std::time::Duration::from_micros(after);
        simulation.run_for(step);
        connector.cancel();
        connector.cancel();
        assert!(!connector.is_connecting());
        let peer = server.accept();
        simulation.run_until_idle();
        let made = log.contains("made");
        let expected: &[&str] = if made {
            &["made"] // it was too late
        } else {
            &["failed: the attempt to connect was cancelled"]
        };
        assert_eq!(log.entries(), expected, "after {after} µs");
        assert_eq!(
            simulation.descriptors(),
            usize::from(made),
            "after {after} µs"
        );
        assert_eq!(made, after >= 100, "the way there and back takes 100 µs");
        drop(peer);
    }
}

/// Refuses the clients whose number it is told, by nothing or by a panic.
struct Picky {
    log: Log,
    count: usize,
    refuses: usize,
    panics: usize,
}

impl Factory for Picky {
    type Protocol = support::Probe<React>;

    fn build_protocol(&mut self, _: &Address) -> Option<Self::Protocol> {
        self.count += 1;
        assert!(self.count != self.panics, "no");
        (self.count != self.refuses)
            .then(|| support::Probe::new(&self.log, (|_, _| Then::Default) as React))
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
        let _ = simulation.reactor().connect_tcp("10.0.0.2", 7, picky);
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
fn a_port_that_was_stopped_refuses_and_its_connections_stay() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| listener(&for_factory);
    let port = reactor
        .listen_tcp("10.0.0.1:7", factory.clone())
        .expect("the port is free");
    let error = reactor
        .listen_tcp("10.0.0.1:7", factory.clone())
        .expect_err("it is taken");
    let said = "cannot listen on 10.0.0.1:7: address in use; another program, or another copy of \
                this one, listens there: stop it, or take another port";
    assert_eq!(error.to_string(), said);
    assert_eq!(format!("{error:?}"), said, "as `main` shows it");
    let stays = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    port.stop_listening();
    port.stop_listening();
    let refused = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert!(refused.error().is_some());
    stays.write(b"hello");
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["made", "hello"]);
    reactor
        .listen_tcp("10.0.0.1:7", factory)
        .expect("it is free at once");
    let next = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert!(next.is_connected());
    assert_eq!(simulation.descriptors(), 3);
}

#[test]
fn a_port_that_its_own_factory_stops_does_not_disturb_the_next_owner_of_its_slot() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let port: Rc<RefCell<Option<reactor::ListeningPort>>> = Rc::default();
    let (own, weak, for_factory) = (Rc::clone(&port), reactor.downgrade(), log.clone());
    let factory = move |_| {
        if let (Some(port), Some(reactor)) = (own.take(), weak.upgrade()) {
            port.stop_listening();
            // These take the slot that has become free, while the port is still being served.
            for port in 8..12 {
                let log = for_factory.clone();
                let factory = move |_| {
                    log.note(format!("port {port}"));
                    listener(&log)
                };
                reactor
                    .listen_tcp(("10.0.0.1", port), factory)
                    .expect("the port is free");
            }
        }
        listener(&for_factory)
    };
    let listening = reactor
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    port.replace(Some(listening));
    let first = [0; 3].map(|_| simulation.connect("10.0.0.1:7"));
    simulation.run_until_idle();
    assert_eq!(
        log.take(),
        ["made"],
        "those who were not accepted yet are not"
    );
    let reset = first.iter().filter(|peer| peer.error().is_some()).count();
    assert_eq!(reset, 2);
    let _next = [8, 9, 10, 11].map(|port| simulation.connect(format!("10.0.0.1:{port}")));
    simulation.run_until_idle();
    let mut entries = log.take();
    entries.sort();
    assert_eq!(entries[4..], ["port 10", "port 11", "port 8", "port 9"]);
    assert!(simulation.connect("10.0.0.1:7").error().is_none());
    simulation.run_until_idle();
    assert_eq!(simulation.descriptors(), 4 + 4 + 1);
}

#[test]
fn events_of_a_connection_that_is_gone_do_not_reach_the_next_owner_of_its_slot() {
    // Each turn ends some connections whose events are under way, and others take their slots.
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let log = Log::default();
        let for_factory = log.clone();
        let kills = Rc::new(RefCell::new(Vec::<Transport>::new()));
        let factory = move |_| {
            let kills = Rc::clone(&kills);
            support::Probe::new(&for_factory, move |heard: &Heard<'_>, t: &Transport| {
                match heard {
                    Heard::Made => kills.borrow_mut().push(t.clone()),
                    Heard::Data(b"kill") => kills
                        .borrow_mut()
                        .drain(..)
                        .filter(|other| other != t)
                        .for_each(|other| other.abort_connection()),
                    _ => {}
                }
                Then::Default
            })
        };
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:7", factory)
            .expect("the port is free");
        for round in 0..10 {
            let victims = [0; 5].map(|_| simulation.connect("10.0.0.1:7"));
            let killer = simulation.connect("10.0.0.1:7");
            simulation.run_for(millis(60));
            for victim in &victims {
                victim.write(b"x");
            }
            killer.write(b"kill");
            let quiet = [0; 5].map(|_| simulation.connect("10.0.0.1:7"));
            simulation.run_for(millis(100));
            for peer in &quiet {
                let fine = peer.is_connected() && !peer.has_ended();
                // A killer of a later part of its round may have met it; then it was aborted.
                assert!(
                    fine || peer.error().is_some(),
                    "seed {seed}, round {round}: {peer:?}"
                );
            }
        }
        let wrong = log
            .entries()
            .iter()
            .filter(|entry| entry.contains("lost: the peer reset"))
            .count();
        assert_eq!(wrong, 0, "seed {seed}");
    }
}

#[test]
fn a_client_that_is_gone_before_it_is_accepted_is_a_pair_of_callbacks_or_nothing() {
    for seed in 0..200 {
        let simulation = Simulation::chaotic(seed);
        let log = Log::default();
        let for_factory = log.clone();
        let factory = move |_| listener(&for_factory);
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:7", factory)
            .expect("the port is free");
        for n in 0..10 {
            let peer = simulation.connect("10.0.0.1:7");
            simulation.run_for(millis(seed % 20));
            if n % 2 == 0 {
                peer.reset();
            } else {
                peer.close();
            }
        }
        let stays = simulation.connect("10.0.0.1:7");
        simulation.run_for(60 * SECOND);
        assert!(stays.is_connected());
        assert_eq!(
            log.count("made"),
            log.count("lost") + 1,
            "seed {seed}: {log:?}"
        );
        assert_eq!(simulation.descriptors(), 2, "seed {seed}");
    }
}

/// Counts turns.
#[derive(Default)]
struct Turns(std::cell::Cell<usize>);

impl Observer for Turns {
    fn event(&self, _: Instant, event: &Event<'_>) {
        if let Event::TurnBegan = event {
            self.0.set(self.0.get() + 1);
        }
    }
}

#[test]
fn a_port_without_descriptors_neither_spins_nor_stalls() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let turns = Rc::new(Turns::default());
    reactor.add_observer(Rc::clone(&turns) as Rc<dyn Observer>);
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| listener(&for_factory);
    reactor
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    simulation.limit_descriptors(9);
    let mut peers: Vec<_> = (0..20).map(|_| simulation.connect("10.0.0.1:7")).collect();
    simulation.run_for(SECOND);
    assert_eq!(log.count("made"), 8);
    // It tries ten times a second, also when new clients come: each is an event.
    for _ in 0..20 {
        peers.push(simulation.connect("10.0.0.1:7"));
        simulation.run_for(millis(7));
    }
    let before = turns.0.get();
    simulation.run_for(60 * SECOND);
    let turns = turns.0.get() - before;
    assert!(turns <= 60 * 2 * 10 + 2, "{turns} turns");
    let _ = reactor.connect_tcp("10.0.0.1", 7, client(&log));
    simulation.run_for(millis(1));
    assert!(
        log.entries()
            .last()
            .is_some_and(|entry| entry.starts_with("failed: ")),
        "{log:?}"
    );
    // The first ones go, and those who waited are served within the tenth of a second.
    peers.drain(..8);
    simulation.run_for(millis(110));
    assert_eq!(log.count("made"), 16);
    simulation.limit_descriptors(usize::MAX);
    simulation.run_for(millis(110));
    assert_eq!(log.count("made"), 40);
    let next = simulation.connect("10.0.0.1:7");
    simulation.run_for(millis(1));
    assert_eq!(log.count("made"), 41, "and then without a delay");
    drop(next);
}

fn with_limits(log: &Log, limits: Limits) -> Client<React> {
    Client {
        limits,
        ..client(log)
    }
}

#[test]
fn a_full_port_accepts_nobody_until_one_is_lost_and_then_in_the_order_in_which_they_came() {
    let simulation = Simulation::new();
    let log = Log::default();
    let limits = Limits {
        connections: Some(2),
        ..Limits::default()
    };
    let factory = with_limits(&log, limits);
    let port = simulation.reactor().listen_tcp("10.0.0.1:7", factory);
    port.expect("the port is free");
    let peers: Vec<_> = (0..5)
        .map(|n| {
            let peer = simulation.connect("10.0.0.1:7");
            peer.write(format!("{n}").as_bytes());
            simulation.run_for(SECOND);
            peer
        })
        .collect();
    assert_eq!(log.take(), ["made", "0", "made", "1"]);
    assert_eq!(simulation.descriptors(), 3);
    assert!(
        peers
            .iter()
            .all(|peer| peer.is_connected() && !peer.has_ended())
    );
    let ends: [fn(&reactor::testing::Peer); 3] = [
        reactor::testing::Peer::reset,
        reactor::testing::Peer::close,
        reactor::testing::Peer::shut_write,
    ];
    for (n, end) in ends.into_iter().enumerate() {
        end(&peers[n]);
        simulation.run_for(SECOND);
        let met = log.take();
        assert!(
            met.ends_with(&["made".to_owned(), format!("{}", n + 2)]),
            "{met:?}"
        );
        assert_eq!(simulation.descriptors(), 3);
    }
    drop(peers);
    simulation.run_for(SECOND);
    log.take();
    let _peers = [0; 3].map(|_| simulation.connect("10.0.0.1:7"));
    simulation.run_for(SECOND);
    assert_eq!(log.take(), ["made", "made"]);
}

#[test]
fn the_clients_of_one_port_leave_descriptors_for_the_other() {
    let simulation = Simulation::new();
    simulation.limit_descriptors(64);
    let reactor = simulation.reactor();
    let (crowd, one) = (Log::default(), Log::default());
    for (address, log) in [("10.0.0.1:1400", &crowd), ("10.0.0.1:8080", &one)] {
        let port = reactor.listen_tcp(address, with_limits(log, Limits::default()));
        port.expect("the port is free");
    }
    let _peers: Vec<_> = (0..200)
        .map(|_| simulation.connect("10.0.0.1:1400"))
        .collect();
    simulation.run_for(SECOND);
    assert_eq!(crowd.count("made"), 48);
    let _visitor = simulation.connect("10.0.0.1:8080");
    simulation.run_for(millis(1));
    assert_eq!(one.entries(), ["made"]);
}

#[test]
fn limits_of_zero_that_let_nobody_in_are_mistakes() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let nobody = Limits {
        connections: Some(0),
        ..Limits::default()
    };
    let at_once = Limits {
        keepalive: Some(millis(0)),
        ..Limits::default()
    };
    for (limits, expected) in [
        (nobody, "Limits::connections is zero, so nobody could come"),
        (
            at_once.clone(),
            "Limits::keepalive is zero, so nobody could answer in time",
        ),
    ] {
        let error = reactor.listen_tcp("10.0.0.1:7", with_limits(&Log::default(), limits));
        let error = error.expect_err("a mistake").to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let log = Log::default();
    let _connector = reactor.connect_tcp("10.0.0.1", 7, with_limits(&log, at_once));
    simulation.run_until_idle();
    let said = "failed: Limits::keepalive is zero, so nobody could answer in time";
    assert_eq!(log.entries(), [said]);
}

#[test]
fn a_peer_that_vanishes_is_noticed_after_the_keepalive() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let limits = Limits {
        keepalive: Some(120 * SECOND),
        ..Limits::default()
    };
    let (served, asked) = (Log::default(), Log::default());
    let port = reactor.listen_tcp("10.0.0.1:7", with_limits(&served, limits.clone()));
    port.expect("the port is free");
    let server = simulation.listen("10.0.0.2:7");
    let _connector = reactor.connect_tcp("10.0.0.2", 7, with_limits(&asked, limits));
    let (stays, goes) = (
        simulation.connect("10.0.0.1:7"),
        simulation.connect("10.0.0.1:7"),
    );
    simulation.run_for(1000 * SECOND);
    let accepted = server.accept().expect("a client");
    goes.vanish();
    accepted.vanish();
    simulation.run_for(119 * SECOND);
    assert_eq!(
        (served.take(), asked.take()),
        (vec!["made".to_owned(); 2], vec!["made".to_owned()])
    );
    simulation.run_for(2 * SECOND);
    let lost = ["lost: the peer did not answer any more"];
    assert_eq!(
        (served.entries(), asked.entries()),
        (
            lost.map(str::to_owned).to_vec(),
            lost.map(str::to_owned).to_vec()
        )
    );
    assert!(stays.is_connected() && simulation.descriptors() == 2);
}

#[test]
fn a_peer_that_vanished_before_it_was_accepted_is_noticed_too() {
    let simulation = Simulation::new();
    let log = Log::default();
    let limits = Limits {
        keepalive: Some(2 * SECOND),
        connections: Some(1),
        ..Limits::default()
    };
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", with_limits(&log, limits));
    port.expect("the port is free");
    let [first, second] = [0; 2].map(|_| {
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_for(SECOND);
        peer
    });
    second.vanish();
    first.close();
    simulation.run_for(3 * SECOND);
    assert_eq!(
        log.count("lost: the peer did not answer any more"),
        1,
        "{log:?}"
    );
    assert_eq!(simulation.descriptors(), 1);
}

#[test]
fn a_storm_of_clients_is_accepted_in_portions_and_whole() {
    let simulation = Simulation::new();
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| listener(&for_factory);
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    let peers: Vec<_> = (0..1000)
        .map(|_| simulation.connect("10.0.0.1:7"))
        .collect();
    simulation.run_until_idle();
    assert_eq!(log.count("made"), 1000);
    drop(peers);
    simulation.run_until_idle();
    assert_eq!(log.count("lost: the peer closed the connection"), 1000);
    assert_eq!(simulation.descriptors(), 1);
}

#[test]
fn an_accept_that_was_interrupted_or_came_too_late_goes_on_at_once() {
    for seed in 0..20 {
        let conditions = Conditions {
            surprises: 400,
            ..Conditions::calm()
        };
        let simulation = Simulation::with_conditions(conditions, seed);
        let log = Log::default();
        let for_factory = log.clone();
        let factory = move |_| listener(&for_factory);
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:7", factory)
            .expect("the port is free");
        let gone: Vec<_> = (0..20).map(|_| simulation.connect("10.0.0.1:7")).collect();
        let peers: Vec<_> = (0..50).map(|_| simulation.connect("10.0.0.1:7")).collect();
        simulation.run_for(std::time::Duration::from_micros(49));
        gone.iter().for_each(reactor::testing::Peer::reset);
        simulation.run_for(millis(50));
        let connected = peers.iter().filter(|peer| peer.is_connected()).count();
        assert_eq!(connected, 50, "seed {seed}");
        assert!(
            log.count("made") >= 50,
            "seed {seed}: {}",
            log.count("made")
        );
    }
}

#[test]
fn both_ends_know_both_addresses_also_afterwards() {
    struct Names(Log);
    impl Protocol for Names {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}

        fn connection_lost(&mut self, transport: &Transport, _: &Reason) {
            self.0.note(format!(
                "{} {}",
                transport.local_addr(),
                transport.peer_addr()
            ));
        }
    }
    let simulation = Simulation::new();
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| Names(for_factory.clone());
    simulation
        .reactor()
        .listen_tcp("0.0.0.0:7", factory)
        .expect("the port is free");
    let client = simulation.connect_from("10.9.9.9".parse().expect("an address"), "10.0.0.1:7");
    simulation.run_until_idle();
    let name = client.local_addr();
    client.close();
    simulation.run_until_idle();
    assert_eq!(log.entries(), [format!("10.0.0.1:7 {name}")]);
    assert!(name.to_string().starts_with("10.9.9.9:"));
}

#[test]
fn an_address_is_for_its_own_family() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    for address in ["0.0.0.0:7", "[::]:7"] {
        let (log, at) = (log.clone(), address);
        let factory = move |_| {
            log.note(at);
            listener(&Log::default())
        };
        reactor.listen_tcp(address, factory).expect("both fit");
    }
    let _peers = ["10.0.0.1:7", "[2001:db8::1]:7"].map(|address| {
        let peer = simulation.connect(address);
        simulation.run_until_idle();
        peer
    });
    assert_eq!(log.entries(), ["0.0.0.0:7", "[::]:7"]);
    let taken = reactor.listen_tcp("10.0.0.1:7", |_| listener(&Log::default()));
    let taken = taken.expect_err("it is one of all").io_error().kind();
    assert_eq!(taken, std::io::ErrorKind::AddrInUse);
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_is_that_ipv4_address() {
    let simulation = Simulation::new();
    let log = Log::default();
    let _server = simulation.listen("10.0.0.1:80");
    let to = log.clone();
    let factory = move |peer: Address| {
        to.note(peer);
        listener(&to)
    };
    let reactor = simulation.reactor();
    let _connector = reactor.connect_tcp("::ffff:10.0.0.1", 80, factory);
    let port = reactor.listen_tcp("[::ffff:10.0.0.1]:81", |_| listener(&Log::default()));
    assert_eq!(
        port.expect("a port").local_addr().to_string(),
        "10.0.0.1:81"
    );
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["10.0.0.1:80", "made"]);
}

#[test]
fn clients_reach_servers_on_any_network() {
    for seed in 0..100 {
        let conditions = Conditions {
            resets: 30,
            ..Conditions::chaotic()
        };
        let simulation = Simulation::with_conditions(conditions, seed);
        let log = Log::default();
        let for_factory = log.clone();
        let factory = move |_| listener(&for_factory);
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:7", factory)
            .expect("the port is free");
        for _ in 0..10 {
            let _ = simulation
                .reactor()
                .connect_tcp("10.0.0.1", 7, client(&Log::default()));
        }
        simulation.run_for(SECOND);
        assert_eq!(log.count("made"), 10, "seed {seed}");
    }
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
    let _ = reactor.connect_tcp("10.0.0.1", 81, factory);
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
