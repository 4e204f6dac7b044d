//! Requests out of bytes, wherever they were split. It does no I/O.
//!
//! ```text
//!        ┌───────────── no body ─────────────┐
//!        ▼                                   │
//!      head ──▶ Head ──▶ body ──▶ Body* ──▶ End ──▶ the next head
//!        │                 │
//!        └──── MessageError ◀───┘   after which nothing more is read
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use crate::http::wire::chunked::{ChunkDecoder, ChunkPart};
use crate::http::wire::framing::Framing;
use crate::http::wire::head::{RequestHead, request_line, too_long_headers, too_long_line};
use crate::http::wire::limits::HeadLimits;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::part::Part;

/// Heads that are used again. One list serves a whole site.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "a head moves between the list and its request: a pointer, not its fields"
)]
pub(crate) struct Heads(RefCell<Vec<Box<RequestHead>>>);

impl Heads {
    /// More of them than this are not kept, nor such as have grown larger than this many bytes.
    const KEPT: usize = 64;
    const KEPT_BYTES: usize = 8 << 10;

    fn take(&self) -> Box<RequestHead> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a head back that is not needed any more.
    pub(crate) fn put(&self, head: Box<RequestHead>) {
        let mut heads = self.0.borrow_mut();
        if heads.len() < Self::KEPT && head.bytes.capacity() <= Self::KEPT_BYTES {
            heads.push(head);
        }
    }
}

/// A part of a request.
pub(crate) type RequestPart<'d> = Part<'d, Box<RequestHead>>;

/// At most this much of a first line that is refused is kept for the log.
const REFUSED_LINE: usize = 1000;

/// Takes requests apart, wherever they were split. It keeps what has come and is not a whole part.
#[derive(Debug, Default)]
pub struct RequestReader {
    state: State,
    heads: Rc<Heads>,
    /// The bytes of a head whose end has not come; once one was refused, its first line.
    partial: Vec<u8>,
    /// Whether an empty line was skipped before the head: RFC 9112, section 2.2, allows one.
    skipped: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    /// A mistake was found; what comes behind it means nothing.
    Broken,
}

impl RequestReader {
    /// A reader for one connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader that takes its heads from where others take theirs.
    pub(crate) fn sharing(heads: &Rc<Heads>) -> Self {
        Self {
            state: State::Head,
            heads: Rc::clone(heads),
            partial: Vec::new(),
            skipped: false,
        }
    }

