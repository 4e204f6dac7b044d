//! Long computations in slices: what is served between them, how tasks share, and how they end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::deferred::{Abandoned, Cancelled, Panicked, Resolver, UnhandledFailures};
use reactor::testing::Simulation;
use reactor::{CooperativeTask, Deferred, Failure};

use crate::outcome::{failed_with, outcome};
use crate::support::{Alive, Log, SECOND, millis};

/// An iterator without end, each step of which takes this long.
fn taking(
    simulation: &Simulation,
    time: Duration,
    steps: &Rc<Cell<u32>>,
) -> impl Iterator<Item = ()> + use<> {
    let (simulation, steps) = (simulation.clone(), Rc::clone(steps));
    std::iter::repeat_with(move || {
        simulation.spend(time);
        steps.set(steps.get() + 1);
    })
}

#[test]
fn the_loop_serves_others_every_two_milliseconds_of_a_long_computation() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let steps = Rc::default();
    let task =
        reactor.cooperate(taking(&simulation, Duration::from_micros(100), &steps).take(100_000));
    let late = Rc::new(Cell::new(Duration::ZERO));
    let calls = Rc::new(Cell::new(0));
    for n in 0..1_000 {
        let due = reactor.now() + millis(n * 10);
        let (clock, late, calls) = (reactor.downgrade(), Rc::clone(&late), Rc::clone(&calls));
        reactor.call_at(due, move || {
            let now = clock.upgrade().unwrap().now();
            late.set(late.get().max(now - due));
            calls.set(calls.get() + 1);
        });
    }
    simulation.run_for(11 * SECOND);
    assert!(task.is_done());
    assert_eq!((steps.get(), calls.get()), (100_000, 1_000));
    assert!(
        late.get() <= millis(2) + Duration::from_micros(100),
        "{late:?}"
    );
}

#[test]
fn tasks_share_the_time_equally_whatever_their_steps_take() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let times = [10, 100, 1_000, 7_000];
    let steps = times.map(|_| Rc::new(Cell::new(0)));
    let tasks: Vec<_> = times
        .iter()
        .zip(&steps)
        .map(|(&micros, steps)| {
            reactor.cooperate(taking(&simulation, Duration::from_micros(micros), steps))
        })
        .collect();
    simulation.run_for(8 * SECOND);
    for (micros, steps) in times.iter().zip(&steps) {
        let had = Duration::from_micros(micros * u64::from(steps.get()));
        let share = had.as_secs_f64() / 2.0;
        assert!((0.99..1.01).contains(&share), "{micros} µs: {had:?}");
    }
    assert!(tasks.iter().all(CooperativeTask::cancel));
}

#[test]
fn steps_that_take_no_time_end_their_slice_too() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (one, other) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let endless =
        [&one, &other].map(|steps| reactor.cooperate(taking(&simulation, Duration::ZERO, steps)));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((one.get(), other.get()), (2_000, 0));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((one.get(), other.get()), (2_000, 2_000));
    endless.iter().for_each(|task| assert!(task.cancel()));
}

#[test]
fn an_item_that_is_a_deferred_is_waited_for_and_others_go_on() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (note, time, clock) = (log.clone(), simulation.clone(), reactor.downgrade());
    let waiting = (0..3).map(move |n| {
        note.note(format!("{n} at {} ms", time.elapsed().as_millis()));
        clock.upgrade().unwrap().defer_later(millis(100))
    });
    let done = outcome(reactor.cooperate(waiting).when_done());
    let steps = Rc::default();
    let other = reactor.cooperate(taking(&simulation, Duration::from_micros(100), &steps));
    simulation.run_for(SECOND);
    assert!(matches!(*done.borrow(), Some(Ok(()))));
    assert_eq!(log.entries()[0], "0 at 0 ms");
    assert_eq!(log.entries().len(), 3);
    assert!(steps.get() > 9_900, "{steps:?}");
    assert!(other.cancel());
}

#[test]
fn a_future_is_waited_for_as_the_deferred_of_its_task() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (note, clock) = (log.clone(), reactor.downgrade());
    let futures = (0..2).map(move |n| {
        let (note, reactor) = (note.clone(), clock.upgrade().unwrap());
        reactor.clone().spawn(async move {
            note.note(format!("begins {n}"));
            reactor.defer_later(SECOND).await?;
            note.note(format!("ends {n}"));
            Ok(())
        })
    });
    let done = outcome(reactor.coiterate(futures));
    simulation.run_for(3 * SECOND);
    assert!(matches!(*done.borrow(), Some(Ok(()))));
    assert_eq!(log.entries(), ["begins 0", "ends 0", "begins 1", "ends 1"]);
}

#[test]
fn a_failure_and_a_panic_end_the_task_and_nothing_else() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let fails = |n: u32| match n {
        3 => Err(Failure::message("three")),
        _ => Ok(()),
    };
    let failing = reactor.cooperate((0..).map(fails));
    let panicking = reactor.cooperate((0..).map(|n: u32| assert_ne!(n, 3, "as it was told to")));
    let delayed = reactor.downgrade();
    let later = move |_: u32| {
        let wait = delayed.upgrade().unwrap().defer_later(millis(1));
        wait.add_callback(|()| Err::<(), _>(Failure::message("later")))
    };
    let failing_later = reactor.cooperate((0..).map(later));
    let ends = [&failing, &panicking, &failing_later].map(|task| outcome(task.when_done()));
    let steps = Rc::default();
    let whole = reactor.cooperate(taking(&simulation, millis(1), &steps).take(10));
    simulation.run_for(SECOND);
    assert_eq!(steps.get(), 10);
    assert!(whole.is_done() && matches!(*outcome(whole.when_done()).borrow(), Some(Ok(()))));
    assert!(failed_with::<Panicked>(&ends[1]));
    for (end, message) in [(&ends[0], "three"), (&ends[2], "later")] {
        assert!(matches!(&*end.borrow(), Some(Err(failure)) if failure.to_string() == message));
    }
    // A Deferred that is asked for later gets the same.
    assert!(failed_with::<Panicked>(&outcome(panicking.when_done())));
}

