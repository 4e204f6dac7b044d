//! A million of everything: no recursion, neither when fired nor when dropped, and no garbage.
//!
//! A test's thread has 2 MiB of stack, and in a debug build one recursion of 100,000 needs more.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use reactor::deferred::{Deferred, Resolver};

use crate::support::{failure_of, value_of};

const MILLION: u64 = 1_000_000;

fn chain_of_a_million() -> (Resolver<u64>, Deferred<u64>) {
    let (resolver, mut deferred) = Deferred::pending();
    for _ in 0..MILLION {
        deferred = deferred.add_callback(|value| Ok(value + 1));
    }
    (resolver, deferred)
}

#[test]
fn a_chain_of_a_million_callbacks_fires() {
    let (resolver, deferred) = chain_of_a_million();
    resolver.callback(0);
    assert_eq!(value_of(deferred), MILLION);
}

#[test]
fn a_chain_of_a_million_callbacks_is_dropped_unfired_from_either_end() {
    let (resolver, deferred) = chain_of_a_million();
    drop(resolver);
    drop(failure_of(deferred));

    let (resolver, deferred) = chain_of_a_million();
    drop(deferred);
    resolver.callback(0);
}

#[test]
fn a_chain_of_a_million_callbacks_is_cancelled() {
    let (_resolver, deferred) = chain_of_a_million();
    deferred.cancel();
    drop(failure_of(deferred));
}

#[test]
fn a_million_callbacks_are_added_to_a_fired_deferred() {
    let mut deferred = Deferred::succeed(0);
    for _ in 0..MILLION {
        deferred = deferred.add_callback(|value| Ok(value + 1));
    }
    assert_eq!(value_of(deferred), MILLION);
}

/// A million chains, each of which waits for the one before because its callback returned it.
fn nest_of_a_million() -> (Resolver<u64>, Deferred<u64>) {
    let (innermost, mut deferred) = Deferred::pending();
    for _ in 0..MILLION {
        let (resolver, outer) = Deferred::pending();
        let outer = outer
            .add_callback(move |()| deferred)
            .map(|value| value + 1);
        resolver.callback(());
        deferred = outer;
    }
    (innermost, deferred)
}

#[test]
fn a_nest_of_a_million_deferreds_fires_from_the_innermost() {
    let (innermost, outermost) = nest_of_a_million();
    innermost.callback(0);
    assert_eq!(value_of(outermost), MILLION);
}

#[test]
fn a_nest_of_a_million_deferreds_is_dropped_unfired_or_cancelled() {
    let (innermost, outermost) = nest_of_a_million();
    drop(innermost);
    drop(failure_of(outermost));

    let (_innermost, outermost) = nest_of_a_million();
    outermost.cancel();
    drop(failure_of(outermost));
}

/// A million chains whose callbacks hold the next and have not run.
fn box_in_a_box_a_million_times() -> (Vec<Resolver<()>>, Deferred<()>) {
    let (resolver, mut deferred) = Deferred::pending();
    let mut resolvers = vec![resolver];
    for _ in 0..MILLION {
        let (resolver, outer) = Deferred::pending();
        deferred = outer.add_callback(move |()| deferred);
        resolvers.push(resolver);
    }
    (resolvers, deferred)
}

#[test]
fn a_million_deferreds_inside_callbacks_that_never_ran_are_dropped() {
    let _quiet = reactor::deferred::on_unhandled_failure(|_| {});
    let (resolvers, deferred) = box_in_a_box_a_million_times();
    drop(deferred);
    drop(resolvers);

    let (mut resolvers, deferred) = box_in_a_box_a_million_times();
    resolvers.reverse();
    drop(resolvers);
    drop(failure_of(deferred));

    let (resolvers, deferred) = box_in_a_box_a_million_times();
    resolvers
        .into_iter()
        .rev()
        .for_each(|resolver| resolver.callback(()));
    value_of(deferred);
}

/// A million chains, each fired by a callback of the one before.
fn a_million_chains_that_fire_each_other() -> (Resolver<u64>, Deferred<u64>) {
    let (resolver, mut deferred) = Deferred::pending();
    for _ in 0..MILLION {
        let (next_resolver, next) = Deferred::pending();
        deferred.add_callbacks(|value: u64| next_resolver.callback(value + 1), |_| ());
        deferred = next;
    }
    (resolver, deferred)
}

#[test]
fn a_million_chains_that_fire_each_other_keep_their_value() {
    let (resolver, deferred) = a_million_chains_that_fire_each_other();
    resolver.callback(0);
    assert_eq!(value_of(deferred), MILLION);
}

#[test]
fn a_million_chains_that_hold_each_other_s_resolvers_are_dropped_unfired() {
    let (resolver, deferred) = a_million_chains_that_fire_each_other();
    drop(resolver);
    drop(failure_of(deferred));
}

/// A loop that returns a Deferred of itself, of Deferreds that are fired already.
fn count_down_fired(rounds: u64) -> Deferred<u64> {
    if rounds == 0 {
        return Deferred::succeed(0);
    }
    Deferred::succeed(rounds - 1).add_callback(count_down_fired)
}

/// The same, of Deferreds that are fired while the callback runs.
fn count_down_firing(rounds: u64) -> Deferred<u64> {
    if rounds == 0 {
        return Deferred::succeed(0);
    }
    let (resolver, deferred) = Deferred::pending();
    let round = deferred.add_callback(count_down_firing);
    resolver.callback(rounds - 1);
    round
}

type Later = Rc<RefCell<VecDeque<Resolver<()>>>>;

/// The same, of Deferreds that are fired later by someone else.
fn count_down_later(rounds: u64, later: Later) -> Deferred<u64> {
    if rounds == 0 {
        return Deferred::succeed(0);
    }
    let (resolver, deferred) = Deferred::pending();
    later.borrow_mut().push_back(resolver);
    deferred.add_callback(move |()| count_down_later(rounds - 1, later))
}

/// Kilobytes that this process has in memory.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_loop_of_ten_million_rounds_waits_in_constant_memory() {
    let later = Later::default();
    let counted = count_down_later(10 * MILLION, Rc::clone(&later));
    let mut after_a_while = None;
    let mut rounds = 0;
    loop {
        let Some(resolver) = later.borrow_mut().pop_front() else {
            break;
        };
        resolver.callback(());
        rounds += 1;
        if rounds == MILLION {
            after_a_while = resident();
        }
    }
    assert_eq!((rounds, value_of(counted)), (10 * MILLION, 0));
    stayed_small(after_a_while);
}

#[test]
fn a_loop_of_ten_million_rounds_that_never_wait_needs_no_stack_and_no_memory() {
    let before = resident();
    assert_eq!(value_of(count_down_fired(10 * MILLION)), 0);
    assert_eq!(value_of(count_down_firing(MILLION)), 0);
    stayed_small(before);
}

/// Other tests run at the same time, so this only holds for what a leak of each round would be:
/// ten million rounds of hundreds of bytes are gigabytes.
fn stayed_small(before: Option<u64>) {
    let (Some(before), Some(after)) = (before, resident()) else {
        return; // no such file on this system
    };
    assert!(
        after < before + 1_000_000,
        "from {before} KiB to {after} KiB"
    );
}
