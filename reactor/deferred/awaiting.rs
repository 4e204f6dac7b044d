//! `deferred.await`: a Deferred as a future, for any executor.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Location;
use super::chain::{Deferred, Now};
use super::errors::Cancelled;
use super::failure::Failure;
use super::hook::report;
use super::loan::{Carried, Passing};
use super::node::Next;

/// A Deferred that is being awaited.
///
/// Dropping it before it is ready cancels the Deferred, as nothing waits for it any more; that is
/// how cancelling a task reaches what the task waits for. The [`Cancelled`] of this is not reported,
/// any other failure is. A value that was not given out is dropped with it, and goes back if it came
/// from a [`Queue`](super::Queue).
#[must_use = "futures do nothing unless they are awaited or polled"]
pub struct Awaiting<T: 'static> {
    /// `None` when the result has been given.
    deferred: Option<Deferred<T>>,
}

/// Nothing in it is pinned: a Deferred only holds its value, or a pointer to where that will be.
impl<T: 'static> Unpin for Awaiting<T> {}

impl<T: 'static> IntoFuture for Deferred<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = Awaiting<T>;

    fn into_future(self) -> Awaiting<T> {
        Awaiting {
            deferred: Some(self),
        }
    }
}

impl<T: 'static> Future for Awaiting<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let awaiting = self.get_mut();
        let deferred = awaiting.deferred.take();
        let deferred = deferred.expect("a future is not polled again when it was ready");
        match deferred.now() {
            Now::Fired(result) => Poll::Ready(result.map(Carried::take)),
            Now::Later(end) => {
                // The waker of the latest poll counts: it takes the place of the one before.
                let waker = context.waker().clone();
                end.outlet().lead_to(Next::Future(waker));
                awaiting.deferred = Some(Deferred::waiting(end));
                Poll::Pending
            }
        }
    }
}

impl<T: 'static> Drop for Awaiting<T> {
    fn drop(&mut self) {
        let Some(deferred) = self.deferred.take() else {
            return;
        };
        // Cancelled behind `end`, so that the failure which this makes is swallowed there and is not
        // reported as one that was not handled.
        let canceller = deferred.canceller();
        let swallow = |result: Passing<T>| match result {
            Err(failure) if failure.check::<Cancelled>().is_none() => report(&failure),
            Ok(_) | Err(_) => (),
        };
        deferred.end(swallow, Location::caller());
        canceller.cancel();
    }
}

impl<T: 'static> fmt::Debug for Awaiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.deferred {
            Some(deferred) => write!(f, "Awaiting: {deferred:?}"),
            None => f.write_str("Awaiting, ready"),
        }
    }
}
