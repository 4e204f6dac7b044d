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

use std::any::type_name;
use std::rc::Rc;

use super::Place;
use super::chain::Deferred;
use super::failure::{Failure, Panicked};
use super::loan::{Carried, Passing};
use super::outcome::{Outcome, Recovery};
use super::record::Functions;
use crate::contained::contain;

/// One function, or two, to be called with the result of the step before.
pub(super) trait Step<T>: 'static {
    type Output: 'static;

    /// Calls the function that `result` is for, or passes the result on. `place` is where the
    /// step was added.
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<Self::Output>;

    /// The names of the functions, for a chart.
    fn functions() -> Functions;
}

/// Applies `step`. A panic in it becomes a failure.
#[inline]
pub(super) fn call<T, S: Step<T>>(
    step: S,
    result: Passing<T>,
    place: Place,
) -> Deferred<S::Output> {
    match contain(|| step.apply(result, place)) {
        Ok(deferred) => deferred,
        Err(said) => {
            let mut failure = Failure::from_shared(Rc::new(Panicked::saying(said)), place);
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
fn pass_over<U: 'static>(mut failure: Failure, place: Place) -> Deferred<U> {
    failure.passes(place);
    Deferred::fired(Err(failure), place)
}

pub(super) struct OnValue<F>(pub(super) F);

impl<T, F, R> Step<T> for OnValue<F>
where
    F: FnOnce(T) -> R + 'static,
    R: Outcome,
{
    type Output = R::Output;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<R::Output> {
        match result {
            Ok(value) => returned((self.0)(value.take()), place),
            Err(failure) => pass_over(failure, place),
        }
    }

    fn functions() -> Functions {
        Functions {
            method: "add_callback",
            callback: Some(type_name::<F>()),
            errback: None,
        }
    }
}

pub(super) struct OnFailure<F>(pub(super) F);

impl<T, F, R> Step<T> for OnFailure<F>
where
    F: FnOnce(Failure) -> R + 'static,
    R: Recovery<T>,
{
    type Output = R::Output;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<R::Output> {
        match result {
            Ok(value) => Deferred::passing(Ok(R::pass(value)), place),
            Err(failure) => returned((self.0)(failure), place),
        }
    }

    fn functions() -> Functions {
        Functions {
            method: "add_errback",
            callback: None,
            errback: Some(type_name::<F>()),
        }
    }
}

pub(super) struct OnEither<F, G>(pub(super) F, pub(super) G);

impl<T, F, G, R, S> Step<T> for OnEither<F, G>
where
    F: FnOnce(T) -> R + 'static,
    G: FnOnce(Failure) -> S + 'static,
    R: Outcome,
    S: Outcome<Output = R::Output>,
{
    type Output = R::Output;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<R::Output> {
        match result {
            Ok(value) => returned((self.0)(value.take()), place),
            Err(failure) => returned((self.1)(failure), place),
        }
    }

    fn functions() -> Functions {
        Functions {
            method: "add_callbacks",
            callback: Some(type_name::<F>()),
            errback: Some(type_name::<G>()),
        }
    }
}

pub(super) struct OnResult<F>(pub(super) F);

impl<T, F, R> Step<T> for OnResult<F>
where
    F: FnOnce(Result<T, Failure>) -> R + 'static,
    R: Outcome,
{
    type Output = R::Output;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<R::Output> {
        returned((self.0)(result.map(Carried::take)), place)
    }

    fn functions() -> Functions {
        Self::names()
    }
}

impl<F> OnResult<F> {
    fn names() -> Functions {
        Functions {
            method: "add_both",
            callback: Some(type_name::<F>()),
            errback: Some(type_name::<F>()),
        }
    }
}

/// A function of this module's, which takes no value off its loan unless it says so.
pub(super) struct OnPassing<F>(pub(super) F);

impl<T, F, U> Step<T> for OnPassing<F>
where
    F: FnOnce(Passing<T>) -> Deferred<U> + 'static,
    U: 'static,
{
    type Output = U;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<U> {
        let mut deferred = (self.0)(result);
        deferred.raised_at(place);
        deferred
    }

    fn functions() -> Functions {
        OnResult::<F>::names()
    }
}

pub(super) struct Mapped<F>(pub(super) F);

impl<T, F, U> Step<T> for Mapped<F>
where
    F: FnOnce(T) -> U + 'static,
    U: 'static,
{
    type Output = U;

    #[inline]
    fn apply(self, result: Passing<T>, place: Place) -> Deferred<U> {
        match result {
            Ok(value) => Deferred::fired(Ok((self.0)(value.take())), place),
            Err(failure) => pass_over(failure, place),
        }
    }

    fn functions() -> Functions {
        Functions {
            method: "map",
            callback: Some(type_name::<F>()),
            errback: None,
        }
    }
}
