//! What the reactor gives as a Deferred, and what runs on it as a future.

#[path = "support/outcome.rs"]
mod outcome;
mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use outcome::{failed_with, outcome};
use reactor::deferred::{
    Abandoned, Cancelled, Panicked, Queue, Resolver, TimedOut, UnhandledFailures,
};
use reactor::testing::Simulation;
use reactor::{
    Deferred, Failure, LoopingCall, Phase, Reactor, Reason, RunError, StoppedBefore, SystemEvent,
};
use support::{Log, SECOND, listener, millis};

// Time.

#[test]
fn defer_later_fires_at_its_time() {
    let simulation = Simulation::new();
    let done = outcome(simulation.reactor().defer_later(SECOND));
    simulation.run_for(millis(999));
    assert!(done.borrow().is_none());
    simulation.run_for(millis(1));
    assert!(matches!(*done.borrow(), Some(Ok(()))));
}

#[test]
fn a_cancelled_defer_later_leaves_no_timer() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let deferred = reactor.defer_later(SECOND);
    let canceller = deferred.canceller();
    let done = outcome(deferred);
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&done));
    reactor.run().expect("nothing is left to wait for");
    assert_eq!(simulation.elapsed(), Duration::ZERO);
}

#[test]
fn a_timeout_takes_the_reactors_time() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (resolver, deferred) = Deferred::<()>::pending();
    let done = outcome(deferred.add_timeout(SECOND, &reactor));
    simulation.run_for(millis(999));
    assert!(done.borrow().is_none());
    simulation.run_for(millis(1));
    assert!(failed_with::<TimedOut>(&done));
    resolver.callback(());
}

#[test]
fn a_result_in_time_takes_its_timeout_back() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let done = outcome(
        reactor
            .defer_later(millis(1))
            .add_timeout(60 * SECOND, &reactor),
    );
    reactor.run().expect("nothing is left to wait for");
    assert!(matches!(*done.borrow(), Some(Ok(()))));
    assert_eq!(simulation.elapsed(), millis(1));
}

// Looping calls.

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

// Connections.

#[test]
fn a_connection_is_a_deferred_of_its_transport() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (server, client) = (log.clone(), Log::default());
    let serve = move |_| listener(&server);
    reactor.listen_tcp("10.0.0.1:80", serve).expect("a port");
    let heard = client.clone();
    let connector = reactor.connect_tcp("10.0.0.1", 80, move |_| listener(&heard));
    let connected = outcome(connector.connected());
    simulation.run_for(SECOND);
    let transport = connected
        .take()
        .expect("it fired")
        .expect("it is connected");
    assert_eq!(
        client.entries(),
        ["made"],
        "the Deferred fires after connection_made"
    );
    transport.write(b"hello");
    simulation.run_for(SECOND);
    assert!(log.contains("hello"));
}

#[test]
fn an_attempt_that_fails_or_is_cancelled_is_a_failure_with_its_reason() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let attempt = |port| reactor.connect_tcp("10.0.0.1", port, |_| listener(&Log::default()));
    let refused = outcome(attempt(81).connected());
    let connector = attempt(82);
    let deferred = connector.connected();
    let canceller = deferred.canceller();
    let cancelled = outcome(deferred);
    canceller.cancel();
    assert!(!connector.is_connecting());
    simulation.run_for(60 * SECOND);
    assert!(failed_with::<Reason>(&refused));
    assert!(failed_with::<Cancelled>(&cancelled));
    assert!(
        failed_with::<Reason>(&outcome(connector.connected())),
        "it is over"
    );
}

// The whole run.

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

// Futures.

#[test]
fn a_task_awaits_deferreds_and_fires_its_own() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let clock = reactor.clone();
    let sum = reactor.spawn(async move {
        let mut sum = 0;
        for n in 1..=3 {
            sum += clock.defer_later(SECOND).map(move |()| n).await?;
        }
        Ok(sum)
    });
    assert_eq!(reactor.run_until(sum).expect("it ends"), 6);
    assert_eq!(simulation.elapsed(), 3 * SECOND);
}

#[test]
fn a_task_fails_with_what_it_returns_or_with_its_panic() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let failing = reactor.spawn(async {
        Deferred::<()>::fail(std::io::Error::other("no")).await?;
        Ok(())
    });
    assert_eq!(
        reactor
            .run_until(failing)
            .expect_err("it fails")
            .to_string(),
        "no"
    );
    let panicking = reactor.spawn(async {
        let fails = true;
        assert!(!fails, "a mistake");
    });
    let failure = reactor.run_until(panicking).expect_err("it panics");
    assert!(failure.check::<Panicked>().is_some(), "{failure}");
}

#[test]
fn cancelling_a_task_drops_its_future_and_cancels_what_it_awaits() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (inner, awaited) = Deferred::<()>::pending();
    let note = log.clone();
    inner.on_cancel(move || note.note("inner cancelled"));
    struct Noted(Log);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.note("future dropped");
        }
    }
    let held = Noted(log.clone());
    let task = reactor.spawn(async move {
        let _held = held;
        awaited.await
    });
    let canceller = task.canceller();
    let ended = outcome(task);
    simulation.run_for(SECOND);
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&ended));
    assert!(log.contains("inner cancelled") && log.contains("future dropped"));
    reactor.run().expect("no task is left to wait for");
    drop(inner);
}

