//! Lines: text protocols, and whatever one can talk to with `nc`.
//!
//! [`LineReceiver`] is the [`Protocol`](crate::Protocol) that the loop knows; it wraps a [`LineProtocol`],
//! which is called with each line. In a line a protocol may ask for raw mode, where bytes come as they are, until
//! `set_line_mode` gives back what was too much:
//!
//! ```text
//! received   PUT 5\r\nabcdeQUIT\r\n
//! lines      PUT 5 → set_raw_mode                  QUIT
//! raw                           abcdeQUIT\r\n → set_line_mode("QUIT\r\n")
//! ```

use std::any::Any;
use std::cell::Cell;
use std::fmt;

use crate::engine::budget::MESSAGE;
use crate::framing::line_transport::{LineTransport, Mode};
use crate::framing::receiver::{AtEnd, Event, Kind, Receiver};
use crate::framing::splitter::{Delimiter, Split, Splitter};
use crate::reason::Reason;
use crate::transport::Transport;

/// The longest line that is taken, unless [`LineReceiver::max_length`](Receiver::max_length) says
/// otherwise. It is Twisted's `MAX_LENGTH`.
const DEFAULT_MAX_LENGTH: usize = 16 << 10;

/// What happens on one connection that carries lines. Wrap it in a [`LineReceiver`].
///
/// The events are those of [`Protocol`](crate::Protocol), in the same order and with the same defaults, and lines
/// in place of bytes. As long as reading is paused no line comes, even when it is paused in the
/// callback of the line before; nor does one after the end of the connection was asked for.
///
/// ```
/// use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
/// use reactor::Reactor;
///
/// struct Greeter;
///
/// impl LineProtocol for Greeter {
///     fn connection_made(&mut self, transport: &LineTransport<'_>) {
///         transport.send_line(b"What is your name?");
///     }
///
///     fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
///         transport.send_line(&[b"Hello ", line].concat());
///         transport.lose_connection();
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// reactor.listen_tcp("127.0.0.1:0", |_| LineReceiver::new(Greeter))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LineProtocol: Any {
    /// As [`Protocol::connection_made`](crate::Protocol::connection_made).
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::handshake_done`](crate::Protocol::handshake_done).
    fn handshake_done(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// A line came, without its delimiter; any bytes, and maybe none. It is lent for the call. What
    /// its sender has ended it with is [`line_ending`](LineTransport::line_ending).
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]);

    /// Bytes came in raw mode, as in [`Protocol::data_received`](crate::Protocol::data_received). By default they are ignored.
    fn raw_data_received(&mut self, transport: &LineTransport<'_>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// A line came that is too long, under [`TooLong::Discard`]. `prefix` is its beginning, as
    /// long as a line may be; its end may not have come yet, and is discarded when it does. By
    /// default nothing else happens.
    fn line_too_long(&mut self, transport: &LineTransport<'_>, prefix: &[u8]) {
        let _ = (transport, prefix);
    }

    /// As [`Protocol::read_closed`](crate::Protocol::read_closed). It comes after all lines, also when they had to wait.
    fn read_closed(&mut self, transport: &LineTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::writing_paused`](crate::Protocol::writing_paused).
    fn writing_paused(&mut self, transport: &LineTransport<'_>) {
        transport.pause_reading_until_sent();
    }

    /// As [`Protocol::writing_resumed`](crate::Protocol::writing_resumed).
    fn writing_resumed(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::reading_resumed`](crate::Protocol::reading_resumed). Lines that had to wait come when this has returned.
    fn reading_resumed(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::timed_out`](crate::Protocol::timed_out).
    fn timed_out(&mut self, transport: &LineTransport<'_>) {
        transport.fail_connection(Reason::IdleTimeout);
    }

    /// As [`Protocol::shutdown_requested`](crate::Protocol::shutdown_requested).
    fn shutdown_requested(&mut self, transport: &LineTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::connection_lost`](crate::Protocol::connection_lost).
    fn connection_lost(&mut self, transport: &LineTransport<'_>, reason: &Reason) {
        let _ = (transport, reason);
    }
}

/// What to do about a line that is longer than is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TooLong {
    /// Drop the connection, with [`Reason::Violation`]. The default.
    #[default]
    Close,
    /// Tell the protocol with [`LineProtocol::line_too_long`], ignore the line, and go on with the
    /// next one.
    Discard,
    /// Deliver the beginning as if it was the line, and go on with the next one.
    Truncate,
}

/// Splits what is received into lines for the [`LineProtocol`] that it wraps.
///
/// A line ends with LF or CR LF, and at the end of the peer's stream;
/// [`delimiter`](Receiver::delimiter) is stricter. It may be 16 KiB long, without its end;
/// [`max_length`](Receiver::max_length) says otherwise, and [`too_long`](Receiver::too_long) what
/// becomes of longer ones. No more of a line is ever kept than is allowed.
///
/// A [`Handle`](crate::Handle) of `P` reaches the wrapped protocol.
pub type LineReceiver<P> = Receiver<Lines, P>;

/// The kind of a [`LineReceiver`]: what it knows of its lines.
pub struct Lines {
    /// In a cell, since a callback changes it through what it is lent.
    mode: Cell<Mode>,
    splitter: Splitter,
    too_long: TooLong,
    read_closed: bool,
}

impl<P: LineProtocol> LineReceiver<P> {
    /// Lines for `protocol`.
    pub fn new(protocol: P) -> Self {
        let lines = Lines {
            mode: Cell::new(Mode::Lines),
            splitter: Splitter::new(DEFAULT_MAX_LENGTH),
            too_long: TooLong::Close,
            read_closed: false,
        };
        Self::with_kind(lines, protocol)
    }

    /// Lines of at most this many bytes, without the delimiter.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.kind.splitter.max_length = bytes;
        self
    }

    /// What becomes of longer lines.
    #[must_use]
    pub fn too_long(mut self, too_long: TooLong) -> Self {
        self.kind.too_long = too_long;
        self
    }

    /// Lines that end with exactly these bytes, and are sent with them. An unfinished line at the
    /// end of the stream is then dropped.
    ///
    /// # Panics
    ///
    /// When the delimiter is empty.
    #[must_use]
    pub fn delimiter(mut self, delimiter: &'static [u8]) -> Self {
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        self.kind.splitter.delimiter = Delimiter::Exactly(delimiter);
        self
    }

    /// Calls `f` with the protocol, as a callback is called: it may change the mode. This is for a
    /// [`Handle`](crate::Handle) of the receiver; where `f` needs no more than a [`Transport`], a
    /// handle of `P` is shorter.
    ///
    /// ```
    /// # use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
    /// # use reactor::Handle;
    /// fn expect_raw_data<P: LineProtocol>(connection: &Handle<LineReceiver<P>>) {
    ///     connection.call(|receiver, transport| {
    ///         receiver.call(transport, |_protocol, transport| transport.set_raw_mode());
    ///     });
    /// }
    /// ```
    pub fn call(&mut self, transport: &Transport, f: impl FnOnce(&mut P, &LineTransport<'_>)) {
        self.call_protocol(transport, f);
        self.go_on(transport);
    }

    /// One callback, which is given nothing that was received.
    fn call_protocol(&mut self, transport: &Transport, f: impl FnOnce(&mut P, &LineTransport<'_>)) {
        let lent = LineTransport::new(transport, self.kind.delimiter(), &self.kind.mode);
        f(&mut self.protocol, &lent);
        let (_, extra) = lent.into_rest();
        self.undelivered.push(&extra);
        if self.kind.mode.get() == Mode::Raw && self.kind.splitter.has_partial() {
            // The beginning of a line has come, and is raw data now: in front, since it came first.
            let partial = self.kind.splitter.take_partial();
            self.undelivered.push_front(&partial);
        }
    }

    /// Delivers one line, and returns what is to be delivered next.
    fn deliver_line<'a>(
        &mut self,
        transport: &Transport,
        split: Split<'_>,
        behind: &'a [u8],
    ) -> &'a [u8] {
        let lines = &self.kind;
        let mut lent = LineTransport::new(transport, lines.delimiter(), &lines.mode).before(behind);
        match (split, lines.too_long) {
            (Split::Line(line, ending), _) => {
                lent = lent.ended_with(ending);
                self.protocol.line_received(&lent, &line);
            }
            (Split::TooLong(line), TooLong::Truncate) => self.protocol.line_received(&lent, &line),
            (Split::TooLong(prefix), TooLong::Discard) => {
                self.protocol.line_too_long(&lent, &prefix);
            }
            (Split::TooLong(_), TooLong::Close) => {
                let max = lines.splitter.max_length;
                let expected = format!("expected lines of at most {max} bytes");
                transport.fail_connection(Reason::Violation(expected));
            }
        }
        let (left, extra) = lent.into_rest();
        self.undelivered.push(&extra);
        &behind[behind.len() - left..]
    }

    /// Delivers raw data, and returns what is to be delivered next: what the protocol gave back.
    fn deliver_raw<'a>(&mut self, transport: &Transport, data: &'a [u8]) -> &'a [u8] {
        let lines = &self.kind;
        let lent = LineTransport::new(transport, lines.delimiter(), &lines.mode).giving(data);
        self.protocol.raw_data_received(&lent, data);
        let (given_back, extra) = lent.into_rest();
        // Otherwise the loop that delivers would never end, and no panic or timeout could end it.
        assert!(
            lines.mode.get() == Mode::Lines || given_back + extra.len() < data.len(),
            "raw_data_received has given all of its data back and asked for raw data again: it \
             would get the same for ever"
        );
        self.undelivered.push(&extra);
        &data[data.len() - given_back..]
    }
}

