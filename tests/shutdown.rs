//! Stopping: stages in their order, what is sent until the end, the grace, and signals.

mod support;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::{
    Address, Deferred, Factory, Limits, Phase, Protocol, Reactor, Reason, SystemEvent, Transport,
};
use support::{Client, Heard, Log, Probe, SECOND, Then, listener, millis, pattern};

/// A server that notes what it hears, and writes so many bytes to each client.
fn serve(simulation: &Simulation, log: &Log, react: fn(&Heard<'_>, &Transport) -> Then) {
    let log = log.clone();
    let factory = move |_| Probe::new(&log, react);
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
}

fn after(simulation: &Simulation, delay: Duration, f: impl FnOnce(&Reactor) + 'static) {
    let weak = simulation.reactor().downgrade();
    simulation
        .reactor()
        .call_later(delay, move || f(&weak.upgrade().expect("it runs this")));
}

fn note_triggers(simulation: &Simulation, log: &Log) {
    let phases = [
        (Phase::After, "after"),
        (Phase::During, "during"),
        (Phase::Before, "before 1"),
        (Phase::Before, "before 2"),
    ];
    for (phase, word) in phases {
        let log = log.clone();
        let note = move || log.note(word);
        simulation
            .reactor()
            .add_system_event_trigger(phase, SystemEvent::Shutdown, note);
    }
}

#[test]
fn the_stages_of_a_stop_come_in_their_order() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, transport| {
        if let Heard::ShutdownRequested = heard {
            transport.write(b"Goodbye");
        }
        Then::Default
    });
    note_triggers(&simulation, &log);
    let client = simulation.connect("10.0.0.1:7");
    let late = Rc::new(RefCell::new(None));
    let (network, for_late, before) = (simulation.clone(), Rc::clone(&late), log.clone());
    after(&simulation, SECOND, move |reactor| {
        assert!(!reactor.is_stopping());
        reactor.stop();
        reactor.stop();
        assert!(reactor.is_stopping());
        before.note("stop returns");
        for_late.replace(Some(network.connect("10.0.0.1:7")));
    });
    let note = log.clone();
    after(&simulation, SECOND, move |_| {
        note.note("the rest of the batch");
    });
    let (closing, heard) = (client.clone(), log.clone());
    after(&simulation, SECOND + millis(1), move |_| {
        heard.note(closing.read().escape_ascii());
        assert!(closing.has_ended());
        closing.close();
    });
    simulation.reactor().run().expect("the loop runs");
    assert!(!simulation.reactor().is_stopping());
    let expected = [
        "made",
        "stop returns",
        "the rest of the batch",
        "before 1",
        "before 2",
        "shutdownrequested",
        "during",
        "Goodbye",
        "lost: the connection was closed on this side",
        "after",
    ];
    assert_eq!(log.entries(), expected);
    assert!(
        simulation.elapsed() < SECOND + millis(2),
        "nobody was waited for in vain"
    );
    let late = late.take().expect("it has tried");
    assert_eq!(late.error(), Some(io::ErrorKind::ConnectionRefused));
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn triggers_come_once_and_startup_has_its_own() {
    let simulation = Simulation::new();
    let log = Log::default();
    note_triggers(&simulation, &log);
    let startup = log.clone();
    let note = move || startup.note("startup");
    simulation
        .reactor()
        .add_system_event_trigger(Phase::After, SystemEvent::Startup, note);
    for _ in 0..2 {
        after(&simulation, SECOND, Reactor::stop);
        simulation.reactor().run().expect("the loop runs");
    }
    assert_eq!(
        log.entries(),
        ["startup", "before 1", "before 2", "during", "after"]
    );
}

#[test]
fn a_trigger_that_panics_does_not_stop_the_stop() {
    let simulation = Simulation::new();
    for phase in [Phase::Before, Phase::During, Phase::After] {
        let reactor = simulation.reactor();
        let panics: fn() = || panic!("on purpose");
        reactor.add_system_event_trigger(phase, SystemEvent::Shutdown, panics);
    }
    let log = Log::default();
    note_triggers(&simulation, &log);
    after(&simulation, SECOND, Reactor::stop);
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(log.entries().len(), 4);
}

