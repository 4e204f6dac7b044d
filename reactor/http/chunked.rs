//! Chunks: a body whose length is not known when it begins.
//!
//! ```text
//! 5\r\nhello\r\n   7;anything=ignored\r\n, world\r\n   0\r\n   Trailer: value\r\n   \r\n
//! ```
//!
//! Source: RFC 9112, section 7.1. Stricter than it where two readers could differ: no space around
//! a size, no line end but CRLF, no control character in an extension.

use crate::http::head::too_long_headers;
use crate::http::mistake::Mistake;

/// A line with a size is never longer, whatever extensions it has.
const LONGEST_SIZE_LINE: usize = 1024;

/// Takes chunks apart, wherever they were split.
#[derive(Debug)]
pub(crate) struct ChunkDecoder {
    state: State,
    /// Bytes of the line that is being read.
    line: usize,
    /// The trailer lines, as far as they have come.
    trailers: Vec<u8>,
    longest_trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size: how many there were, and what they mean.
    Size { digits: u32, size: u64 },
    /// Behind them, in what nobody knows.
    Extension { size: u64 },
    /// Behind the CR of a size's line.
    SizeEnd { size: u64 },
    /// So many bytes of the chunk are to come.
    Data { left: u64 },
    /// Behind the data.
    DataEnd,
    /// Behind the CR that follows the data.
    DataEndLine,
    /// Behind the last chunk, which is empty.
    Trailers,
}

/// What comes next in a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyPiece<'d> {
    /// Bytes of it.
    Data(&'d [u8]),
    /// Its end, and the lines behind it, each with its CRLF.
    End(Vec<u8>),
    /// More has to come.
    More,
}

impl ChunkDecoder {
    pub(crate) fn new(longest_trailers: usize) -> Self {
        Self {
            state: State::Size { digits: 0, size: 0 },
            line: 0,
            trailers: Vec::new(),
            longest_trailers,
        }
    }

    /// Takes the next piece off the front of `data`.
    ///
    /// # Errors
    ///
    /// What is wrong with the chunks.
    pub(crate) fn decode<'d>(&mut self, data: &mut &'d [u8]) -> Result<BodyPiece<'d>, Mistake> {
        loop {
            match self.state {
                State::Data { left } if !data.is_empty() => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    let (piece, rest) = data.split_at(length);
                    *data = rest;
                    self.state = match left - length as u64 {
                        0 => State::DataEnd,
                        left => State::Data { left },
                    };
                    return Ok(BodyPiece::Data(piece));
                }
                State::Trailers => return self.decode_trailers(data),
                _ => {}
            }
            let Some((byte, rest)) = data.split_first() else {
                return Ok(BodyPiece::More);
            };
            *data = rest;
            self.state = self.step(*byte)?;
        }
    }

    /// Reads one byte of what is around the data.
    fn step(&mut self, byte: u8) -> Result<State, Mistake> {
        let wrong = Mistake::bad("a chunk begins with its size in hexadecimal digits and CRLF");
        self.line += 1;
        if self.line > LONGEST_SIZE_LINE {
            return Err(Mistake::bad("the line with a chunk's size is too long"));
        }
        match (self.state, byte) {
            (State::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).ok_or(wrong)?;
                let size = size.checked_mul(16).ok_or(wrong)? + u64::from(digit);
                let digits = digits + 1;
                Ok(State::Size { digits, size })
            }
            (State::Size { digits: 1.., size } | State::Extension { size }, b'\r') => {
                Ok(State::SizeEnd { size })
            }
            (State::Size { digits: 1.., size }, b';') => Ok(State::Extension { size }),
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                Ok(State::Extension { size })
            }
            (State::SizeEnd { size }, b'\n') => {
                self.line = 0;
                Ok(match size {
                    0 => State::Trailers,
                    left => State::Data { left },
                })
            }
            (State::DataEnd, b'\r') => Ok(State::DataEndLine),
            (State::DataEndLine, b'\n') => {
                self.line = 0;
                Ok(State::Size { digits: 0, size: 0 })
            }
            (State::DataEnd | State::DataEndLine, _) => Err(Mistake::bad(
                "a chunk is as long as it says, and ends in CRLF",
            )),
            _ => Err(wrong),
        }
    }

    fn decode_trailers<'d>(&mut self, data: &mut &'d [u8]) -> Result<BodyPiece<'d>, Mistake> {
        while let Some((byte, rest)) = data.split_first() {
            *data = rest;
            self.trailers.push(*byte);
            if self.trailers.len() > self.longest_trailers.saturating_add(2) {
                return Err(too_long_headers());
            }
            if *byte != b'\n' {
                continue;
            }
            let Some(line) = self.trailers[self.line..].strip_suffix(b"\r\n") else {
                return Err(Mistake::bad("each trailer line ends in CR and LF"));
            };
            if line.is_empty() {
                self.trailers.truncate(self.line);
                return Ok(BodyPiece::End(std::mem::take(&mut self.trailers)));
            }
            if !is_field(line) {
                return Err(Mistake::bad("a trailer is a name, a colon and a value"));
            }
            self.line = self.trailers.len();
        }
        Ok(BodyPiece::More)
    }
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    super::headers::is_token(&line[..colon])
        && super::headers::is_value(line[colon + 1..].trim_ascii())
}

/// The line before a chunk of so many bytes. Of nothing no chunk is made: an empty one is the end.
pub(crate) fn chunk_line(length: usize) -> String {
    format!("{length:x}\r\n")
}

/// The end of a chunked body without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
