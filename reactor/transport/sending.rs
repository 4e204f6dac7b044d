//! From a transport to its socket: one send for all that a turn has written.
//!
//! ```text
//!   write ─▶ unsent ─▶ the list of requests ─▶ flush ─▶ one send ─▶ nothing left: that was all
//!                                                                └▶ full service, by the connection
//! ```

use std::cell::RefMut;
use std::io;

use super::Transport;
use crate::driver::{Readiness, Stream};
use crate::engine::dispatch::Dispatch;
use crate::engine::table::Token;
use crate::engine::timers::Nanos;
use crate::observe::Event;
use crate::unsent::Unsent;

/// What keeps a flush from being all that there is to do.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Service {
    /// Something else was requested.
    Requested = 1,
    /// There are layers, through which bytes have to pass.
    Layered = 2,
    /// The socket took less than it was offered, and was not reported writable since.
    Full = 4,
    /// What was left then has not been taken since.
    Backlog = 8,
}

/// What is asked for.
impl Transport {
    /// Puts the connection on the list that the loop works off at the end of the turn.
    #[inline(always)]
    pub(crate) fn ask(&self) {
        if !self.0.asking.replace(true) {
            self.0.loop_side.ask(self.clone()); // not its token: a flush looks into no table
        }
    }

    /// Requests full service, not only a flush. A lost connection has nothing left to ask for, and no
    /// loop perhaps, whose list would keep it in memory.
    pub(crate) fn ask_for_more(&self) {
        if self.is_lost() {
            return;
        }
        self.need(Service::Requested);
        self.ask();
    }

    /// Whether a flush is all that there is to do when something is asked for. What else there may be,
    /// for marks or for an end, comes with [`ask_for_more`](Self::ask_for_more): when it is asked for,
    /// and again when a socket that was full takes bytes.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.0.service.get() == 0
    }

    pub(crate) fn needs(&self, service: Service) -> bool {
        self.0.service.get() & service as u8 != 0
    }

    pub(crate) fn need(&self, service: Service) {
        self.0.service.set(self.0.service.get() | service as u8);
    }

    pub(crate) fn need_no_more(&self, service: Service) {
        self.0.service.set(self.0.service.get() & !(service as u8));
    }

    /// Whether full service was requested, or layers may have something to go on with.
    #[inline]
    pub(crate) fn may_go_on(&self) -> bool {
        self.0.service.get() & (Service::Requested as u8 | Service::Layered as u8) != 0
    }

    /// Begins to do what was asked for: what is asked for from now on is done in the next turn.
    pub(crate) fn clear_request(&self) {
        self.0.asking.set(false);
        self.need_no_more(Service::Requested);
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.0.asking.get()
    }
}

/// The socket, and what it takes.
impl Transport {
    /// Sends what was written, if this is all that there is to do. Otherwise returns the token of the
    /// connection, which has to do more.
    #[inline(always)]
    pub(crate) fn flush(&self, dispatch: &Dispatch) -> Option<Token> {
        self.0.asking.set(false);
        let was_all = self.is_plain() && self.send_all(dispatch);
        (!was_all).then(|| self.token())
    }

