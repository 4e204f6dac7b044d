//! What happens to a connection because time passes: it was idle, it lingers, it stalls others.
//!
//! Each connection has at most one timer, set to the earliest of its deadlines and left there when
//! that moves into the future: when the timer fires too early, it is set again. So receiving a
//! byte, which moves the idle deadline, costs the timers nothing.

use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::delayed_call::Due;
use crate::observer::Cause;
use crate::reactor::{Occupant, Reactor};
use crate::reason::Reason;
use crate::table::Token;
use crate::transport::Closing;

/// A listener that takes nothing for this long is not waited for by those who talk to its group.
const STALLED_AFTER: Duration = Duration::from_millis(100);

/// How long a peer that has got everything may at most take to close its side.
const LAST_WAIT: Duration = Duration::from_secs(2);

impl Connection {
    /// The earliest of the connection's deadlines.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let transport = &self.transport;
        let end = match transport.closing() {
            Closing::No => transport.idle_deadline(),
            Closing::AfterFlush => transport.taken_at().checked_add(self.closing_wait()),
            Closing::Now | Closing::Lost => return None,
        };
        let stall = transport
            .has_waiting_talkers()
            .then(|| transport.taken_at() + STALLED_AFTER);
        end.into_iter().chain(stall).min()
    }

    fn closing_wait(&self) -> Duration {
        let linger = self.transport.limits().linger;
        if self.transport.unsent() > 0 {
            linger
        } else {
            linger.min(LAST_WAIT)
        }
    }
}

impl Reactor {
    /// Sets the connection's one timer to its earliest deadline. A timer that is set and too early
    /// is left alone: it will look again when it fires.
    pub(super) fn arm_timer(&self, connection: &mut Connection) {
        let Some(deadline) = connection.deadline() else {
            return;
        };
        let deadline = self.nanos(deadline);
        let mut timers = self.0.timers.borrow_mut();
        match &mut connection.timer {
            None => {
                let due = Due::Connection(connection.transport.token());
                connection.timer = Some(timers.insert(deadline, due));
            }
            Some(timer) if timers.deadline(*timer).is_some_and(|set| deadline < set) => {
                timers.reset(timer, deadline);
            }
            Some(_) => {}
        }
    }

    /// The connection's timer has fired.
    pub(crate) fn connection_timer(&self, token: Token) {
        let Some(occupant) = self.take(token) else {
            return;
        };
        let Occupant::Connection(mut connection) = occupant else {
            return;
        };
        connection.timer = None;
        self.check_deadlines(&mut connection);
        if connection.transport.closing() != Closing::Lost {
            self.arm_timer(&mut connection);
        }
        self.put_connection(connection);
    }

    /// Looks whether talkers wait for a listener that takes nothing.
    ///
    /// The kernel says that a socket takes bytes again when a third of its buffer is free, which is
    /// long after it took the first. So one that seems to take nothing is tried once more.
    fn check_stall(&self, connection: &mut Connection, now: Instant) {
        let stalls = |connection: &Connection| {
            let transport = &connection.transport;
            transport.has_waiting_talkers() && now >= transport.taken_at() + STALLED_AFTER
        };
        if stalls(connection) {
            connection.writable = true;
            self.go_on(connection); // what was written above a new layer waits for it to be in place
            self.flush(connection);
            connection.transport.ask_for_more();
        }
        if stalls(connection) {
            connection.transport.set_stalled();
        }
    }

    fn check_deadlines(&self, connection: &mut Connection) {
        let now = self.0.requests.turn_time();
        self.check_stall(connection, now);
        let transport = &connection.transport;
        if connection.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match transport.closing() {
            Closing::No => {
                transport.set_timeout(None);
                self.call(connection, Cause::TimedOut, |protocol, transport| {
                    protocol.timed_out(transport);
                });
            }
            Closing::AfterFlush if transport.unsent() > 0 => connection.fail(Reason::LingerTimeout),
            Closing::AfterFlush => self.lose(connection),
            Closing::Now | Closing::Lost => {}
        }
    }
}
