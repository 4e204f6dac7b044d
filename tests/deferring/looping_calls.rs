//! Looping calls: their grid, their ends, and starting them again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::deferred::{Cancelled, Panicked, Resolver, UnhandledFailures};
use reactor::testing::Simulation;
use reactor::{Deferred, Failure, LoopingCall};

use crate::outcome::{failed_with, outcome};
use crate::support::{Log, SECOND, millis};

/// A looping call that notes when it is called and with which count.
fn ticking(simulation: &Simulation, log: &Log) -> LoopingCall {
    let (log, time) = (log.clone(), simulation.clone());
    LoopingCall::new(&simulation.reactor(), move |count| {
        log.note(format!("{}x{count}", time.elapsed().as_millis()));
    })
}

#[test]
fn a_looping_call_is_made_at_once_and_at_every_interval() {
    let simulation = Simulation::new();
    let log = Log::default();
    let call = ticking(&simulation, &log);
    let ended = outcome(call.start(SECOND));
    simulation.run_for(millis(3500));
    assert_eq!(log.entries(), ["0x1", "1000x1", "2000x1", "3000x1"]);
    assert!(call.is_running() && ended.borrow().is_none());
    call.stop();
    assert!(matches!(*ended.borrow(), Some(Ok(()))));
    simulation.run_for(10 * SECOND);
    assert_eq!(log.entries().len(), 4);
}

#[test]
fn a_looping_call_that_had_to_wait_skips_what_it_missed_and_stays_on_its_grid() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (note, time, clock) = (
        log.clone(),
        simulation.clone(),
        simulation.reactor().downgrade(),
    );
    let call = LoopingCall::new(&simulation.reactor(), move |count| {
        note.note(format!("{}x{count}", time.elapsed().as_millis()));
        let clock = clock.upgrade().expect("the loop is there");
        // The second call takes two and a half intervals.
        let takes = if time.elapsed() == SECOND {
            millis(2500)
        } else {
            Duration::ZERO
        };
        clock.defer_later(takes)
    });
    let _ended = call.start(SECOND);
    simulation.run_for(millis(5500));
    assert_eq!(log.entries(), ["0x1", "1000x1", "4000x3", "5000x1"]);
    call.stop();
}

#[test]
fn a_looping_call_ends_with_the_failure_or_the_panic_of_its_function() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let failing = LoopingCall::new(&reactor, |_| Err(Failure::message("enough")));
    let failed = outcome(failing.start(SECOND));
    let panicking = LoopingCall::new(&reactor, |_| -> () { panic!("a mistake") });
    let panicked = outcome(panicking.start(SECOND));
    simulation.run_for(SECOND);
    assert!(matches!(&*failed.borrow(), Some(Err(failure)) if failure.to_string() == "enough"));
    assert!(failed_with::<Panicked>(&panicked));
    assert!(!failing.is_running() && !panicking.is_running());
}

#[test]
fn a_looping_call_may_be_stopped_and_started_again_from_inside() {
    let simulation = Simulation::new();
    let log = Log::default();
    let this: Rc<RefCell<Option<LoopingCall>>> = Rc::default();
    let (note, time, inside) = (log.clone(), simulation.clone(), Rc::clone(&this));
    let ends = Rc::new(Cell::new(0));
    let count_end = Rc::clone(&ends);
    let mut calls = 0;
    let call = LoopingCall::new(&simulation.reactor(), move |_| {
        note.note(time.elapsed().as_millis());
        calls += 1;
        if calls == 2 {
            let call = inside.borrow().clone().expect("it was set");
            let count_end = Rc::clone(&count_end);
            call.start(millis(300))
                .add_callback(move |()| count_end.set(count_end.get() + 1));
        }
    });
    this.replace(Some(call.clone()));
    let first = outcome(call.start(SECOND));
    simulation.run_for(millis(1700));
    assert!(
        matches!(*first.borrow(), Some(Ok(()))),
        "starting again ends the first run"
    );
    assert_eq!(log.entries(), ["0", "1000", "1000", "1300", "1600"]);
    this.take().expect("it is there").stop();
    assert_eq!(ends.get(), 1);
}

