//! Order, columns, and Deferreds that callbacks return.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::deferred::{Circular, Deferred, Failure, Panicked, maybe_deferred};

use crate::support::{Log, Refused, failure_of, state_of, value_of};

#[test]
fn callbacks_run_in_order_inside_the_call_that_fires_each_with_the_value_before() {
    let log = Log::default();
    let (one, two, three) = (log.clone(), log.clone(), log.clone());
    let (resolver, deferred) = Deferred::pending();
    deferred
        .add_callback(move |value: u32| {
            one.note(value);
            Ok(value + 1)
        })
        .add_callback(move |value| {
            two.note(value);
            Ok(value.to_string())
        })
        .add_callback(move |text| three.note(text));
    assert!(log.take().is_empty());

    resolver.callback(1);

    assert_eq!(log.take(), ["1", "2", "2"]);
}

#[test]
fn a_callback_added_to_a_fired_deferred_runs_at_once() {
    let log = Log::default();
    let inside = log.clone();
    Deferred::succeed(5).add_callback(move |value| inside.note(value));
    log.note("added");
    assert_eq!(log.take(), ["5", "added"]);

    let (resolver, deferred) = Deferred::pending();
    resolver.callback(6);
    let inside = log.clone();
    deferred.add_callback(move |value: u32| inside.note(value));
    assert_eq!(log.take(), ["6"]);
}

#[test]
fn a_question_mark_in_a_closure_that_ends_in_ok_needs_no_annotation() {
    let parsed = Deferred::succeed(b"42".to_vec()).add_callback(|bytes| {
        let number: u32 = String::from_utf8(bytes)?.parse()?;
        Ok(number)
    });
    assert_eq!(value_of(parsed), 42);
}

#[test]
fn a_failing_callback_does_not_reach_the_errback_beside_it_but_the_next() {
    let log = Log::default();
    let (beside, next) = (log.clone(), log.clone());
    Deferred::succeed(1)
        .add_callbacks(
            |_| Err::<(), Failure>(Refused(1).into()),
            move |_| beside.note("beside"),
        )
        .add_errback(move |failure| next.note(failure));
    assert_eq!(log.take(), ["refused 1"]);
}

#[test]
fn an_errback_that_returns_a_value_leads_back_to_the_callbacks() {
    let log = Log::default();
    let (errback, callback) = (log.clone(), log.clone());
    let deferred = Deferred::<u32>::fail(Refused(1))
        .add_errback(|_| Ok(7))
        .add_errback(move |_| errback.note("second errback"))
        .add_callback(move |()| callback.note("callback"));
    drop(deferred);
    assert_eq!(log.take(), ["callback"]);
}

#[test]
fn an_errback_that_fails_leads_to_the_next_errback() {
    let failed_again = Deferred::<u32>::fail(Refused(1))
        .add_errback(Err)
        .add_callback(|_| Ok(1))
        .add_errback(|_| Err(Refused(2).into()));
    assert_eq!(failure_of(failed_again).to_string(), "refused 2");
}

#[test]
fn firing_with_a_failure_takes_the_errbacks() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.errback(Refused(3));
    assert_eq!(state_of(deferred), "failed: refused 3");

    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.fire(Err(Failure::message("by hand")));
    assert_eq!(state_of(deferred), "failed: by hand");
}

#[test]
fn a_value_passes_over_errbacks_and_a_failure_over_callbacks() {
    let value = Deferred::succeed(1)
        .add_errback(|_| Ok(2))
        .add_errback(|_| Deferred::succeed(3));
    assert_eq!(value_of(value), 1);

    let failed = Deferred::<u32>::fail(Refused(4))
        .map(|value| value + 1)
        .add_callback(|_| Ok(1));
    assert_eq!(failure_of(failed).check(), Some(&Refused(4)));
}

#[test]
fn an_errback_that_returns_nothing_makes_a_deferred_of_nothing() {
    value_of(Deferred::succeed("a value").add_errback(|_| ()));
    value_of(Deferred::<&str>::fail(Refused(1)).add_errback(|_| ()));
}

#[test]
fn add_both_runs_either_way_and_decides() {
    let log = Log::default();
    let cleaned = log.clone();
    let value = Deferred::succeed(1).add_both(move |result| {
        cleaned.note("clean");
        result
    });
    assert_eq!(value_of(value), 1);

    let cleaned = log.clone();
    let failed = Deferred::<u32>::fail(Refused(1)).add_both(move |result| {
        cleaned.note("clean");
        result
    });
    assert_eq!(failure_of(failed).to_string(), "refused 1");
    assert_eq!(log.take(), ["clean", "clean"]);
}

