//! Cancelling reaches what a chain waits for now, and nothing else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use reactor::deferred::{Abandoned, Cancelled, Deferred, Failure, Panicked, Resolver};

use crate::support::{Log, Refused, failure_of, state_of, value_of};

#[test]
fn cancellers_run_in_the_order_in_which_they_were_set_and_the_first_result_counts() {
    let log = Log::default();
    let (resolver, deferred) = Deferred::<u32>::pending();
    let (one, two, three) = (log.clone(), log.clone(), log.clone());
    resolver.on_cancel(move || one.note("one"));
    resolver.on_cancel(move || {
        two.note("two");
        Ok(2)
    });
    resolver.on_cancel(move || {
        three.note("three");
        Some(Ok(3))
    });
    deferred.cancel();
    assert_eq!(log.take(), ["one", "two", "three"]);
    assert_eq!(value_of(deferred), 2);
}

#[test]
fn cancelling_without_a_canceller_fails_and_the_value_that_comes_later_is_dropped() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    deferred.cancel();
    assert!(resolver.is_cancelled());
    resolver.callback(1);
    assert!(failure_of(deferred).check::<Cancelled>().is_some());
}

#[test]
fn a_canceller_that_fires_nothing_leaves_the_deferred_cancelled() {
    let log = Log::default();
    let stopped = log.clone();
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(move || stopped.note("stopped"));
    deferred.cancel();
    assert_eq!(log.take(), ["stopped"]);
    resolver.callback(1);
    assert_eq!(state_of(deferred), "failed: cancelled");
}

#[test]
fn what_the_canceller_returns_is_the_result() {
    let (resolver, deferred) = Deferred::pending();
    resolver.on_cancel(|| Ok(3));
    deferred.cancel();
    resolver.callback(4);
    assert_eq!(value_of(deferred), 3);

    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(|| Err(Refused(1).into()));
    deferred.cancel();
    assert_eq!(state_of(deferred), "failed: refused 1");
}

/// Where a protocol would keep the resolver of a request.
type Request = Rc<RefCell<Option<Resolver<u32>>>>;

#[test]
fn a_canceller_may_fire_the_resolver_itself() {
    let request = Request::default();
    let (resolver, deferred) = Deferred::pending();
    let found = Rc::clone(&request);
    resolver.on_cancel(move || {
        let resolver = found.take().expect("it was put there");
        resolver.callback(5);
    });
    *request.borrow_mut() = Some(resolver);
    deferred.cancel();
    assert_eq!(value_of(deferred), 5);
}

#[test]
fn a_canceller_that_drops_the_resolver_leaves_the_deferred_cancelled() {
    let request = Request::default();
    let (resolver, deferred) = Deferred::pending();
    let found = Rc::clone(&request);
    resolver.on_cancel(move || drop(found.take()));
    *request.borrow_mut() = Some(resolver);
    deferred.cancel();
    assert!(failure_of(deferred).check::<Cancelled>().is_some());
}

#[test]
fn the_canceller_runs_once_however_often_one_cancels() {
    let runs = Rc::new(Cell::new(0));
    let counted = Rc::clone(&runs);
    let (resolver, deferred) = Deferred::<u32>::pending();
    let again = deferred.canceller();
    resolver.on_cancel(move || {
        counted.set(counted.get() + 1);
        assert!(!again.cancel(), "it is being cancelled");
    });
    assert!(deferred.cancel());
    assert!(!deferred.cancel(), "it is cancelled");
    assert_eq!(runs.get(), 1);
    assert_eq!(state_of(deferred), "failed: cancelled");
}

#[test]
fn cancelling_a_fired_deferred_does_nothing() {
    let fired = Deferred::succeed(1);
    assert!(!fired.cancel());
    assert!(!fired.canceller().cancel());
    assert_eq!(value_of(fired), 1);

    let (resolver, deferred) = Deferred::pending();
    resolver.on_cancel(|| Ok(0));
    let canceller = deferred.canceller();
    resolver.callback(1);
    assert!(!deferred.cancel());
    assert!(!canceller.cancel());
    assert_eq!(value_of(deferred), 1);
}

#[test]
fn cancelling_from_the_chain_s_own_callback_does_nothing() {
    let (resolver, deferred) = Deferred::pending();
    let canceller = deferred.canceller();
    let chain = deferred.add_callback(move |value: u32| {
        assert!(!canceller.cancel());
        Ok(value)
    });
    resolver.callback(1);
    assert_eq!(value_of(chain), 1);
}

#[test]
fn cancelling_the_last_link_reaches_the_resolver() {
    let log = Log::default();
    let stopped = log.clone();
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(move || stopped.note("stopped"));
    let chain = deferred.map(|value| value + 1).add_callback(|_| Ok("text"));
    chain.cancel();
    assert_eq!(log.take(), ["stopped"]);
    assert_eq!(state_of(chain), "failed: cancelled");
}