#[test]
fn a_stop_before_the_run_is_carried_out_by_it() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    serve(&simulation, &log, |_, _| Then::Default);
    note_triggers(&simulation, &log);
    let startup = log.clone();
    let note = move || startup.note("startup");
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, note);
    let note = log.clone();
    after(&simulation, SECOND, move |_| note.note("a second later"));
    reactor.stop();
    assert!(reactor.is_stopping());
    reactor.run().expect("the loop runs");
    assert!(!reactor.is_stopping());
    assert_eq!(
        log.take(),
        ["startup", "before 1", "before 2", "during", "after"]
    );
    assert_eq!(simulation.elapsed(), Duration::ZERO);
    assert_eq!(simulation.descriptors(), 0, "the port is closed");
    reactor.run().expect("the loop runs again");
    assert_eq!(log.entries(), ["a second later"], "one stop is one stop");
}

#[test]
fn a_stop_goes_on_in_the_turns_of_a_program_that_has_a_loop_of_its_own() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    serve(&simulation, &log, |heard, transport| {
        if let Heard::ShutdownRequested = heard {
            transport.write(b"Goodbye");
        }
        Then::Default
    });
    note_triggers(&simulation, &log);
    let client = simulation.connect("10.0.0.1:7");
    after(&simulation, SECOND, Reactor::stop);
    simulation.run_for(SECOND + millis(10));
    assert_eq!(client.read(), b"Goodbye");
    assert!(reactor.is_stopping(), "the client has not closed yet");
    client.close();
    while reactor.is_stopping() {
        reactor.turn(None).expect("it turns");
    }
    let expected = [
        "made",
        "before 1",
        "before 2",
        "shutdownrequested",
        "during",
        "lost: the connection was closed on this side",
        "after",
    ];
    assert_eq!(log.entries(), expected);
    assert!(simulation.elapsed() < SECOND + millis(20));
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn the_shutdown_has_its_triggers_also_when_nothing_is_left_to_wait_for() {
    type Last = fn(&Simulation);
    let last: [(&str, Last); 4] = [
        ("nothing", |_| ()),
        ("a delayed call", |simulation| {
            after(simulation, SECOND, |_| ());
        }),
        ("a connection", |simulation| {
            let server = simulation.listen("10.0.0.9:9");
            let client = Client::new(&Log::default(), |_: &Heard<'_>, _: &Transport| {
                Then::Default
            });
            let _ = simulation.reactor().connect_tcp("10.0.0.9", 9, client);
            after(simulation, SECOND, move |_| drop(server.accept()));
        }),
        ("another thread", |simulation| {
            let remote = simulation.reactor().remote();
            std::thread::spawn(move || remote.call_from_thread(|_| ()).is_ok());
        }),
    ];
    for (what, begin) in last {
        let simulation = Simulation::new();
        let log = Log::default();
        note_triggers(&simulation, &log);
        begin(&simulation);
        for _ in 0..2 {
            simulation.reactor().run().expect("the loop runs");
            assert!(!simulation.reactor().is_stopping());
        }
        assert_eq!(
            log.entries(),
            ["before 1", "before 2", "during", "after"],
            "{what}"
        );
        assert!(simulation.elapsed() <= SECOND + millis(10), "{what}");
    }
}

