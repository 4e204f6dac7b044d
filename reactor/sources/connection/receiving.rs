//! From the socket to the protocol.
//!
//! One read a turn and connection, into a buffer that the whole reactor shares, is handed to the
//! protocol and forgotten. A read that does not fill the buffer has emptied the socket, so the
//! second read, which would only say so, is not made; unless the peer has closed, because its end
//! lies behind the last bytes and no event will tell of it again.

use std::io;

use crate::engine::budget::READ;
use crate::engine::turn::ReadBuffer;
use crate::observe::{Cause, Event};
use crate::reactor::Reactor;
use crate::sources::connection::Connection;
use crate::transport::Closing;

impl Reactor {
    /// Reads what is there, at most one buffer, and hands it to the protocol. Returns the number
    /// of bytes.
    pub(crate) fn receive(&self, connection: &mut Connection, buffer: &mut ReadBuffer) -> usize {
        connection.in_line = false;
        self.go_on_if_asked(connection);
        let mut bytes = 0;
        while connection.readable && bytes < buffer.len() {
            if !connection.may_read() {
                self.look_for_the_end(connection);
                break;
            }
            bytes += self.receive_once(connection, buffer);
            if connection.readable {
                // A layer that was just pushed comes before what is read next.
                self.go_on_if_asked(connection);
            }
        }
        if connection.gets_in_line() && connection.may_read() {
            self.0
                .ready
                .borrow_mut()
                .push_back(connection.transport.token());
        } else {
            connection.in_line = false;
        }
        bytes
    }

    /// Reads what is there and has the socket asked again whether it takes bytes, though no event
    /// has said that anything has changed.
    #[cold]
    pub(crate) fn look(&self, connection: &mut Connection, buffer: &mut ReadBuffer) {
        (connection.readable, connection.writable) = (true, true);
        connection.transport.ask_for_more();
        self.receive(connection, buffer);
    }

    /// Tells the protocol that a pause is over, before it gets what came meanwhile: it may keep
    /// bytes from before the pause, and pause again because of them.
    pub(super) fn tell_resumed(&self, connection: &mut Connection) {
        if connection.transport.has_resumed() {
            self.0.requests.budget.begin_share();
            self.call(connection, Cause::ReadingResumed, |protocol, transport| {
                protocol.reading_resumed(transport);
            });
        }
    }

    /// Goes on with what was received before, when others have had their share of the turn.
    pub(crate) fn end_yielding(&self, connection: &mut Connection) {
        connection.transport.ends_yielding();
        connection.transport.note_activity(); // of the peer, whose bytes had to wait
        self.go_on(connection);
        if connection.gets_in_line() {
            let token = connection.transport.token();
            self.0.ready.borrow_mut().push_back(token);
        }
    }

    fn receive_once(&self, connection: &mut Connection, buffer: &mut ReadBuffer) -> usize {
        match connection.stream.read(buffer) {
            Ok(0) => {
                connection.readable = false;
                self.read_ended(connection);
            }
            Ok(bytes) => {
                // A short read has emptied the socket, unless the end waits behind it.
                connection.readable = bytes == buffer.len() || connection.read_closed;
                let budget = &self.0.requests.budget;
                budget.charge(READ + bytes);
                budget.begin_share();
                self.observe(|| Event::BytesReceived {
                    connection: connection.transport.id(),
                    bytes,
                });
                self.received(connection, &buffer[..bytes]);
                return bytes;
            }
            Err(error) => connection.read_failed(error),
        }
        0
    }

    /// Bytes came from the socket.
    pub(crate) fn received(&self, connection: &mut Connection, data: &[u8]) {
        if connection.transport.has_read_end() {
            return; // it has ended in a layer, whatever comes behind that
        }
        match connection.transport.closing() {
            Closing::No => {}
            // It may be what lets layers send what they hold.
            Closing::AfterFlush if connection.held() > 0 => {}
            Closing::AfterFlush | Closing::Now | Closing::Lost => return,
        }
        if connection.layered.is_some() {
            self.receive_through_layers(connection, data);
        } else {
            connection.transport.note_activity();
            self.deliver(connection, data);
        }
    }

    #[inline(always)]
    pub(super) fn deliver(&self, connection: &mut Connection, data: &[u8]) {
        self.call(connection, Cause::DataReceived, |protocol, transport| {
            protocol.data_received(transport, data);
        });
    }

    /// The peer's stream has ended, at the socket or in a layer.
    #[cold]
    pub(crate) fn read_ended(&self, connection: &mut Connection) {
        if connection.transport.has_read_end() {
            return; // each later event says it again
        }
        connection.transport.read_ended();
        // After `lose_connection` only layers that hold bytes are handed anything; others cannot tell
        // what is missing.
        let are_asked = connection.transport.is_open() || connection.held() > 0;
        if let Some(layered) = &mut connection.layered
            && are_asked
        {
            let result = self.call_layer(&connection.transport, || layered.layers.read_closed());
            if let Err(reason) = result {
                return connection.fail(reason);
            }
        }
        if connection.transport.closing() == Closing::No {
            self.call(connection, Cause::ReadClosed, |protocol, transport| {
                protocol.read_closed(transport);
            });
        }
        connection.transport.ask_for_more();
    }

    /// A connection that is not read is still told that the peer is gone, where no unread bytes
    /// come before the end.
    #[cold]
    fn look_for_the_end(&self, connection: &mut Connection) {
        if connection.transport.closing() != Closing::No || connection.transport.has_read_end() {
            return;
        }
        if connection.broken
            && let Ok(Some(error)) = connection.stream.take_error()
        {
            return connection.fail(error);
        }
        let keeps_bytes = connection.layered.as_ref().is_some_and(|l| l.keeps_bytes());
        if connection.read_closed
            && !keeps_bytes
            && matches!(connection.stream.peek(&mut [0]), Ok(0))
        {
            connection.readable = false;
            self.read_ended(connection);
        }
    }
}

impl Connection {
    /// A read has failed, or found nothing.
    #[cold]
    fn read_failed(&mut self, error: io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => self.readable = false,
            io::ErrorKind::Interrupted => {}
            _ => self.fail(error),
        }
    }
}
