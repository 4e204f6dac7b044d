//! Calls of other threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reactor::Reactor;
use reactor::testing::Simulation;

use crate::support::SECOND;

#[test]
fn calls_from_four_threads_are_all_made_each_threads_in_their_order() {
    const CALLS: usize = 25_000;
    let reactor = Reactor::new().expect("a loop");
    let seen: Arc<Mutex<[usize; 4]>> = Arc::default();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (remote, seen) = (reactor.remote(), Arc::clone(&seen));
            std::thread::spawn(move || {
                for n in 0..CALLS {
                    let seen = Arc::clone(&seen);
                    let call = move |_: &Reactor| {
                        let mut seen = seen.lock().expect("nothing panics");
                        assert_eq!(seen[thread], n);
                        seen[thread] += 1;
                    };
                    remote.call_from_thread(call).expect("the loop is there");
                }
            })
        })
        .collect();
    // Returns when the last handle is dropped and the last call made.
    reactor.run().expect("the loop runs");
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("the thread ends"));
    assert_eq!(*seen.lock().expect("nothing panics"), [CALLS; 4]);
}

#[test]
fn a_call_from_a_thread_may_make_another_which_waits_for_its_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let remote = reactor.remote();
    let count = Arc::new(AtomicUsize::new(0));
    // Before the loop runs, too.
    let for_call = Arc::clone(&count);
    let called = remote.call_from_thread(move |reactor| {
        for_call.fetch_add(1, Ordering::SeqCst);
        let again = Arc::clone(&for_call);
        let called = reactor.remote().call_from_thread(move |_| {
            again.fetch_add(1, Ordering::SeqCst);
        });
        called.expect("the loop is there");
    });
    called.expect("the loop is there");
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_loop_that_is_gone_gives_the_call_back() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    remote
        .call_from_thread(move |_| drop(held))
        .expect("the loop is there");
    drop(reactor);
    assert_eq!(
        Arc::strong_count(&alive),
        1,
        "calls that were not made are dropped with the loop"
    );
    let error = remote
        .clone()
        .call_from_thread(|_| ())
        .expect_err("the loop is gone");
    assert_eq!(error.to_string(), "the reactor is gone");
}

#[test]
fn a_sleeping_loop_is_woken_by_a_call_of_another_thread() {
    let reactor = Reactor::new().expect("a loop");
    // Kept here: dropping the last one wakes the loop, too.
    let remote = reactor.remote();
    let for_thread = remote.clone();
    let thread = std::thread::spawn(move || {
        std::thread::yield_now();
        let called = for_thread.call_from_thread(Reactor::stop);
        called.map_err(|_| ()).expect("the loop is there");
    });
    let began = Instant::now();
    let weak = reactor.downgrade();
    reactor.call_later(10 * SECOND, move || {
        weak.upgrade().expect("it runs this").stop();
    });
    reactor.run().expect("the loop runs");
    assert!(began.elapsed() < 5 * SECOND);
    thread.join().expect("the thread ends");
    drop(remote);
}