#[test]
fn a_panic_in_any_function_becomes_a_failure() {
    let panics: Vec<Deferred<u32>> = vec![
        Deferred::succeed(1).add_callback(|_| -> Result<u32, Failure> { panic!("callback") }),
        Deferred::<u32>::fail(Refused(1))
            .add_errback(|_| -> Result<u32, Failure> { panic!("errback") }),
        Deferred::succeed(1).add_both(|_| -> Result<u32, Failure> { panic!("both") }),
        Deferred::succeed(1).map(|value: u32| value / (value - 1)),
    ];
    let texts: Vec<String> = panics
        .into_iter()
        .map(|deferred| {
            let failure = failure_of(deferred);
            assert!(failure.check::<Panicked>().is_some());
            failure.to_string()
        })
        .collect();
    assert_eq!(
        texts,
        [
            "panicked: callback",
            "panicked: errback",
            "panicked: both",
            "panicked: attempt to divide by zero"
        ]
    );
}

#[test]
fn after_a_panic_the_resolver_is_none_the_worse() {
    let (resolver, deferred) = Deferred::pending();
    let recovered = deferred
        .add_callback(|_: u32| -> Result<u32, Failure> { panic!("late") })
        .add_errback(|_| Ok(9));
    resolver.callback(1);
    assert_eq!(value_of(recovered), 9);
}

#[test]
fn a_chain_waits_for_the_deferred_that_a_callback_returns() {
    let log = Log::default();
    let after = log.clone();
    let (inner_resolver, inner) = Deferred::pending();
    let (resolver, deferred) = Deferred::pending();
    deferred
        .add_callback(move |()| inner)
        .add_callback(move |value: u32| after.note(value));

    resolver.callback(());
    assert!(log.take().is_empty());
    inner_resolver.callback(8);
    assert_eq!(log.take(), ["8"]);
}

#[test]
fn callbacks_may_be_added_while_the_chain_waits_for_a_returned_deferred() {
    let (inner_resolver, inner) = Deferred::pending();
    let chain = Deferred::succeed(())
        .add_callback(move |()| inner.map(|value: u32| value + 1))
        .map(|value| value + 10);
    let (second_resolver, second) = Deferred::pending();
    let (resolver, deferred) = Deferred::pending();
    let waiting = deferred.add_callback(move |()| second);
    resolver.callback(());
    let waiting = waiting.map(|value: u32| value + 1).map(|value| value + 1);
    second_resolver.callback(1);
    assert_eq!(value_of(waiting), 3);
    inner_resolver.callback(1);
    assert_eq!(value_of(chain), 12);
}

#[test]
fn the_chain_goes_on_at_once_if_the_returned_deferred_is_fired() {
    let chained = Deferred::succeed(1).add_callback(|value| Deferred::succeed(value + 1));
    assert_eq!(value_of(chained), 2);

    let (resolver, deferred) = Deferred::pending();
    let chained = deferred.add_callback(|value: u32| Deferred::succeed(value + 1));
    resolver.callback(1);
    assert_eq!(value_of(chained), 2);
}

#[test]
fn callbacks_of_the_returned_deferred_run_before_the_chain_goes_on() {
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let (inner_resolver, inner) = Deferred::pending();
    let inner = inner.add_callback(move |value: u32| {
        first.note("inner");
        Ok(value)
    });
    Deferred::succeed(())
        .add_callback(move |()| inner)
        .add_callback(move |_| second.note("outer"));
    inner_resolver.callback(1);
    assert_eq!(log.take(), ["inner", "outer"]);
}

#[test]
fn the_failure_of_a_returned_deferred_goes_to_the_next_errback() {
    let (inner_resolver, inner) = Deferred::<u32>::pending();
    let chain = Deferred::succeed(())
        .add_callback(move |()| inner)
        .add_errback(|failure| {
            failure.trap::<Refused>()?;
            Ok(0)
        });
    inner_resolver.errback(Refused(1));
    assert_eq!(value_of(chain), 0);
}

#[test]
fn a_callback_that_fires_another_chain_runs_it_before_it_returns() {
    let log = Log::default();
    let (before, inside, after) = (log.clone(), log.clone(), log.clone());
    let (inner_resolver, inner) = Deferred::pending();
    inner.add_callback(move |()| inside.note("inside"));
    let (resolver, deferred) = Deferred::pending();
    deferred
        .add_callback(move |()| {
            before.note("before");
            inner_resolver.callback(());
            before.note("after");
        })
        .add_callback(move |()| after.note("next"));
    resolver.callback(());
    assert_eq!(log.take(), ["before", "inside", "after", "next"]);
}

