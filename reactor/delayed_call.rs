//! A call that is to be made later, and what one may still do about it.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::deferred::Deferred;
use crate::engine::Engine;
use crate::engine::timers::{Nanos, TimerId, as_nanos};
use crate::time::Instant;

/// A call set with [`Reactor::call_later`](crate::Reactor::call_later) or
/// [`Reactor::call_at`](crate::Reactor::call_at).
///
/// Dropping this handle does not cancel the call.
pub struct DelayedCall {
    engine: Weak<Engine>,
    timer: Cell<TimerId>,
}

impl DelayedCall {
    #[inline]
    pub(crate) fn set(
        engine: &Rc<Engine>,
        deadline: Nanos,
        f: impl FnOnce() + 'static,
        place: &'static Location<'static>,
    ) -> Self {
        Self {
            engine: Rc::downgrade(engine),
            timer: Cell::new(engine.set_call(deadline, f, place)),
        }
    }

    /// A Deferred that the call fires, and that cancels it.
    pub(crate) fn defer(
        engine: &Rc<Engine>,
        delay: Duration,
        place: &'static Location<'static>,
    ) -> Deferred<()> {
        let (resolver, deferred) = Deferred::pending();
        let call: Rc<OnceCell<Self>> = Rc::default();
        let to_cancel = Rc::clone(&call);
        resolver.on_cancel(move || {
            // It was set before the Deferred was returned, so before it could be cancelled.
            let _ = to_cancel.get().map(Self::cancel);
        });
        let fire = move || resolver.callback(());
        // Fails only when it is set already.
        let _ = call.set(Self::set(engine, engine.after(delay), fire, place));
        deferred
    }

    /// Cancels the call and drops its closure at once. If that panics, it is logged.
    ///
    /// Returns whether this kept the call from being made: false when it was made, is being made,
    /// or was cancelled before.
    pub fn cancel(&self) -> bool {
        let engine = self.engine.upgrade();
        engine.is_some_and(|engine| engine.cancel_call(self.timer.get()))
    }

    /// Makes the call due after `delay` from now, whatever it was before.
    ///
    /// Returns whether it did: false when the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn reset(&self, delay: Duration) -> bool {
        let place = Location::caller();
        let Some(engine) = self.engine.upgrade() else {
            return false;
        };
        let deadline = engine.after(delay);
        self.move_to(&engine, deadline, place)
    }

    /// Makes the call due later than it was by `delay`.
    ///
    /// Returns whether it did: false when the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn delay(&self, delay: Duration) -> bool {
        let place = Location::caller();
        let Some((engine, deadline)) = self.pending() else {
            return false;
        };
        self.move_to(&engine, deadline.saturating_add(as_nanos(delay)), place)
    }

    /// Whether the call is still to be made. False inside the call itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.pending().is_some()
    }

    /// When the call is due, if it is still to be made.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (engine, deadline) = self.pending()?;
        Some(engine.instant(deadline))
    }

    /// When the call is due. The timers know neither one that was made nor one that was cancelled.
    fn pending(&self) -> Option<(Rc<Engine>, Nanos)> {
        let engine = self.engine.upgrade()?;
        let deadline = engine.call_deadline(self.timer.get())?;
        Some((engine, deadline))
    }

    fn move_to(&self, engine: &Engine, deadline: Nanos, place: &'static Location<'static>) -> bool {
        let mut timer = self.timer.get();
        let is_moved = engine.move_call(&mut timer, deadline, place);
        self.timer.set(timer);
        is_moved
    }
}

impl fmt::Debug for DelayedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayedCall")
            .field("timer", &self.timer.get().number())
            .field("is_active", &self.is_active())
            .finish()
    }
}
