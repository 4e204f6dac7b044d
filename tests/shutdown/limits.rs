//! How long a stop may take, and what goes on in its lame-duck time.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use reactor::lifecycle::{Phase, StopLimits, SystemEvent};
use reactor::testing::{Peer, Simulation};
use reactor::{Reactor, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then, millis};
use crate::{after, note_triggers, serve};

/// A server whose protocols stay in a stop, and a client of it.
fn stay(simulation: &Simulation) -> Peer {
    serve(simulation, &Log::default(), |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    simulation.connect("10.0.0.1:7")
}

fn set_limits(simulation: &Simulation, lame_duck: Duration, grace: Duration) {
    let limits = StopLimits::default().lame_duck(lame_duck).grace(grace);
    let reactor = simulation.reactor();
    reactor.set_stop_limits(limits);
    assert_eq!(reactor.stop_limits(), limits);
}

fn terminate_after(simulation: &Simulation, delay: Duration) {
    let network = simulation.clone();
    after(simulation, delay, move |_| assert!(network.terminate()));
}

#[test]
fn the_grace_of_a_stop_can_be_set_for_a_signal_and_for_the_program() {
    for is_signal in [false, true] {
        let simulation = Simulation::new();
        let _client = stay(&simulation);
        set_limits(&simulation, Duration::ZERO, 20 * SECOND);
        match is_signal {
            true => terminate_after(&simulation, SECOND),
            false => after(&simulation, SECOND, Reactor::stop),
        }
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(simulation.elapsed(), 21 * SECOND);
    }
}

#[test]
fn a_callback_of_a_stop_may_set_another_grace() {
    for (grace, ends) in [(20 * SECOND, 21 * SECOND), (millis(500), millis(1500))] {
        let simulation = Simulation::new();
        let _client = stay(&simulation);
        let weak = simulation.reactor().downgrade();
        let trigger = move || weak.upgrade().expect("it runs this").shutdown(grace);
        let reactor = simulation.reactor();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, trigger);
        terminate_after(&simulation, SECOND);
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(simulation.elapsed(), ends);
    }
}

#[test]
fn ports_accept_and_connections_go_on_until_the_lame_duck_time_is_over() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, transport| {
        if let Heard::Data(data) = heard {
            transport.write(data);
        }
        Then::Default
    });
    note_triggers(&simulation, &log);
    set_limits(&simulation, 5 * SECOND, 2 * SECOND);
    terminate_after(&simulation, SECOND);
    let late = Rc::new(Cell::new(None));
    for (at, is_served) in [(3, true), (7, false)] {
        let (network, connected) = (simulation.clone(), Rc::clone(&late));
        after(&simulation, at * SECOND, move |reactor| {
            assert!(reactor.is_stopping());
            let client = network.connect("10.0.0.1:7");
            client.write(b"hello");
            connected.set(Some((client, is_served)));
        });
        let late = Rc::clone(&late);
        after(&simulation, at * SECOND + millis(500), move |_| {
            let (client, is_served) = late.take().expect("it has connected");
            match is_served {
                true => assert_eq!(client.read(), b"hello"),
                false => assert_eq!(client.error(), Some(io::ErrorKind::ConnectionRefused)),
            }
            client.close();
        });
    }
    let early = simulation.connect("10.0.0.1:7"); // it does not close: the grace is for it
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 8 * SECOND);
    assert!(early.has_ended());
    let entries = log.entries();
    let place = |entry: &str| entries.iter().position(|known| known == entry);
    assert!(place("before 1") < place("hello"), "{entries:?}");
    assert!(place("hello") < place("shutdownrequested"), "{entries:?}");
}

#[test]
fn a_second_signal_ends_a_stop_at_once_whatever_callbacks_ask_for() {
    let simulation = Simulation::new();
    let weak = simulation.reactor().downgrade();
    let lengthen = move || {
        let reactor = weak.upgrade().expect("it runs this");
        reactor.shutdown(600 * SECOND);
        reactor.stop();
    };
    let (log, at_data) = (Log::default(), lengthen.clone());
    let for_factory = log.clone();
    let factory = move |_| {
        let at_data = at_data.clone();
        Probe::new(&for_factory, move |heard: &Heard<'_>, _: &Transport| {
            if let Heard::Data(_) = heard {
                at_data();
            }
            Then::Nothing
        })
    };
    let reactor = simulation.reactor();
    reactor
        .listen_tcp("10.0.0.1:7", factory)
        .expect("it is free");
    let client = simulation.connect("10.0.0.1:7");
    set_limits(&simulation, 60 * SECOND, 60 * SECOND);
    reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, lengthen);
    terminate_after(&simulation, SECOND);
    let network = simulation.clone();
    after(&simulation, 3 * SECOND, move |_| {
        client.write(b"hello");
        network.spend(SECOND); // so that the loop wakes to both at once
        assert!(network.terminate());
    });
    reactor.run().expect("the loop runs");
    assert!(log.contains("hello"), "{log:?}");
    assert!(simulation.elapsed() < 4 * SECOND + millis(1));
    assert!(!reactor.is_stopping());
}

#[test]
fn a_lame_duck_that_has_no_port_and_no_connection_is_over_at_once() {
    let simulation = Simulation::new();
    set_limits(&simulation, 60 * SECOND, 60 * SECOND);
    let port = {
        let factory = |_| crate::support::listener(&Log::default());
        let reactor = simulation.reactor();
        reactor
            .listen_tcp("10.0.0.1:7", factory)
            .expect("it is free")
    };
    after(&simulation, SECOND, Reactor::stop);
    after(&simulation, 2 * SECOND, move |_| port.stop_listening());
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 2 * SECOND);
}

#[test]
fn a_shutdown_with_a_grace_of_its_own_has_no_lame_duck_time() {
    let simulation = Simulation::new();
    let _client = stay(&simulation);
    set_limits(&simulation, 60 * SECOND, 60 * SECOND);
    after(&simulation, SECOND, |reactor| reactor.shutdown(4 * SECOND));
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}

#[test]
fn clients_that_are_connected_and_not_accepted_yet_are_accepted_before_the_port_closes() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, transport: &Transport| {
        if let Heard::ShutdownRequested = heard {
            transport.write(b"Goodbye");
        }
        Then::Default
    });
    let waiting = Rc::new(Cell::new(None));
    let (network, client) = (simulation.clone(), Rc::clone(&waiting));
    after(&simulation, SECOND, move |reactor| {
        let peer = network.connect("10.0.0.1:7");
        network.spend(SECOND); // in which it is connected
        reactor.stop();
        client.set(Some(peer));
    });
    simulation.reactor().run().expect("the loop runs");
    let client = waiting.take().expect("it has connected");
    assert_eq!(client.read(), b"Goodbye");
    assert_eq!(client.error(), None);
    assert_eq!(log.entries()[..2], ["made", "shutdownrequested"]);
}
