//! The stages of a run and of a stop, and their triggers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::testing::Simulation;
use reactor::{Deferred, Reactor, Transport};

use crate::support::{Client, Heard, Log, SECOND, Then, millis};
use crate::{after, note_triggers, serve};

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
            simulation.reactor().connect_tcp("10.0.0.9", 9, client);
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
