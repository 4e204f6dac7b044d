//! From the protocol to the socket, and to the connection's end.
//!
//! At the end of a turn the loop serves each connection whose transport asked for something: all
//! that the turn wrote goes out in one call. Writability is waited for only when the socket did not
//! take everything.

use std::io;

use crate::observe::{Cause, Event};
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::sources::connection::Connection;
use crate::transport::{Closing, Mark, Sending};

impl Reactor {
    pub(crate) fn serve_request(&self, connection: &mut Connection) {
        connection.transport.asked();
        self.go_on(connection);
        self.flush(connection);
        connection.transport.was_offered();
        self.end_if_held_in_vain(connection);
        self.tell_marks(connection);
        match connection.transport.closing() {
            Closing::No => self.shut_sending_if_asked(connection),
            Closing::AfterFlush => self.finish(connection),
            Closing::Now | Closing::Lost => {}
        }
        if connection.transport.sending() == Sending::Shut && connection.transport.has_read_end() {
            // Both halves are closed: nothing is left that could happen.
            connection.transport.lose_connection();
            self.finish(connection);
        }
        // Any of the steps before may have ended the connection.
        if connection.transport.closing() == Closing::Now {
            return self.lose(connection);
        }
        self.go_on(connection);
        if connection.gets_in_line() {
            self.0
                .ready
                .borrow_mut()
                .push_back(connection.transport.token());
        }
        self.arm_timer(connection);
    }

    /// Hands what is unsent to the socket, in one call.
    pub(super) fn flush(&self, connection: &mut Connection) {
        if matches!(connection.transport.closing(), Closing::Now | Closing::Lost) {
            return;
        }
        if connection.layered.is_some() {
            self.send_through_layers(connection);
        }
        let waiting = connection.waiting();
        if waiting == 0 {
            return;
        }
        if !connection.writable {
            return connection.transport.settle();
        }
        match connection.send() {
            Ok(sent) => {
                connection.took(sent, waiting);
                let connection = connection.transport.id();
                self.observe(|| Event::BytesSent {
                    connection,
                    waiting,
                    sent,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.took(0, waiting),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                connection.transport.ask_for_more();
            }
            Err(error) => connection.fail(error),
        }
    }

    /// Tells the protocol, and talkers that wait, how far the peer has come.
    fn tell_marks(&self, connection: &mut Connection) {
        let transport = &connection.transport;
        if transport.unsent() <= transport.limits().low_water {
            transport.release_talkers();
        } else {
            transport.remember_talkers();
        }
        if transport.closing() != Closing::No {
            return;
        }
        match transport.crossed_mark() {
            None => {}
            Some(Mark::High) => {
                self.call(connection, Cause::WritingPaused, |protocol, transport| {
                    protocol.writing_paused(transport);
                });
            }
            Some(Mark::Low) => {
                self.call(connection, Cause::WritingResumed, |protocol, transport| {
                    protocol.writing_resumed(transport);
                });
            }
        }
    }

    /// What layers hold when the peer's stream has ended will never be sent.
    fn end_if_held_in_vain(&self, connection: &mut Connection) {
        if connection.held() > 0 && connection.transport.has_read_end() && connection.waiting() == 0
        {
            connection.fail(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
    }

    fn shut_sending_if_asked(&self, connection: &mut Connection) {
        if connection.transport.sending() != Sending::ShutAfterFlush
            || connection.transport.unsent() > 0
        {
            return;
        }
        self.finish_layers(connection);
        if connection.transport.is_open() && connection.transport.unsent() == 0 {
            self.shut_sending(connection);
        }
    }

    /// Sends the last words and the end of the stream, then waits for the peer's end.
    pub(crate) fn finish(&self, connection: &mut Connection) {
        if connection.transport.unsent() == 0 && connection.transport.sending() != Sending::Shut {
            self.finish_layers(connection);
        }
        if connection.transport.closing() != Closing::AfterFlush
            || connection.transport.unsent() > 0
        {
            return;
        }
        if connection.transport.has_read_end() || connection.peer_is_done() {
            return self.lose(connection);
        }
        if connection.transport.sending() != Sending::Shut {
            self.shut_sending(connection);
            connection.transport.linger_from_now();
        }
    }

    fn shut_sending(&self, connection: &mut Connection) {
        connection.transport.sending_shut();
        if let Err(error) = connection.stream.shutdown_write() {
            connection.fail(error);
        }
    }

    /// The connection has ended; `connection_lost` comes at the end of the turn.
    pub(crate) fn lose(&self, connection: &mut Connection) {
        if connection.transport.closing() == Closing::Lost {
            return;
        }
        if let Some(timer) = connection.timer.take() {
            self.0.timers.borrow_mut().remove(timer);
        }
        let reason = connection.transport.lost();
        if !reason.is_clean() && !matches!(reason, Reason::Reset | Reason::Error(_)) {
            connection.stream.reset_on_drop();
        }
        self.0.lost.borrow_mut().push(connection.transport.token());
    }
}

impl Connection {
    /// Sends what is unsent, if nothing else was asked for. Returns whether all of it was taken,
    /// so that nothing is left to do.
    #[inline]
    pub(crate) fn flush_in_place(&mut self) -> bool {
        let transport = &self.transport;
        if !self.writable || self.layered.is_some() || !transport.asks_only_to_send() {
            return false;
        }
        let mut unsent = transport.unsent_bytes();
        if unsent.len() == 0 {
            return false;
        }
        let blocks = &transport.requests().blocks;
        // Whatever the error is, it is met again by who deals with it.
        if unsent
            .send(blocks, |bytes| self.stream.write(bytes))
            .is_err()
        {
            return false;
        }
        self.writable = unsent.len() == 0;
        self.backlog = !self.writable;
        if self.writable {
            transport.asked();
        }
        self.writable
    }

    /// The socket has taken bytes. The peer is active when it takes some that had to wait for it.
    fn took(&mut self, sent: usize, waiting: usize) {
        let had_backlog = self.backlog;
        self.writable = sent == waiting;
        self.backlog = !self.writable;
        if sent == 0 {
            return;
        }
        self.transport.taken();
        if had_backlog {
            self.transport.note_activity();
        }
        self.transport.listener_took(sent);
        // While layers hold bytes until the peer has sent something, others do not count.
        if self.held() == 0 || self.transport.closing() == Closing::No {
            self.transport.linger_from_now();
        }
    }

    /// Whether the peer has sent all that it will, and all of that was read. What layers still want to
    /// say or to hear is not known here.
    fn peer_is_done(&self) -> bool {
        self.transport.peer_is_done() && !self.readable && self.layered.is_none()
    }

    /// One call of the socket.
    fn send(&mut self) -> io::Result<usize> {
        let blocks = &self.transport.requests().blocks;
        let Some(layered) = &mut self.layered else {
            let mut unsent = self.transport.unsent_bytes();
            return unsent.send(blocks, |bytes| self.stream.write(bytes));
        };
        let sent = layered.wire.send(blocks, |bytes| self.stream.write(bytes));
        self.transport.set_below(layered.unsent());
        sent
    }
}