    /// The socket, while the connection is not lost. `f` must not run a consumer's code.
    #[inline(always)]
    pub(crate) fn with_stream<R>(
        &self,
        f: impl FnOnce(&mut dyn Stream) -> io::Result<R>,
    ) -> io::Result<R> {
        match &mut *self.0.stream.borrow_mut() {
            Some(stream) => f(&mut **stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Puts something around the socket.
    pub(crate) fn wrap_stream(&self, wrap: impl FnOnce(Box<dyn Stream>) -> Box<dyn Stream>) {
        let stream = self.0.stream.take();
        self.0.stream.replace(stream.map(wrap));
    }

    /// Whether bytes are kept back by this side, around the socket.
    pub(crate) fn is_held_back(&self, what: Readiness) -> bool {
        let stream = self.0.stream.borrow();
        stream
            .as_ref()
            .is_some_and(|stream| stream.holds_back(what))
    }

    /// Closes the socket.
    pub(crate) fn drop_stream(&self) {
        let stream = self.0.stream.take();
        drop(stream);
    }

    /// As [`send`](Self::send), where nothing keeps this from being all that there is to do. Returns
    /// whether it was: whether the socket took everything.
    #[inline(always)]
    fn send_all(&self, dispatch: &Dispatch) -> bool {
        let (sent, waiting) = self.offer();
        let was_all = sent.as_ref().is_ok_and(|sent| *sent == waiting);
        if !was_all || dispatch.is_observed() {
            self.note_sent(dispatch, sent, waiting);
        }
        was_all
    }

    /// Offers what is unsent, and passes through no layer, to the socket. Returns how much it took.
    pub(crate) fn send(&self, dispatch: &Dispatch) -> usize {
        if self.needs(Service::Full) {
            // The block in which the bytes lie is emptied at the end of this flush.
            let blocks = &self.0.loop_side.blocks;
            self.0.unsent.borrow_mut().settle(blocks);
            return 0;
        }
        let (sent, waiting) = self.offer();
        self.note_sent(dispatch, sent, waiting)
    }

    /// One call of the socket, if there is anything for it. Returns what it took, and of how much.
    #[inline(always)]
    fn offer(&self) -> (io::Result<usize>, usize) {
        let mut unsent = self.0.unsent.borrow_mut();
        let waiting = unsent.len();
        let mut stream = self.0.stream.borrow_mut();
        match &mut *stream {
            Some(stream) if waiting > 0 => {
                let blocks = &self.0.loop_side.blocks;
                (unsent.send(blocks, |bytes| stream.write(bytes)), waiting)
            }
            _ => (Ok(0), waiting),
        }
    }

    /// Notes how much of what waited the socket took, and returns it.
    pub(crate) fn note_sent(
        &self,
        dispatch: &Dispatch,
        sent: io::Result<usize>,
        waiting: usize,
    ) -> usize {
        match sent {
            Ok(_) if waiting == 0 => 0,
            Ok(sent) => {
                if sent < waiting || !self.is_plain() {
                    self.note_progress(sent, waiting);
                }
                dispatch.observe_between(|| Event::BytesSent {
                    connection: self.id(),
                    waiting,
                    sent,
                });
                sent
            }
            Err(error) => {
                self.send_failed(error, waiting);
                0
            }
        }
    }

    #[cold]
    fn send_failed(&self, error: io::Error, waiting: usize) {
        match error.kind() {
            io::ErrorKind::WouldBlock => self.note_progress(0, waiting),
            io::ErrorKind::Interrupted => self.ask_for_more(), // a flush is one call, so not at once
            _ => self.fail_connection(error.into()),
        }
    }

    /// The peer is active when it takes bytes that had to wait for it.
    #[cold]
    fn note_progress(&self, sent: usize, waiting: usize) {
        let had_backlog = self.needs(Service::Backlog);
        if sent < waiting {
            self.need(Service::Full);
            self.need(Service::Backlog);
        } else {
            self.need_no_more(Service::Backlog);
        }
        if sent == 0 {
            return; // a peer that takes nothing is as idle as one that sends nothing
        }
        self.note_taken();
        if had_backlog {
            self.note_activity();
        }
        self.listener_took(sent);
    }

    /// The socket takes bytes again, or is believed to.
    pub(crate) fn set_writable(&self) {
        self.need_no_more(Service::Full);
    }

    /// The bytes that layers have not taken.
    #[inline]
    pub(crate) fn unsent_bytes(&self) -> RefMut<'_, Unsent> {
        self.0.unsent.borrow_mut()
    }

    /// The socket was offered all there was, or is known to take nothing now.
    pub(crate) fn note_offered(&self) {
        let left = self.unsent();
        if left > 0 && self.left() == 0 {
            // All that came before was taken, which is not noted for each write.
            self.note_taken();
        }
        self.set_left(left);
    }

    /// How much was left unsent when the socket was last offered all there was.
    pub(crate) fn left(&self) -> usize {
        self.0.left.get()
    }

    pub(super) fn set_left(&self, bytes: usize) {
        let before = self.0.left.replace(bytes);
        self.0.loop_side.blocks.count_left(before, bytes);
    }

    /// The socket took bytes.
    fn note_taken(&self) {
        self.0.taken_at.set(self.0.loop_side.turn_nanos());
    }

    pub(crate) fn taken_nanos(&self) -> Nanos {
        self.0.taken_at.get()
    }

    #[cfg(feature = "http")]
    pub(crate) fn taken_at(&self) -> crate::time::Instant {
        self.0.loop_side.instant(self.taken_nanos())
    }
}
