//! The loop: sleep until a socket is ready or a call is due, then hand the event to its owner.
//!
//! One turn of [`Reactor::run`](crate::Reactor::run), by the numbers of `make_turn_with`:
//!
//! ```text
//!  1 queued calls, calls from threads, tasks ─▶ 2 sleep ─▶ 3 events: read, accept ─▶ 4 due timers
//!  ─▶ 5 tasks that these have woken ─▶ 6 flush what was written ─▶ 7 connections that ended ─▶ 8 stop
//! ```
//!
//! The order is that of cause and effect. What is known is done before the loop sleeps, or it would be
//! late; what events and timers make tasks and protocols write goes out in the same turn, in one call
//! for each socket; a connection that fails in the flush is reported in the same turn, when its
//! descriptor is free already; and a stop sees all of that.
//!
//! The clock is read when the sleep ends, and before it where a timer is set. What a consumer sets, a
//! timer or a timeout, reads it again, so that none is early after a callback that took long.
//!
//! Invariant: nothing that a consumer's code could reach is borrowed while it runs. What is served is out
//! of the table; a factory is in a cell of its own, which nothing else borrows while it builds.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::budget::TURN;
use super::due::Due;
use super::jobs::job_callback;
use super::running::RunError;
use super::table::Token;
use super::threads::FromThread;
use super::{Engine, READ_BUFFER, ReadBuffer, Scratch, Source};
use crate::driver::Ready;
use crate::observe::{Callback, Cause, Event};
use crate::time::Instant;
use crate::transport::Transport;

/// A turn that takes less is no time at all to the timeouts of peers.
const LONG_TURN: Duration = Duration::from_millis(1);

/// While it exists, a turn is being made. A panic that leaves the turn, although none should, ends it
/// as well, so that the loop can be run again.
struct Turning<'a>(&'a Cell<bool>);

impl<'a> Turning<'a> {
    fn begin(turning: &'a Cell<bool>) -> Self {
        turning.set(true);
        Self(turning)
    }
}

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The turn, in its order.
impl Engine {
    pub(super) fn make_turn(self: &Rc<Self>, timeout: Option<Duration>) -> Result<(), RunError> {
        let _turning = Turning::begin(&self.turning);
        let mut scratch = self.scratch.take();
        let result = self.make_turn_with(&mut scratch, timeout);
        self.scratch.replace(scratch);
        result.map_err(RunError::Driver)
    }

    fn make_turn_with(
        self: &Rc<Self>,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.observe(|| Event::TurnBegan);
        self.loop_side.budget.begin_turn();
        // 1. What is known already.
        self.run_queued_calls();
        self.run_thread_calls();
        self.tasks.run_woken(&self.dispatch, &self.loop_side);
        // 2. Sleep. All that follows is due to what woke the loop.
        self.wait(timeout, &mut scratch.ready)?;
        // 3. Events, and calls through handles that their callbacks made.
        self.serve_ready(&scratch.ready);
        self.run_posts();
        // 4. Timers, behind the events: bytes that came in time count before a timeout does.
        self.run_due_timers();
        self.run_posts();
        // 5. Tasks a second time, so that what they write is sent with what callbacks wrote.
        self.tasks.run_woken(&self.dispatch, &self.loop_side);
        // 6. One send for each connection that has written, then what follows from it: marks, ends.
        self.serve_requests(&mut scratch.asking);
        // 7. `connection_lost`, also for what failed in 6.
        self.report_lost(&mut scratch.lost);
        // 8. One stage of a stop, if that is under way.
        self.go_on_stopping();
        self.loop_side.budget.end_turn();
        self.observe(|| Event::TurnEnded);
        Ok(())
    }

    /// Calls that are queued while these run wait for the next turn: one that queues itself again
    /// must not keep the loop from its sockets.
    fn run_queued_calls(&self) {
        self.loop_side.begin_kind();
        let count = self.queued.borrow().len();
        for _ in 0..count {
            if !self.loop_side.count_call() {
                return;
            }
            let Some(queued) = self.queued.borrow_mut().pop_front() else {
                return;
            };
            self.call_named(Cause::QueuedCall, queued.call, queued.place);
        }
    }

