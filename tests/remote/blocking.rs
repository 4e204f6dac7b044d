//! Calls on the loop that a thread waits for.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use reactor::threads::BlockingCallError;
use reactor::{Deferred, Failure, Reactor, Resolver, ThreadLimits};

use crate::support::millis;

/// Makes a blocking call on a thread while the loop runs, and returns what the thread got.
fn on_a_thread<T: Send + 'static>(
    f: impl FnOnce(&Reactor) -> Result<T, Failure> + Send + 'static,
) -> Result<T, BlockingCallError> {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let thread = thread::spawn(move || remote.blocking_call_from_thread(f));
    reactor.run().expect("the loop runs");
    thread.join().expect("it ends")
}

#[test]
fn a_thread_gets_the_result_of_its_call_on_the_loop() {
    let there = on_a_thread(|_| Ok(thread::current().id()));
    assert_eq!(there, Ok(thread::current().id()));
    let failed = on_a_thread(|_| Err::<(), _>(Failure::message("the pot is empty")));
    let failure = BlockingCallError::Failed("the pot is empty".to_owned());
    assert_eq!(failed, Err(failure.clone()));
    assert_eq!(failure.to_string(), "the pot is empty");
    let panicked = on_a_thread(|_| -> Result<(), Failure> { panic!("a mistake") });
    let panic = BlockingCallError::Panicked("a mistake".to_owned());
    assert_eq!(panicked, Err(panic));
}

#[test]
fn a_thread_waits_for_the_deferred_of_its_call() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let thread = thread::spawn(move || {
        let tea = |reactor: &Reactor| reactor.defer_later(millis(5)).map(|()| "tea");
        let first = remote.blocking_call_from_thread(tea);
        let never = |_: &Reactor| Deferred::<()>::pending().1; // its resolver is dropped
        (first, remote.blocking_call_from_thread(never))
    });
    reactor.run().expect("the loop runs");
    let (tea, abandoned) = thread.join().expect("it ends");
    assert_eq!(tea, Ok("tea"));
    assert!(matches!(abandoned, Err(BlockingCallError::Failed(_))));
}

#[test]
fn the_loops_own_thread_gets_an_error_and_does_not_wait_for_itself() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    assert_eq!(
        remote.blocking_call_from_thread(|_| ()),
        Err(BlockingCallError::OnLoopThread)
    );
    let (to_tell, told) = mpsc::channel();
    reactor.call_soon(move || {
        let inside = remote.blocking_call_from_thread(|_| ());
        to_tell.send(inside).expect("the test waits");
    });
    reactor.run().expect("the loop runs");
    assert_eq!(told.recv(), Ok(Err(BlockingCallError::OnLoopThread)));
}

#[test]
fn a_call_for_which_the_queue_has_no_room_is_an_error() {
    let reactor = Reactor::new().expect("a loop");
    reactor.set_thread_limits(ThreadLimits::new().waiting_calls(0));
    let remote = reactor.remote();
    let thread = thread::spawn(move || remote.blocking_call_from_thread(|_| ()));
    assert_eq!(
        thread.join().expect("it ends"),
        Err(BlockingCallError::QueueFull)
    );
}

/// A thread whose call is made and waits for a Deferred that nothing fires.
fn waits_for_ever(
    reactor: &Reactor,
) -> (
    thread::JoinHandle<Result<(), BlockingCallError>>,
    mpsc::Receiver<()>,
) {
    let remote = reactor.remote();
    let (to_tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        remote.blocking_call_from_thread(move |_| {
            let (resolver, deferred) = Deferred::<()>::pending();
            keep(resolver);
            to_tell.send(()).expect("the test waits");
            deferred
        })
    });
    (thread, told)
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Resolver<()>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn keep(resolver: Resolver<()>) {
    KEPT.with_borrow_mut(|kept| kept.push(resolver));
}

#[test]
fn a_loop_that_stops_ends_the_wait_and_none_begins_before_it_runs_again() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let (thread, called) = waits_for_ever(&reactor);
    let stop = reactor.clone();
    reactor.call_later(millis(1), move || poll(&stop, called));
    reactor.run().expect("the loop runs");
    // Joined while the loop is there: without the error this would wait for ever.
    assert_eq!(
        thread.join().expect("it ends"),
        Err(BlockingCallError::Stopped)
    );
    let late = remote.clone();
    let late = thread::spawn(move || late.blocking_call_from_thread(|_| ()));
    assert_eq!(
        late.join().expect("it ends"),
        Err(BlockingCallError::Stopped)
    );
    let again = reactor.clone();
    reactor.call_soon(move || {
        let call = move || remote.blocking_call_from_thread(|reactor| reactor.stop());
        let answered = again.defer_to_thread(call);
        answered.add_callback(|answer| {
            assert_eq!(answer, Ok(()));
            Ok(())
        });
    });
    reactor.run().expect("it runs again");
}

/// Stops the loop when the call was made.
fn poll(reactor: &Reactor, called: mpsc::Receiver<()>) {
    if called.try_recv().is_ok() {
        return reactor.stop();
    }
    let again = reactor.clone();
    reactor.call_later(millis(1), move || poll(&again, called));
}

#[test]
fn a_loop_that_is_dropped_ends_the_wait_also_of_calls_that_were_made() {
    let reactor = Reactor::new().expect("a loop");
    let (thread, called) = waits_for_ever(&reactor);
    while called.try_recv().is_err() {
        reactor.turn(Some(Duration::ZERO)).expect("a turn");
    }
    drop(reactor);
    assert_eq!(
        thread.join().expect("it ends"),
        Err(BlockingCallError::ReactorGone)
    );
}

#[test]
fn a_call_that_waits_for_a_loop_which_is_dropped_before_it_runs_is_not_made() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let thread = thread::spawn(move || {
        remote.blocking_call_from_thread(|_| -> Result<(), Failure> { panic!("it is not called") })
    });
    drop(reactor);
    assert_eq!(
        thread.join().expect("it ends"),
        Err(BlockingCallError::ReactorGone)
    );
}

#[test]
fn work_of_the_pool_may_wait_for_the_loop_also_while_it_stops() {
    let reactor = Reactor::new().expect("a loop");
    reactor.suggest_thread_pool_size(1);
    let remote = reactor.remote();
    let work = reactor.defer_to_thread(move || {
        remote.blocking_call_from_thread(|reactor| {
            reactor.stop();
            reactor.defer_later(millis(5))
        })
    });
    assert_eq!(reactor.run_until(work).expect("it works"), Ok(()));
}
