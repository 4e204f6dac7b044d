//! From the socket to the protocol.
//!
//! One read a turn and connection, into a buffer that the whole reactor shares, is handed to the
//! protocol and forgotten. A read that does not fill the buffer has emptied the socket, so the
//! second read, which would only confirm that, is not made; unless the peer has closed, because its end
//! lies behind the last bytes and no event will report it again.

use std::io;

use super::Connection;
use crate::driver::Readiness;
use crate::engine::budget::READ;
use crate::engine::{Engine, ReadBuffer, Source};
use crate::observe::{Cause, Event};

impl Connection {
    /// Reads what is there, at most one buffer, and hands it to the protocol. It is not in line.
    #[inline(always)]
    pub(super) fn receive(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        // What was asked for in this turn comes before what is read: a pause, or a layer through
        // which the bytes have to pass.
        self.go_on_if_asked(engine);
        let mut bytes = 0;
        while self.is_readable() && bytes < buffer.len() {
            if !self.may_read() {
                self.look_for_the_end(engine);
                break;
            }
            bytes += self.receive_once(engine, buffer);
            if self.is_readable() {
                // A layer that was just pushed comes before what is read next.
                self.go_on_if_asked(engine);
            }
        }
        // More may be there, and no event will report it again. A paused connection is not looked at
        // until it resumes, which asks for service.
        if self.is_readable() && self.may_read() {
            self.in_line = true;
            engine.line_up(self.transport.token());
        }
    }

    /// Reads what is there and has the socket asked again whether it takes bytes, though no event
    /// has said that anything has changed.
    #[cold]
    pub(super) fn look(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        self.transport.ask_for_more();
        self.in_line = false;
        self.ready(Readiness::READABLE | Readiness::WRITABLE, engine, buffer);
    }

    #[inline]
    pub(super) fn may_read(&self) -> bool {
        let state = self.transport.state();
        if state.delivers() {
            return self.transport.is_reading() || self.layers_wait();
        }
        // What still comes is ignored, but it has to be read for the end behind it to be seen.
        // Where there is no such end, it is left to who reads after us: the shell has the next line.
        state.lingers() && !self.transport.has_read_end() && !self.transport.ends_alone()
    }

    /// Marks the connection as one that is in line. Returns whether it was not and wants to be. A
    /// paused connection does so only if the peer may be gone.
    #[inline]
    pub(super) fn get_in_line(&mut self) -> bool {
        let wants =
            self.is_readable() && (self.may_read() || self.ready.has(Readiness::READ_CLOSED));
        wants && !std::mem::replace(&mut self.in_line, true)
    }

    pub(super) fn line_up_if_readable(&mut self, engine: &Engine) {
        if self.get_in_line() {
            engine.line_up(self.transport.token());
        }
    }

    /// Notifies the protocol that a pause is over, before it is handed what came during it: it may have
    /// kept bytes from before the pause, and pause again because of them.
    pub(super) fn tell_resumed(&mut self, engine: &Engine) {
        if self.transport.take_resumed() {
            engine.loop_side().budget.begin_share();
            self.call(engine, Cause::ReadingResumed, |protocol, transport| {
                protocol.reading_resumed(transport);
            });
        }
    }

    /// Goes on with what was received before, when others have had their share of the turn.
    pub(super) fn end_yielding(&mut self, engine: &Engine) {
        self.transport.end_yielding();
        self.transport.note_activity(); // of the peer, whose bytes had to wait
        self.go_on(engine);
        self.line_up_if_readable(engine);
    }

    fn receive_once(&mut self, engine: &Engine, buffer: &mut ReadBuffer) -> usize {
        match self.transport.with_stream(|stream| stream.read(buffer)) {
            Ok(0) => {
                self.ready.remove(Readiness::READABLE);
                self.end_reading(engine);
            }
            Ok(bytes) => {
                // A short read has emptied the socket, unless the end waits behind it.
                if bytes < buffer.len() && !self.ready.has(Readiness::READ_CLOSED) {
                    self.ready.remove(Readiness::READABLE);
                }
                engine.loop_side().budget.begin_share_with(READ + bytes);
                engine.dispatch().observe_between(|| Event::BytesReceived {
                    connection: self.transport.id(),
                    bytes,
                });
                self.received(engine, &buffer[..bytes]);
                return bytes;
            }
            Err(error) => self.read_failed(error),
        }
        0
    }

    /// Bytes came from the socket.
    fn received(&mut self, engine: &Engine, data: &[u8]) {
        if self.layered.is_some() {
            return self.receive_through_layers(engine, data);
        }
        // Otherwise it is read only for the end that lies behind.
        if self.transport.is_reading() {
            self.transport.note_activity();
            self.deliver(engine, data);
        }
    }

    #[inline(always)]
    pub(super) fn deliver(&mut self, engine: &Engine, data: &[u8]) {
        self.call(engine, Cause::DataReceived, |protocol, transport| {
            protocol.data_received(transport, data);
        });
    }

    /// The peer's stream has ended, at the socket or in a layer.
    #[cold]
    pub(super) fn end_reading(&mut self, engine: &Engine) {
        if self.transport.has_read_end() {
            return; // each later event reports it again
        }
        self.transport.set_read_ended();
        if !self.end_reading_of_layers(engine) {
            return;
        }
        if self.transport.is_open() {
            self.call(engine, Cause::ReadClosed, |protocol, transport| {
                protocol.read_closed(transport);
            });
        }
        self.transport.ask_for_more();
    }

    /// Notices that the peer of a connection that is not read is gone, where no unread bytes come before
    /// the end.
    #[cold]
    fn look_for_the_end(&mut self, engine: &Engine) {
        if !self.transport.is_open() || self.transport.has_read_end() {
            return;
        }
        if self.ready.has(Readiness::BROKEN) && self.fail_if_broken() {
            return;
        }
        let keeps_bytes = self.layered.as_ref().is_some_and(|l| l.keeps_bytes());
        if self.ready.has(Readiness::READ_CLOSED)
            && !keeps_bytes
            && matches!(
                self.transport.with_stream(|stream| stream.peek(&mut [0])),
                Ok(0)
            )
        {
            self.ready.remove(Readiness::READABLE);
            self.end_reading(engine);
        }
    }

    /// Returns whether it was.
    fn fail_if_broken(&mut self) -> bool {
        match self.transport.with_stream(|stream| stream.take_error()) {
            Ok(Some(error)) => {
                self.fail(error);
                true
            }
            _ => false,
        }
    }

    /// A read has failed, or found nothing.
    #[cold]
    fn read_failed(&mut self, error: io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.ready.remove(Readiness::READABLE);
                // Of a pipe that is only written no read tells that its reader is gone.
                if self.ready.has(Readiness::BROKEN) {
                    self.fail_if_broken();
                }
            }
            io::ErrorKind::Interrupted => {}
            _ => self.fail(error),
        }
    }
}