impl Lines {
    fn delimiter(&self) -> &'static [u8] {
        self.splitter.delimiter.to_send()
    }
}

impl<P: LineProtocol> Kind<P> for Lines {
    /// The splitter keeps what is unfinished, so whatever waits is of use.
    fn wanted(&self) -> usize {
        1
    }

    fn read_closed(&mut self) -> &mut bool {
        &mut self.read_closed
    }

    fn deliver<'a>(
        receiver: &mut LineReceiver<P>,
        transport: &Transport,
        mut input: &'a [u8],
    ) -> &'a [u8] {
        // Asked before each line, and not once: the callback of the one before may have paused reading,
        // changed the mode, or ended the connection.
        while !input.is_empty() && transport.is_reading() {
            let lines = &mut receiver.kind;
            // A line is skipped to its end, whatever the mode is by now.
            if lines.splitter.is_skipping() {
                lines.splitter.skip(&mut input);
            } else if lines.mode.get() == Mode::Raw {
                input = receiver.deliver_raw(transport, input);
            } else if let Some(split) = lines.splitter.next(&mut input) {
                input = receiver.deliver_line(transport, split, input);
                // The last one is paid for by the read itself.
                if !input.is_empty() {
                    transport.charge(MESSAGE);
                }
            }
        }
        input
    }

    fn finish(receiver: &mut LineReceiver<P>, transport: &Transport) -> AtEnd {
        let waits = !receiver.undelivered.is_empty();
        // An unfinished line is a line at the end of the stream, and waits like one.
        if waits || receiver.kind.splitter.has_partial() && !transport.is_reading() {
            return AtEnd::Waits;
        }
        let Some(line) = receiver.kind.splitter.finish() else {
            return AtEnd::Reached;
        };
        receiver.deliver_line(transport, line, &[]);
        AtEnd::Delivered
    }

    fn pass(receiver: &mut LineReceiver<P>, transport: &Transport, event: Event<'_>) {
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

impl<P> fmt::Debug for LineReceiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReceiver")
            .field("protocol", &std::any::type_name::<P>())
            .field("mode", &self.kind.mode.get())
            .field("max_length", &self.kind.splitter.max_length)
            .field("too_long", &self.kind.too_long)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("mode", &self.mode.get())
            .field("max_length", &self.splitter.max_length)
            .field("too_long", &self.too_long)
            .finish_non_exhaustive()
    }
}
