//! What receivers of lines and of messages share: bytes that wait, and events that are passed on.
//!
//! A receiver is a [`Protocol`] of two parts: its kind, which finds something to deliver in bytes, and
//! the protocol that it is delivered to. What was received goes this way:
//!
//! ```text
//! data_received ──> deliver ──> the wrapped protocol
//!                      │ ▲
//!       not wanted now,│ │reading goes on, or
//!       or unfinished  ▼ │more has come
//!                   undelivered ··> read_closed, when nothing in front of it waits
//! ```
//!
//! Invariant: bytes are delivered in the order in which they came, and the end of the stream behind
//! them. So whatever comes while something waits gets in line behind it.

use std::any::{Any, TypeId};

use crate::framing::undelivered::Undelivered;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::sealed;
use crate::transport::Transport;

/// A [`Protocol`] that makes messages of bytes, for the protocol `P` that it wraps. It is made, and
/// described, as a [`LineReceiver`](crate::framing::LineReceiver) or a
/// [`MessageReceiver`](crate::framing::MessageReceiver).
///
/// A [`Handle`](crate::Handle) of `P` reaches the wrapped protocol.
pub struct Receiver<K, P> {
    pub(super) kind: K,
    pub(super) protocol: P,
    /// What was received and not delivered: what waits in a pause, and what is unfinished, where the
    /// kind does not keep that itself.
    pub(super) undelivered: Undelivered,
}

/// An event of a connection that a receiver passes on as it is. What is received is not one.
///
/// As a value, so that each kind has one `match` without a `_`: an event that is added is passed on
/// by all of them, or does not compile.
pub(super) enum Event<'a> {
    ConnectionMade,
    HandshakeDone,
    ReadClosed,
    WritingPaused,
    WritingResumed,
    ReadingResumed,
    TimedOut,
    ShutdownRequested,
    ConnectionLost(&'a Reason),
}

/// How far a receiver has come when the peer's stream has ended.
pub(super) enum AtEnd {
    /// Something waits that is to be delivered before.
    Waits,
    /// What the end has completed was delivered just now.
    Delivered,
    /// Nothing is left.
    Reached,
}

/// How a receiver finds what it delivers, and calls the protocol.
pub(super) trait Kind<P>: Sized {
    /// How many undelivered bytes there have to be for it to be of use to look at them.
    fn wanted(&self) -> usize;

    /// Whether the peer's stream has ended, and the wrapped protocol was not called yet. A part of the
    /// kind, because it has room beside other flags there: in the receiver it would take 8 bytes of each
    /// connection.
    fn read_closed(&mut self) -> &mut bool;

    /// Delivers what is in `input`, as far as that is wanted now, and returns the rest.
    fn deliver<'a>(
        receiver: &mut Receiver<Self, P>,
        transport: &Transport,
        input: &'a [u8],
    ) -> &'a [u8];

    /// Delivers what the end of the stream has completed.
    fn finish(receiver: &mut Receiver<Self, P>, transport: &Transport) -> AtEnd;

    /// Calls the protocol with an event.
    fn pass(receiver: &mut Receiver<Self, P>, transport: &Transport, event: Event<'_>);
}

#[expect(
    private_bounds,
    reason = "the kinds are those of this folder, and cannot be added to outside"
)]
impl<K: Kind<P>, P> Receiver<K, P> {
    pub(super) fn with_kind(kind: K, protocol: P) -> Self {
        Self {
            kind,
            protocol,
            undelivered: Undelivered::default(),
        }
    }

    /// Passes an event on which the protocol may answer by a change of what is delivered.
    fn notify(&mut self, transport: &Transport, event: Event<'_>) {
        K::pass(self, transport, event);
        self.go_on(transport);
    }

