//! From the protocol to the socket, and to the connection's end.
//!
//! At the end of a turn the loop serves each connection whose transport asked for something: all
//! that the turn wrote goes out in one call. Writability is waited for only when the socket did not
//! take everything.

use std::io;

use super::Connection;
use crate::driver::Readiness;
use crate::engine::Engine;
use crate::observe::Cause;
use crate::transport::{Action, Event as Closing, Mark, State};

impl Connection {
    /// Full service: what there is to do when a flush was not all. Each step may change what the next
    /// one finds, by what it sends, and by the callbacks that it makes.
    pub(super) fn serve_request(&mut self, engine: &Engine) {
        // What callbacks ask for from here on is another request, for the next turn.
        self.transport.clear_request();
        // 1. Layers that were pushed come between before anything else is sent through them.
        self.go_on(engine);
        // 2. One send. What is left is all that the peer has not taken.
        self.flush(engine);
        self.transport.note_offered();
        self.end_if_held_in_vain();
        // 3. The protocol and its group are notified of how far the peer is; they may close.
        self.report_marks(engine);
        // 4. The end, as far as what was sent allows.
        self.advance_close(engine);
        if self.transport.is_lost() {
            return;
        }
        // 5. Reading again: marks may have ended a pause, and layers may have been pushed in 3.
        self.go_on(engine);
        self.line_up_if_readable(engine);
        self.arm_timer(engine);
    }

    /// Hands what is unsent to the socket, in one call.
    pub(super) fn flush(&mut self, engine: &Engine) {
        if self.transport.state().is_over() {
            return;
        }
        let sent = match self.layered {
            Some(_) => self.send_through_layers(engine),
            None => self.transport.send(engine.dispatch()),
        };
        // While layers hold bytes until the peer has sent something, those of others do not count.
        if sent > 0 && (self.held() == 0 || self.transport.is_open()) {
            self.transport.linger_from_now();
        }
    }

    /// Notifies the protocol, and senders that wait, of how far the peer has come.
    fn report_marks(&mut self, engine: &Engine) {
        let transport = &self.transport;
        if transport.unsent() <= transport.limits().low_water {
            transport.release_senders();
        } else {
            transport.remember_senders();
        }
        if !transport.is_open() {
            return;
        }
        match transport.cross_mark() {
            None => {}
            Some(Mark::High) => self.call(engine, Cause::WritingPaused, |protocol, transport| {
                protocol.writing_paused(transport);
            }),
            Some(Mark::Low) => self.call(engine, Cause::WritingResumed, |protocol, transport| {
                protocol.writing_resumed(transport);
            }),
        }
    }

    /// What layers hold when the peer's stream has ended will never be sent.
    fn end_if_held_in_vain(&mut self) {
        if self.held() > 0 && self.transport.has_read_end() && self.waiting() == 0 {
            self.fail(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
    }

    /// Goes as far towards the end as what was sent allows: at most two steps, of which the first shuts
    /// the sending half down and the second finds that the peer has ended before.
    fn advance_close(&mut self, engine: &Engine) {
        for _ in 0..2 {
            let Some(event) = self.close_event(engine) else {
                return;
            };
            match self.transport.advance(event) {
                Action::Nothing => return,
                Action::ShutWrite => self.shut_write(),
                Action::Report => return self.lose(engine),
            }
        }
    }

    /// What has happened for the state machine, if all is sent.
    fn close_event(&mut self, engine: &Engine) -> Option<Closing> {
        let state = self.transport.state();
        match state {
            State::Open | State::Lost => return None,
            State::Dropped => return Some(Closing::Sent), // whatever layers still hold
            State::Finishing | State::Finished | State::Closing | State::Shut => {}
        }
        if matches!(state, State::Finishing | State::Closing) && self.transport.unsent() == 0 {
            // The last words of layers come behind everything else, and may themselves be unsent then.
            self.finish_layers(engine);
        }
        if self.transport.unsent() > 0 {
            return None;
        }
        let has_ended = self.transport.has_read_end()
            || self.transport.state().lingers()
                && (self.transport.ends_alone() || self.peer_is_done());
        Some(if has_ended {
            Closing::Ended
        } else {
            Closing::Sent
        })
    }

    /// Whether the peer has sent all that it will, and all of that was read. Never with layers, which may
    /// still have to send or to receive something of their own.
    fn peer_is_done(&self) -> bool {
        self.transport.peer_is_done()
            && !self.is_readable()
            && !self.transport.is_held_back(Readiness::READABLE)
            && self.layered.is_none()
    }

    fn shut_write(&mut self) {
        if let Err(error) = self.transport.with_stream(|stream| stream.shutdown_write()) {
            return self.fail(error);
        }
        if self.transport.state() == State::Shut {
            // The peer has its full time to close, however long it took what was unsent.
            self.transport.linger_from_now();
        }
    }
}
