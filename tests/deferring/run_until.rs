//! `run_until`, and a stop that waits for Deferreds.

use std::time::Duration;

use reactor::deferred::Cancelled;
use reactor::lifecycle::{Phase, SystemEvent};
use reactor::testing::Simulation;
use reactor::{Deferred, Failure, Reactor, RunError, StoppedBefore};

use crate::support::{Log, SECOND, listener, millis};

#[test]
fn run_until_returns_the_result_and_the_loop_can_run_again() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let fired = Deferred::succeed(1);
    assert_eq!(reactor.run_until(fired).expect("it has fired"), 1);
    let later = reactor.defer_later(SECOND).map(|()| 2);
    assert_eq!(reactor.run_until(later).expect("it fires"), 2);
    let failing = reactor
        .defer_later(SECOND)
        .add_callback(|()| Err::<(), _>(Failure::message("no")));
    assert_eq!(
        reactor
            .run_until(failing)
            .expect_err("it fails")
            .to_string(),
        "no"
    );
    assert_eq!(simulation.elapsed(), 2 * SECOND);
}

/// Notes a shutdown.
fn note_shutdown(reactor: &Reactor, log: &Log) {
    for phase in [Phase::Before, Phase::During, Phase::After] {
        let log = log.clone();
        let note = move || log.note(format!("{phase:?}"));
        reactor.add_system_event_trigger(phase, SystemEvent::Shutdown, note);
    }
}

#[test]
fn the_connection_that_run_until_returns_is_open_and_goes_on_in_the_next() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (server, client) = (Log::default(), Log::default());
    note_shutdown(&reactor, &server);
    let for_factory = server.clone();
    let factory = move |_| listener(&for_factory);
    reactor
        .listen_tcp("10.0.0.1:1", factory)
        .expect("it is free");
    let for_factory = client.clone();
    let connected = reactor
        .connect_tcp("10.0.0.1", 1, move |_| listener(&for_factory))
        .connected();
    let transport = reactor.run_until(connected).expect("it connects");
    assert!(transport.is_open());
    assert!(!reactor.is_stopping());
    assert!(simulation.elapsed() < millis(10), "nothing was waited for");
    assert!(transport.write(b"hello"));
    let waited = reactor.defer_later(SECOND);
    reactor.run_until(waited).expect("it fires");
    assert_eq!(server.entries(), ["made", "hello"]);
    assert_eq!(client.entries(), ["made"]);
    let second = simulation.connect("10.0.0.1:1");
    simulation.run_for(millis(10));
    assert!(second.is_connected(), "the port is open");
    drop(second);
    reactor.stop();
    reactor.run().expect("it carries the stop out");
    assert_eq!(simulation.descriptors(), 0);
    assert!(!transport.is_open());
    assert_eq!(server.count("shutdownrequested"), 2, "{server:?}");
    assert_eq!(server.entries().last().map(String::as_str), Some("After"));
}

#[test]
fn run_until_returns_in_the_turn_in_which_the_deferred_fires() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let note = log.clone();
    reactor.call_later(SECOND, move || note.note("a second later"));
    let (resolver, deferred) = Deferred::pending();
    reactor.call_soon(move || resolver.callback(1)); // before the turn would sleep
    assert_eq!(reactor.run_until(deferred).expect("it fires"), 1);
    let (resolver, deferred) = Deferred::pending();
    let fire = move || resolver.callback(2);
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, fire);
    assert_eq!(reactor.run_until(deferred).expect("it fires"), 2);
    let task = reactor.spawn(async { Ok(3) });
    assert_eq!(reactor.run_until(task).expect("it fires"), 3);
    assert_eq!(simulation.elapsed(), Duration::ZERO);
    reactor.run().expect("the loop runs");
    assert_eq!(log.entries(), ["a second later"], "it was still there");
}