    fn run_thread_calls(self: &Rc<Self>) {
        self.loop_side.begin_kind();
        for _ in 0..self.thread_queue.len() {
            if !self.loop_side.count_call() {
                return;
            }
            match self.thread_queue.next() {
                None => return,
                Some(FromThread::Call { call, name, place }) => {
                    let callback = || Callback {
                        cause: Cause::CallFromThread,
                        connection: None,
                        name,
                        place: Some(place),
                    };
                    // A panic was logged, and affects nothing else.
                    let _ = self.dispatch.call(callback, || call.into_inner()(self));
                }
                Some(FromThread::JobEnded(job)) => {
                    // A Deferred keeps the panics of its callbacks to itself.
                    let _ = self.dispatch.call(job_callback, || self.jobs.end(job));
                }
                Some(FromThread::Wake(source)) => self.wake(source),
                Some(FromThread::Mail(mailbox)) => {
                    let (dispatch, loop_side) = (&self.dispatch, &self.loop_side);
                    if self.mailboxes.deliver(mailbox, dispatch, loop_side) {
                        self.thread_queue.queue_again(mailbox);
                    }
                }
            }
        }
    }

    fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let others_may_wake = self.thread_queue.has_remotes();
        let now = self.end_activity();
        let timeout = self.sleep_at_most(timeout, now);
        let mut driver = self.driver.borrow_mut();
        driver.wait(timeout, others_may_wake, ready)?;
        self.loop_side.set_turn_time(driver.now());
        let signals = driver.signals();
        drop(driver);
        self.observe(|| Event::Woke { ready: ready.len() });
        signals
            .into_iter()
            .for_each(|signal| self.signalled(signal));
        Ok(())
    }

    /// The time that callbacks have taken in this turn does not count to the timeouts of peers that
    /// were active in it: they could not be answered before. Returns the time, if it was needed.
    fn end_activity(&self) -> Option<Instant> {
        let active = self.loop_side.take_active();
        if active.is_empty() {
            return None; // the usual case, in which the clock is not read
        }
        let now = self.now();
        if now.saturating_duration_since(self.turn_time()) >= LONG_TURN {
            let mut table = self.table.borrow_mut();
            for token in &active {
                if let Some(source) = table.peek(*token) {
                    source.was_active_until(self.nanos(now));
                }
            }
        }
        self.loop_side.recycle_active(active);
        Some(now)
    }

    /// How long the loop may sleep: not at all when there is something to do. `now` is the time, if
    /// it is known.
    pub(super) fn sleep_at_most(
        &self,
        timeout: Option<Duration>,
        now: Option<Instant>,
    ) -> Option<Duration> {
        let idle = self.queued.borrow().is_empty()
            && self.loop_side.is_empty()
            && !self.tasks.are_woken()
            && !self.thread_queue.has_calls()
            && self.line.borrow().is_empty()
            && self.lost.borrow().is_empty()
            && !self.stops_at_once();
        if !idle {
            return Some(Duration::ZERO);
        }
        let Some(deadline) = self.timers.borrow_mut().next_deadline() else {
            // The calls that this turn has made may have been the last things to wait for.
            let waits = timeout.is_some() || self.has_something_to_wait_for();
            return if waits { timeout } else { Some(Duration::ZERO) };
        };
        let now = now.unwrap_or_else(|| self.now());
        let until = Duration::from_nanos(deadline.saturating_sub(self.nanos(now)));
        Some(timeout.map_or(until, |timeout| timeout.min(until)))
    }

    /// Serves the sources with an event, those in line since earlier turns, and those that have used
    /// their share already, until the turn has done enough. The rest gets in line.
    ///
    /// New events come first: most of them are little work, and must not wait for a long line. Those
    /// in line have half of a turn in any case.
    fn serve_ready(&self, events: &[Ready]) {
        // Counted first: a source that gets in line while this runs waits for the next turn.
        let in_line = self.line.borrow().len();
        if in_line > 0 || !events.is_empty() {
            self.with_buffer(|buffer| {
                self.serve_events(events, buffer);
                self.serve_line(in_line, buffer);
            });
        }
        if self.loop_side.have_yielded() {
            self.serve_yielded();
        }
    }

    /// Serves the sources that have an event.
    #[inline]
    fn serve_events(&self, events: &[Ready], buffer: &mut ReadBuffer) {
        self.loop_side.begin_kind();
        for event in events {
            if self.loop_side.turn_is_spent() {
                self.get_in_line(*event);
            } else {
                let serve = |source: &mut dyn Source| source.ready(event.what, self, buffer);
                self.serve(event.token, serve);
            }
        }
    }

    /// Serves a source while it is out of the table, so that what its consumer's code asks of the
    /// loop finds nothing borrowed.
    #[inline(always)]
    pub(super) fn serve(&self, token: Token, f: impl FnOnce(&mut dyn Source)) {
        // An event or a request of a source that is gone finds nothing: its token is not used again.
        let Some(mut source) = self.take(token) else {
            return;
        };
        f(&mut *source);
        self.put(token, source);
    }

    /// Serves the first `in_line` of the line; those that get in line again wait for the next turn.
    fn serve_line(&self, in_line: usize, buffer: &mut ReadBuffer) {
        self.loop_side.begin_phase(TURN / 2);
        for _ in 0..in_line {
            if self.loop_side.turn_is_spent() {
                break;
            }
            let Some(token) = self.line.borrow_mut().pop_front() else {
                break;
            };
            self.serve(token, |source| source.turn(self, buffer));
        }
    }

    /// Goes on with the sources that have used their share, one more share for each in turn, as long as
    /// the turn lasts. They keep what they have received, and are not read before it is used up.
    #[inline(never)]
    fn serve_yielded(&self) {
        self.loop_side.begin_kind();
        while !self.loop_side.turn_is_spent() {
            let Some(token) = self.loop_side.next_yielded() else {
                return;
            };
            self.serve(token, |source| source.yielded(self));
        }
    }

    /// Remembers an event for the next turn: mio is edge-triggered, and reports it once. Returns whether it
    /// put the source in line for that.
    pub(crate) fn get_in_line(&self, event: Ready) -> bool {
        let mut table = self.table.borrow_mut();
        let source = table.peek(event.token);
        let gets_in_line = source.is_some_and(|source| source.note(event.what));
        if gets_in_line {
            self.line_up(event.token);
        }
        gets_in_line
    }

    /// Calls made through handles, those they make included.
    fn run_posts(&self) {
        self.loop_side.begin_kind();
        while self.loop_side.has_posts() && self.loop_side.count_call() {
            let Some(token) = self.loop_side.next_post() else {
                return;
            };
            self.serve(token, |source| source.called(self));
        }
    }

    /// Timers that are set while these run wait for the next turn, even when they are due.
    fn run_due_timers(&self) {
        let now = self.loop_side.turn_nanos();
        let round = self.timers.borrow_mut().begin_round(now);
        self.loop_side.begin_kind();
        while self.loop_side.count_call() {
            let due = self.timers.borrow_mut().pop_due(round);
            match due {
                None => return,
                Some(Due::Call { call, place }) => self.call_named(Cause::DelayedCall, call, place),
                Some(Due::Source(token)) => self.serve(token, |source| source.due(self)),
                Some(Due::LameDuck) => self.life.lame_duck.set(None),
                Some(Due::Grace) => self.grace_is_over(),
            }
        }
    }

    /// Does what transports have requested since the last turn. What is requested while this runs waits
    /// for the next one, or two connections that answer each other would keep the loop here for ever.
    fn serve_requests(&self, asking: &mut Vec<Transport>) {
        self.loop_side.begin_kind();
        self.loop_side.swap_asking(asking);
        self.loop_side.blocks.begin_flush();
        for transport in asking.drain(..) {
            // Nearly always this is all, and costs neither a look into the table nor a move.
            if let Some(token) = transport.flush(&self.dispatch) {
                self.serve(token, |source| source.asked(self));
                self.relieve(); // its source is back in the table, where it can be lost
            }
        }
        self.loop_side.blocks.end_flush();
    }

    fn report_lost(&self, lost: &mut Vec<Token>) {
        // Taken first: what is aborted in one `connection_lost` is reported in the next turn.
        std::mem::swap(&mut *self.lost.borrow_mut(), lost);
        for token in lost.drain(..) {
            let source = self.table.borrow_mut().remove(token); // nothing reaches what is over
            if let Some(source) = source {
                source.lost(self);
            }
        }
    }
}

/// What the turn and other parts of the engine need.
impl Engine {
    #[inline]
    fn take(&self, token: Token) -> Option<Box<dyn Source>> {
        self.table.borrow_mut().take(token)
    }

    /// Puts a source into its slot. One whose token was removed while it was out is dropped.
    #[inline(always)]
    pub(crate) fn put(&self, token: Token, source: Box<dyn Source>) {
        let left_over = self.table.borrow_mut().put(token, source);
        drop(left_over); // outside the borrow; what it has of a consumer is contained
    }

    /// Lends the buffer to what reads. It is out of its cell then, and not borrowed.
    #[inline]
    pub(crate) fn with_buffer(&self, f: impl FnOnce(&mut ReadBuffer)) {
        let buffer = self.buffer.take();
        let mut buffer = buffer.unwrap_or_else(|| Box::new([0; READ_BUFFER]));
        f(&mut buffer);
        self.buffer.set(Some(buffer));
    }
}
