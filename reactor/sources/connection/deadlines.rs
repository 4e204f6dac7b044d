//! What happens to a connection because time passes: it was idle, its handshake is late, it lingers, it stalls
//! others.
//!
//! Each connection has at most one timer, set to the earliest of its deadlines and left there when
//! that moves into the future: when the timer fires too early, it is set again. So receiving a
//! byte, which moves the idle deadline, costs the timers nothing.
//!
//! A deadline is about the peer, and the loop may not have looked at it for a while. So the socket is
//! asked once more before a peer is judged: for bytes that wait, or for room that it has made.

use std::io;
use std::time::Duration;

use super::Connection;
use crate::driver::Readiness;
use crate::engine::Engine;
use crate::engine::timers::{Nanos, as_nanos};
use crate::observe::Cause;
use crate::reason::Reason;

/// How long a peer that has got everything may at most take to close its side.
const LAST_WAIT: Duration = Duration::from_secs(2);

impl Connection {
    pub(super) fn has_deadline(&self) -> bool {
        let transport = &self.transport;
        let state = transport.state();
        let is_timed = state.delivers() && transport.idle_deadline().is_some();
        let has_look = transport.next_look().is_some() && !state.is_over();
        is_timed || state.lingers() || has_look || self.handshake_deadline().is_some()
    }

    /// The earliest of the connection's deadlines.
    fn deadline(&self, engine: &Engine) -> Option<Nanos> {
        let look = self.transport.next_look().map(|look| engine.nanos(look));
        let handshake = self.handshake_deadline();
        [self.end_deadline(), look, handshake]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the handshake of a layer has taken too long. Once the end was asked for that concerns only
    /// bytes that wait for it; without those the peer has just to close.
    fn handshake_deadline(&self) -> Option<Nanos> {
        let layered = self.layered.as_ref()?;
        let state = self.transport.state();
        let matters = state.delivers() || state.lingers() && layered.layers.held() > 0;
        match matters {
            true => layered.layers.handshake_deadline(),
            false => None,
        }
    }

    /// When the peer has been idle for too long, or the end of the connection takes too long.
    fn end_deadline(&self) -> Option<Nanos> {
        let transport = &self.transport;
        let state = transport.state();
        if state.delivers() {
            transport.idle_deadline()
        } else if state.lingers() {
            transport
                .lingers_from()
                .checked_add(as_nanos(self.closing_wait()))
        } else {
            None
        }
    }

    fn closing_wait(&self) -> Duration {
        let linger = self.transport.limits().linger;
        if self.transport.unsent() > 0 {
            linger
        } else {
            linger.min(LAST_WAIT) // a peer that has everything has only to close: a round trip
        }
    }

    /// Sets the connection's one timer to its earliest deadline. A timer that is set and too early
    /// is left alone: it will look again when it fires.
    pub(super) fn arm_timer(&mut self, engine: &Engine) {
        if let Some(deadline) = self.deadline(engine) {
            engine.arm_earlier(&mut self.timer, self.transport.token(), deadline);
        }
    }

    /// The connection's timer has fired: some of its deadlines may be over.
    pub(super) fn deadline_passed(&mut self, engine: &Engine) {
        self.check_deadlines(engine);
        if !self.transport.is_lost() {
            self.arm_timer(engine);
        }
    }

    fn check_deadlines(&mut self, engine: &Engine) {
        let looks = |look| engine.turn_time() >= look;
        if self.transport.next_look().is_some_and(looks) {
            self.look_at_listener(engine);
        }
        let now = engine.loop_side().turn_nanos();
        let is_late = self.handshake_deadline().is_some_and(|d| now >= d);
        if is_late && !self.look_once_more(engine) {
            return self.end_late_handshake(engine, now);
        }
        let is_over = self.end_deadline().is_some_and(|deadline| now >= deadline);
        if !is_over || self.peer_was_active(engine) {
            return;
        }
        let state = self.transport.state();
        if state.delivers() {
            self.transport.set_timeout(None); // before the call, which may set another one
            self.call(engine, Cause::TimedOut, |protocol, transport| {
                protocol.timed_out(transport);
            });
        } else if state.lingers() && self.transport.unsent() > 0 {
            self.fail(Reason::LingerTimeout);
        } else if state.lingers() {
            self.lose(engine);
        }
    }

    /// Whether the peer did something that the loop has not seen, because it was busy with others or
    /// because this side has paused reading. Looking costs a call, once for each timeout, and not
    /// for all connections in each turn.
    fn peer_was_active(&mut self, engine: &Engine) -> bool {
        let state = self.transport.state();
        if self.transport.is_held_back(Readiness::WRITABLE) {
            // It has not been offered what it is waited for to take.
            self.transport.reset_timeout();
            self.transport.linger_from_now();
            return true;
        }
        if state.delivers() {
            return self.peer_has_sent(engine);
        }
        if !state.lingers() {
            return false;
        }
        self.try_to_flush(engine);
        self.transport.ask_for_more();
        self.end_deadline() > Some(engine.loop_side().turn_nanos())
    }

    /// Has what waits be read before a handshake is late, since its rest may have come in time. Returns
    /// whether there is something. Once for a connection: whoever sends without end would never be late
    /// otherwise.
    fn look_once_more(&mut self, engine: &Engine) -> bool {
        match &mut self.layered {
            Some(layered) if !layered.has_looked => layered.has_looked = true,
            _ => return false,
        }
        self.peer_has_sent(engine)
    }

    fn look_at_listener(&mut self, engine: &Engine) {
        self.try_to_flush(engine);
        self.transport.looked();
        self.transport.ask_for_more();
    }

    /// Offers what is unsent to a socket that took no more. The kernel reports it writable again
    /// when a third of its buffer is free, which is long after it took the first.
    fn try_to_flush(&mut self, engine: &Engine) {
        self.transport.set_writable();
        self.go_on(engine); // what was written above a new layer waits for it to be in place
        self.flush(engine);
    }

    /// Whether bytes of the peer wait to be read or delivered, or their end.
    fn peer_has_sent(&mut self, engine: &Engine) -> bool {
        if self.in_line || self.transport.has_yielded() {
            return true; // it will be served in a turn that follows, and looked at again
        }
        if self.transport.has_read_end() {
            return false;
        }
        match self.transport.with_stream(|stream| stream.peek(&mut [0])) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(0) => self.ready.add(Readiness::READ_CLOSED),
            Ok(_) | Err(_) => {}
        }
        self.ready.add(Readiness::READABLE);
        if !self.may_read() || self.transport.is_held_back(Readiness::READABLE) {
            self.transport.reset_timeout();
        }
        self.line_up_if_readable(engine);
        true
    }
}
