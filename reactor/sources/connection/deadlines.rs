//! What happens to a connection because time passes: it was idle, it lingers, it stalls others.
//!
//! Each connection has at most one timer, set to the earliest of its deadlines and left there when
//! that moves into the future: when the timer fires too early, it is set again. So receiving a
//! byte, which moves the idle deadline, costs the timers nothing.
//!
//! A deadline is about the peer, and the loop may not have looked at it for a while. So the socket is
//! asked once more before a peer is judged: for bytes that wait, or for room that it has made.

use std::io;
use std::time::{Duration, Instant};

use crate::delayed_call::Due;
use crate::engine::table::Token;
use crate::observe::Cause;
use crate::reactor::{Occupant, Reactor};
use crate::reason::Reason;
use crate::sources::connection::Connection;
use crate::transport::Closing;

/// How long a peer that has got everything may at most take to close its side.
const LAST_WAIT: Duration = Duration::from_secs(2);

impl Connection {
    /// The earliest of the connection's deadlines.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let transport = &self.transport;
        let look = transport.next_look();
        self.end_deadline().into_iter().chain(look).min()
    }

    /// When the peer has been idle for too long, or the end of the connection takes too long.
    fn end_deadline(&self) -> Option<Instant> {
        let transport = &self.transport;
        match transport.closing() {
            Closing::No => transport.idle_deadline(),
            Closing::AfterFlush => transport.lingers_from().checked_add(self.closing_wait()),
            Closing::Now | Closing::Lost => None,
        }
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

    fn check_deadlines(&self, connection: &mut Connection) {
        let now = self.0.requests.turn_time();
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        if is_over(connection.transport.next_look()) {
            self.look_at_listener(connection);
        }
        if !is_over(connection.end_deadline()) || self.peer_was_active(connection) {
            return;
        }
        let transport = &connection.transport;
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

    /// Whether the peer did something that the loop has not seen, because it was busy with others or
    /// because this side has paused reading. Looking costs a call, once for each timeout, and not
    /// for all connections in each turn.
    fn peer_was_active(&self, connection: &mut Connection) -> bool {
        match connection.transport.closing() {
            Closing::No => self.peer_has_sent(connection),
            Closing::AfterFlush => {
                self.try_to_flush(connection);
                connection.transport.ask_for_more();
                connection.end_deadline() > Some(self.0.requests.turn_time())
            }
            Closing::Now | Closing::Lost => false,
        }
    }

    fn look_at_listener(&self, connection: &mut Connection) {
        self.try_to_flush(connection);
        connection.transport.looked();
        connection.transport.ask_for_more();
    }

    /// Offers what is unsent to a socket that took no more. The kernel says that it takes bytes again
    /// when a third of its buffer is free, which is long after it took the first.
    fn try_to_flush(&self, connection: &mut Connection) {
        connection.writable = true;
        self.go_on(connection); // what was written above a new layer waits for it to be in place
        self.flush(connection);
    }

    /// Whether bytes of the peer wait to be read or delivered, or their end.
    fn peer_has_sent(&self, connection: &mut Connection) -> bool {
        if connection.in_line || connection.transport.has_yielded() {
            return true; // it will be served in a turn that follows, and looked at again
        }
        if connection.transport.has_read_end() {
            return false;
        }
        match connection.stream.peek(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(0) => connection.read_closed = true,
            Ok(_) | Err(_) => {}
        }
        connection.readable = true;
        if !connection.may_read() {
            connection.transport.reset_timeout();
        }
        if connection.gets_in_line() {
            let token = connection.transport.token();
            self.0.ready.borrow_mut().push_back(token);
        }
        true
    }
}
