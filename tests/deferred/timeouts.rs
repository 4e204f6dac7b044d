//! Timeouts, on a clock that a test turns.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use reactor::deferred::{Clock, Deferred, Failure, TimedOut};

use crate::support::{failure_of, state_of, value_of};

#[derive(Clone, Default)]
struct TestClock {
    now: Rc<Cell<Duration>>,
    calls: Rc<RefCell<BTreeMap<(Duration, usize), Call>>>,
    made: Rc<Cell<usize>>,
}

type Call = Box<dyn FnOnce()>;

impl TestClock {
    fn advance(&self, milliseconds: u64) {
        let now = self.now.get() + Duration::from_millis(milliseconds);
        self.now.set(now);
        loop {
            let mut calls = self.calls.borrow_mut();
            let Some(due) = calls.first_entry().filter(|call| call.key().0 <= now) else {
                return;
            };
            let call = due.remove();
            drop(calls);
            call();
        }
    }

    fn pending(&self) -> usize {
        self.calls.borrow().len()
    }
}

impl Clock for TestClock {
    fn schedule(&self, delay: Duration, call: Call) -> Call {
        self.made.set(self.made.get() + 1);
        let key = (self.now.get() + delay, self.made.get());
        self.calls.borrow_mut().insert(key, call);
        let calls = Rc::clone(&self.calls);
        Box::new(move || drop(calls.borrow_mut().remove(&key)))
    }
}

const FIVE: Duration = Duration::from_secs(5);

#[test]
fn a_timeout_comes_at_its_time_and_not_before() {
    let clock = TestClock::default();
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let line = line!() + 1;
    let deferred = deferred.add_timeout(FIVE, &clock);
    clock.advance(4_900);
    assert!(!deferred.is_fired());
    clock.advance(100);
    let failure = failure_of(deferred);
    let timed_out = failure.check::<TimedOut>().expect("it has timed out");
    assert_eq!(timed_out.after(), FIVE);
    assert_eq!(failure.origin().line(), line);
}

#[test]
fn a_result_takes_the_call_off_the_clock() {
    let clock = TestClock::default();
    let (resolver, deferred) = Deferred::pending();
    let deferred = deferred.add_timeout(FIVE, &clock);
    assert_eq!(clock.pending(), 1);
    resolver.callback(1);
    assert_eq!(clock.pending(), 0);
    clock.advance(6_000);
    assert_eq!(value_of(deferred), 1);
}

#[test]
fn a_fired_deferred_needs_no_call() {
    let clock = TestClock::default();
    let deferred = Deferred::succeed(1).add_timeout(FIVE, &clock);
    assert_eq!(clock.made.get(), 0);
    assert_eq!(value_of(deferred), 1);
}

#[test]
fn a_slow_callback_added_before_the_timeout_is_covered() {
    let clock = TestClock::default();
    let (_slow_resolver, slow) = Deferred::<u32>::pending();
    let (resolver, deferred) = Deferred::pending();
    let deferred = deferred
        .add_callback(move |()| slow)
        .add_timeout(FIVE, &clock);
    resolver.callback(());
    clock.advance(5_000);
    assert_eq!(state_of(deferred), "failed: timed out after 5s");
}

#[test]
fn a_slow_callback_added_after_the_timeout_is_not_covered() {
    let clock = TestClock::default();
    let (slow_resolver, slow) = Deferred::<u32>::pending();
    let (resolver, deferred) = Deferred::pending();
    let deferred = deferred
        .add_timeout(FIVE, &clock)
        .add_callback(move |()| slow);
    resolver.callback(());
    clock.advance(6_000);
    assert!(!deferred.is_fired());
    slow_resolver.callback(1);
    assert_eq!(value_of(deferred), 1);
}

#[test]
fn cancelling_by_hand_is_no_timeout() {
    let clock = TestClock::default();
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let deferred = deferred.add_timeout(FIVE, &clock);
    deferred.cancel();
    assert_eq!(clock.pending(), 0);
    assert_eq!(state_of(deferred), "failed: cancelled");
}

#[test]
fn a_value_that_the_canceller_gives_at_the_timeout_wins() {
    let clock = TestClock::default();
    let (resolver, deferred) = Deferred::pending();
    resolver.on_cancel(|| Ok(7));
    let deferred = deferred.add_timeout(FIVE, &clock);
    clock.advance(5_000);
    assert_eq!(value_of(deferred), 7);
}

#[test]
fn what_is_done_at_the_timeout_replaces_the_result() {
    let clock = TestClock::default();
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let deferred = deferred.add_timeout_with(FIVE, &clock, |result: Result<u32, Failure>| {
        assert!(result.is_err());
        Ok(8)
    });
    clock.advance(5_000);
    assert_eq!(value_of(deferred), 8);
}

#[test]
fn the_shorter_of_two_timeouts_wins() {
    let clock = TestClock::default();
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let deferred = deferred
        .add_timeout(FIVE, &clock)
        .add_timeout(Duration::from_secs(1), &clock);
    clock.advance(1_000);
    assert_eq!(state_of(deferred), "failed: timed out after 1s");
    assert_eq!(clock.pending(), 0);
}