    /// Delivers what waits, and the end of the stream behind it, as far as that is wanted now.
    pub(super) fn go_on(&mut self, transport: &Transport) {
        loop {
            // Asked here, because most reads end here, and the call would be 4 % of a short line.
            if !self.undelivered.is_empty() {
                self.deliver_undelivered(transport);
            }
            if !transport.is_open() {
                // Nobody will want it any more, and a connection may stay for as long as its peer
                // takes what was written.
                self.undelivered = Undelivered::default();
                return;
            }
            if !*self.kind.read_closed() {
                return;
            }
            match K::finish(self, transport) {
                AtEnd::Waits => return,
                // In that callback the protocol may have asked for anything, so all is looked at again.
                AtEnd::Delivered => {}
                AtEnd::Reached => break,
            }
        }
        // Before the call, so that the event comes once, whatever is done in it.
        *self.kind.read_closed() = false;
        K::pass(self, transport, Event::ReadClosed);
    }

    fn deliver_undelivered(&mut self, transport: &Transport) {
        while self.undelivered.len() >= self.kind.wanted() && transport.is_reading() {
            // Taken out, since they are lent to callbacks which may add to what waits.
            let mut bytes = std::mem::take(&mut self.undelivered);
            let left = K::deliver(self, transport, bytes.bytes()).len();
            bytes.keep(left);
            // What callbacks have added comes behind it.
            bytes.push(self.undelivered.bytes());
            self.undelivered = bytes;
        }
    }

    /// Delivers `data` from where it lies, and keeps what is not delivered.
    fn deliver_received(&mut self, transport: &Transport, data: &[u8]) {
        let rest = K::deliver(self, transport, data);
        // In front: a callback may have added bytes that come behind all that was received.
        self.undelivered.push_front(rest);
    }

    /// Delivers `data` behind what waits. Of a message of which the beginning waits, only what it lacks
    /// is taken: those behind it are lent from where they lie, and not copied.
    fn get_in_line(&mut self, transport: &Transport, mut data: &[u8]) {
        self.deliver_undelivered(transport);
        while !self.undelivered.is_empty() && !data.is_empty() && transport.is_reading() {
            let missing = self.kind.wanted().saturating_sub(self.undelivered.len());
            let (taken, rest) = data.split_at(missing.clamp(1, data.len()));
            self.undelivered.push(taken);
            data = rest;
            self.deliver_undelivered(transport);
        }
        if self.undelivered.is_empty() {
            self.deliver_received(transport, data);
        } else {
            self.undelivered.push(data);
        }
    }
}

#[deny(
    clippy::missing_trait_methods,
    reason = "an event that is not passed on would get the default of `Protocol`, and the wrapped \
              protocol would never be called"
)]
impl<K: Kind<P> + 'static, P: Any> Protocol for Receiver<K, P> {
    fn connection_made(&mut self, transport: &Transport) {
        self.notify(transport, Event::ConnectionMade);
    }

    fn handshake_done(&mut self, transport: &Transport) {
        self.notify(transport, Event::HandshakeDone);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        if self.undelivered.is_empty() {
            self.deliver_received(transport, data);
        } else {
            self.get_in_line(transport, data);
        }
        self.go_on(transport);
    }

    fn read_closed(&mut self, transport: &Transport) {
        *self.kind.read_closed() = true;
        self.go_on(transport);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        self.notify(transport, Event::WritingPaused);
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.notify(transport, Event::WritingResumed);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        // A turn that was spent in the middle of a read is no pause of the protocol's: it has asked for
        // nothing, and is not called.
        if transport.has_only_yielded() {
            return self.go_on(transport);
        }
        self.notify(transport, Event::ReadingResumed);
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.notify(transport, Event::TimedOut);
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.notify(transport, Event::ShutdownRequested);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        // Nothing is delivered behind it.
        K::pass(self, transport, Event::ConnectionLost(reason));
    }

    fn waits_for(&self, _: sealed::Internal) -> Option<String> {
        None
    }

    fn wrapped(&mut self, _: sealed::Internal, wanted: TypeId) -> Option<&mut dyn Any> {
        (wanted == TypeId::of::<P>()).then_some(&mut self.protocol)
    }
}
