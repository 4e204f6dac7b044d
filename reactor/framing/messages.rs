//! Messages of bytes whose length comes before them: netstrings, length prefixes, and framings of
//! one's own.
//!
//! [`MessageReceiver`] is the [`Protocol`](crate::Protocol) that the loop knows. It asks a [`Framing`] where the
//! messages begin and end, and calls the [`MessageProtocol`] that it wraps with each:
//!
//! ```text
//! received   00 05 h e l l o 00 00 00 03 a          b c
//! parse      └2┘ └message 5┘ └ 0 ┘ └incomplete: 5 wanted
//! messages       "hello"        ""                  "abc"
//! ```

use std::any::Any;
use std::fmt;
use std::ops::{Deref, Range};

use crate::engine::budget::MESSAGE;
use crate::framing::receiver::{AtEnd, Event, Kind, Receiver};
use crate::framing::undelivered::Undelivered;
use crate::reason::Reason;
use crate::transport::Transport;

/// The longest message that is taken, unless a framing's `max_length` says otherwise. It is Twisted's:
/// the longest netstring whose length has five digits.
pub(super) const DEFAULT_MAX_LENGTH: usize = 99_999;

/// No message is longer, whatever `max_length` a framing is given, so that sums with lengths cannot
/// overflow: a digit more makes it ten times as long, and a width or two are added.
pub(super) const LONGEST: usize = usize::MAX / 32;

/// How messages are delimited on the wire.
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
    /// When the message is longer than this framing can express. Nothing is written.
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

