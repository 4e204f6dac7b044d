//! Messages of bytes whose length comes before them: netstrings, length prefixes, and framings of
//! one's own.
//!
//! [`MessageReceiver`] is the [`Protocol`] that the loop knows. It asks a [`Framing`] where the
//! messages begin and end, and tells the [`MessageProtocol`] that it wraps of each:
//!
//! ```text
//! received   00 05 h e l l o 00 00 00 03 a          b c
//! parse      └2┘ └message 5┘ └ 0 ┘ └incomplete: 5 wanted
//! messages       "hello"        ""                  "abc"
//! ```

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::{Deref, Range};

use crate::engine::budget::MESSAGE;
use crate::framing::undelivered::Undelivered;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;

/// The longest message that is taken, unless a framing is told otherwise.
pub(super) const DEFAULT_MAX_LENGTH: usize = 99_999;

/// No message is longer, whatever a framing is told: sums with lengths cannot overflow.
pub(super) const LONGEST: usize = usize::MAX / 32;

/// How messages are told apart on the wire.
///
/// It has no state: what was received of an unfinished message is kept for it, and shown again
/// when as much has come as it wanted. So the work is linear as long as it wants more than a byte.
pub trait Framing: 'static {
    /// Looks for a message at the beginning of what was received, which may be empty.
    ///
    /// A message takes at least one byte, and lies within what was received. One that does not is a
    /// mistake of the framing, not of the peer, and a panic: the connection is dropped with
    /// [`Reason::Panicked`], which says what was expected.
    ///
    /// # Errors
    ///
    /// When no message begins so, what was expected: the connection is dropped with it, as a
    /// [`Reason::Violation`].
    fn parse(&self, received: &[u8]) -> Result<Parsed, String>;

    /// Writes a message, in one write: what is around it belongs to it, so use
    /// [`Transport::write_sequence`]. The answer is that of [`Transport::write`].
    ///
    /// # Errors
    ///
    /// When the message is longer than can be said in this framing. Nothing is written.
    fn send(&self, transport: &Transport, message: &[u8]) -> Result<bool, MessageTooLong>;
}

/// What a [`Framing`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a message. It is of no use to look again before there are `wanted` bytes,
    /// counted from its beginning.
    Incomplete {
        /// More than there are.
        wanted: usize,
    },
    /// A message.
    Message {
        /// Where it is.
        message: Range<usize>,
        /// Where the next one begins: behind the message, and not before the first byte.
        end: usize,
    },
}

/// A message is longer than its framing can say. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTooLong {
    /// How long it is.
    pub length: usize,
    /// How long it may be.
    pub max: usize,
}

impl fmt::Display for MessageTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, max } = self;
        write!(
            f,
            "a message of {length} bytes cannot be sent, at most {max} can"
        )
    }
}

impl std::error::Error for MessageTooLong {}

