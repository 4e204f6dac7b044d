//! What is begun before and during a stop.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::{Address, Deferred, Factory, Protocol, Reactor, Reason, Transport};

use crate::support::{Client, Heard, Log, Probe, SECOND, Then, listener, millis};
use crate::{after, serve};

#[test]
fn attempts_to_connect_are_given_up_at_a_stop() {
    let simulation = Simulation::new();
    simulation.swallow("10.0.0.9:9");
    let log = Log::default();
    let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
    simulation
        .reactor()
        .connect_tcp("10.0.0.9", 9, Client::new(&log, react));
    after(&simulation, SECOND, Reactor::stop);
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(log.entries(), ["failed: the reactor was shut down"]);
    assert_eq!(simulation.elapsed(), SECOND);
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn attempts_that_are_begun_again_and_again_do_not_hold_up_the_end() {
    struct Stubborn(reactor::WeakReactor);
    impl Factory for Stubborn {
        type Protocol = Probe<fn(&Heard<'_>, &Transport) -> Then>;

        fn build_protocol(&mut self, _: &Address) -> Option<Self::Protocol> {
            None
        }

        fn connection_failed(&mut self, _: &Reason) {
            if let Some(reactor) = self.0.upgrade() {
                reactor.connect_tcp("10.0.0.9", 9, Self(self.0.clone()));
            }
        }
    }
    for has_client in [false, true] {
        let simulation = Simulation::new();
        serve(&simulation, &Log::default(), |heard, _| match heard {
            Heard::ShutdownRequested => Then::Nothing, // it stays
            _ => Then::Default,
        });
        let _client = has_client.then(|| simulation.connect("10.0.0.1:7"));
        simulation.swallow("10.0.0.9:9");
        let weak = simulation.reactor().downgrade();
        simulation
            .reactor()
            .connect_tcp("10.0.0.9", 9, Stubborn(weak));
        after(&simulation, SECOND, |reactor| reactor.shutdown(2 * SECOND));
        simulation.reactor().run().expect("the loop runs");
        let expected = if has_client { 3 * SECOND } else { SECOND };
        assert_eq!(simulation.elapsed(), expected);
    }
}

#[test]
fn a_client_that_connects_again_is_told_of_the_stop_too() {
    let simulation = Simulation::new();
    let server = Rc::new(simulation.listen("10.0.0.9:9"));
    let (log, weak) = (Log::default(), simulation.reactor().downgrade());
    let again = log.clone();
    let reconnecting = Client::new(&log, move |heard: &Heard<'_>, _: &Transport| {
        if let (Heard::Lost(_), Some(reactor)) = (heard, weak.upgrade()) {
            let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
            reactor.connect_tcp("10.0.0.9", 9, Client::new(&again, react));
        }
        Then::Default
    });
    simulation
        .reactor()
        .connect_tcp("10.0.0.9", 9, reconnecting);
    let (accepted, accepting) = (Rc::new(RefCell::new(None)), Rc::clone(&server));
    let closing = Rc::clone(&accepted);
    after(&simulation, SECOND, move |reactor| {
        accepted.replace(accepting.accept());
        reactor.stop();
    });
    after(&simulation, SECOND + millis(1), move |_| {
        drop(closing.take());
    });
    simulation.reactor().run().expect("the loop runs");
    let expected = [
        "made",
        "shutdownrequested",
        "lost: the connection was closed on this side",
        "failed: the reactor was shut down",
    ];
    assert_eq!(log.entries(), expected);
    assert!(
        simulation.elapsed() < SECOND + millis(2),
        "{:?}",
        simulation.elapsed()
    );
    assert!(server.accept().is_none(), "nothing was connected again");
}

#[test]
fn a_client_that_never_gives_up_is_told_as_often_as_it_connects() {
    /// Begins again when an attempt has failed, and when a connection is lost.
    struct Again(reactor::WeakReactor);
    impl Again {
        fn begin(&self) {
            if let Some(reactor) = self.0.upgrade() {
                reactor.connect_tcp("10.0.0.9", 9, Self(self.0.clone()));
            }
        }
    }
    impl Protocol for Again {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}

        fn connection_lost(&mut self, _: &Transport, _: &Reason) {
            self.begin();
        }
    }
    impl Factory for Again {
        type Protocol = Self;

        fn build_protocol(&mut self, _: &Address) -> Option<Self> {
            Some(Self(self.0.clone()))
        }

        fn connection_failed(&mut self, _: &Reason) {
            self.begin();
        }
    }
    /// Closes what the other side has closed, every ten milliseconds.
    fn accept_until(end: Duration, simulation: &Simulation, server: PeerListener, open: Vec<Peer>) {
        let network = simulation.clone();
        after(simulation, millis(10), move |_| {
            let accepted = std::iter::from_fn(|| server.accept());
            let mut open: Vec<Peer> = open.into_iter().chain(accepted).collect();
            open.retain(|peer| !peer.has_ended());
            if network.elapsed() < end {
                accept_until(end, &network, server, open);
            }
        });
    }
    let simulation = Simulation::new();
    let server = simulation.listen("10.0.0.9:9");
    Again(simulation.reactor().downgrade()).begin();
    accept_until(4 * SECOND, &simulation, server, Vec::new());
    after(&simulation, SECOND, Reactor::stop);
    // Meanwhile another connection takes its time.
    serve(&simulation, &Log::default(), |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    let slow = simulation.connect("10.0.0.1:7");
    after(&simulation, SECOND + millis(500), move |_| slow.close());
    simulation.reactor().run().expect("the loop runs");
    assert!(
        simulation.elapsed() < SECOND + millis(600),
        "{:?}",
        simulation.elapsed()
    );
}

#[test]
fn what_is_begun_while_the_loop_stops_ends_with_it() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (for_factory, weak) = (log.clone(), simulation.reactor().downgrade());
    let factory = move |_| {
        let (weak, log) = (weak.clone(), for_factory.clone());
        Probe::new(&for_factory, move |heard: &Heard<'_>, _: &Transport| {
            if let (Heard::ShutdownRequested | Heard::Lost(_), Some(reactor)) =
                (heard, weak.upgrade())
            {
                let late = log.clone();
                // It is refused to nobody, and closed at the end of the turn.
                let factory = move |_| listener(&late);
                reactor
                    .listen_tcp("10.0.0.8:0", factory)
                    .expect("a port is free");
            }
            Then::Default
        })
    };
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    let client = simulation.connect("10.0.0.1:7");
    after(&simulation, SECOND, |reactor| reactor.shutdown(5 * SECOND));
    let closing = client.clone();
    after(&simulation, SECOND + millis(1), move |_| closing.close());
    simulation.reactor().run().expect("the loop runs");
    assert!(
        simulation.elapsed() < SECOND + millis(2),
        "{:?}",
        simulation.elapsed()
    );
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn a_stop_does_not_wait_for_what_the_one_before_has_given_up() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (resolver, never) = Deferred::<()>::pending();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, || never);
    after(&simulation, SECOND, Reactor::stop);
    reactor.run().expect("the loop runs");
    assert_eq!(
        simulation.elapsed(),
        4 * SECOND,
        "the grace is three seconds"
    );
    after(&simulation, SECOND, Reactor::stop);
    reactor.run().expect("the loop runs again");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
    drop(resolver);
}
