//! Lines: text protocols, and whatever one can talk to with `nc`.
//!
//! [`LineReceiver`] is the [`Protocol`] that the loop knows; it wraps a [`LineProtocol`], which is
//! told of each line. A line may ask for raw mode, where bytes come as they are, until
//! `set_line_mode` gives back what was too much:
//!
//! ```text
//! received   PUT 5\r\nabcdeQUIT\r\n
//! lines      PUT 5 → set_raw_mode                  QUIT
//! raw                           abcdeQUIT\r\n → set_line_mode("QUIT\r\n")
//! ```

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;

use crate::engine::budget::MESSAGE;
use crate::framing::line_transport::{LineTransport, Mode};
use crate::framing::splitter::{Delimiter, Split, Splitter};
use crate::framing::undelivered::Undelivered;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;

/// The longest line that is taken, unless a receiver is told otherwise.
const DEFAULT_MAX_LENGTH: usize = 16 << 10;

/// What happens on one connection that carries lines. Wrap it in a [`LineReceiver`].
///
/// The events are those of [`Protocol`], in the same order and with the same defaults, and lines
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
    /// As [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// A line came, without its delimiter; any bytes, and maybe none. It is lent for the call. What
    /// its sender has ended it with is [`line_ending`](LineTransport::line_ending).
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]);

    /// Bytes came in raw mode, as in [`Protocol::data_received`]. By default they are ignored.
    fn raw_data_received(&mut self, transport: &LineTransport<'_>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// A line came that is too long, under [`TooLong::Discard`]. `prefix` is its beginning, as
    /// long as a line may be; its end may not have come yet, and is discarded when it does. By
    /// default nothing else happens.
    fn line_too_long(&mut self, transport: &LineTransport<'_>, prefix: &[u8]) {
        let _ = (transport, prefix);
    }

    /// As [`Protocol::read_closed`]. It comes after all lines, also when they had to wait.
    fn read_closed(&mut self, transport: &LineTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::writing_paused`].
    fn writing_paused(&mut self, transport: &LineTransport<'_>) {
        transport.pause_reading_until_sent();
    }

    /// As [`Protocol::writing_resumed`].
    fn writing_resumed(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::reading_resumed`]. Lines that had to wait come when this has returned.
    fn reading_resumed(&mut self, transport: &LineTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::timed_out`].
    fn timed_out(&mut self, transport: &LineTransport<'_>) {
        transport.fail_connection(Reason::IdleTimeout);
    }

    /// As [`Protocol::shutdown_requested`].
    fn shutdown_requested(&mut self, transport: &LineTransport<'_>) {
        transport.lose_connection();
    }

    /// As [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &LineTransport<'_>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// As [`Protocol::part`].
    fn part(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        let _ = wanted;
        None
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
/// A line ends with LF or CR LF, and at the end of the peer's stream; [`delimiter`](Self::delimiter)
/// is stricter. It may be 16 KiB long, without its end; [`max_length`](Self::max_length) says
/// otherwise, and [`too_long`](Self::too_long) what becomes of longer ones. No more of a line is
/// ever kept than is allowed.
///
/// A [`Handle`](crate::Handle) of `P` reaches the wrapped protocol.
pub struct LineReceiver<P> {
    protocol: P,
    mode: Cell<Mode>,
    splitter: Splitter,
    too_long: TooLong,
    held: Undelivered,
    /// Whether the peer's stream has ended, and the protocol was not told.
    read_closed: bool,
}

impl<P: LineProtocol> LineReceiver<P> {
    /// Lines for `protocol`.
    pub fn new(protocol: P) -> Self {
        Self {
            protocol,
            mode: Cell::new(Mode::Lines),
            splitter: Splitter::new(DEFAULT_MAX_LENGTH),
            too_long: TooLong::Close,
            held: Undelivered::default(),
            read_closed: false,
        }
    }

    /// Lines of at most this many bytes, without the delimiter.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.splitter.max_length = bytes;
        self
    }

    /// What becomes of longer lines.
    #[must_use]
    pub fn too_long(mut self, too_long: TooLong) -> Self {
        self.too_long = too_long;
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
        self.splitter.delimiter = Delimiter::Exactly(delimiter);
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
        self.tell(transport, f);
        self.go_on(transport);
    }

    /// One callback, which is given nothing that was received.
    fn tell(&mut self, transport: &Transport, f: impl FnOnce(&mut P, &LineTransport<'_>)) {
        let delimiter = self.splitter.delimiter.to_send();
        let lent = LineTransport::new(transport, delimiter, &self.mode);
        f(&mut self.protocol, &lent);
        let (_, extra) = lent.into_rest();
        self.held.push(&extra);
    }

    /// Delivers what may be delivered of `input`, and returns the rest.
    fn deliver<'a>(&mut self, transport: &Transport, mut input: &'a [u8]) -> &'a [u8] {
        while !input.is_empty() && transport.is_reading() {
            // A line is skipped to its end, whatever the mode is by now.
            if self.splitter.is_skipping() {
                self.splitter.skip(&mut input);
            } else if self.mode.get() == Mode::Raw {
                input = self.deliver_raw(transport, input);
            } else if let Some(split) = self.splitter.next(&mut input) {
                input = self.deliver_line(transport, split, input);
                if !input.is_empty() {
                    transport.charge(MESSAGE);
                }
            }
        }
        input
    }

    /// Delivers one line, and returns what is to be delivered next.
    fn deliver_line<'a>(
        &mut self,
        transport: &Transport,
        split: Split<'_>,
        behind: &'a [u8],
    ) -> &'a [u8] {
        let delimiter = self.splitter.delimiter.to_send();
        let mut lent = LineTransport::new(transport, delimiter, &self.mode).before(behind);
        match (split, self.too_long) {
            (Split::Line(line, ending), _) => {
                lent = lent.ended_with(ending);
                self.protocol.line_received(&lent, &line);
            }
            (Split::TooLong(line), TooLong::Truncate) => self.protocol.line_received(&lent, &line),
            (Split::TooLong(prefix), TooLong::Discard) => {
                self.protocol.line_too_long(&lent, &prefix);
            }
            (Split::TooLong(_), TooLong::Close) => {
                let expected = format!(
                    "expected lines of at most {} bytes",
                    self.splitter.max_length
                );
                transport.fail_connection(Reason::Violation(expected));
            }
        }
        let (left, extra) = lent.into_rest();
        self.held.push(&extra);
        &behind[behind.len() - left..]
    }

    /// Delivers raw data, and returns what is to be delivered next: what the protocol gave back.
    fn deliver_raw<'a>(&mut self, transport: &Transport, data: &'a [u8]) -> &'a [u8] {
        let delimiter = self.splitter.delimiter.to_send();
        let lent = LineTransport::new(transport, delimiter, &self.mode).giving(data);
        self.protocol.raw_data_received(&lent, data);
        let (given_back, extra) = lent.into_rest();
        assert!(
            self.mode.get() == Mode::Lines || given_back + extra.len() < data.len(),
            "raw_data_received has given all of its data back and asked for raw data again: it \
             would get the same for ever"
        );
        self.held.push(&extra);
        &data[data.len() - given_back..]
    }

    /// Delivers what is held, and the end of the stream behind it, as far as that is wanted now.
    fn go_on(&mut self, transport: &Transport) {
        loop {
            self.deliver_held(transport);
            if !transport.is_open() {
                self.held = Undelivered::default();
                return;
            }
            if !self.read_closed || !self.held.is_empty() {
                return;
            }
            if self.splitter.has_partial() && !transport.is_reading() {
                return; // it is a line, and waits like one
            }
            let Some(line) = self.splitter.finish() else {
                break;
            };
            self.deliver_line(transport, line, &[]);
        }
        self.read_closed = false;
        self.tell(transport, |protocol, transport| {
            protocol.read_closed(transport);
        });
    }

    fn deliver_held(&mut self, transport: &Transport) {
        if self.mode.get() == Mode::Raw && self.splitter.has_partial() {
            let partial = self.splitter.take_partial();
            self.held.push_front(&partial);
        }
        while !self.held.is_empty() && transport.is_reading() {
            let mut held = std::mem::take(&mut self.held);
            let left = self.deliver(transport, held.bytes()).len();
            held.keep(left);
            // What callbacks have added comes behind it.
            held.push(self.held.bytes());
            self.held = held;
        }
    }
}

impl<P: LineProtocol> Protocol for LineReceiver<P> {
    fn connection_made(&mut self, transport: &Transport) {
        self.call(transport, |protocol, transport| {
            protocol.connection_made(transport);
        });
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        if self.held.is_empty() {
            let left = self.deliver(transport, data);
            self.held.push_front(left);
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
        self.call(transport, |protocol, transport| {
            protocol.writing_paused(transport);
        });
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.call(transport, |protocol, transport| {
            protocol.writing_resumed(transport);
        });
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        if transport.has_only_yielded() {
            return self.go_on(transport);
        }
        self.call(transport, |protocol, transport| {
            protocol.reading_resumed(transport);
        });
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.call(transport, |protocol, transport| {
            protocol.timed_out(transport);
        });
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.call(transport, |protocol, transport| {
            protocol.shutdown_requested(transport);
        });
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.tell(transport, |protocol, transport| {
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

impl<P> fmt::Debug for LineReceiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReceiver")
            .field("protocol", &std::any::type_name::<P>())
            .field("mode", &self.mode.get())
            .field("max_length", &self.splitter.max_length)
            .field("too_long", &self.too_long)
            .finish_non_exhaustive()
    }
}
