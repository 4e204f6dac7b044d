//! Answers out of bytes, wherever they were split. It does no I/O.
//!
//! ```text
//!   1xx* ──▶ Head ──▶ Body* ──▶ End
//! ```

use crate::http::wire::chunked::{ChunkDecoder, ChunkPart};
use crate::http::wire::framing::Framing;
use crate::http::wire::head::response::{LONGEST_HEAD, ResponseHead};
use crate::http::wire::message_error::MessageError;
use crate::http::wire::method::Method;
use crate::http::wire::part::Part;
use crate::http::wire::status::Status;

/// Takes one answer apart, wherever it was split. It keeps what has come and is not a whole part.
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    state: State,
    partial: Vec<u8>,
    /// How many answers have said that there will be one.
    interim: u32,
}

/// A server that has more to say before its answer is not going to give one.
const MOST_INTERIM: u32 = 32;

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
    /// All of the answer was read.
    Over,
}

impl ResponseReader {
    /// For the answer to a request with this method.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self {
            method,
            state: State::Head,
            partial: Vec::new(),
            interim: 0,
        }
    }

    /// Takes the next part off the front of `data`. `None` says that more has to come: all of `data`
    /// is taken then. Heads of 1xx are skipped, and the end always is a part.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer.
    pub fn read<'d>(
        &mut self,
        data: &mut &'d [u8],
    ) -> Result<Option<Part<'d, ResponseHead>>, MessageError> {
        match &mut self.state {
            State::Head => self.read_head(data),
            State::Length(0) => Ok(Some(self.end(Vec::new()))),
            State::Length(_) | State::UntilClose if data.is_empty() => Ok(None),
            State::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                let (piece, rest) = data.split_at(length);
                *data = rest;
                *left -= length as u64;
                Ok(Some(Part::Body(piece)))
            }
            State::UntilClose => Ok(Some(Part::Body(std::mem::take(data)))),
            State::Chunked(chunks) => Ok(match chunks.decode(data)? {
                ChunkPart::Data(data) => Some(Part::Body(data)),
                ChunkPart::End(trailers) => Some(self.end(trailers)),
                ChunkPart::More => None,
            }),
            State::Over => Ok(None),
        }
    }

    /// Notes that the connection has ended. Returns whether the answer is whole.
    pub fn finish(&mut self) -> bool {
        let ends = matches!(
            self.state,
            State::UntilClose | State::Over | State::Length(0)
        );
        if ends {
            self.state = State::Over;
        }
        ends
    }

    /// Whether any of the answer has come.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self.state, State::Head) || !self.partial.is_empty() || self.interim > 0
    }

    fn end<'d>(&mut self, trailers: Vec<u8>) -> Part<'d, ResponseHead> {
        self.state = State::Over;
        Part::End(trailers)
    }

    /// Reads what comes before the body. Answers that only say that there will be one are skipped.
    fn read_head<'d>(
        &mut self,
        data: &mut &'d [u8],
    ) -> Result<Option<Part<'d, ResponseHead>>, MessageError> {
        while let Some(head) = self.next_head(data)? {
            if head.status == Status::SWITCHING_PROTOCOLS {
                return Err(MessageError::bad(
                    "the server changes to another protocol, which was not asked for",
                ));
            }
            if !head.status.is_informational() {
                self.state = match head.framing {
                    Framing::None => State::Length(0),
                    Framing::Length(length) => State::Length(length),
                    Framing::Chunked => {
                        State::Chunked(Box::new(ChunkDecoder::lenient(LONGEST_HEAD)))
                    }
                    Framing::UntilClose => State::UntilClose,
                };
                return Ok(Some(Part::Head(head)));
            }
            self.interim += 1;
            // A server could otherwise keep a request waiting for ever, as each of them is progress.
            if self.interim > MOST_INTERIM {
                return Err(MessageError::bad(
                    "at most 32 answers come before the one that counts",
                ));
            }
        }
        Ok(None)
    }

    /// Takes a head off the front of `data`. One that came in one piece is not copied to be looked
    /// at; of another one, what has come is kept.
    fn next_head(&mut self, data: &mut &[u8]) -> Result<Option<ResponseHead>, MessageError> {
        if data.is_empty() {
            return Ok(None);
        }
        let known = self.partial.len();
        let longest = LONGEST_HEAD + 1;
        let new = &data[..data.len().min(longest.saturating_sub(known).max(1))];
        let so_far = if known == 0 {
            new
        } else {
            self.partial.extend_from_slice(new);
            &self.partial
        };
        // Another look is worth it only when another line has ended.
        let parsed = if new.contains(&b'\n') || so_far.len() >= longest {
            ResponseHead::parse(so_far, self.method)?
        } else {
            None
        };
        let Some((head, length)) = parsed else {
            if known == 0 {
                self.partial.extend_from_slice(new);
            }
            *data = &data[new.len()..];
            return Ok(None);
        };
        *data = &data[length - known..];
        self.partial = Vec::new();
        Ok(Some(head))
    }
}
