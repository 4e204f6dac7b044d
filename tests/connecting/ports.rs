//! Listening ports: what they accept, at which pace, and with which descriptors.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Conditions, Simulation};
use reactor::{Limits, Transport};

use crate::support::{Heard, Log, SECOND, Then, Turns, listen_noting, listener, millis};
use crate::{client, with_limits};

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
            crate::support::Probe::new(&for_factory, move |heard: &Heard<'_>, t: &Transport| {
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
        let log = listen_noting(&simulation.reactor(), "10.0.0.1:7");
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

#[test]
fn a_port_without_descriptors_neither_spins_nor_stalls() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let turns = Turns::of(&reactor);
    let log = listen_noting(&reactor, "10.0.0.1:7");
    simulation.limit_descriptors(9);
    let mut peers: Vec<_> = (0..20).map(|_| simulation.connect("10.0.0.1:7")).collect();
    simulation.run_for(SECOND);
    assert_eq!(log.count("made"), 8);
    // It tries ten times a second, also when new clients come: each is an event.
    for _ in 0..20 {
        peers.push(simulation.connect("10.0.0.1:7"));
        simulation.run_for(millis(7));
    }
    let before = turns.count();
    simulation.run_for(60 * SECOND);
    let turns = turns.count() - before;
    assert!(turns <= 60 * 2 * 10 + 2, "{turns} turns");
    reactor.connect_tcp("10.0.0.1", 7, client(&log));
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

#[test]
fn a_full_port_accepts_nobody_until_one_is_lost_and_then_in_the_order_in_which_they_came() {
    let simulation = Simulation::new();
    let log = Log::default();
    let limits = Limits::default().connections(2);
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
fn a_storm_of_clients_is_accepted_in_portions_and_whole() {
    let simulation = Simulation::new();
    let log = listen_noting(&simulation.reactor(), "10.0.0.1:7");
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
        let conditions = Conditions::calm().surprises(400);
        let simulation = Simulation::with_conditions(conditions, seed);
        let log = listen_noting(&simulation.reactor(), "10.0.0.1:7");
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