    /// Takes the next part off the front of `data`. `None` says that more has to come: all of `data`
    /// is taken then, and kept here where it is needed.
    ///
    /// # Errors
    ///
    /// What is wrong with the request. Everything behind it is taken and ignored.
    pub fn read<'d>(
        &mut self,
        data: &mut &'d [u8],
        limits: &HeadLimits,
    ) -> Result<Option<RequestPart<'d>>, MessageError> {
        let piece = match &mut self.state {
            State::Head => self.read_head(data, limits),
            State::Length(left) => {
                if *left == 0 {
                    self.state = State::Head;
                    return Ok(Some(Part::End(Vec::new())));
                }
                if data.is_empty() {
                    return Ok(None);
                }
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                let (piece, rest) = data.split_at(length);
                *data = rest;
                *left -= length as u64;
                Ok(Some(Part::Body(piece)))
            }
            State::Chunked(chunks) => chunks.decode(data).map(|piece| match piece {
                ChunkPart::Data(data) => Some(Part::Body(data)),
                ChunkPart::End(trailers) => {
                    self.state = State::Head;
                    Some(Part::End(trailers))
                }
                ChunkPart::More => None,
            }),
            State::Broken => {
                *data = &[];
                Ok(None)
            }
        };
        if piece.is_err() {
            self.break_off(data);
        }
        piece
    }

    /// After a mistake nothing is read any more, because it is not known where the next request would
    /// begin. What came as the first line is kept for the log.
    #[cold]
    fn break_off(&mut self, data: &mut &[u8]) {
        let head = match &self.state {
            State::Head if self.partial.is_empty() => *data,
            State::Head => &self.partial,
            State::Length(_) | State::Chunked(_) | State::Broken => &[],
        };
        let line = request_line(head);
        let line = line[..line.len().min(REFUSED_LINE)].to_vec();
        (self.state, self.partial) = (State::Broken, line);
        *data = &[];
    }

    /// Whether there is nothing more to read until more bytes come: the end of a body is a piece
    /// that takes none.
    #[inline]
    #[must_use]
    pub fn needs_bytes(&self) -> bool {
        !matches!(self.state, State::Length(0))
    }

    /// Whether a request has begun, and its end has not come.
    #[must_use]
    pub fn is_within(&self) -> bool {
        match &self.state {
            State::Head => !self.partial.is_empty(),
            State::Length(_) | State::Chunked(_) => true,
            State::Broken => false,
        }
    }

    /// What came as the first line of a head that was refused, or the beginning of that.
    pub(crate) fn refused_line(&self) -> &[u8] {
        match &self.state {
            State::Broken => &self.partial,
            // It is the time for it that was over.
            State::Head => request_line(&self.partial),
            State::Length(_) | State::Chunked(_) => &[],
        }
    }

    fn read_head<'d>(
        &mut self,
        data: &mut &'d [u8],
        limits: &HeadLimits,
    ) -> Result<Option<RequestPart<'d>>, MessageError> {
        if self.partial.is_empty() {
            self.read_whole_head(data, limits)
        } else {
            self.read_rest_of_head(data, limits)
        }
    }

    /// The usual case: a head that came in one piece, and is not copied to be looked at.
    fn read_whole_head<'d>(
        &mut self,
        data: &mut &'d [u8],
        limits: &HeadLimits,
    ) -> Result<Option<RequestPart<'d>>, MessageError> {
        if !self.skipped && data.starts_with(b"\r\n") {
            (self.skipped, *data) = (true, &data[2..]);
        }
        if data.is_empty() {
            return Ok(None);
        }
        match self.parse(data, limits)? {
            Some((head, length)) => {
                *data = &data[length..];
                Ok(Some(self.begin(head, limits)))
            }
            None => {
                check_partial(data, limits)?;
                self.partial.extend_from_slice(data);
                *data = &[];
                Ok(None)
            }
        }
    }

    /// A head whose beginning is kept. It is looked at again only when another line has ended, so
    /// that one which comes a byte at a time does not cost the square of its length.
    fn read_rest_of_head<'d>(
        &mut self,
        data: &mut &'d [u8],
        limits: &HeadLimits,
    ) -> Result<Option<RequestPart<'d>>, MessageError> {
        let mut partial = std::mem::take(&mut self.partial);
        let known = partial.len();
        let room = limits
            .request_line
            .saturating_add(limits.headers)
            .saturating_add(8)
            .saturating_sub(known);
        // No more is copied than may belong to a head, however much came with it.
        let (new, rest) = data.split_at(data.len().min(room.max(1)));
        partial.extend_from_slice(new);
        if partial.starts_with(b"\r\n") && !self.skipped {
            // Only the CR was kept.
            (self.skipped, *data) = (true, &data[1..]);
            return self.read_whole_head(data, limits);
        }
        let parsed = if new.contains(&b'\n') {
            self.parse(&partial, limits)
        } else {
            Ok(None)
        };
        if let Ok(Some((head, length))) = parsed {
            *data = &data[length - known..];
            return Ok(Some(self.begin(head, limits)));
        }
        let checked = parsed.and_then(|_| check_partial(&partial, limits));
        (*data, self.partial) = (rest, partial);
        checked.map(|()| None)
    }

    fn parse(
        &self,
        data: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<(Box<RequestHead>, usize)>, MessageError> {
        // An empty line that may come before a request was skipped.
        match data {
            [b'\r'] if !self.skipped => return Ok(None),
            [b'\r' | b'\n', ..] => {
                return Err(MessageError::bad("a request begins with its method"));
            }
            _ => {}
        }
        // Heads go round: one that is parsed has the memory of one that was answered.
        let mut head = self.heads.take();
        match head.parse(data, limits) {
            Ok(Some(length)) => Ok(Some((head, length))),
            other => {
                self.heads.put(head);
                other.map(|_| None)
            }
        }
    }

    fn begin<'d>(&mut self, head: Box<RequestHead>, limits: &HeadLimits) -> RequestPart<'d> {
        self.skipped = false;
        self.state = match head.framing {
            Framing::None | Framing::UntilClose => State::Head,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Box::new(ChunkDecoder::new(limits.headers))),
        };
        Part::Head(head)
    }
}

/// Whether a head may go on: what has come of it is within the limits.
fn check_partial(partial: &[u8], limits: &HeadLimits) -> Result<(), MessageError> {
    let longest_line = limits.request_line.saturating_add(1);
    let longest_headers = limits.headers.saturating_add(4);
    if partial.len() <= longest_line.min(longest_headers) {
        return Ok(()); // without looking for where the line ends, at each byte anew
    }
    match partial.iter().position(|byte| *byte == b'\n') {
        None if partial.len() > longest_line => Err(too_long_line()),
        Some(end) if end > longest_line => Err(too_long_line()),
        Some(end) if partial.len() - end > longest_headers => Err(too_long_headers()),
        _ => Ok(()),
    }
}
