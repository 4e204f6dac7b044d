//! What a failure knows, and what happens to one that nobody handles.

use std::error::Error;
use std::fmt;

use reactor::deferred::{
    Cancelled, Deferred, Failure, UnhandledFailures, held_failures, on_unhandled_failure,
};

use crate::support::{Log, Refused, failure_of};

/// An error with a cause.
#[derive(Debug)]
struct Unreadable(Refused);

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unreadable")
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn check_tells_the_error_and_trap_hands_on_every_other() {
    let failure = Failure::new(Refused(1));
    assert_eq!(failure.check::<Refused>(), Some(&Refused(1)));
    assert!(failure.check::<Cancelled>().is_none());
    let failure = failure
        .trap::<Cancelled>()
        .expect_err("it is another error");
    let trapped = failure.trap::<Refused>().expect("it is this error");
    assert_eq!((trapped.0, trapped.to_string().as_str()), (1, "refused 1"));
    assert!(trapped.into_failure().check::<Refused>().is_some());
}

#[test]
fn a_boxed_error_is_checked_for_what_is_in_the_box() {
    let boxed: Box<dyn Error> = Box::new(Refused(2));
    let failure = Failure::from_boxed(boxed);
    assert_eq!(failure.check(), Some(&Refused(2)));
}

#[test]
fn a_question_mark_makes_a_boxed_error_of_a_failure_with_its_texts_causes_and_report() {
    fn ask() -> Result<u32, Box<dyn Error>> {
        let asked = Deferred::<u32>::fail(Unreadable(Refused(3))).into_result();
        Ok(asked.expect("it is fired")?)
    }
    let boxed = ask().expect_err("it failed");
    assert_eq!(boxed.to_string(), "unreadable");
    let cause = boxed.source().and_then(|cause| cause.downcast_ref());
    assert_eq!(cause, Some(&Refused(3)));
    let report = format!("{boxed:?}");
    assert!(report.starts_with("unreadable\n    arose at "), "{report}");
    assert!(report.ends_with("caused by: refused 3"), "{report}");
}

#[test]
fn a_failure_knows_where_the_question_mark_was_and_which_callbacks_it_passed() {
    let made = line!() + 1;
    let (resolver, deferred) = Deferred::pending();
    let added = line!() + 2;
    let chain = deferred
        .add_callback(|text: &str| {
            let number: u32 = text.parse()?;
            Ok(number)
        })
        .map(|number| number + 1)
        .add_callback(|_| Ok(()));
    resolver.callback("no number");

    let failure = failure_of(chain);
    assert_eq!(failure.made().map(|place| place.line()), Some(made));
    assert_eq!(failure.raised_in().map(|place| place.line()), Some(added));
    assert_eq!(failure.origin().line(), added + 1);
    assert_eq!(failure.origin().file(), file!());
    let passed: Vec<u32> = failure.passed().iter().map(|place| place.line()).collect();
    assert_eq!(passed, [added + 4, added + 5]);
}

#[test]
fn a_failure_after_waiting_for_another_chain_names_the_chain_that_waited() {
    let (inner_resolver, inner) = Deferred::pending();
    let made = line!() + 1;
    let (resolver, deferred) = Deferred::pending();
    let chain = deferred
        .add_callback(move |()| inner)
        .add_callback(|()| Err::<(), Failure>(Refused(1).into()));
    resolver.callback(());
    inner_resolver.callback(());
    assert_eq!(
        failure_of(chain).made().map(|place| place.line()),
        Some(made)
    );
}

#[test]
fn a_failure_that_passed_a_million_callbacks_keeps_the_first_places_and_a_count() {
    let mut deferred = Deferred::<u32>::fail(Refused(1));
    for _ in 0..1_000_000 {
        deferred = deferred.map(|value| value);
    }
    let failure = failure_of(deferred);
    assert_eq!(failure.passed().len(), 32);
    assert!(format!("{failure:?}").contains("and 999968 more"));
}

