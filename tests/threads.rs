//! Threads: which of them do what work, how much may wait for them and for the loop, and what becomes
//! of it when the loop stops.

#[path = "support/outcome.rs"]
mod outcome;
mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use outcome::{failed_with, outcome};
use reactor::deferred::{Abandoned, Cancelled, Panicked};
use reactor::lifecycle::{Phase, SystemEvent};
use reactor::testing::Simulation;
use reactor::{
    CallFromThreadError, Deferred, Failure, Reactor, Reason, ThreadLimits, ThreadPoolError,
};
use support::{Log, millis};

#[test]
fn work_on_a_thread_fires_on_the_loops_thread() {
    let reactor = Reactor::new().expect("a loop");
    let here = std::thread::current().id();
    let worked = reactor
        .defer_to_thread(|| std::thread::current().id())
        .map(move |there| (there, std::thread::current().id()));
    let (there, fired) = reactor.run_until(worked).expect("it works");
    assert_ne!(there, here);
    assert_eq!(fired, here);
}

#[test]
fn a_panic_on_a_thread_is_a_failure() {
    let reactor = Reactor::new().expect("a loop");
    let work = reactor.defer_to_thread(|| -> u32 { panic!("a mistake") });
    let failure = reactor.run_until(work).expect_err("it panicked");
    assert_eq!(failure.to_string(), "panicked: a mistake");
    assert!(failure.check::<Panicked>().is_some());
}

#[test]
fn the_pool_is_bounded_and_does_all_the_work() {
    let reactor = Reactor::new().expect("a loop");
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let works = (0..200).map(|n| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        reactor.defer_to_thread(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            n
        })
    });
    let all = reactor::deferred::gather_results(works);
    let all = reactor.run_until(all).expect("all work is done");
    assert_eq!(all, (0..200).collect::<Vec<_>>());
    assert!((1..=8).contains(&most.load(Ordering::SeqCst)));
}

/// Opened once, for all who wait for it.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().expect("nobody panics") = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().expect("nobody panics");
        drop(
            self.0
                .1
                .wait_while(open, |open| !*open)
                .expect("nobody panics"),
        );
    }
}

/// A reactor with one thread for work, which waits at the gate; and five more pieces of work behind
/// it, each of which holds a clone of what is returned last.
struct Queued {
    gate: Gate,
    first: Rc<RefCell<Option<Result<(), Failure>>>>,
    others: Vec<Deferred<()>>,
    held: Arc<()>,
}

fn queued(reactor: &Reactor) -> Queued {
    reactor.suggest_thread_pool_size(1);
    let gate = Gate::default();
    let passes = gate.clone();
    let (begun, has_begun) = mpsc::channel();
    let first = outcome(reactor.defer_to_thread(move || {
        begun.send(()).expect("the test waits");
        passes.pass();
    }));
    has_begun.recv().expect("it begins");
    let held = Arc::new(());
    let others = (0..5).map(|_| {
        let held = Arc::clone(&held);
        reactor.defer_to_thread(move || drop(held))
    });
    Queued {
        gate,
        first,
        others: others.collect(),
        held,
    }
}

#[test]
fn work_that_has_not_begun_when_the_loop_is_gone_is_not_begun() {
    let reactor = Reactor::new().expect("a loop");
    let queued = queued(&reactor);
    assert_eq!(Arc::strong_count(&queued.held), 6);
    let others: Vec<_> = queued.others.into_iter().map(outcome).collect();
    drop(reactor);
    assert_eq!(Arc::strong_count(&queued.held), 1, "it is dropped");
    assert!(others.iter().all(|other| failed_with::<Abandoned>(other)));
    assert!(failed_with::<Abandoned>(&queued.first));
    queued.gate.open();
}

#[test]
fn work_that_has_not_begun_when_the_grace_is_over_is_not_begun() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let queued = queued(&reactor);
    let others: Vec<_> = queued.others.into_iter().map(outcome).collect();
    let (log, held) = (Log::default(), Arc::clone(&queued.held));
    let note = log.clone();
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, move || {
        note.note(Arc::strong_count(&held));
    });
    reactor.shutdown(millis(20));
    reactor.run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), millis(20));
    assert_eq!(log.entries(), ["2"], "it is known by then");
    assert!(others.iter().all(|other| failed_with::<Reason>(other)));
    assert!(queued.first.borrow().is_none(), "it goes on");
    queued.gate.open();
    reactor.run().expect("what has begun is waited for");
    assert!(matches!(*queued.first.borrow(), Some(Ok(()))));
}

