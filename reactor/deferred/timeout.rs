//! Waiting for so long and no longer.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::Location;
use super::chain::Deferred;
use super::errors::Cancelled;
use super::failure::Failure;
use super::loan::{Carried, Passing};
use super::outcome::Recovery;

/// Something that calls a function later: a reactor, or the clock of a test.
///
/// All that a timeout needs to know of one, so that Deferreds need no reactor.
pub trait Clock {
    /// Calls `call` once, after `delay`, and returns a function that takes this back.
    fn schedule(&self, delay: Duration, call: Box<dyn FnOnce()>) -> Box<dyn FnOnce()>;
}

impl<T: 'static> Deferred<T> {
    /// Cancels the chain if it takes longer than `timeout`, and fails with [`TimedOut`] then.
    ///
    /// It covers what was added before it and not what is added after it. If the canceller gives a
    /// value, or an errback makes one of [`Cancelled`], that value wins. Cancelling by hand stays
    /// [`Cancelled`]. As soon as the result is there the call is taken off `clock`; on a Deferred
    /// that is fired already none is made.
    #[must_use = "the Deferred fails if it takes too long; add an errback"]
    #[track_caller]
    pub fn add_timeout(self, timeout: Duration, clock: &impl Clock) -> Self {
        let place = Location::caller();
        self.add_timeout_with(timeout, clock, move |result| match result {
            Err(failure) if failure.check::<Cancelled>().is_some() => {
                Err(Failure::at(TimedOut { after: timeout }, place))
            }
            other => other,
        })
    }

    /// As [`add_timeout`](Self::add_timeout), but `on_timeout` decides what becomes of the result
    /// that the chain has after it was cancelled for taking too long.
    #[track_caller]
    pub fn add_timeout_with<R: Recovery<T>>(
        self,
        timeout: Duration,
        clock: &impl Clock,
        on_timeout: impl FnOnce(Result<T, Failure>) -> R + 'static,
    ) -> Deferred<R::Output> {
        // A cancellation by hand fails with the same error as one by the clock: only this flag tells
        // them apart.
        let is_due = Rc::new(Cell::new(false));
        let mut take_back = None;
        if !self.is_fired() {
            let is_due = Rc::clone(&is_due);
            let canceller = self.canceller();
            let call = move || {
                is_due.set(true);
                canceller.cancel();
            };
            take_back = Some(clock.schedule(timeout, Box::new(call)));
        }
        let place = Location::caller();
        let pass = move |result: Passing<T>| {
            if is_due.get() {
                return on_timeout(result.map(Carried::take)).into_deferred();
            }
            // Otherwise the call would keep the loop running, and the chain alive, until it is due.
            if let Some(take_back) = take_back {
                take_back();
            }
            Deferred::fired(result.map(R::pass), place)
        };
        self.then(pass, place)
    }
}

/// A Deferred took longer than its timeout. The place of the [`Failure`] is where
/// [`add_timeout`](Deferred::add_timeout) was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    after: Duration,
}

impl TimedOut {
    /// How long it was waited for.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out after {:?}", self.after)
    }
}

impl Error for TimedOut {}