#[test]
fn the_report_tells_the_error_the_places_and_the_causes() {
    let chain = Deferred::succeed(())
        .add_callback(|()| Err::<u32, Failure>(Unreadable(Refused(7)).into()))
        .map(|value| value + 1);
    let failure = failure_of(chain);
    let here = |line: u32| format!("{}:{line}", file!());
    let first = line!() - 5;
    let report = format!("{failure:?}");
    let expected = [
        "unreadable".to_owned(),
        format!("arose at {}", here(first + 1)),
        format!("in the callback added at {}", here(first + 1)),
        format!("passed the callback added at {}", here(first + 2)),
        format!("in the chain made at {}", here(first)),
        "caused by: refused 7".to_owned(),
    ];
    for (line, start) in report.lines().zip(&expected) {
        assert!(line.trim_start().starts_with(start), "{line:?}, {start:?}");
    }
    assert_eq!(report.lines().count(), expected.len());
    assert_eq!(format!("{failure}"), "unreadable");
    assert_eq!(format!("{failure:#}"), "unreadable: refused 7");
}

#[test]
fn a_failure_given_to_fail_or_errback_knows_that_place() {
    let failed = Deferred::<u32>::fail(Refused(1));
    assert_eq!(failure_of(failed).origin().line(), line!() - 1);
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.errback(Refused(1));
    assert_eq!(failure_of(deferred).origin().line(), line!() - 1);
}

#[test]
fn an_unhandled_failure_is_reported_at_the_moment_of_the_drop() {
    let unhandled = UnhandledFailures::watch();
    let failed = Deferred::<u32>::fail(Refused(1)).map(|value| value + 1);
    assert!(unhandled.take().is_empty());
    drop(failed);
    let reported = unhandled.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].check(), Some(&Refused(1)));
    assert_eq!(reported[0].passed().len(), 1);
}

#[test]
fn a_chain_that_nobody_keeps_reports_when_it_has_failed() {
    let unhandled = UnhandledFailures::watch();
    let (resolver, deferred) = Deferred::<u32>::pending();
    drop(deferred.map(|value| value + 1));
    assert!(unhandled.take().is_empty());
    resolver.errback(Refused(2));
    assert_eq!(unhandled.take().len(), 1);
}

#[test]
fn a_handled_failure_is_not_reported() {
    let _none = UnhandledFailures::watch();
    Deferred::<u32>::fail(Refused(1)).add_errback(drop);
    Deferred::<u32>::fail(Refused(1)).add_both(|_| ());
    let (resolver, deferred) = Deferred::<u32>::pending();
    let late = deferred.map(|value| value);
    resolver.errback(Refused(1));
    late.add_errback(|_| Ok(1));
}

#[test]
fn of_a_chain_in_a_chain_only_the_outer_reports() {
    let unhandled = UnhandledFailures::watch();
    let (resolver, inner) = Deferred::<u32>::pending();
    Deferred::succeed(()).add_callback(move |()| inner);
    resolver.errback(Refused(1));
    assert_eq!(unhandled.take().len(), 1);
}

#[test]
#[should_panic(expected = "failures that nobody handled")]
fn a_test_that_watches_fails_for_an_unhandled_failure() {
    let _watch = UnhandledFailures::watch();
    drop(Deferred::<u32>::fail(Refused(1)));
}

#[test]
fn a_hook_is_in_force_until_it_is_dropped_and_then_the_one_before_is() {
    let log = Log::default();
    let fail = |number| drop(Deferred::<u32>::fail(Refused(number)));
    let (outer, inner) = (log.clone(), log.clone());
    let _outer = on_unhandled_failure(move |failure| outer.note(format!("outer {failure}")));
    let inner = on_unhandled_failure(move |failure| inner.note(format!("inner {failure}")));
    fail(1);
    drop(inner);
    fail(2);
    assert_eq!(log.take(), ["inner refused 1", "outer refused 2"]);
}

#[test]
fn failures_that_are_still_held_can_be_listed() {
    let failed = Deferred::<u32>::fail(Refused(1));
    let (resolver, later) = Deferred::<u32>::pending();
    resolver.errback(Refused(2));
    let held: Vec<String> = held_failures().iter().map(ToString::to_string).collect();
    assert_eq!(held, ["refused 1", "refused 2"]);
    let recovered = failed.add_errback(|_| Ok(1));
    assert_eq!(held_failures().len(), 1);
    let taken = failure_of(later);
    assert!(
        held_failures().is_empty(),
        "whoever has taken it answers for it"
    );
    drop((taken, recovered));
}
