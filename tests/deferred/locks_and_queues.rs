//! Locks, semaphores and queues.

use std::cell::Cell;
use std::rc::Rc;

use reactor::deferred::{Abandoned, Deferred, Failure, Lock, Queue, QueueUnderflow, Semaphore};

use crate::support::{Log, failure_of, state_of, value_of};

#[test]
fn a_lock_is_given_in_the_order_of_asking() {
    let log = Log::default();
    let lock = Lock::new();
    let held = value_of(lock.acquire());
    for name in ["B", "C"] {
        let log = log.clone();
        lock.acquire().add_callback(move |permit| {
            log.note(name);
            permit.release();
        });
    }
    assert!(log.take().is_empty());
    held.release();
    assert_eq!(log.take(), ["B", "C"]);
    assert!(!lock.is_locked());
}

#[test]
fn one_who_gives_up_waiting_is_left_out() {
    let semaphore = Semaphore::new(1);
    let held = value_of(semaphore.acquire());
    let (second, third) = (semaphore.acquire(), semaphore.acquire());
    second.cancel();
    assert_eq!(semaphore.waiting(), 1);
    assert_eq!(state_of(second), "failed: cancelled");
    held.release();
    assert!(third.is_fired());
    assert_eq!(semaphore.free(), 0);
}

#[test]
fn cancelling_after_the_lock_is_held_does_nothing() {
    let lock = Lock::new();
    let acquired = lock.acquire();
    acquired.cancel();
    value_of(acquired).release();
}

#[test]
fn a_lock_is_released_when_the_function_panics_or_is_cancelled() {
    let lock = Lock::new();
    let panicked = lock.run(|| -> Result<(), Failure> { panic!("inside") });
    assert!(!lock.is_locked());
    assert_eq!(state_of(panicked), "failed: panicked: inside");

    let (_resolver, deferred) = Deferred::<u32>::pending();
    let running = lock.run(|| deferred);
    assert!(lock.is_locked());
    running.cancel();
    assert!(!lock.is_locked());
    assert_eq!(state_of(running), "failed: cancelled");
}

#[test]
fn a_lock_is_released_when_what_was_run_is_done() {
    let lock = Lock::new();
    let (resolver, deferred) = Deferred::pending();
    let first = lock.run(|| deferred);
    let second = lock.run(|| Ok("second"));
    assert!(!second.is_fired());
    resolver.callback("first");
    assert_eq!(value_of(first), "first");
    assert_eq!(value_of(second), "second");
}

#[test]
#[should_panic(expected = "a semaphore without permits never lets anyone in")]
fn a_semaphore_without_permits_is_refused() {
    let _ = Semaphore::new(0);
}

#[test]
fn a_semaphore_lets_in_as_many_as_it_has_permits() {
    let semaphore = Semaphore::new(2);
    let inside = Rc::new(Cell::new(0));
    let most = Rc::new(Cell::new(0));
    let mut resolvers = Vec::new();
    for _ in 0..10 {
        let (resolver, deferred) = Deferred::pending();
        resolvers.push(resolver);
        let (inside, most) = (Rc::clone(&inside), Rc::clone(&most));
        semaphore.run(move || {
            inside.set(inside.get() + 1);
            most.set(most.get().max(inside.get()));
            deferred.map(move |()| inside.set(inside.get() - 1))
        });
    }
    assert_eq!((inside.get(), semaphore.waiting()), (2, 8));
    resolvers
        .into_iter()
        .for_each(|resolver| resolver.callback(()));
    assert_eq!((inside.get(), most.get(), semaphore.free()), (0, 2, 2));
}

#[test]
fn one_who_waits_for_a_queue_gets_the_next_item_inside_put() {
    let queue = Queue::new();
    let (first, second) = (queue.get(), queue.get());
    queue.put("a").expect("someone waits");
    assert_eq!(value_of(first), "a");
    queue.put("b").expect("someone waits");
    queue.put("c").expect("it has no limit");
    assert_eq!(value_of(second), "b");
    assert_eq!(value_of(queue.get()), "c");
}

#[test]
fn a_full_queue_gives_the_item_back_and_a_full_row_fails() {
    let queue = Queue::bounded(1, 1);
    let waiting = queue.get();
    assert!(failure_of(queue.get()).check::<QueueUnderflow>().is_some());
    queue.put(1).expect("someone waits");
    queue.put(2).expect("there is room for one");
    let refused = queue.put(3).expect_err("there is room for one only");
    assert_eq!(refused.0, 3);
    assert_eq!(value_of(waiting), 1);
}

#[test]
fn one_who_gives_up_does_not_swallow_the_next_item() {
    let queue = Queue::new();
    let (first, second) = (queue.get(), queue.get());
    first.cancel();
    queue.put(1).expect("it has no limit");
    assert_eq!(value_of(second), 1);
    assert_eq!(state_of(first), "failed: cancelled");
}

#[test]
fn a_get_of_a_queue_that_is_dropped_is_abandoned() {
    let queue = Queue::<u32>::new();
    let waiting = queue.get();
    drop(queue);
    assert!(failure_of(waiting).check::<Abandoned>().is_some());
}

#[test]
fn a_million_who_wait_for_a_lock_get_it() {
    let lock = Lock::new();
    let held = value_of(lock.acquire());
    for _ in 0..1_000_000 {
        lock.acquire().add_callback(|permit| permit.release());
    }
    held.release();
    assert!(!lock.is_locked());
}
