//! A connection as a line protocol sees it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;

use crate::layer::Layer;
use crate::transport::Transport;

/// How what is received is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// To `line_received`.
    Lines,
    /// To `raw_data_received`.
    Raw,
}

/// A [`Transport`], and what only a line protocol asks of its connection.
///
/// It is lent for one callback. To write later, keep what [`to_owned`](Self::to_owned) returns;
/// to change the mode later, see [`LineReceiver::call`](crate::framing::LineReceiver::call).
pub struct LineTransport<'a> {
    transport: &'a Transport,
    delimiter: &'static [u8],
    /// What has ended the line that the callback is given.
    ending: &'static [u8],
    mode: &'a Cell<Mode>,
    /// The raw data that the callback is given, or what was received behind the line.
    input: &'a [u8],
    /// How many bytes at its end are to be delivered next.
    left: Cell<usize>,
    /// Bytes to be received behind all that was received.
    extra: RefCell<Vec<u8>>,
}

impl LineTransport<'_> {
    /// The [`Transport`] of this connection, which can be kept. Not a `clone`, since that would be
    /// lent as this is.
    #[must_use]
    pub fn to_owned(&self) -> Transport {
        self.transport.clone()
    }

    /// Sends a line: writes it and its delimiter, which is CR LF unless the receiver was given
    /// another one. The answer is that of [`Transport::write`].
    ///
    /// The line should not contain the delimiter; it is not searched for one.
    pub fn send_line(&self, line: &[u8]) -> bool {
        self.transport.write_sequence(&[line, self.delimiter])
    }

    /// What the peer has ended the line with that is being delivered: CR LF or LF, or the delimiter
    /// that the receiver was given. A protocol that passes lines on writes it behind each of them, so
    /// that every line stays as its sender sent it.
    ///
    /// It is LF behind an unfinished line at the end of the stream, and what
    /// [`send_line`](Self::send_line) sends behind one that was cut, and outside of `line_received`.
    #[must_use]
    pub fn line_ending(&self) -> &'static [u8] {
        self.ending
    }

    /// From now on what is received goes to
    /// [`raw_data_received`](crate::framing::LineProtocol::raw_data_received), beginning with the
    /// byte behind the line that is being delivered.
    pub fn set_raw_mode(&self) {
        self.mode.set(Mode::Raw);
    }

    /// From now on what is received is lines. `extra` comes before what is received later: the
    /// bytes of raw data that do not belong to it, or none. It is delivered when the callback that
    /// calls this has returned, and not copied when it is the end of what that was given.
    ///
    /// A callback that gives all of its raw data back and then asks for raw data again would get the
    /// same for ever: that is a panic, which ends the connection.
    pub fn set_line_mode(&self, extra: &[u8]) {
        self.mode.set(Mode::Lines);
        // Compared by where it lies: most protocols give back the end of what they were given, which is
        // delivered next from where it is.
        let is_tail = extra.as_ptr_range().end == self.input.as_ptr_range().end;
        if extra.is_empty() {
            // Nothing was too much.
        } else if is_tail && extra.len() <= self.input.len() {
            self.left.set(extra.len());
        } else {
            self.extra.borrow_mut().extend_from_slice(extra);
        }
    }

    /// Puts a layer between the socket and this protocol, for example when a line has asked for
    /// TLS. What was received behind that line goes through the layer. Taken for lines, it would be
    /// trusted as if it had come through TLS, and an attacker on the way can put it there (the command
    /// injection of STARTTLS, CVE-2011-0411).
    ///
    /// Raw data that is to go through the layer was delivered already: give it to
    /// [`Transport::push_layer`] instead.
    pub fn push_layer(&self, layer: impl Layer) {
        // Taken: what goes through the layer must not come as lines, too.
        let behind = self.input.len() - self.left.take();
        self.transport.push_layer(layer, &self.input[behind..]);
    }
}

/// What a receiver does with it.
impl<'a> LineTransport<'a> {
    pub(super) fn new(
        transport: &'a Transport,
        delimiter: &'static [u8],
        mode: &'a Cell<Mode>,
    ) -> Self {
        Self {
            transport,
            delimiter,
            ending: delimiter,
            mode,
            input: &[],
            left: Cell::new(0),
            extra: RefCell::default(),
        }
    }

    /// For a callback that is given a line.
    pub(super) fn before(mut self, behind: &'a [u8]) -> Self {
        self.input = behind;
        self.left = Cell::new(behind.len());
        self
    }

    /// For a callback that is given a line of which the end has come.
    pub(super) fn ended_with(mut self, ending: &'static [u8]) -> Self {
        self.ending = ending;
        self
    }

    /// For a callback that is given raw data.
    pub(super) fn giving(mut self, raw: &'a [u8]) -> Self {
        self.input = raw;
        self
    }

    /// How much of the end of the input comes next, and what comes behind all that was received.
    pub(super) fn into_rest(self) -> (usize, Vec<u8>) {
        (self.left.get(), self.extra.into_inner())
    }
}

impl Deref for LineTransport<'_> {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        self.transport
    }
}

impl fmt::Debug for LineTransport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineTransport")
            .field("transport", self.transport)
            .field("mode", &self.mode.get())
            .finish_non_exhaustive()
    }
}
