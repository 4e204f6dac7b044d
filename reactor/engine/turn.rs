//! The loop: sleep until a socket is ready or a call is due, then hand the event to its owner.
//!
//! One turn of [`Reactor::run`] is
//!
//! ```text
//! queued calls -> sleep -> accept, read -> due timers -> flush -> connections that ended
//! ```
//!
//! The clock is read when the sleep ends, and before it where somebody has a timer; calls of a
//! consumer that set a timer or a timeout read it anew, so that none is early after a callback that
//! took long.
//!
//! Invariant: no `RefCell` is borrowed while a protocol, a factory or a delayed call runs.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use crate::delayed_call::Due;
use crate::driver::Ready;
use crate::engine::budget::{CALL, LEAST, TURN};
use crate::engine::table::Token;
use crate::observe::{Callback, Cause, Event};
use crate::reactor::{Occupant, Reactor, RunError};

/// A reader that lends at most this much in one turn.
pub(crate) const READ_BUFFER: usize = 64 << 10;

/// One such buffer serves all connections.
pub(crate) type ReadBuffer = [u8; READ_BUFFER];

/// A turn that takes less is no time at all to the timeouts of peers.
const LONG_TURN: Duration = Duration::from_millis(1);

/// Memory that every turn uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    ready: Vec<Ready>,
    asking: Vec<Token>,
    buffer: Option<Box<ReadBuffer>>,
}

/// While it exists, a turn is being made. A panic that leaves the turn, although none should, ends it
/// as well, so that the loop can be run again.
struct Turning<'a>(&'a Cell<bool>);

impl<'a> Turning<'a> {
    fn begin(reactor: &'a Reactor) -> Self {
        reactor.0.turning.set(true);
        Self(&reactor.0.turning)
    }
}

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The turn, in its order.
impl Reactor {
    pub(crate) fn make_turn(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        let _turning = Turning::begin(self);
        let mut scratch = self.0.scratch.take();
        let result = self.make_turn_with(&mut scratch, timeout);
        self.0.scratch.replace(scratch);
        result.map_err(RunError::Driver)
    }

    fn make_turn_with(&self, scratch: &mut Scratch, timeout: Option<Duration>) -> io::Result<()> {
        self.observe(|| Event::TurnBegan);
        self.0.requests.budget.begin_turn();
        self.run_queued_calls();
        self.run_thread_calls();
        self.run_woken_tasks();
        self.wait(timeout, &mut scratch.ready)?;
        self.serve_ready(&scratch.ready, &mut scratch.buffer);
        self.run_posts(&mut scratch.buffer);
        self.run_due_timers();
        self.run_posts(&mut scratch.buffer);
        self.run_woken_tasks();
        self.serve_requests(&mut scratch.asking);
        self.report_lost();
        self.go_on_stopping();
        self.0.requests.budget.end_turn();
        self.observe(|| Event::TurnEnded);
        Ok(())
    }

    /// Begins another kind of work. Of each, some is done in every turn.
    pub(crate) fn begin_phase(&self) {
        self.0.requests.begin_phase(LEAST);
    }

    /// Whether another call may be made in this turn, which is counted then.
    pub(crate) fn may_call(&self) -> bool {
        let may_call = !self.0.requests.turn_is_spent();
        if may_call {
            self.0.requests.budget.charge(CALL);
        }
        may_call
    }

    /// Calls that are queued meanwhile wait for the next turn.
    fn run_queued_calls(&self) {
        self.begin_phase();
        let count = self.0.queued.borrow().len();
        for _ in 0..count {
            if !self.may_call() {
                return;
            }
            let Some(queued) = self.0.queued.borrow_mut().pop_front() else {
                return;
            };
            self.call_named(Cause::QueuedCall, queued.call, queued.place);
        }
    }

    fn run_thread_calls(&self) {
        self.begin_phase();
        for _ in 0..self.0.thread_queue.len() {
            if !self.may_call() {
                return;
            }
            let Some(queued) = self.0.thread_queue.next() else {
                return;
            };
            let callback = || Callback {
                cause: Cause::CallFromThread,
                connection: None,
                name: queued.name,
                place: Some(queued.place),
            };
            // A panic was logged, and concerns nobody else.
            let _ = self
                .0
                .dispatch
                .call(callback, || queued.call.into_inner()(self));
        }
    }

    fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let others_may_wake = self.0.thread_queue.has_remotes();
        let now = self.end_activity();
        let timeout = self.sleep_at_most(timeout, now);
        let mut driver = self.0.driver.borrow_mut();
        driver.wait(timeout, others_may_wake, ready)?;
        self.0.requests.set_turn_time(driver.now());
        let signals = driver.signals();
        drop(driver);
        self.observe(|| Event::Woke { ready: ready.len() });
        signals
            .into_iter()
            .for_each(|signal| self.signalled(signal));
        Ok(())
    }

    /// Whether the next turn has something to do and does not sleep.
    pub(crate) fn is_busy(&self) -> bool {
        self.has_something_to_wait_for() && self.sleep_at_most(None, None) == Some(Duration::ZERO)
    }

    /// The time that callbacks have taken in this turn does not count to the timeouts of peers that
    /// were active in it: they could not be answered before. Returns the time, if it was needed.
    fn end_activity(&self) -> Option<Instant> {
        let active = self.0.requests.take_active();
        if active.is_empty() {
            return None;
        }
        let now = self.now();
        if now.saturating_duration_since(self.0.requests.turn_time()) >= LONG_TURN {
            let mut table = self.0.table.borrow_mut();
            for token in &active {
                if let Some(Occupant::Connection(connection)) = table.peek(*token) {
                    connection.transport.was_active_until(now);
                }
            }
        }
        self.0.requests.recycle_active(active);
        Some(now)
    }

    /// How long the loop may sleep: not at all when there is something to do. `now` is the time, if
    /// it is known.
    fn sleep_at_most(&self, timeout: Option<Duration>, now: Option<Instant>) -> Option<Duration> {
        let idle = self.0.queued.borrow().is_empty()
            && self.0.requests.is_empty()
            && !self.0.tasks.are_woken()
            && !self.0.thread_queue.has_calls()
            && self.0.ready.borrow().is_empty()
            && self.0.lost.borrow().is_empty()
            && !self.stops_at_once();
        if !idle {
            return Some(Duration::ZERO);
        }
        let Some(deadline) = self.0.timers.borrow_mut().next_deadline() else {
            // The calls that this turn has made may have been the last things to wait for.
            let waits = timeout.is_some() || self.has_something_to_wait_for();
            return if waits { timeout } else { Some(Duration::ZERO) };
        };
        let until = Duration::from_nanos(
            deadline.saturating_sub(self.nanos(now.unwrap_or_else(|| self.now()))),
        );
        Some(timeout.map_or(until, |timeout| timeout.min(until)))
    }

    /// Serves those to whom something has happened, those who are in line since turns before, and
    /// those who have had their share already, until the turn has done enough. The rest gets in line.
    ///
    /// What is new comes first, since most of it is little, and is not to wait for a crowd whose turn
    /// it is after many others. Those in line have half of a turn in any case.
    fn serve_ready(&self, events: &[Ready], buffer: &mut Option<Box<ReadBuffer>>) {
        let in_line = self.0.ready.borrow().len();
        if in_line == 0 && events.is_empty() && !self.0.requests.have_yielded() {
            return;
        }
        let buffer = buffer.get_or_insert_with(|| Box::new([0; READ_BUFFER]));
        self.begin_phase();
        for event in events {
            if self.0.requests.turn_is_spent() {
                self.get_in_line(*event);
            } else {
                self.serve(event.token, Some(event), buffer);
            }
        }
        if in_line > 0 {
            self.serve_line(in_line, buffer);
        }
        if self.0.requests.have_yielded() {
            self.serve_yielded();
        }
    }

    /// Serves the first `in_line` of the line.
    #[inline(never)]
    fn serve_line(&self, in_line: usize, buffer: &mut ReadBuffer) {
        self.0.requests.begin_phase(TURN / 2);
        for _ in 0..in_line {
            if self.0.requests.turn_is_spent() {
                break;
            }
            let Some(token) = self.0.ready.borrow_mut().pop_front() else {
                break;
            };
            self.serve(token, None, buffer);
        }
    }

    /// Goes on with those who have had their share, one share after the other, as long as the turn
    /// lasts. They keep what they were given, and are not read meanwhile.
    #[inline(never)]
    fn serve_yielded(&self) {
        self.begin_phase();
        while !self.0.requests.turn_is_spent() {
            let Some(token) = self.0.requests.next_yielded() else {
                return;
            };
            let occupant = self.take(token);
            let Some(Occupant::Connection(mut connection)) = occupant else {
                continue;
            };
            self.end_yielding(&mut connection);
            self.put_connection(connection);
        }
    }

    /// Serves one occupant, out of the table: something has happened to it, or it was in line.
    ///
    /// This is done for each message, so it is part of its loop, and what is done more seldom is not.
    #[inline(always)]
    fn serve(&self, token: Token, event: Option<&Ready>, buffer: &mut ReadBuffer) {
        let occupant = self.take(token);
        let Some(Occupant::Connection(mut connection)) = occupant else {
            return self.serve_other(token, event, occupant);
        };
        if event.is_none_or(|event| connection.note_ready(*event)) {
            self.receive(&mut connection, buffer);
        }
        self.put_connection(connection);
    }

    /// Serves what is no connection.
    #[inline(never)]
    fn serve_other(&self, token: Token, event: Option<&Ready>, occupant: Option<Occupant>) {
        match occupant {
            Some(Occupant::Port(mut port)) => {
                self.accept(&mut port, event.is_some());
                self.put(token, Occupant::Port(port));
            }
            Some(Occupant::Trial(attempt)) => self.trial_ready(attempt, token, event),
            Some(other @ Occupant::Attempt(_)) => self.put(token, other),
            Some(Occupant::Connection(_)) | None => {}
        }
    }

    /// Remembers what an event said, for the next turn.
    fn get_in_line(&self, event: Ready) {
        let mut table = self.0.table.borrow_mut();
        let gets_in_line = match table.peek(event.token) {
            None | Some(Occupant::Attempt(_)) => false,
            Some(Occupant::Connection(connection)) => {
                connection.note_ready(event) && connection.gets_in_line()
            }
            Some(&mut Occupant::Trial(attempt)) => {
                if let Some(Occupant::Attempt(attempt)) = table.peek(attempt) {
                    attempt.note_ready(event);
                }
                true
            }
            Some(Occupant::Port(port)) => port.gets_in_line(),
        };
        if gets_in_line {
            self.0.ready.borrow_mut().push_back(event.token);
        }
    }

    /// Calls made through handles, those they make included.
    fn run_posts(&self, buffer: &mut Option<Box<ReadBuffer>>) {
        self.begin_phase();
        while self.0.requests.has_posts() && self.may_call() {
            let Some(post) = self.0.requests.next_post() else {
                return;
            };
            let Some(occupant) = self.take(post.token) else {
                continue;
            };
            let Occupant::Connection(mut connection) = occupant else {
                continue;
            };
            if post.looks {
                let buffer = buffer.get_or_insert_with(|| Box::new([0; READ_BUFFER]));
                self.look(&mut connection, buffer);
            }
            self.deliver_post(&mut connection, post);
            self.put_connection(connection);
        }
    }

    /// Timers that are set meanwhile wait for the next turn, even when they are due.
    fn run_due_timers(&self) {
        let now = self.nanos(self.0.requests.turn_time());
        let round = self.0.timers.borrow_mut().begin_round(now);
        self.begin_phase();
        while self.may_call() {
            let due = self.0.timers.borrow_mut().pop_due(round);
            match due {
                None => return,
                Some(Due::Call { call, place }) => self.call_named(Cause::DelayedCall, call, place),
                Some(Due::Connection(token)) => self.connection_timer(token),
                Some(Due::Port(token)) => self.port_timer(token),
                Some(Due::Attempt(token)) => self.attempt_timer(token),
                Some(Due::Grace) => self.grace_is_over(),
            }
        }
    }

    /// Does what transports were asked for since the last turn. What is asked for meanwhile waits
    /// for the next one.
    fn serve_requests(&self, asking: &mut Vec<Token>) {
        self.begin_phase();
        self.0.requests.swap_asking(asking);
        self.0.requests.blocks.begin_flush();
        for &token in &*asking {
            if self.flush_in_place(token) {
                continue;
            }
            let Some(occupant) = self.take(token) else {
                continue;
            };
            let Occupant::Connection(mut connection) = occupant else {
                continue;
            };
            self.serve_request(&mut connection);
            self.put_connection(connection);
            self.relieve();
        }
        asking.clear();
        self.0.requests.blocks.end_flush();
    }

    /// The usual request: bytes, for a socket that takes them all. No consumer's code runs, so the
    /// connection stays in the table. Returns whether that was all.
    fn flush_in_place(&self, token: Token) -> bool {
        let mut table = self.0.table.borrow_mut();
        match table.peek(token) {
            Some(Occupant::Connection(connection)) if !self.0.dispatch.is_observed() => {
                connection.flush_in_place()
            }
            _ => false,
        }
    }

    fn report_lost(&self) {
        let lost = std::mem::take(&mut *self.0.lost.borrow_mut());
        for token in lost {
            let occupant = self.0.table.borrow_mut().remove(token);
            if let Some(Occupant::Connection(connection)) = occupant {
                self.connection_lost(*connection);
            }
        }
    }
}
