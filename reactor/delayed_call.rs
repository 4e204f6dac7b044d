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
    cancelled: Cell<bool>,
}

impl DelayedCall {
    pub(crate) fn new(reactor: WeakReactor, timer: TimerId) -> Self {
        Self {
            reactor,
            timer: Cell::new(timer),
            cancelled: Cell::new(false),
        }
    }

    /// Cancels the call and drops its closure at once. If that panics, it is logged.
    ///
    /// # Errors
    ///
    /// When the call was made, is being made, or was cancelled before.
    pub fn cancel(&self) -> Result<(), DelayedCallError> {
        let (reactor, _) = self.pending()?;
        // The closure is dropped here, after the borrow: it may own what sets timers in its drop.
        let call = reactor.0.timers.borrow_mut().remove(self.timer.get());
        self.cancelled.set(true);
        reactor.observe(|| Event::TimerCancelled {
            timer: self.timer.get().number(),
        });
        drop(call);
        Ok(())
    }

    /// Makes the call due after `delay` from now, whatever it was before.
    ///
    /// # Errors
    ///
    /// When the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn reset(&self, delay: Duration) -> Result<(), DelayedCallError> {
        let (reactor, _) = self.pending()?;
        let now = reactor.nanos(reactor.now());
        self.reset_to(
            &reactor,
            now.saturating_add(as_nanos(delay)),
            Location::caller(),
        );
        Ok(())
    }

    /// Makes the call due later than it was by `delay`.
    ///
    /// # Errors
    ///
    /// When the call was made, is being made, or was cancelled.
    #[track_caller]
    pub fn delay(&self, delay: Duration) -> Result<(), DelayedCallError> {
        let (reactor, deadline) = self.pending()?;
        self.reset_to(
            &reactor,
            deadline.saturating_add(as_nanos(delay)),
            Location::caller(),
        );
        Ok(())
    }

    /// Whether the call is still to be made. False inside the call itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.pending().is_ok()
    }

    /// When the call is due, if it is still to be made.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.pending()
            .ok()
            .map(|(reactor, deadline)| reactor.instant(deadline))
    }

    fn pending(&self) -> Result<(Reactor, Nanos), DelayedCallError> {
        if self.cancelled.get() {
            return Err(DelayedCallError::AlreadyCancelled);
        }
        let reactor = self
            .reactor
            .upgrade()
            .ok_or(DelayedCallError::AlreadyCalled)?;
        let deadline = reactor.0.timers.borrow_mut().deadline(self.timer.get());
        Ok((reactor, deadline.ok_or(DelayedCallError::AlreadyCalled)?))
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

/// Why a delayed call cannot be cancelled or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayedCallError {
    /// The call was made, or is being made, or its reactor is gone.
    AlreadyCalled,
    /// The call was cancelled.
    AlreadyCancelled,
}

impl fmt::Display for DelayedCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyCalled => write!(f, "the delayed call was made already"),
            Self::AlreadyCancelled => write!(f, "the delayed call was cancelled already"),
        }
    }
}

impl std::error::Error for DelayedCallError {}