/// Where a careless program keeps Deferreds.
type Slot = Rc<RefCell<Option<Deferred<()>>>>;

#[test]
fn a_callback_that_returns_its_own_deferred_through_a_shared_place_fails() {
    let slot: Slot = Rc::default();
    let inside = Rc::clone(&slot);
    let (resolver, deferred) = Deferred::pending();
    let own = deferred.add_callback(move |()| inside.take().expect("it was put there"));
    let (seen, log) = (Log::default(), Log::default());
    let noted = seen.clone();
    let own = own.add_errback(move |failure| {
        noted.note(failure.check::<Circular>().is_some());
        log.note(failure);
    });
    *slot.borrow_mut() = Some(own);
    resolver.callback(());
    assert_eq!(seen.take(), ["true"]);
}

#[test]
fn two_chains_that_wait_for_each_other_fail() {
    let slot: Slot = Rc::default();
    let inside = Rc::clone(&slot);
    let (one_resolver, one) = Deferred::<()>::pending();
    let (two_resolver, two) = Deferred::<()>::pending();
    let two = two.add_callback(move |()| inside.take().expect("it was put there"));
    let one = one.add_callback(move |()| two);
    let log = Log::default();
    let noted = log.clone();
    let one = one.add_errback(move |failure| noted.note(failure.check::<Circular>().is_some()));
    *slot.borrow_mut() = Some(one);
    one_resolver.callback(());
    two_resolver.callback(());
    assert_eq!(log.take(), ["true"]);
}

#[test]
fn maybe_deferred_takes_a_value_a_failure_a_deferred_and_a_panic() {
    assert_eq!(value_of(maybe_deferred(|| Ok(1))), 1);
    assert_eq!(value_of(maybe_deferred(|| Deferred::succeed(2))), 2);
    let failed = maybe_deferred(|| {
        let number: u32 = "no number".parse()?;
        Ok(number)
    });
    assert!(
        failure_of(failed)
            .check::<std::num::ParseIntError>()
            .is_some()
    );
    let panicked = maybe_deferred(|| -> Result<(), Failure> { panic!("at once") });
    assert_eq!(state_of(panicked), "failed: panicked: at once");
}

#[test]
fn a_pending_pair_of_a_value_that_is_borrowed_by_nobody_is_freed_with_its_chain() {
    let tracked = Rc::new(());
    let (resolver, deferred) = Deferred::pending();
    let held = Rc::clone(&tracked);
    let chain = deferred.add_callback(move |()| {
        let _held = held;
    });
    assert_eq!(Rc::strong_count(&tracked), 2);
    resolver.callback(());
    assert_eq!(Rc::strong_count(&tracked), 1);
    drop(chain);

    let (resolver, deferred) = Deferred::<()>::pending();
    let held = Rc::clone(&tracked);
    let chain = deferred.map(move |()| drop(held)).add_both(|_| ());
    drop(chain);
    drop(resolver);
    assert_eq!(Rc::strong_count(&tracked), 1);
}

#[test]
fn what_a_deferred_waits_for_is_in_its_debug_text() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    let text = format!("{deferred:?}");
    let file = file!();
    assert!(
        text.contains(&format!("Deferred<u32> made at {file}")),
        "{text}"
    );
    assert!(text.contains("waits for the Resolver made at"), "{text}");
    resolver.callback(1);
    assert!(format!("{deferred:?}").ends_with(", fired"));
}

#[test]
fn a_chain_that_is_paused_twice_goes_on_when_both_pauses_have_ended() {
    let (resolver, deferred) = Deferred::pending();
    let (deferred, first) = deferred.pause();
    let (deferred, second) = deferred.pause();
    resolver.callback(5);
    assert!(!deferred.is_fired());
    first.unpause();
    assert!(!deferred.is_fired());
    drop(second);
    assert_eq!(value_of(deferred), 5);
}

#[test]
fn a_chain_that_waits_for_a_fired_but_paused_deferred_goes_on_when_that_does() {
    let (inner, pause) = Deferred::succeed(1).pause();
    let chain = Deferred::succeed(()).add_callback(move |()| inner);
    assert!(!chain.is_fired());
    pause.unpause();
    assert_eq!(value_of(chain), 1);
}