#[test]
fn a_failure_that_was_not_asked_for_is_reported() {
    let simulation = Simulation::new();
    let unhandled = UnhandledFailures::watch();
    let task = simulation
        .reactor()
        .cooperate((0..).map(|_| Err(Failure::message("not asked for"))));
    simulation.run_for(SECOND);
    drop(task);
    assert_eq!(unhandled.take().len(), 1);
}

#[test]
fn a_paused_task_makes_no_step_until_it_is_resumed() {
    let simulation = Simulation::new();
    let steps = Rc::default();
    let reactor = simulation.reactor();
    let task = reactor.cooperate(taking(&simulation, millis(1), &steps));
    simulation.run_for(millis(10));
    task.pause();
    task.pause();
    let before = steps.get();
    assert!(before > 0);
    simulation.run_for(SECOND);
    assert_eq!(steps.get(), before);
    task.resume();
    task.resume();
    simulation.run_for(millis(10));
    assert!(
        steps.get() > before && steps.get() < before + 13,
        "once in the queue"
    );
    task.pause();
    assert!(task.cancel() && task.is_done());
    task.resume();
    simulation.run_for(SECOND);
}

#[test]
fn a_pause_while_the_task_waits_lasts_when_the_deferred_has_fired() {
    let simulation = Simulation::new();
    let open: Rc<RefCell<Option<Resolver<()>>>> = Rc::default();
    let (keep, steps) = (Rc::clone(&open), Rc::new(Cell::new(0)));
    let count = Rc::clone(&steps);
    let task = simulation.reactor().cooperate((0..2).map(move |_| {
        count.set(count.get() + 1);
        let (resolver, deferred) = Deferred::pending();
        keep.replace(Some(resolver));
        deferred
    }));
    simulation.run_for(SECOND);
    task.pause();
    open.take().unwrap().callback(());
    simulation.run_for(SECOND);
    assert_eq!(steps.get(), 1);
    task.resume();
    simulation.run_for(SECOND);
    assert_eq!(steps.get(), 2);
    open.take().unwrap().callback(());
    simulation.run_for(SECOND);
    assert!(task.is_done());
}

#[test]
fn cancelling_drops_the_iterator_and_cancels_what_it_waits_for() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let alive = Alive::default();
    let cancelled = Rc::new(Cell::new(false));
    let (held, note) = (alive.clone(), Rc::clone(&cancelled));
    let task = reactor.cooperate(std::iter::repeat_with(move || {
        let _held = &held;
        let (resolver, deferred) = Deferred::<()>::pending();
        let note = Rc::clone(&note);
        resolver.on_cancel(move || note.set(true));
        std::mem::forget(resolver);
        deferred
    }));
    let done = outcome(task.when_done());
    simulation.run_for(SECOND);
    assert!(done.borrow().is_none() && alive.others() == 1);
    assert!(task.cancel() && !task.cancel());
    assert!(cancelled.get() && alive.others() == 0);
    assert!(failed_with::<Cancelled>(&done));
    let by_deferred = reactor.coiterate(std::iter::repeat(()));
    by_deferred.cancel();
    assert!(failed_with::<Cancelled>(&outcome(by_deferred)));
    assert!(!simulation.run_until_true(SECOND, || false)); // it is idle, and no step is made
}

#[test]
fn an_iterator_may_cancel_and_pause_its_own_task_and_begin_others() {
    let unhandled = UnhandledFailures::watch();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let this: Rc<RefCell<Option<CooperativeTask>>> = Rc::default();
    let (inside, weak, log) = (Rc::clone(&this), reactor.downgrade(), Log::default());
    let note = log.clone();
    let task = reactor.cooperate((0..).map(move |n| {
        let this = inside.borrow().clone().unwrap();
        note.note(n);
        match n {
            0 => this.pause(),
            1 => {
                let note = note.clone();
                let other = std::iter::once_with(move || note.note("other"));
                drop(weak.upgrade().unwrap().cooperate(other));
            }
            _ => assert!(this.cancel()),
        }
    }));
    this.replace(Some(task.clone()));
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["0"]);
    task.resume();
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["0", "1", "2", "other"]);
    assert!(task.is_done());
    this.take();
    drop(task);
    assert!(
        unhandled.take().is_empty(),
        "who cancels it knows that it is cancelled"
    );
}

#[test]
fn a_task_fails_as_abandoned_when_its_loop_is_gone() {
    let simulation = Simulation::new();
    let alive = Alive::default();
    let held = alive.clone();
    let task = simulation
        .reactor()
        .cooperate(std::iter::repeat_with(move || {
            let _held = &held;
        }));
    let done = outcome(task.when_done());
    let paused = simulation.reactor().cooperate(std::iter::repeat(()));
    paused.pause();
    simulation.reactor().turn(Some(Duration::ZERO)).unwrap();
    drop(simulation);
    assert!(failed_with::<Abandoned>(&done) && alive.others() == 0);
    paused.resume();
    assert!(failed_with::<Abandoned>(&outcome(paused.when_done())));
}