/// A message is longer than its framing can express. Nothing was written.
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
/// The events are those of [`Protocol`](crate::Protocol), in the same order and with the same defaults, and messages
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
/// let factory = |_| MessageReceiver::new(Netstrings::new(), Echo);
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait MessageProtocol: Any {
    /// As [`Protocol::connection_made`](crate::Protocol::connection_made).
    fn connection_made(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::handshake_done`](crate::Protocol::handshake_done).
    fn handshake_done(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// A message came, without what is around it on the wire; any bytes, and maybe none. It is lent
    /// for the call.
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]);

    /// As [`Protocol::read_closed`](crate::Protocol::read_closed). It comes after all messages, also when they had to wait; an
    /// unfinished one is dropped.
    fn read_closed(&mut self, transport: &MessageTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::writing_paused`](crate::Protocol::writing_paused).
    fn writing_paused(&mut self, transport: &MessageTransport<'_>) {
        transport.pause_reading_until_sent();
    }

    /// As [`Protocol::writing_resumed`](crate::Protocol::writing_resumed).
    fn writing_resumed(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::reading_resumed`](crate::Protocol::reading_resumed). Messages that had to wait come when this has returned.
    fn reading_resumed(&mut self, transport: &MessageTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::timed_out`](crate::Protocol::timed_out).
    fn timed_out(&mut self, transport: &MessageTransport<'_>) {
        transport.fail_connection(Reason::IdleTimeout);
    }

    /// As [`Protocol::shutdown_requested`](crate::Protocol::shutdown_requested).
    fn shutdown_requested(&mut self, transport: &MessageTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::connection_lost`](crate::Protocol::connection_lost).
    fn connection_lost(&mut self, transport: &MessageTransport<'_>, reason: &Reason) {
        let _ = (transport, reason);
    }
}

/// A [`Transport`] that also sends messages. It is lent for one callback.
///
/// To send later, keep what [`to_owned`](Self::to_owned) returns, and write with [`Framing::send`].
pub struct MessageTransport<'a> {
    transport: &'a Transport,
    framing: &'a dyn Framing,
}

impl MessageTransport<'_> {
    /// The [`Transport`] of this connection, which can be kept. Not a `clone`, since that would be
    /// lent as this is.
    #[must_use]
    pub fn to_owned(&self) -> Transport {
        self.transport.clone()
    }

    /// Sends a message. The answer is that of [`Transport::write`]: `false` when the connection takes
    /// nothing any more, which can happen to every sender, and is no error.
    ///
    /// # Errors
    ///
    /// When the message is longer than this framing can express, which is a mistake of the sender, and
    /// would not go away by itself. Nothing is written.
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
pub type MessageReceiver<F, P> = Receiver<Messages<F>, P>;

/// The kind of a [`MessageReceiver`]: its framing, and how far that has looked.
pub struct Messages<F> {
    framing: F,
    /// How many bytes there have to be for it to be of use to parse them again. So the work is linear:
    /// a message of a megabyte that comes in a thousand pieces is not parsed a thousand times.
    wanted: usize,
    read_closed: bool,
}

impl<F: Framing, P: MessageProtocol> MessageReceiver<F, P> {
    /// Messages for `protocol`.
    pub fn new(framing: F, protocol: P) -> Self {
        // Nothing has been looked at, and no message is empty on the wire.
        let messages = Messages {
            framing,
            wanted: 1,
            read_closed: false,
        };
        Self::with_kind(messages, protocol)
    }

    fn call_protocol(
        &mut self,
        transport: &Transport,
        f: impl FnOnce(&mut P, &MessageTransport<'_>),
    ) {
        let framing = &self.kind.framing;
        f(&mut self.protocol, &MessageTransport { transport, framing });
    }
}

impl<F: Framing, P: MessageProtocol> Kind<P> for Messages<F> {
    fn wanted(&self) -> usize {
        self.wanted
    }

    fn read_closed(&mut self) -> &mut bool {
        &mut self.read_closed
    }

    fn deliver<'a>(
        receiver: &mut MessageReceiver<F, P>,
        transport: &Transport,
        mut input: &'a [u8],
    ) -> &'a [u8] {
        while input.len() >= receiver.kind.wanted && transport.is_reading() {
            match receiver.kind.framing.parse(input) {
                Ok(Parsed::Message { message, end }) => {
                    check::<F>(&message, end, input.len());
                    // Before the callback: one that panics or pauses leaves the next message at its
                    // beginning.
                    receiver.kind.wanted = 1;
                    let message = &input[message];
                    input = &input[end..];
                    receiver.call_protocol(transport, |protocol, transport| {
                        protocol.message_received(transport, message);
                    });
                    // The last one is paid for by the read itself.
                    if !input.is_empty() {
                        transport.charge(MESSAGE);
                    }
                }
                // More than there is, whatever the framing says, or this loop would not end.
                Ok(Parsed::Incomplete { wanted }) => {
                    receiver.kind.wanted = wanted.max(input.len() + 1);
                }
                // From here on `is_reading` is false.
                Err(expected) => transport.fail_connection(Reason::Violation(expected)),
            }
        }
        input
    }

    fn finish(receiver: &mut MessageReceiver<F, P>, _: &Transport) -> AtEnd {
        if receiver.undelivered.len() >= receiver.kind.wanted {
            return AtEnd::Waits;
        }
        // An unfinished message is not delivered, in contrast to a line: its length says that it is not
        // whole.
        receiver.undelivered = Undelivered::default();
        AtEnd::Reached
    }

    fn pass(receiver: &mut MessageReceiver<F, P>, transport: &Transport, event: Event<'_>) {
        receiver.call_protocol(transport, |protocol, transport| match event {
            Event::ConnectionMade => protocol.connection_made(transport),
            Event::HandshakeDone => protocol.handshake_done(transport),
            Event::ReadClosed => protocol.read_closed(transport),
            Event::WritingPaused => protocol.writing_paused(transport),
            Event::WritingResumed => protocol.writing_resumed(transport),
            Event::ReadingResumed => protocol.reading_resumed(transport),
            Event::TimedOut => protocol.timed_out(transport),
            Event::ShutdownRequested => protocol.shutdown_requested(transport),
            Event::ConnectionLost(reason) => protocol.connection_lost(transport, reason),
        });
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

impl<F, P> fmt::Debug for MessageReceiver<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReceiver")
            .field("framing", &std::any::type_name::<F>())
            .field("protocol", &std::any::type_name::<P>())
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Messages<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("framing", &std::any::type_name::<F>())
            .finish_non_exhaustive()
    }
}