#[test]
fn work_that_is_cancelled_before_it_begins_leaves_the_queue() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let mut queued = queued(&reactor);
    let last = outcome(queued.others.remove(4));
    for other in &queued.others {
        other.cancel();
    }
    assert_eq!(Arc::strong_count(&queued.held), 2, "the last one is left");
    for other in queued.others {
        assert!(failed_with::<Cancelled>(&outcome(other)));
    }
    queued.gate.open();
    reactor.run().expect("the loop runs");
    assert!(matches!(*last.borrow(), Some(Ok(()))));
}

#[test]
fn the_pool_has_as_many_threads_as_the_program_says() {
    let reactor = Reactor::new().expect("a loop");
    // They pass only together.
    let together = Arc::new(std::sync::Barrier::new(20));
    let works = (0..20).map(|_| {
        let together = Arc::clone(&together);
        reactor.defer_to_thread(move || {
            together.wait();
        })
    });
    let all = reactor::deferred::gather_results(works);
    reactor.suggest_thread_pool_size(20);
    reactor.run_until(all).expect("they do not wait for ever");
    reactor.suggest_thread_pool_size(2);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let works = (0..100).map(|_| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        reactor.defer_to_thread(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        })
    });
    let all = reactor::deferred::gather_results(works);
    reactor.run_until(all).expect("all work is done");
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[test]
#[should_panic(expected = "a pool without threads")]
fn a_pool_has_at_least_one_thread() {
    Simulation::new().reactor().suggest_thread_pool_size(0);
}

#[test]
fn a_stop_waits_for_work_on_threads() {
    let reactor = Reactor::new().expect("a loop");
    let gate = Gate::default();
    let passes = gate.clone();
    let done = outcome(reactor.defer_to_thread(move || passes.pass()));
    let stop = reactor.clone();
    reactor.call_soon(move || {
        stop.stop();
        let opens = gate.clone();
        stop.call_later(millis(20), move || opens.open());
    });
    reactor.run().expect("the loop runs");
    assert!(matches!(*done.borrow(), Some(Ok(()))));
}

#[test]
fn work_that_was_cancelled_before_it_began_is_not_done() {
    let reactor = Reactor::new().expect("a loop");
    let gate = Gate::default();
    for _ in 0..8 {
        let passes = gate.clone();
        let _passed = reactor.defer_to_thread(move || passes.pass());
    }
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let late = reactor.defer_to_thread(move || count.fetch_add(1, Ordering::SeqCst));
    let canceller = late.canceller();
    let late = outcome(late);
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&late));
    gate.open();
    reactor.run().expect("all threads have come back");
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

#[test]
fn work_that_finds_the_queue_full_fails_at_once_and_is_dropped() {
    let reactor = Reactor::new().expect("a loop");
    reactor.set_thread_limits(ThreadLimits::new().waiting_jobs(5));
    let queued = queued(&reactor);
    let held = Arc::clone(&queued.held);
    let refused = reactor.defer_to_thread(move || drop(held));
    assert!(refused.is_fired());
    assert_eq!(Arc::strong_count(&queued.held), 6, "it is dropped");
    let failure = reactor.run_until(refused).expect_err("it is refused");
    assert!(matches!(
        failure.check::<ThreadPoolError>(),
        Some(ThreadPoolError::QueueFull)
    ));
    assert_eq!(
        failure.to_string(),
        "too many jobs are waiting for a thread"
    );
    // What was taken is done, and then there is room again.
    queued.gate.open();
    let all = reactor::deferred::gather_results(queued.others);
    reactor.run_until(all).expect("they are done");
    let again = reactor.defer_to_thread(|| 5);
    assert_eq!(reactor.run_until(again).expect("there is room"), 5);
}

#[test]
fn work_that_is_cancelled_makes_room_for_other_work() {
    let reactor = Reactor::new().expect("a loop");
    reactor.set_thread_limits(ThreadLimits::new().waiting_jobs(5));
    let mut queued = queued(&reactor);
    drop(outcome(reactor.defer_to_thread(|| ())));
    let last = queued.others.pop().expect("five of them");
    last.cancel();
    assert!(failed_with::<Cancelled>(&outcome(last)));
    let taken = outcome(reactor.defer_to_thread(|| ()));
    assert!(taken.borrow().is_none(), "it waits");
    queued.gate.open();
    reactor.run().expect("the loop runs");
    assert!(matches!(*taken.borrow(), Some(Ok(()))));
}

#[test]
fn work_begins_in_the_order_in_which_it_was_given() {
    let reactor = Reactor::new().expect("a loop");
    let queued = queued(&reactor);
    let begun: Arc<Mutex<Vec<usize>>> = Arc::default();
    let works = (0..20).map(|n| {
        let begun = Arc::clone(&begun);
        reactor.defer_to_thread(move || begun.lock().expect("nothing panics").push(n))
    });
    let all = reactor::deferred::gather_results(works);
    queued.gate.open();
    reactor.run_until(all).expect("all is done");
    assert_eq!(
        *begun.lock().expect("nothing panics"),
        (0..20).collect::<Vec<_>>()
    );
}

