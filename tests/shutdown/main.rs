//! Stopping: stages in their order, what is sent until the end, the grace, and signals.

mod attempts;
mod limits;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod triggers;
mod watching;

use std::io;
use std::time::Duration;

use reactor::lifecycle::{Phase, StopLimits, SystemEvent};
use reactor::testing::Simulation;
use reactor::{Factory, Limits, Reactor, Transport};

use support::{Heard, Log, Probe, SECOND, Then, millis, pattern};

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
fn what_was_written_before_a_stop_arrives_also_when_there_is_much_of_it() {
    let simulation = Simulation::new();
    let limits = Limits::default().unsent(8 << 20);
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
fn a_second_shutdown_sets_the_grace_anew_and_a_second_stop_may_only_shorten_it() {
    type Call = fn(&Reactor);
    let cases: [(Call, Duration); 4] = [
        (|reactor| reactor.shutdown(millis(500)), millis(2500)),
        (|reactor| reactor.shutdown(100 * SECOND), 102 * SECOND),
        (Reactor::stop, 5 * SECOND),
        (
            |reactor| {
                reactor.set_stop_limits(StopLimits::default().grace(100 * SECOND));
                reactor.stop();
            },
            6 * SECOND,
        ),
    ];
    for (second, ends) in cases {
        let simulation = Simulation::new();
        serve(&simulation, &Log::default(), |heard, _| match heard {
            Heard::ShutdownRequested => Then::Nothing,
            _ => Then::Default,
        });
        let _client = simulation.connect("10.0.0.1:7");
        after(&simulation, SECOND, |reactor| reactor.shutdown(5 * SECOND));
        after(&simulation, 2 * SECOND, second);
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(simulation.elapsed(), ends);
    }
}