#[test]
fn a_looping_call_that_is_started_again_waits_for_the_call_that_is_under_way() {
    let simulation = Simulation::new();
    let log = Log::default();
    let open: Rc<RefCell<Vec<Resolver<()>>>> = Rc::default();
    let (note, time, opened) = (log.clone(), simulation.clone(), Rc::clone(&open));
    let call = LoopingCall::new(&simulation.reactor(), move |count| {
        note.note(format!("{}x{count}", time.elapsed().as_millis()));
        let (resolver, deferred) = Deferred::pending();
        opened.borrow_mut().push(resolver);
        deferred
    });
    let ends = |n: usize| open.borrow_mut().remove(n).callback(());
    let _stopped = call.start(SECOND);
    simulation.run_for(millis(500));
    call.stop();
    let _started_again = call.start(SECOND);
    simulation.run_for(millis(100));
    let _and_again = call.start(SECOND);
    simulation.run_for(SECOND);
    assert_eq!(
        log.take(),
        ["0x1"],
        "it is called while its Deferred is open"
    );
    ends(0);
    simulation.run_for(SECOND);
    assert_eq!(log.take(), ["1600x1"], "the third run began at 600");
    ends(0);
    simulation.run_for(millis(1500));
    assert_eq!(log.take(), ["3600x2"], "it is on its own grid");
    call.stop();
    ends(0);
    simulation.run_for(10 * SECOND);
    assert_eq!(
        log.take(),
        Vec::<String>::new(),
        "a run that was stopped goes on"
    );
}

#[test]
fn what_a_looping_call_fails_with_after_its_run_is_reported_and_ends_no_other_run() {
    let unhandled = UnhandledFailures::watch();
    let simulation = Simulation::new();
    let open: Rc<RefCell<Vec<Resolver<()>>>> = Rc::default();
    let opened = Rc::clone(&open);
    let call = LoopingCall::new(&simulation.reactor(), move |_| {
        let (resolver, deferred) = Deferred::pending();
        opened.borrow_mut().push(resolver);
        deferred
    });
    let fails = || {
        open.borrow_mut()
            .remove(0)
            .errback(Failure::message("too late"));
    };
    let stopped = outcome(call.start(SECOND));
    simulation.run_for(millis(500));
    call.stop();
    assert!(matches!(*stopped.borrow(), Some(Ok(()))));
    fails();
    assert_eq!(unhandled.take()[0].to_string(), "too late");
    let _first = call.start(SECOND);
    simulation.run_for(millis(500));
    let second = outcome(call.start(SECOND));
    fails();
    assert_eq!(unhandled.take()[0].to_string(), "too late");
    simulation.run_for(millis(500));
    assert!(second.borrow().is_none() && call.is_running());
    assert_eq!(open.borrow().len(), 1, "the second run is called");
    fails();
    assert!(matches!(&*second.borrow(), Some(Err(_))), "its own failure");
    assert!(unhandled.take().is_empty());
}

#[test]
fn an_interval_of_zero_calls_once_a_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    let call = LoopingCall::new(&reactor, move |_| count.set(count.get() + 1));
    let _ended = call.start(Duration::ZERO);
    for _ in 0..10 {
        reactor.turn(Some(Duration::ZERO)).expect("a turn");
    }
    assert!(
        (9..=10).contains(&calls.get()),
        "{} calls in 10 turns",
        calls.get()
    );
    call.stop();
}

#[test]
fn cancelling_the_deferred_of_a_looping_call_stops_it() {
    let simulation = Simulation::new();
    let log = Log::default();
    let call = ticking(&simulation, &log);
    let deferred = call.start(SECOND);
    let canceller = deferred.canceller();
    let ended = outcome(deferred);
    simulation.run_for(millis(1500));
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&ended));
    simulation.run_for(10 * SECOND);
    assert_eq!(log.entries(), ["0x1", "1000x1"]);
    assert!(!call.is_running());
}

#[test]
fn a_looping_call_that_was_cancelled_leaves_no_call_behind() {
    let simulation = Simulation::new();
    let log = Log::default();
    let call = ticking(&simulation, &log);
    let ended = call.start(SECOND);
    let canceller = ended.canceller();
    let ended = outcome(ended);
    simulation.run_for(millis(500));
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&ended));
    let state = format!("{:?}", simulation.reactor());
    assert!(state.contains("timers: 0"), "{state}");

    let _ended = call.start(SECOND);
    simulation.run_for(millis(2100));
    assert_eq!(log.entries(), ["0x1", "500x1", "1500x1", "2500x1"]);
}

#[test]
fn a_looping_call_that_is_started_again_when_it_ends_is_one_call() {
    let simulation = Simulation::new();
    let log = Log::default();
    let call = ticking(&simulation, &log);
    let again = call.clone();
    call.start(SECOND).add_callback(move |()| {
        let _ended = again.start(SECOND);
    });
    simulation.run_for(millis(500));
    let ended = outcome(call.start(SECOND));
    assert!(
        matches!(*ended.borrow(), Some(Ok(()))),
        "it was the last to start it"
    );
    simulation.run_for(millis(2100));
    assert_eq!(log.entries(), ["0x1", "500x1", "1500x1", "2500x1"]);
}