/// What happens on one connection that carries messages. Wrap it in a [`MessageReceiver`].
///
/// The events are those of [`Protocol`], in the same order and with the same defaults, and messages
/// in place of bytes. As long as reading is paused no message comes, even when it is paused in the
/// callback of the one before; nor does one after the end of the connection was asked for.
///
/// ```
/// use reactor::framing::{MessageProtocol, MessageReceiver, MessageTransport, Netstrings};
/// use reactor::Reactor;
///
/// struct Echo;
///
/// impl MessageProtocol for Echo {
///     fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]) {
///         let _ = transport.send_message(message);
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let factory = |_| MessageReceiver::new(Netstrings::default(), Echo);
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait MessageProtocol: Any {
    /// As [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// A message came, without what is around it on the wire; any bytes, and maybe none. It is lent
    /// for the call.
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]);

    /// As [`Protocol::read_closed`]. It comes after all messages, also when they had to wait; an
    /// unfinished one is dropped.
    fn read_closed(&mut self, transport: &MessageTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::writing_paused`].
    fn writing_paused(&mut self, transport: &MessageTransport<'_>) {
        transport.pause_reading_until_sent();
    }

    /// As [`Protocol::writing_resumed`].
    fn writing_resumed(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::reading_resumed`]. Messages that had to wait come when this has returned.
    fn reading_resumed(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::timed_out`].
    fn timed_out(&mut self, transport: &MessageTransport<'_>) {
        transport.fail_connection(Reason::IdleTimeout);
    }

    /// As [`Protocol::shutdown_requested`].
    fn shutdown_requested(&mut self, transport: &MessageTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &MessageTransport<'_>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// As [`Protocol::part`].
    fn part(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        let _ = wanted;
        None
    }
}

/// A [`Transport`] that also sends messages. It is lent for one callback.
///
/// To send later, keep its [`clone`](Self::clone) and write with [`Framing::send`].
pub struct MessageTransport<'a> {
    transport: &'a Transport,
    framing: &'a dyn Framing,
}

impl MessageTransport<'_> {
    /// A handle of the connection, to keep.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "a clone of what is lent could not be kept, and would be taken without a word"
    )]
    pub fn clone(&self) -> Transport {
        self.transport.clone()
    }

    /// Sends a message. The answer is that of [`Transport::write`].
    ///
    /// # Errors
    ///
    /// When the message is longer than can be said in this framing. Nothing is written.
    pub fn send_message(&self, message: &[u8]) -> Result<bool, MessageTooLong> {
        self.framing.send(self.transport, message)
    }
}

impl Deref for MessageTransport<'_> {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        self.transport
    }
}

impl fmt::Debug for MessageTransport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MessageTransport")
            .field(self.transport)
            .finish()
    }
}

/// Finds the messages in what is received, for the [`MessageProtocol`] that it wraps.
///
/// A [`Handle`](crate::Handle) of `P` reaches the wrapped protocol.
pub struct MessageReceiver<F, P> {
    framing: F,
    protocol: P,
    /// What was received and not delivered: an unfinished message, or what waits in a pause.
    held: Undelivered,
    /// How many bytes have to be held for it to be of use to look at them.
    wanted: usize,
    /// Whether the peer's stream has ended, and the protocol was not told.
    read_closed: bool,
}

impl<F: Framing, P: MessageProtocol> MessageReceiver<F, P> {
    /// Messages for `protocol`.
    pub fn new(framing: F, protocol: P) -> Self {
        Self {
            framing,
            protocol,
            held: Undelivered::default(),
            wanted: 1,
            read_closed: false,
        }
    }

    fn call(&mut self, transport: &Transport, f: impl FnOnce(&mut P, &MessageTransport<'_>)) {
        let framing = &self.framing;
        f(&mut self.protocol, &MessageTransport { transport, framing });
    }

    /// One callback that may have changed whether messages are wanted.
    fn tell(&mut self, transport: &Transport, f: impl FnOnce(&mut P, &MessageTransport<'_>)) {
        self.call(transport, f);
        self.go_on(transport);
    }

    /// Delivers the messages in `input`, as far as they are wanted now, and returns the rest.
    fn deliver<'a>(&mut self, transport: &Transport, mut input: &'a [u8]) -> &'a [u8] {
        while input.len() >= self.wanted && transport.is_reading() {
            match self.framing.parse(input) {
                Ok(Parsed::Message { message, end }) => {
                    check::<F>(&message, end, input.len());
                    self.wanted = 1;
                    let message = &input[message];
                    input = &input[end..];
                    self.call(transport, |protocol, transport| {
                        protocol.message_received(transport, message);
                    });
                    if !input.is_empty() {
                        transport.charge(MESSAGE);
                    }
                }
                Ok(Parsed::Incomplete { wanted }) => self.wanted = wanted.max(input.len() + 1),
                Err(expected) => transport.fail_connection(Reason::Violation(expected)),
            }
        }
        input
    }

    /// Takes from `data` what the message lacks of which the beginning is held.
    fn complete_held<'a>(&mut self, transport: &Transport, mut data: &'a [u8]) -> &'a [u8] {
        while !self.held.is_empty() && !data.is_empty() && transport.is_reading() {
            let missing = self.wanted.saturating_sub(self.held.bytes().len());
            let (taken, rest) = data.split_at(missing.clamp(1, data.len()));
            self.held.push(taken);
            data = rest;
            self.deliver_held(transport);
        }
        data
    }

    fn deliver_held(&mut self, transport: &Transport) {
        let mut held = std::mem::take(&mut self.held);
        let left = self.deliver(transport, held.bytes()).len();
        held.keep(left);
        self.held = held;
    }

    /// Delivers what is held, and the end of the stream behind it, as far as that is wanted now.
    fn go_on(&mut self, transport: &Transport) {
        self.deliver_held(transport);
        if !transport.is_open() {
            self.held = Undelivered::default();
            return;
        }
        let waits = self.held.bytes().len() >= self.wanted;
        if self.read_closed && !waits {
            self.read_closed = false;
            self.held = Undelivered::default();
            self.call(transport, |protocol, transport| {
                protocol.read_closed(transport);
            });
        }
    }
}

/// A framing that takes nothing for a message would find the same one for ever.
fn check<F>(message: &Range<usize>, end: usize, received: usize) {
    let Range { start, end: stop } = *message;
    assert!(
        start <= stop && stop <= end && 0 < end && end <= received,
        "{} has found a message at {start}..{stop} that ends at {end}: expected an end of 1 to \
         {received}, and the message before it",
        std::any::type_name::<F>()
    );
}

impl<F: Framing, P: MessageProtocol> Protocol for MessageReceiver<F, P> {
    fn connection_made(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, transport| {
            protocol.connection_made(transport);
        });
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.deliver_held(transport);
        let data = self.complete_held(transport, data);
        if self.held.is_empty() {
            let left = self.deliver(transport, data);
            self.held.push(left);
        } else {
            self.held.push(data);
        }
        self.go_on(transport);
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.read_closed = true;
        self.go_on(transport);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, transport| {
            protocol.writing_paused(transport);
        });
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, transport| {
            protocol.writing_resumed(transport);
        });
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        if transport.has_only_yielded() {
            return self.go_on(transport);
        }
        self.tell(transport, |protocol, transport| {
            protocol.reading_resumed(transport);
        });
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, transport| {
            protocol.timed_out(transport);
        });
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, transport| {
            protocol.shutdown_requested(transport);
        });
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.call(transport, |protocol, transport| {
            protocol.connection_lost(transport, reason);
        });
    }

    fn part(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<P>() {
            Some(&mut self.protocol)
        } else {
            self.protocol.part(wanted)
        }
    }
}

impl<F, P> fmt::Debug for MessageReceiver<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReceiver")
            .field("framing", &std::any::type_name::<F>())
            .field("protocol", &std::any::type_name::<P>())
            .finish_non_exhaustive()
    }
}