#[test]
fn a_task_that_cancels_itself_is_dropped_after_its_poll() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let canceller: Rc<RefCell<Option<reactor::deferred::Canceller>>> = Rc::default();
    let mine = Rc::clone(&canceller);
    let task = reactor.spawn(async move {
        mine.take().expect("it was set").cancel();
        std::future::pending::<()>().await;
    });
    canceller.replace(Some(task.canceller()));
    let ended = outcome(task);
    reactor.run().expect("no task is left to wait for");
    assert!(failed_with::<Cancelled>(&ended));
}

#[test]
fn a_waker_works_from_any_thread() {
    let reactor = Reactor::new().expect("a loop");
    let ready = Arc::new(Mutex::new((false, None::<Waker>)));
    let from_thread = Arc::clone(&ready);
    let task = reactor.spawn(poll_fn(move |context| {
        let mut ready = ready.lock().expect("nobody panics");
        if ready.0 {
            return Poll::Ready(Ok("woken"));
        }
        if ready.1.replace(context.waker().clone()).is_none() {
            let ready = Arc::clone(&from_thread);
            std::thread::spawn(move || {
                let mut ready = ready.lock().expect("nobody panics");
                ready.0 = true;
                ready.1.take().expect("it was set").wake();
            });
        }
        Poll::Pending
    }));
    assert_eq!(reactor.run_until(task).expect("it ends"), "woken");
}

#[test]
fn ten_thousand_awaits_of_fired_deferreds_take_one_poll() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    let mut task = Box::pin(async {
        let mut sum = 0;
        for n in 0..10_000_u64 {
            sum += Deferred::succeed(n).await?;
        }
        Ok(sum)
    });
    let task = reactor.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        task.as_mut().poll(context)
    }));
    assert_eq!(reactor.run_until(task).expect("it ends"), 49_995_000);
    assert_eq!(polls.get(), 1);
}

#[test]
fn callbacks_and_tasks_mix() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let clock = reactor.downgrade();
    let mixed = reactor
        .defer_later(SECOND)
        .map(|()| 20)
        .add_callback(move |n| {
            let reactor = clock.upgrade().expect("it runs");
            let clock = reactor.clone();
            reactor.spawn(async move {
                clock.defer_later(SECOND).await?;
                Ok(n + 1)
            })
        })
        .map(|n| 2 * n);
    assert_eq!(reactor.run_until(mixed).expect("it ends"), 42);
}

#[test]
fn a_reactor_that_goes_away_abandons_what_waits_for_it() {
    let simulation = Simulation::new();
    let later = outcome(simulation.reactor().defer_later(SECOND));
    let task = outcome(simulation.reactor().spawn(std::future::pending::<()>()));
    drop(simulation);
    assert!(failed_with::<Abandoned>(&later));
    assert!(failed_with::<Abandoned>(&task));
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
fn a_looping_call_that_is_started_by_who_hears_of_its_end_is_one_call() {
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

#[test]
fn an_item_that_a_task_was_woken_for_and_is_cancelled_before_it_gets_it_is_not_lost() {
    let simulation = Simulation::new();
    let (reactor, queue) = (simulation.reactor(), Queue::new());
    let waits = queue.clone();
    let task = reactor.spawn(async move { waits.get().await });
    simulation.run_for(millis(1));
    let (puts, canceller) = (queue.clone(), task.canceller());
    let cancelled = outcome(task);
    reactor.call_soon(move || {
        puts.put(7).expect("there is room");
        canceller.cancel();
    });
    simulation.run_for(millis(1));
    assert!(failed_with::<Cancelled>(&cancelled));
    assert_eq!(queue.len(), 1);
}

/// Waits for whatever comes first of two, as executors' `select` does.
async fn either<T>(
    one: impl std::future::IntoFuture<Output = T>,
    other: impl std::future::IntoFuture<Output = ()>,
) -> Option<T> {
    let mut one = std::pin::pin!(one.into_future());
    let mut other = std::pin::pin!(other.into_future());
    poll_fn(|context| {
        if other.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        one.as_mut().poll(context).map(Some)
    })
    .await
}

#[test]
fn a_loop_that_waits_for_an_item_or_a_tick_gets_every_item_in_order() {
    let simulation = Simulation::new();
    let (reactor, queue) = (simulation.reactor(), Queue::new());
    let got: Rc<RefCell<Vec<u32>>> = Rc::default();
    let (clock, items, gets) = (reactor.clone(), queue.clone(), Rc::clone(&got));
    reactor
        .spawn(async move {
            for _ in 0..1000 {
                let tick = clock.defer_later(millis(10));
                let tick = async move { drop(tick.await) };
                if let Some(item) = either(items.get(), tick).await {
                    gets.borrow_mut().push(item?);
                }
            }
            Ok(())
        })
        .add_both(|_| ());
    let mut number = 0;
    // Both come in one turn, again and again.
    let producer = LoopingCall::new(&reactor, move |_| {
        number += 1;
        queue.put(number).expect("there is room");
    });
    let _ended = producer.start(millis(10));
    simulation.run_for(millis(205));
    assert_eq!(*got.borrow(), (1..=21).collect::<Vec<_>>());
}
