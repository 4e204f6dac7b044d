//! What a link does with a result that arrives: which column it is in, and what it calls.
//!
//! ```text
//!                 callback   errback
//!   add_callback     f          ┆
//!   add_errback      ┆          f         ┆ passes over
//!   add_callbacks    f          g
//!   add_both         f          f
//!   map              f          ┆
//! ```

use super::Place;
use super::chain::Deferred;
use super::failure::Failure;
use super::loan::{Carried, Passing};
use super::outcome::{Outcome, Recovery};
use crate::contained::contain;

/// One function of a consumer's, or two, to be called with the result of the step before. The place
/// is where the step was added.
pub(super) trait Step<T, U>: FnOnce(Passing<T>, Place) -> Deferred<U> + 'static {}

impl<T, U, S: FnOnce(Passing<T>, Place) -> Deferred<U> + 'static> Step<T, U> for S {}

/// Calls `step`. A panic in it becomes a failure.
#[inline]
pub(super) fn call<T, U>(step: impl Step<T, U>, result: Passing<T>, place: Place) -> Deferred<U> {
    match contain(|| step(result, place)) {
        Ok(deferred) => deferred,
        Err(panicked) => {
            // A panic has no `?` whose place could be the origin.
            let mut failure = Failure::at(panicked, place);
            failure.raised_at(place);
            Deferred::fired(Err(failure), place)
        }
    }
}

/// What `outcome` says; if it is a failure, it was raised by the step added at `place`.
#[inline]
fn returned<R: Outcome>(outcome: R, place: Place) -> Deferred<R::Output> {
    let mut deferred = outcome.into_deferred();
    deferred.raised_at(place);
    deferred
}

#[inline]
fn pass_over<U>(mut failure: Failure, place: Place) -> Deferred<U> {
    failure.passes(place);
    Deferred::fired(Err(failure), place)
}

#[inline]
pub(super) fn on_value<T, R: Outcome>(
    callback: impl FnOnce(T) -> R + 'static,
) -> impl Step<T, R::Output> {
    move |result: Passing<T>, place| match result {
        Ok(value) => returned(callback(value.take()), place),
        Err(failure) => pass_over(failure, place),
    }
}

#[inline]
pub(super) fn on_failure<T, R: Recovery<T>>(
    errback: impl FnOnce(Failure) -> R + 'static,
) -> impl Step<T, R::Output> {
    move |result: Passing<T>, place| match result {
        // A loan stays one: the errback has not seen the value.
        Ok(value) => Deferred::fired(Ok(R::pass(value)), place),
        Err(failure) => returned(errback(failure), place),
    }
}

#[inline]
pub(super) fn on_either<T, R: Outcome, S: Outcome<Output = R::Output>>(
    callback: impl FnOnce(T) -> R + 'static,
    errback: impl FnOnce(Failure) -> S + 'static,
) -> impl Step<T, R::Output> {
    move |result: Passing<T>, place| match result {
        Ok(value) => returned(callback(value.take()), place),
        Err(failure) => returned(errback(failure), place),
    }
}

#[inline]
pub(super) fn on_result<T, R: Outcome>(
    function: impl FnOnce(Result<T, Failure>) -> R + 'static,
) -> impl Step<T, R::Output> {
    move |result: Passing<T>, place| returned(function(result.map(Carried::take)), place)
}

/// For functions of this module's, which take no value off its loan unless they say so.
#[inline]
pub(super) fn on_passing<T, U>(
    function: impl FnOnce(Passing<T>) -> Deferred<U> + 'static,
) -> impl Step<T, U> {
    move |result, place| {
        let mut deferred = function(result);
        deferred.raised_at(place);
        deferred
    }
}

#[inline]
pub(super) fn mapped<T, U: 'static>(function: impl FnOnce(T) -> U + 'static) -> impl Step<T, U> {
    move |result: Passing<T>, place| match result {
        Ok(value) => Deferred::fired(Ok(Carried::given(function(value.take()))), place),
        Err(failure) => pass_over(failure, place),
    }
}