#[test]
fn a_run_that_ends_by_itself_waits_for_its_triggers_as_a_stop_does() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (weak, note) = (simulation.reactor().downgrade(), log.clone());
    let save = move || {
        let reactor = weak.upgrade().expect("it runs this");
        assert!(reactor.is_stopping());
        reactor.call_later(60 * SECOND, move || note.note("a minute later"));
        reactor.defer_later(SECOND)
    };
    let reactor = simulation.reactor();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, save);
    after(&simulation, SECOND, |_| ());
    reactor.run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 2 * SECOND, "it was saved");
    assert!(log.entries().is_empty(), "a delayed call is not waited for");
    reactor.run().expect("the loop runs again");
    assert_eq!(log.entries(), ["a minute later"], "what is left goes on");
    let (resolver, never) = Deferred::<()>::pending();
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, || never);
    let begin = simulation.elapsed();
    reactor.run().expect("the loop runs again");
    assert_eq!(simulation.elapsed() - begin, 3 * SECOND, "the grace");
    drop(resolver);
}

#[test]
fn a_startup_that_does_not_come_to_its_end_does_not_hold_up_the_stop() {
    let simulation = Simulation::new();
    let (resolver, started) = Deferred::<()>::pending();
    simulation
        .reactor()
        .add_system_event_trigger(Phase::Before, SystemEvent::Startup, || started);
    after(&simulation, SECOND, Reactor::stop);
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), SECOND);
    drop(resolver);
}

#[test]
fn all_triggers_are_called_also_when_the_grace_is_over_before() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |_, _| Then::Default);
    let _client = simulation.connect("10.0.0.1:7");
    note_triggers(&simulation, &log);
    let (resolver, never) = Deferred::<()>::pending();
    simulation
        .reactor()
        .add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, || never);
    after(&simulation, SECOND, Reactor::stop);
    simulation.reactor().run().expect("the loop runs");
    let expected = [
        "made",
        "before 1",
        "before 2",
        "shutdownrequested",
        "during",
        "lost: the reactor was shut down",
        "after",
    ];
    assert_eq!(log.entries(), expected);
    assert_eq!(simulation.elapsed(), 4 * SECOND);
    drop(resolver);
}

#[test]
fn what_was_written_before_a_stop_arrives_also_when_there_is_much_of_it() {
    let simulation = Simulation::new();
    let limits = Limits {
        unsent: 8 << 20,
        ..Limits::default()
    };
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| {
        Probe::new(&for_factory, |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                transport.write(&pattern(5_000_000));
            }
            Then::Default
        })
    };
    let factory = factory.with_limits(limits);
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    let client = simulation.connect("10.0.0.1:7");
    client.pause_reading();
    after(&simulation, SECOND, Reactor::stop);
    let reader = client.clone();
    after(&simulation, 2 * SECOND, move |_| reader.resume_reading());
    simulation.reactor().run().expect("the loop runs");
    assert!(client.read() == pattern(5_000_000));
    assert!(client.has_ended());
}

#[test]
fn connections_that_are_left_when_the_grace_is_over_are_aborted() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, transport| match heard {
        Heard::Made => {
            transport.write(&pattern(1_000_000));
            Then::Default
        }
        Heard::ShutdownRequested => Then::Nothing, // it stays
        _ => Then::Default,
    });
    let clients = [0; 3].map(|_| simulation.connect("10.0.0.1:7"));
    clients[0].pause_reading();
    after(&simulation, SECOND, |reactor| reactor.shutdown(5 * SECOND));
    let closing = clients[1].clone();
    after(&simulation, 2 * SECOND, move |_| closing.close());
    note_triggers(&simulation, &log);
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 6 * SECOND);
    assert_eq!(log.count("lost: the reactor was shut down"), 2, "{log:?}");
    assert_eq!(
        log.count("lost: the peer closed the connection"),
        1,
        "{log:?}"
    );
    assert_eq!(log.entries().last().map(String::as_str), Some("after"));
    simulation.run_until_idle();
    assert_eq!(clients[0].error(), Some(io::ErrorKind::ConnectionReset));
}

#[test]
fn a_second_shutdown_may_shorten_the_grace_and_not_lengthen_it() {
    for (second, ends) in [(millis(500), millis(2500)), (100 * SECOND, 6 * SECOND)] {
        let simulation = Simulation::new();
        serve(&simulation, &Log::default(), |heard, _| match heard {
            Heard::ShutdownRequested => Then::Nothing,
            _ => Then::Default,
        });
        let _client = simulation.connect("10.0.0.1:7");
        after(&simulation, SECOND, |reactor| reactor.shutdown(5 * SECOND));
        after(&simulation, 2 * SECOND, move |reactor| {
            reactor.shutdown(second);
        });
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(simulation.elapsed(), ends);
    }
}

