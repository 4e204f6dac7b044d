//! Failures that were not handled: reported at once when their Deferred is dropped.
//!
//! While a failure rests in a Deferred it is wrapped in [`Unhandled`]. Whoever takes it out, a
//! callback or an `.await`, unwraps it; if the Deferred goes away first, the wrapper's `Drop`
//! reports it. So there is no collector to wait for, and no Deferred needs a `Drop` of its own.

use super::Place;
use super::failure::Failure;
use super::hook::report;
use super::resting::note_that_one_rests;

const EMPTY: &str = "`take` and `drop` empty it, and both are the end of it";

/// A failure that rests in a Deferred.
pub(super) struct Unhandled {
    failure: Option<Failure>,
}

impl Unhandled {
    #[inline]
    pub(super) fn new(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
        }
    }

    /// A failure that has not been asked for yet, at the end of the chain made at `made`.
    pub(super) fn resting(failure: Failure, made: Place) -> Self {
        let mut unhandled = Self::new(failure);
        unhandled.rest_in(made);
        unhandled
    }

    /// Notes that nothing will happen to the failure until it is taken out.
    pub(super) fn rest_in(&mut self, made: Place) {
        let failure = self.failure_mut();
        failure.in_chain(made);
        if let Some(record) = failure.rests_now() {
            note_that_one_rests(record);
        }
    }

    /// The failure, which the caller now answers for.
    pub(super) fn take(mut self) -> Failure {
        let failure = self.failure.take().expect(EMPTY);
        failure.rests_no_more();
        failure
    }

    pub(super) fn failure(&self) -> &Failure {
        self.failure.as_ref().expect(EMPTY)
    }

    pub(super) fn failure_mut(&mut self) -> &mut Failure {
        self.failure.as_mut().expect(EMPTY)
    }
}

impl Drop for Unhandled {
    fn drop(&mut self) {
        if let Some(failure) = self.failure.take() {
            // Before the hook is called, which may ask for the failures that are held.
            failure.rests_no_more();
            report(&failure);
        }
    }
}