#[test]
fn run_until_carries_a_stop_out_that_comes_meanwhile() {
    type Ask = fn(&Simulation);
    let asks: [(&str, Ask); 3] = [
        ("a stop", |simulation| simulation.reactor().stop()),
        ("SIGINT", |simulation| assert!(simulation.interrupt())),
        ("SIGTERM", |simulation| assert!(simulation.terminate())),
    ];
    for (what, ask) in asks {
        // It fires while the loop stops, or never.
        for fires in [true, false] {
            let simulation = Simulation::new();
            let reactor = simulation.reactor();
            let log = Log::default();
            note_shutdown(&reactor, &log);
            let weak = reactor.downgrade();
            let save = move || weak.upgrade().expect("it runs").defer_later(millis(200));
            reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, save);
            let network = simulation.clone();
            reactor.call_later(SECOND, move || ask(&network));
            let delay = if fires { millis(1100) } else { 60 * SECOND };
            let result = reactor.run_until(reactor.defer_later(delay));
            assert_eq!(result.is_ok(), fires, "{what}");
            if let Err(failure) = result {
                assert!(failure.check::<Cancelled>().is_some(), "{what}: {failure}");
            }
            assert_eq!(log.entries(), ["Before", "During", "After"], "{what}");
            assert_eq!(simulation.elapsed(), millis(1200), "{what}");
            assert!(!reactor.is_stopping(), "{what}");
        }
    }
}

#[test]
fn run_until_cancels_what_nothing_is_left_to_fire_and_shuts_nothing_down() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    note_shutdown(&reactor, &log);
    let (resolver, never) = Deferred::<()>::pending();
    let failure = reactor.run_until(never).expect_err("nothing is left");
    assert!(failure.check::<Cancelled>().is_some(), "{failure}");
    assert_eq!(log.entries(), [""; 0]);
    drop(resolver);
    reactor.run().expect("nothing is left");
    assert_eq!(log.entries(), ["Before", "During", "After"]);
}

#[test]
fn run_until_cancels_what_the_stop_came_before() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let stop = reactor.downgrade();
    reactor.call_later(SECOND, move || stop.upgrade().expect("it runs").stop());
    let failure = reactor
        .run_until(reactor.defer_later(60 * SECOND))
        .expect_err("stopped");
    assert!(failure.check::<Cancelled>().is_some());
    assert_eq!(simulation.elapsed(), SECOND);
    let (resolver, never) = Deferred::<()>::pending();
    resolver.on_cancel(|| Ok(()));
    reactor
        .run_until(never)
        .expect("the canceller gives a value");
    drop(resolver);
    let _ = StoppedBefore;
}

#[test]
fn a_stop_waits_for_what_its_triggers_return() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    for phase in [Phase::After, Phase::Before, Phase::During] {
        let (log, time, weak) = (log.clone(), simulation.clone(), reactor.downgrade());
        reactor.add_system_event_trigger(phase, SystemEvent::Shutdown, move || {
            log.note(format!("{phase:?} {}", time.elapsed().as_millis()));
            weak.upgrade().expect("it runs").defer_later(millis(100))
        });
    }
    let stop = reactor.downgrade();
    reactor.call_soon(move || stop.upgrade().expect("it runs").stop());
    reactor.run().expect("the loop runs");
    assert_eq!(log.entries(), ["Before 0", "During 100", "After 200"]);
    assert_eq!(simulation.elapsed(), millis(300));
}

#[test]
fn a_trigger_that_never_ends_is_not_waited_for_beyond_the_grace() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (resolver, never) = Deferred::<()>::pending();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || never);
    let stop = reactor.downgrade();
    reactor.call_soon(move || stop.upgrade().expect("it runs").shutdown(SECOND));
    reactor.run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), SECOND);
    resolver.callback(());
}

#[test]
fn run_until_says_that_the_loop_cannot_run() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (weak, note) = (simulation.reactor().downgrade(), log.clone());
    simulation.reactor().call_soon(move || {
        let reactor = weak.upgrade().expect("it runs this");
        let result = reactor.run_until(reactor.defer_later(SECOND));
        note.note(result.expect_err("the loop runs already"));
    });
    simulation.run_for(millis(1));
    assert_eq!(log.entries(), [RunError::AlreadyRunning.to_string()]);
}
