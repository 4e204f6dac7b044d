//! Time, and calls that are made later: for the handle, and for what it hands out.

use std::panic::Location;
use std::time::Duration;

use super::Engine;
use super::due::{Due, NamedCall, QueuedCall};
use super::timers::{Nanos, TimerId, as_nanos};
use crate::contained::Contained;
use crate::driver::WallClock;
use crate::observe::{Callback, Cause, Event};
use crate::time::Instant;

impl Engine {
    /// The time, read from the clock.
    pub(crate) fn now(&self) -> Instant {
        self.loop_side.now()
    }

    /// For what is stamped with a date. Nothing that waits may use it: people set it back.
    pub(crate) fn wall_clock(&self) -> WallClock {
        self.driver.borrow().wall_clock()
    }

    #[inline]
    pub(crate) fn nanos(&self, time: Instant) -> Nanos {
        self.loop_side.nanos(time)
    }

    pub(crate) fn instant(&self, nanos: Nanos) -> Instant {
        self.loop_side.instant(nanos)
    }

    /// When a delay is over that begins now. One that is too long to count is never over.
    pub(crate) fn after(&self, delay: Duration) -> Nanos {
        self.nanos(self.now()).saturating_add(as_nanos(delay))
    }

    #[inline]
    pub(crate) fn set_call(
        &self,
        deadline: Nanos,
        f: impl FnOnce() + 'static,
        place: &'static Location<'static>,
    ) -> TimerId {
        let due = Due::Call {
            call: Contained::new(Box::new(f)),
            place,
        };
        let timer = self.timers.borrow_mut().insert(deadline, due);
        self.observe(|| Event::TimerSet {
            timer: timer.number(),
            deadline: self.instant(deadline),
            place,
        });
        timer
    }

    /// When a call is due that was neither made nor cancelled.
    pub(crate) fn call_deadline(&self, timer: TimerId) -> Option<Nanos> {
        self.timers.borrow_mut().deadline(timer)
    }

    /// Drops a call. Returns whether it was still to be made.
    pub(crate) fn cancel_call(&self, timer: TimerId) -> bool {
        let number = timer.number();
        // Dropped after the borrow has ended: its own drop may set timers.
        let call = self.timers.borrow_mut().remove(timer);
        if call.is_some() {
            self.observe(|| Event::TimerCancelled { timer: number });
        }
        call.is_some()
    }

    /// Moves a call. Returns whether it was still to be made.
    pub(crate) fn move_call(
        &self,
        timer: &mut TimerId,
        deadline: Nanos,
        place: &'static Location<'static>,
    ) -> bool {
        let before = timer.number();
        if !self.timers.borrow_mut().reset(timer, deadline) {
            return false;
        }
        self.observe(|| Event::TimerCancelled { timer: before });
        self.observe(|| Event::TimerSet {
            timer: timer.number(),
            deadline: self.instant(deadline),
            place,
        });
        true
    }

    pub(crate) fn call_soon(&self, f: impl FnOnce() + 'static, place: &'static Location<'static>) {
        let call: Contained<Box<dyn NamedCall>> = Contained::new(Box::new(f));
        let queued = QueuedCall { call, place };
        self.queued.borrow_mut().push_back(queued);
    }

    pub(super) fn call_named(
        &self,
        cause: Cause,
        call: Contained<Box<dyn NamedCall>>,
        place: &'static Location<'static>,
    ) {
        let name = call.name();
        let callback = || Callback {
            cause,
            connection: None,
            name,
            place: Some(place),
        };
        // A panic was logged, and affects nothing else.
        let _ = self.dispatch.call(callback, || call.into_inner().call());
    }
}
