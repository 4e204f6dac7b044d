//! The firing end of a Deferred: it fires once, by value, or fires [`Abandoned`] when it is dropped.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::Place;
use super::cancel_outcome::CancelOutcome;
use super::errors::{Abandoned, Cancelled};
use super::failure::Failure;
use super::firing;
use super::into_failure::IntoFailure;
use super::loan::{Carried, Passing};
use super::node::{End, Node, Outlet, Root, Run, Waits, peek};
use crate::contained::{contain, drop_contained};

/// Fires a Deferred, once.
///
/// Firing consumes it, so firing twice does not compile. Firing runs the chain at once, inside the
/// call, up to the first callback that has to wait for another Deferred. (Only when 64 callbacks
/// already run inside one another is it put off until the innermost has returned.)
///
/// A resolver that is dropped fires [`Abandoned`]: a Deferred never waits for ever.
#[must_use = "a Resolver that is dropped fires its Deferred with `Abandoned`"]
pub struct Resolver<T: 'static> {
    /// `None` once fired, so that `Drop` knows.
    source: Option<Rc<Source<T>>>,
}

impl<T: 'static> Resolver<T> {
    pub(super) fn new(source: Rc<Source<T>>) -> Self {
        Self {
            source: Some(source),
        }
    }

    /// Fires the Deferred with a value.
    ///
    /// If the Deferred has been cancelled the value is dropped.
    #[inline]
    pub fn callback(self, value: T) {
        self.fire(Ok(value));
    }

    /// Fires the Deferred with a failure: any error, or a [`Failure`] that is there already.
    ///
    /// If the Deferred has been cancelled the failure is dropped.
    #[track_caller]
    pub fn errback(self, error: impl IntoFailure) {
        self.fire(Err(error.into_failure()));
    }

    /// Fires the Deferred with a value or a failure.
    #[inline]
    pub fn fire(mut self, result: Result<T, Failure>) {
        // Taken out, so that the drop of the resolver does not fire `Abandoned` as well.
        if let Some(source) = self.source.take() {
            source.fire(result.map(Carried::given));
        }
    }

    /// Fires the Deferred with a value that may be on loan.
    pub(super) fn lend(mut self, value: Carried<T>) {
        if let Some(source) = self.source.take() {
            source.fire(Ok(value));
        }
    }

    /// Sets what to do when the Deferred is cancelled before it is fired: abort the connection, take
    /// the request out of the queue.
    ///
    /// `canceller` runs at most once. It may return
    ///
    /// - nothing: the Deferred is fired with [`Cancelled`];
    /// - `Ok(value)` or `Err(failure)`: the Deferred is fired with that;
    /// - an `Option` of these, where it is the one or the other.
    ///
    /// If it panics the Deferred is fired with [`Panicked`](super::Panicked); if it fires this resolver, which it
    /// may find wherever that is kept, what it returns is ignored.
    ///
    /// A second `canceller` does not replace the first: both run, in the order in which they were
    /// set, and the first result that one of them returns counts.
    pub fn on_cancel<R: CancelOutcome<T>>(&self, canceller: impl FnOnce() -> R + 'static) {
        if let Some(source) = &self.source {
            let canceller = move || canceller().into_result();
            let both: OnCancel<T> = match source.canceller.take() {
                None => Box::new(canceller),
                // Whoever made the resolver still has its request aborted when one to whom it was
                // handed sets a canceller too.
                Some(first) => Box::new(move || {
                    let (first, second) = (first(), canceller());
                    first.or(second)
                }),
            };
            source.canceller.set(Some(both));
        }
    }

    /// Whether the Deferred was cancelled, so that firing has no effect any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.source.as_ref().is_none_or(|source| source.is_fired())
    }
}

impl<T: 'static> Drop for Resolver<T> {
    fn drop(&mut self) {
        let Some(source) = self.source.take() else {
            return;
        };
        // While the canceller runs, it decides: it may well drop the resolver with the request.
        if source.waits_for_resolver() {
            let made = source.made;
            source.fire(Err(Failure::at(Abandoned { made }, made)));
        }
    }
}

impl<T: 'static> fmt::Debug for Resolver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(source) = &self.source else {
            return f.write_str("Resolver, fired");
        };
        let cancelled = if source.is_fired() { ", cancelled" } else { "" };
        write!(
            f,
            "Resolver of the chain made at {}{cancelled}",
            source.made
        )
    }
}

type OnCancel<T> = Box<dyn FnOnce() -> Option<Result<T, Failure>>>;

/// Where a chain begins.
pub(super) struct Source<T> {
    outlet: Outlet<T>,
    waits: Cell<Waits>,
    canceller: Cell<Option<OnCancel<T>>>,
    made: Place,
}

impl<T: 'static> Source<T> {
    pub(super) fn new(made: Place) -> Rc<Self> {
        Rc::new(Self {
            outlet: Outlet::of(None),
            waits: Cell::new(Waits::ForResolver),
            canceller: Cell::new(None),
            made,
        })
    }

    /// The end of the chain as long as it has no link.
    pub(super) fn end(self: &Rc<Self>) -> End<T> {
        End::at(self.clone())
    }

    fn waits_for_resolver(&self) -> bool {
        peek(&self.waits, |waits| matches!(waits, Waits::ForResolver))
    }

    fn is_fired(&self) -> bool {
        let waits = |waits: &_| matches!(waits, Waits::ForResolver | Waits::ForCanceller);
        !peek(&self.waits, waits)
    }

    /// Hands `result` down the chain, unless a cancellation has been faster.
    pub(super) fn fire(self: Rc<Self>, mut result: Passing<T>) {
        if self.is_fired() {
            return;
        }
        // Before the canceller is dropped: that drops values of the consumer, whose code may cancel
        // this chain, and must find it fired.
        self.waits.set(Waits::ForNothing);
        if let Some(canceller) = self.canceller.take() {
            drop_contained(canceller);
        }
        if let Err(failure) = &mut result {
            failure.in_chain(self.made);
        }
        if let Some(row) = self.outlet.row().get() {
            row.left(&result);
        }
        self.outlet.put(result);
        firing::run(self);
    }
}

impl<T: 'static> Root for Source<T> {
    fn waits(&self) -> &Cell<Waits> {
        &self.waits
    }

    fn made(&self) -> Place {
        self.made
    }

    fn cancel(self: Rc<Self>, place: Place) {
        // Until the canceller has returned the resolver may still fire, but not be cancelled again.
        self.waits.set(Waits::ForCanceller);
        let canceller = self.canceller.take();
        let stopped = contain(|| canceller.and_then(|stop| stop()));
        self.fire(match stopped {
            Ok(Some(result)) => result.map(Carried::given),
            Ok(None) => Err(Failure::at(Cancelled, place)),
            Err(panicked) => Err(Failure::at(panicked, place)),
        });
    }
}

impl<T: 'static> Node<T> for Source<T> {
    fn outlet(&self) -> &Outlet<T> {
        &self.outlet
    }

    fn chain(self: Rc<Self>) -> Rc<dyn Root> {
        self
    }
}

impl<T: 'static> Run for Source<T> {
    fn run(self: Rc<Self>, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        self.outlet.hand_on(chain)
    }
}
