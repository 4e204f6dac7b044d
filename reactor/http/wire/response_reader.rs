//! Answers out of bytes, wherever they were split. It does no I/O.
//!
//! ```text
//!   1xx* ──▶ Head ──▶ Body* ──▶ End
//! ```

use crate::http::wire::chunked::{BodyPiece, ChunkDecoder};
use crate::http::wire::head::Framing;
use crate::http::wire::head::response::{LONGEST_HEAD, ResponseHead};
use crate::http::wire::method::Method;
use crate::http::wire::mistake::Mistake;
use crate::http::wire::status::Status;

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Piece<'d> {
    Head(ResponseHead),
    Body(&'d [u8]),
    /// The end, with the trailer lines, each with its CRLF.
    End(Vec<u8>),
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct ResponseReader {
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
    pub(crate) fn new(method: Method) -> Self {
        Self {
            method,
            state: State::Head,
            partial: Vec::new(),
            interim: 0,
        }
    }

    /// Takes the next piece off the front of `data`, or nothing where more has to come.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer.
    pub(crate) fn read<'d>(&mut self, data: &mut &'d [u8]) -> Result<Option<Piece<'d>>, Mistake> {
        match &mut self.state {
            State::Head => self.read_head(data),
            State::Length(0) => Ok(Some(self.end(Vec::new()))),
            State::Length(_) | State::UntilClose if data.is_empty() => Ok(None),
            State::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                let (piece, rest) = data.split_at(length);
                *data = rest;
                *left -= length as u64;
                Ok(Some(Piece::Body(piece)))
            }
            State::UntilClose => Ok(Some(Piece::Body(std::mem::take(data)))),
            State::Chunked(chunks) => Ok(match chunks.decode(data)? {
                BodyPiece::Data(data) => Some(Piece::Body(data)),
                BodyPiece::End(trailers) => Some(self.end(trailers)),
                BodyPiece::More => None,
            }),
            State::Over => Ok(None),
        }
    }

    /// The connection has ended. Whether that was the end of the answer.
    pub(crate) fn ends_here(&mut self) -> bool {
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
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.state, State::Head) || !self.partial.is_empty() || self.interim > 0
    }

    fn end<'d>(&mut self, trailers: Vec<u8>) -> Piece<'d> {
        self.state = State::Over;
        Piece::End(trailers)
    }

    /// Reads what comes before the body. Answers that only say that there will be one are skipped.
    fn read_head<'d>(&mut self, data: &mut &'d [u8]) -> Result<Option<Piece<'d>>, Mistake> {
        while let Some(head) = self.next_head(data)? {
            if head.status == Status::SWITCHING_PROTOCOLS {
                return Err(Mistake::bad("nobody has asked for another protocol"));
            }
            if !head.status.is_informational() {
                self.state = match head.framing {
                    Framing::None => State::Length(0),
                    Framing::Length(length) => State::Length(length),
                    Framing::Chunked => {
                        State::Chunked(Box::new(ChunkDecoder::of_answer(LONGEST_HEAD)))
                    }
                    Framing::UntilClose => State::UntilClose,
                };
                return Ok(Some(Piece::Head(head)));
            }
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                return Err(Mistake::bad(
                    "at most 32 answers come before the one that counts",
                ));
            }
        }
        Ok(None)
    }

    /// Takes a head off the front of `data`. One that came in one piece is not copied to be looked
    /// at; of another one, what has come is kept.
    fn next_head(&mut self, data: &mut &[u8]) -> Result<Option<ResponseHead>, Mistake> {
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