#[test]
fn attempts_to_connect_are_given_up_at_a_stop() {
    let simulation = Simulation::new();
    simulation.swallow("10.0.0.9:9");
    let log = Log::default();
    let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
    let _ = simulation
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
                let _ = reactor.connect_tcp("10.0.0.9", 9, Self(self.0.clone()));
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
        let _ = simulation
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
            let _ = reactor.connect_tcp("10.0.0.9", 9, Client::new(&again, react));
        }
        Then::Default
    });
    let _ = simulation
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
                let _ = reactor.connect_tcp("10.0.0.9", 9, Self(self.0.clone()));
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
fn a_signal_stops_the_loop_in_an_orderly_way() {
    let signals: [fn(&Simulation) -> bool; 2] = [Simulation::interrupt, Simulation::terminate];
    for signal in signals {
        let simulation = Simulation::new();
        assert!(!signal(&simulation), "the loop does not run");
        let log = Log::default();
        serve(&simulation, &log, |heard, transport| {
            if let Heard::ShutdownRequested = heard {
                transport.write(b"Goodbye");
            }
            Then::Default
        });
        let client = simulation.connect("10.0.0.1:7");
        let network = simulation.clone();
        after(&simulation, SECOND, move |_| assert!(signal(&network)));
        let closing = client.clone();
        after(&simulation, 2 * SECOND, move |_| closing.shut_write());
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(client.read(), b"Goodbye");
        assert!(
            log.contains("lost: the connection was closed on this side"),
            "{log:?}"
        );
        assert!(!signal(&simulation), "the loop does not run");
    }
}

#[test]
fn a_second_signal_ends_the_stop_at_once() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    let _client = simulation.connect("10.0.0.1:7");
    for n in 1..=2 {
        let network = simulation.clone();
        after(&simulation, n * SECOND, move |_| {
            assert!(network.terminate());
        });
    }
    simulation.reactor().run().expect("the loop runs");
    assert!(
        simulation.elapsed() < 2 * SECOND + millis(1),
        "{:?}",
        simulation.elapsed()
    );
    assert!(log.contains("lost: the reactor was shut down"), "{log:?}");
}

#[test]
fn a_second_sigint_is_for_the_process_and_not_for_the_loop() {
    let simulation = Simulation::new();
    serve(&simulation, &Log::default(), |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    let _client = simulation.connect("10.0.0.1:7");
    for (at, is_taken) in [(1, true), (2, false), (3, false)] {
        let network = simulation.clone();
        after(&simulation, at * SECOND, move |_| {
            assert_eq!(network.interrupt(), is_taken);
        });
    }
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 4 * SECOND, "the grace");
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(network.interrupt()));
    simulation.reactor().run().expect("the loop runs again");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}

#[test]
fn a_signal_that_is_ignored_does_not_stop_the_loop() {
    let simulation = Simulation::new();
    simulation.ignore_interrupt();
    let network = simulation.clone();
    after(&simulation, SECOND, move |reactor| {
        assert!(!network.interrupt());
        assert!(!reactor.is_stopping());
    });
    let network = simulation.clone();
    after(&simulation, 2 * SECOND, move |_| {
        assert!(network.terminate(), "only the other one is ignored");
    });
    after(&simulation, 5 * SECOND, |_| ());
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 2 * SECOND);
    simulation.ignore_terminate();
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(!network.terminate()));
    simulation.reactor().run().expect("the loop runs again");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}

#[test]
fn signals_can_be_left_to_the_caller() {
    let simulation = Simulation::new();
    simulation.reactor().handle_signals(false);
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(!network.interrupt()));
    after(&simulation, 5 * SECOND, |_| ());
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
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
