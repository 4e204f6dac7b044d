//! A call that is to be made later, and what one may still do about it.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::contained::Contained;
use crate::engine::table::Token;
use crate::engine::timers::{Nanos, TimerId};
use crate::observe::Event;
use crate::reactor::{Reactor, WeakReactor, as_nanos};

/// What the timers of a loop hold.
pub(crate) enum Due {
    /// A consumer's call.
    Call {
        call: Contained<Box<dyn NamedCall>>,
        place: &'static Location<'static>,
    },
    /// The earliest of a connection's deadlines may be over.
    Connection(Token),
    /// A port whose `accept` failed tries again.
    Port(Token),
    /// An attempt to connect has taken too long.
    Attempt(Token),
    /// The grace of a shutdown is over.
    Grace,
}

/// A closure that knows the name of its type.
pub(crate) trait NamedCall {
    fn name(&self) -> &'static str;
    fn call(self: Box<Self>);
}

impl<F: FnOnce()> NamedCall for F {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn call(self: Box<Self>) {
        self();
    }
}

/// A call set with [`Reactor::call_later`] or [`Reactor::call_at`].
///
/// Dropping this handle does not cancel the call.
pub struct DelayedCall {
    reactor: WeakReactor,
    timer: Cell<TimerId>,
}

impl DelayedCall {
    pub(crate) fn new(reactor: WeakReactor, timer: TimerId) -> Self {
        Self {
            reactor,
            timer: Cell::new(timer),
        }
    }

    /// Cancels the call and drops its closure at once. If that panics, it is logged.
    ///
    /// Returns whether this kept the call from being made: false when it was made, is being made,
    /// or was cancelled before.
    pub fn cancel(&self) -> bool {
        let Some((reactor, _)) = self.pending() else {
            return false;
        };
        // Dropped below, after the borrow: the closure may own what sets timers in its drop.
        let call = reactor.0.timers.borrow_mut().remove(self.timer.get());
        reactor.observe(|| Event::TimerCancelled {
            timer: self.timer.get().number(),
        });
        drop(call);
        true
    }

    /// Makes the call due after `delay` from now, whatever it was before.
    ///
    /// Returns whether it did: false when the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn reset(&self, delay: Duration) -> bool {
        let Some((reactor, _)) = self.pending() else {
            return false;
        };
        let now = reactor.nanos(reactor.now());
        let deadline = now.saturating_add(as_nanos(delay));
        self.reset_to(&reactor, deadline, Location::caller());
        true
    }

    /// Makes the call due later than it was by `delay`.
    ///
    /// Returns whether it did: false when the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn delay(&self, delay: Duration) -> bool {
        let Some((reactor, deadline)) = self.pending() else {
            return false;
        };
        let deadline = deadline.saturating_add(as_nanos(delay));
        self.reset_to(&reactor, deadline, Location::caller());
        true
    }

    /// Whether the call is still to be made. False inside the call itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.pending().is_some()
    }

    /// When the call is due, if it is still to be made.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (reactor, deadline) = self.pending()?;
        Some(reactor.instant(deadline))
    }

    /// When the call is due. The timers know neither one that was made nor one that was cancelled.
    fn pending(&self) -> Option<(Reactor, Nanos)> {
        let reactor = self.reactor.upgrade()?;
        let deadline = reactor.0.timers.borrow_mut().deadline(self.timer.get())?;
        Some((reactor, deadline))
    }

    fn reset_to(&self, reactor: &Reactor, deadline: Nanos, place: &'static Location<'static>) {
        let mut timer = self.timer.get();
        let before = timer.number();
        reactor.0.timers.borrow_mut().reset(&mut timer, deadline);
        self.timer.set(timer);
        reactor.observe(|| Event::TimerCancelled { timer: before });
        let timer = timer.number();
        let deadline = reactor.instant(deadline);
        reactor.observe(|| Event::TimerSet {
            timer,
            deadline,
            place,
        });
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