#[test]
fn the_pool_size_leaves_the_other_limits_as_they_are() {
    let reactor = Reactor::new().expect("a loop");
    assert_eq!(reactor.thread_limits(), ThreadLimits::default());
    let limits = ThreadLimits::new().waiting_calls(7).name_threads(2);
    reactor.set_thread_limits(limits);
    reactor.suggest_thread_pool_size(3);
    assert_eq!(reactor.thread_limits(), limits.threads(3));
}

// Calls from threads.

#[test]
fn a_call_that_finds_the_queue_full_comes_back_and_can_be_made_later() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor.set_thread_limits(ThreadLimits::new().waiting_calls(2));
    let remote = reactor.remote();
    let called: Arc<Mutex<Vec<usize>>> = Arc::default();
    let call = |n| {
        let called = Arc::clone(&called);
        move |_: &Reactor| called.lock().expect("nothing panics").push(n)
    };
    for n in 0..2 {
        assert!(remote.call_from_thread(call(n)).is_ok());
    }
    let error = remote.call_from_thread(call(2)).expect_err("it is full");
    assert!(matches!(error, CallFromThreadError::QueueFull(_)));
    assert_eq!(
        error.to_string(),
        "too many calls are waiting for the reactor"
    );
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(*called.lock().expect("nothing panics"), [0, 1]);
    assert!(remote.call_from_thread(error.into_inner()).is_ok());
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(*called.lock().expect("nothing panics"), [0, 1, 2]);
}

#[test]
fn what_threads_have_made_arrives_however_full_the_queue_of_calls_is() {
    let reactor = Reactor::new().expect("a loop");
    reactor.set_thread_limits(ThreadLimits::new().waiting_calls(0));
    let works = (0..100).map(|n| {
        let remote = reactor.remote();
        reactor.defer_to_thread(move || (n, remote.call_from_thread(|_| ()).is_ok()))
    });
    let all = reactor::deferred::gather_results(works);
    let all = reactor.run_until(all).expect("all arrive");
    assert_eq!(all, (0..100).map(|n| (n, false)).collect::<Vec<_>>());
}

#[test]
fn the_calls_of_work_are_made_before_its_deferred_fires() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    let work = reactor.defer_to_thread(move || {
        for _ in 0..100 {
            let counts = Arc::clone(&counts);
            let call = move |_: &Reactor| _ = counts.fetch_add(1, Ordering::SeqCst);
            assert!(remote.call_from_thread(call).is_ok());
        }
    });
    let seen = work.map(move |()| count.load(Ordering::SeqCst));
    assert_eq!(reactor.run_until(seen).expect("it works"), 100);
}

/// Calls the loop from a thread and waits there for the answer, like Twisted's
/// `blockingCallFromThread`.
fn wait_for_the_loop(reactor: &Reactor) -> impl FnOnce() -> Result<u32, mpsc::RecvError> + use<> {
    let remote = reactor.remote();
    let (answer, answered) = mpsc::channel();
    let call = move |_: &Reactor| answer.send(5).expect("the thread waits");
    move || {
        drop(remote.call_from_thread(call));
        drop(remote);
        answered.recv()
    }
}

#[test]
fn work_that_waits_for_the_loop_gets_its_answer() {
    let reactor = Reactor::new().expect("a loop");
    reactor.suggest_thread_pool_size(1);
    let work = reactor.defer_to_thread(wait_for_the_loop(&reactor));
    assert_eq!(reactor.run_until(work).expect("it works"), Ok(5));
}

#[test]
fn a_thread_that_waits_for_a_loop_that_ends_goes_on() {
    let reactor = Reactor::new().expect("a loop");
    let thread = std::thread::spawn(wait_for_the_loop(&reactor));
    drop(reactor);
    assert_eq!(thread.join().expect("it ends"), Err(mpsc::RecvError));

    // So does one in the pool, whose end nobody waits for.
    let reactor = Reactor::new().expect("a loop");
    let (tell, told) = mpsc::channel();
    let waits = wait_for_the_loop(&reactor);
    let work = outcome(reactor.defer_to_thread(move || tell.send(waits())));
    drop(reactor);
    assert!(failed_with::<Abandoned>(&work));
    // It has begun and its call is dropped, or it has not and is dropped itself.
    assert!(!matches!(told.recv(), Ok(Ok(_))));
}
