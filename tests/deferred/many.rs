//! Lists, races, and several who wait for one.

use std::rc::Rc;

use reactor::deferred::{
    Cancelled, Deferred, DeferredList, Failure, FailureGroup, FirstError, NothingToWaitFor,
    Resolver, Shared, UnhandledFailures, gather_results, race,
};

use crate::support::{Log, Refused, failure_of, state_of, value_of};

fn pending_pairs<const N: usize>() -> ([Resolver<&'static str>; N], Vec<Deferred<&'static str>>) {
    let mut deferreds = Vec::new();
    let resolvers = std::array::from_fn(|_| {
        let (resolver, deferred) = Deferred::pending();
        deferreds.push(deferred);
        resolver
    });
    (resolvers, deferreds)
}

fn texts(results: Vec<Result<&'static str, Failure>>) -> Vec<String> {
    let text = |result: Result<&str, Failure>| match result {
        Ok(value) => value.to_owned(),
        Err(failure) => failure.to_string(),
    };
    results.into_iter().map(text).collect()
}

#[test]
fn waiting_for_nothing_never_hangs() {
    let nothing = || Vec::<Deferred<u32>>::new();
    assert!(value_of(DeferredList::new(nothing()).into_deferred()).is_empty());
    assert!(value_of(gather_results(nothing())).is_empty());
    let none_failed = DeferredList::new(nothing()).fire_on_one_errback();
    assert!(value_of(none_failed.into_deferred()).is_empty());
    let first = DeferredList::new(nothing()).fire_on_one_callback();
    assert!(
        failure_of(first.into_deferred())
            .check::<NothingToWaitFor>()
            .is_some()
    );
    assert!(
        failure_of(race(nothing()))
            .check::<NothingToWaitFor>()
            .is_some()
    );
}

#[test]
fn results_are_in_the_order_of_the_inputs_however_they_come() {
    let ([one, two], mut inputs) = pending_pairs();
    inputs.push(Deferred::succeed("three"));
    let list = DeferredList::new(inputs).into_deferred();
    two.errback(Refused(2));
    assert!(!list.is_fired());
    one.callback("one");
    assert_eq!(texts(value_of(list)), ["one", "refused 2", "three"]);
}

#[test]
fn the_first_failure_fails_the_list_with_its_index_and_the_others_run_on() {
    let unhandled = UnhandledFailures::watch();
    let log = Log::default();
    let ([one, two, three], mut inputs) = pending_pairs();
    let noted = log.clone();
    let third = inputs.pop().expect("there are three").map(move |value| {
        noted.note(value);
        value
    });
    inputs.push(third);
    let list = DeferredList::new(inputs)
        .fire_on_one_errback()
        .into_deferred();
    two.errback(Refused(2));
    let failure = failure_of(list);
    let first = failure.check::<FirstError>().expect("one was first");
    assert_eq!(first.index(), 1);
    assert_eq!(first.failure().check(), Some(&Refused(2)));

    three.callback("three");
    assert_eq!(log.take(), ["three"]);
    one.errback(Refused(1));
    assert_eq!(unhandled.take()[0].to_string(), "refused 1");
}

#[test]
fn consumed_errors_are_not_reported() {
    let _none = UnhandledFailures::watch();
    let ([one, two], inputs) = pending_pairs();
    let list = DeferredList::new(inputs)
        .fire_on_one_errback()
        .consume_errors()
        .into_deferred();
    two.errback(Refused(2));
    one.errback(Refused(1));
    assert!(failure_of(list).check::<FirstError>().is_some());
}

#[test]
fn the_first_value_fires_the_list_with_its_index() {
    let unhandled = UnhandledFailures::watch();
    let ([one, two, three], inputs) = pending_pairs();
    let list = DeferredList::new(inputs)
        .fire_on_one_callback()
        .into_deferred();
    three.errback(Refused(3));
    two.callback("B");
    assert_eq!(value_of(list), (1, "B"));
    assert!(!one.is_cancelled());
    assert_eq!(unhandled.take()[0].to_string(), "refused 3");
    one.callback("A");
}

#[test]
fn with_both_flags_whatever_comes_first_decides() {
    let both = |inputs| {
        DeferredList::new(inputs)
            .fire_on_one_callback()
            .fire_on_one_errback()
            .into_deferred()
    };
    let ([_one, two], inputs) = pending_pairs();
    let list = both(inputs);
    two.errback(Refused(2));
    assert!(failure_of(list).check::<FirstError>().is_some());

    let ([_one, two], inputs) = pending_pairs();
    let list = both(inputs);
    two.callback("B");
    assert_eq!(value_of(list), (1, "B"));
}

#[test]
fn cancelling_a_list_cancels_every_input_even_if_a_canceller_panics() {
    let ([one, two, three], inputs) = pending_pairs();
    one.on_cancel(|| -> Result<&'static str, Failure> { panic!("cannot stop") });
    three.callback("three");
    let list = DeferredList::new(inputs).into_deferred();
    list.cancel();
    assert!(two.is_cancelled());
    assert_eq!(
        texts(value_of(list)),
        ["panicked: cannot stop", "cancelled", "three"]
    );
}

#[test]
fn cancelling_a_list_that_has_fired_changes_nothing() {
    let ([one, _two], inputs) = pending_pairs();
    let list = DeferredList::new(inputs)
        .fire_on_one_callback()
        .into_deferred();
    let canceller = list.canceller();
    one.callback("one");
    canceller.cancel();
    assert!(!_two.is_cancelled());
    assert_eq!(value_of(list), (0, "one"));
}

#[test]
fn a_list_may_be_cancelled_with_its_chain() {
    let ([one, two], inputs) = pending_pairs();
    let chain = Deferred::succeed(())
        .add_callback(|()| gather_results(inputs))
        .map(|values| values.len());
    chain.cancel();
    assert!(one.is_cancelled() && two.is_cancelled());
    assert!(failure_of(chain).check::<FirstError>().is_some());
}

#[test]
fn the_rest_of_a_list_can_be_cancelled_when_one_has_failed() {
    let _none_unhandled = UnhandledFailures::watch();
    let ([one, two], inputs) = pending_pairs();
    let list = DeferredList::new(inputs)
        .fire_on_one_errback()
        .cancel_rest()
        .into_deferred();
    two.errback(Refused(2));
    assert!(one.is_cancelled());
    let failure = failure_of(list);
    assert_eq!(
        format!("{failure:#}"),
        "number 1 of the list failed: refused 2"
    );
}

#[test]
fn gather_results_gives_the_values_in_order() {
    let ([one, two], inputs) = pending_pairs();
    let gathered = gather_results(inputs);
    two.callback("two");
    one.callback("one");
    assert_eq!(value_of(gathered), ["one", "two"]);
}

#[test]
fn a_list_that_a_callback_returns_is_waited_for() {
    let ([one], inputs) = pending_pairs();
    let chain = Deferred::succeed(()).add_callback(|()| DeferredList::new(inputs));
    one.callback("one");
    assert_eq!(texts(value_of(chain)), ["one"]);
}

#[test]
fn the_first_value_wins_a_race_and_each_loser_is_cancelled_once() {
    let log = Log::default();
    let ([one, two, three], inputs) = pending_pairs();
    let (noted_one, noted_three) = (log.clone(), log.clone());
    one.on_cancel(move || noted_one.note("one cancelled"));
    three.on_cancel(move || noted_three.note("three cancelled"));
    let winner = race(inputs);
    two.callback("two");
    assert_eq!(log.take(), ["one cancelled", "three cancelled"]);
    assert_eq!(value_of(winner), (1, "two"));
}

#[test]
fn a_failure_does_not_end_a_race_and_all_failures_are_in_order() {
    let _none_unhandled = UnhandledFailures::watch();
    let ([one, two], inputs) = pending_pairs();
    let winner = race(inputs);
    two.errback(Refused(2));
    assert!(!winner.is_fired());
    one.errback(Refused(1));
    let failure = failure_of(winner);
    let group = failure.check::<FailureGroup>().expect("all have failed");
    let numbers = group.failures().iter().map(|failure| failure.check());
    assert!(numbers.eq([Some(&Refused(1)), Some(&Refused(2))]));
    assert_eq!(
        failure.to_string(),
        "all 2 of the list failed: refused 1; refused 2"
    );
}

#[test]
fn cancelling_a_race_cancels_everyone_in_it() {
    let ([one, two], inputs) = pending_pairs();
    let winner = race(inputs);
    winner.cancel();
    assert!(one.is_cancelled() && two.is_cancelled());
    let failure = failure_of(winner);
    let group = failure.check::<FailureGroup>().expect("all have failed");
    assert!(group.failures()[0].check::<Cancelled>().is_some());
}

#[test]
fn a_race_with_one_that_is_there_cancels_the_others() {
    let ([one], mut inputs) = pending_pairs();
    inputs.insert(0, Deferred::succeed("there"));
    assert_eq!(value_of(race(inputs)), (0, "there"));
    assert!(one.is_cancelled());
}

#[test]
fn everyone_who_shares_a_result_gets_the_same_value_in_the_order_of_asking() {
    let log = Log::default();
    let (resolver, deferred) = Deferred::pending();
    let shared = deferred.shared();
    for name in ["first", "second"] {
        let log = log.clone();
        shared
            .deferred()
            .add_callback(move |value: Rc<u32>| log.note(format!("{name} {value}")));
    }
    resolver.callback(4);
    assert_eq!(log.take(), ["first 4", "second 4"]);
    assert_eq!(*value_of(shared.clone().deferred()), 4);
}

#[test]
fn everyone_who_shares_a_result_gets_its_failure() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    let shared = deferred.shared();
    let (one, two) = (shared.deferred(), shared.deferred());
    resolver.errback(Refused(1));
    assert_eq!(failure_of(one).check(), Some(&Refused(1)));
    assert_eq!(failure_of(two).check(), Some(&Refused(1)));
    assert_eq!(failure_of(shared.deferred()).check(), Some(&Refused(1)));
}

#[test]
fn a_shared_failure_that_nobody_asks_for_is_reported_once() {
    let unhandled = UnhandledFailures::watch();
    let shared = Deferred::<u32>::fail(Refused(1)).shared();
    assert!(unhandled.take().is_empty());
    drop(shared);
    assert_eq!(unhandled.take().len(), 1);
}

#[test]
fn one_of_those_who_share_may_give_up_and_the_others_wait_on() {
    let (resolver, deferred) = Deferred::pending();
    let shared = deferred.shared();
    let (one, two) = (shared.deferred(), shared.deferred());
    one.cancel();
    assert!(!resolver.is_cancelled());
    resolver.callback(1);
    assert_eq!(state_of(one), "failed: cancelled");
    assert_eq!(*value_of(two), 1);
}

#[test]
fn cancelling_what_is_shared_cancels_it_for_all() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let shared: Shared<u32> = deferred.shared();
    let (one, two) = (shared.deferred(), shared.deferred());
    assert!(shared.cancel());
    assert!(!shared.cancel());
    assert_eq!(state_of(one), "failed: cancelled");
    assert_eq!(state_of(two), "failed: cancelled");
}