#[test]
fn cancelling_a_chain_cancels_the_deferred_that_its_callback_returned() {
    let log = Log::default();
    let stopped = log.clone();
    let (inner_resolver, inner) = Deferred::<u32>::pending();
    inner_resolver.on_cancel(move || stopped.note("inner stopped"));
    let inner = inner.map(|value| value * 2);
    let (resolver, deferred) = Deferred::pending();
    let chain = deferred
        .add_callback(move |()| inner)
        .map(|value| value + 1);
    resolver.callback(());
    chain.cancel();
    assert_eq!(log.take(), ["inner stopped"]);
    assert_eq!(state_of(chain), "failed: cancelled");
}

#[test]
fn cancelling_reaches_the_second_deferred_that_a_chain_waits_for() {
    let (first_resolver, first) = Deferred::pending();
    let (second_resolver, second) = Deferred::<u32>::pending();
    let chain = Deferred::succeed(()).add_callback(move |()| first.map(|()| ()));
    let (resolver, outer) = Deferred::pending();
    let outer = outer
        .add_callback(move |()| chain)
        .add_callback(move |()| second);
    resolver.callback(());
    first_resolver.callback(());
    outer.cancel();
    assert!(second_resolver.is_cancelled());
    assert_eq!(state_of(outer), "failed: cancelled");
}

#[test]
fn a_canceller_of_the_first_link_reaches_what_the_chain_waits_for_later() {
    let (_inner_resolver, inner) = Deferred::<u32>::pending();
    let (resolver, deferred) = Deferred::pending();
    let canceller = deferred.canceller();
    let chain = deferred
        .add_callback(move |()| inner)
        .map(|value| value + 1);
    resolver.callback(());
    assert_eq!(state_of(Deferred::succeed(())), "()");
    canceller.cancel();
    assert_eq!(state_of(chain), "failed: cancelled");
}

#[test]
fn a_canceller_still_reaches_the_chain_after_each_deferred_returned_another() {
    // The inner chains drop out of the way as soon as they have returned the next.
    let (last_resolver, last) = Deferred::<u32>::pending();
    let log = Log::default();
    let stopped = log.clone();
    last_resolver.on_cancel(move || stopped.note("last stopped"));
    let (middle_resolver, middle) = Deferred::pending();
    let canceller_of_middle = middle.canceller();
    let middle = middle.add_callback(move |()| last);
    let (resolver, deferred) = Deferred::pending();
    let canceller_of_first = deferred.canceller();
    let chain = deferred.add_callback(move |()| middle);
    resolver.callback(());
    middle_resolver.callback(());

    assert!(canceller_of_middle.cancel());

    assert_eq!(log.take(), ["last stopped"]);
    assert_eq!(state_of(chain), "failed: cancelled");
    assert!(!canceller_of_first.cancel(), "it is the same chain by now");
    assert!(log.take().is_empty());
}

#[test]
fn an_errback_may_make_a_value_of_a_cancellation_and_the_chain_goes_on() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let chain = deferred.add_errback(|failure| {
        failure.trap::<Cancelled>()?;
        Ok(0)
    });
    chain.cancel();
    assert_eq!(value_of(chain), 0);
}

#[test]
fn a_canceller_that_panics_fails_the_deferred_with_its_panic() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(|| -> Result<u32, Failure> { panic!("cannot stop") });
    deferred.cancel();
    let failure = failure_of(deferred);
    assert!(failure.check::<Panicked>().is_some());
}

#[test]
fn firing_one_chain_from_another_is_no_way_to_cancel_it() {
    // Twisted's chainDeferred: cancelling the target leaves the source alone.
    let (source_resolver, source) = Deferred::<u32>::pending();
    let (target_resolver, target) = Deferred::<u32>::pending();
    source.add_callback(|value| target_resolver.callback(value));
    target.cancel();
    assert!(!source_resolver.is_cancelled());
    source_resolver.callback(1);
    assert_eq!(state_of(target), "failed: cancelled");
}

#[test]
fn cancelling_a_paused_chain_that_has_its_result_fails_it() {
    let (paused, pause) = Deferred::succeed(1).pause();
    assert!(paused.cancel());
    pause.unpause();
    assert_eq!(state_of(paused), "failed: cancelled");
}

#[test]
fn a_resolver_that_is_dropped_fires_abandoned_with_the_place_where_it_was_made() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    let line = line!() - 1;
    drop(resolver);
    let failure = failure_of(deferred);
    let abandoned = failure.check::<Abandoned>().expect("it was abandoned");
    assert_eq!(
        (abandoned.made().file(), abandoned.made().line()),
        (file!(), line)
    );
}

#[test]
fn a_failure_names_the_place_of_the_cancellation() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    deferred.cancel();
    let line = line!() - 1;
    assert_eq!(failure_of(deferred).origin().line(), line);
}
