//! Chunks: a body whose length is not known when it begins.
//!
//! ```text
//! 5\r\nhello\r\n   7;anything=ignored\r\n, world\r\n   0\r\n   Trailer: value\r\n   \r\n
//! ```
//!
//! Source: RFC 9112, section 7.1. Stricter than it where two readers could differ: no space before a
//! size or in it, no line end but CRLF, no malformed extension. A server takes no space behind a
//! size either; a client does, because servers pad the line with it and no other reader is behind.

use crate::http::wire::head::too_long_headers;
use crate::http::wire::headers::{is_token, is_value};
use crate::http::wire::message_error::MessageError;

/// A line with a size is never longer, whatever extensions it has.
const LONGEST_SIZE_LINE: usize = 1024;

/// Takes chunks apart, wherever they were split.
///
/// ```
/// use reactor::http::wire::{ChunkDecoder, ChunkPart};
///
/// let mut data: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";
/// let mut decoder = ChunkDecoder::new(1024);
/// assert_eq!(decoder.decode(&mut data)?, ChunkPart::Data(b"hello"));
/// assert_eq!(decoder.decode(&mut data)?, ChunkPart::End(Vec::new()));
/// # Ok::<(), reactor::http::wire::MessageError>(())
/// ```
#[derive(Debug)]
pub struct ChunkDecoder {
    state: State,
    /// Bytes of the line that is being read.
    line: usize,
    /// The trailer lines, as far as they have come.
    trailers: Vec<u8>,
    longest_trailers: usize,
    /// Whether spaces may follow a size, and trailer lines be folded.
    is_lenient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size: how many there were, and what they mean.
    Size { digits: u32, size: u64 },
    /// Behind them, in white space.
    Padding { size: u64 },
    /// Behind a semicolon, in an extension, which is skipped.
    Extension { size: u64, at: Extension },
    /// Behind the CR of a size's line.
    SizeEnd { size: u64 },
    /// In the data: this many bytes are left.
    Data { left: u64 },
    /// Behind the data.
    DataEnd,
    /// Behind the CR that follows the data.
    DataEndLine,
    /// Behind the last chunk, which is empty.
    Trailers,
}

/// Where in an extension, `;name`, `;name=value` or `;name="value"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    /// Behind the semicolon.
    Start,
    Name,
    /// Behind white space that follows the name.
    NameEnd,
    /// Behind the equals sign.
    ValueStart,
    Value,
    /// Between quotes.
    Quoted,
    /// Behind a backslash between quotes.
    Escaped,
    /// Behind the value.
    ValueEnd,
}

impl Extension {
    /// Where one more byte leads, if it may be there. Of the byte that ends the line the caller
    /// knows.
    fn step(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Quoted, b'"') => Some(Self::ValueEnd),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 0x80..) => Some(Self::Quoted),
            (Self::Quoted | Self::Escaped, _) => None,
            (Self::Start | Self::NameEnd | Self::ValueStart | Self::ValueEnd, b' ' | b'\t') => {
                Some(self)
            }
            (Self::Name, b' ' | b'\t') => Some(Self::NameEnd),
            (Self::Value, b' ' | b'\t') => Some(Self::ValueEnd),
            (Self::Start | Self::Name, _) if is_token(&[byte]) => Some(Self::Name),
            (Self::ValueStart | Self::Value, _) if is_token(&[byte]) => Some(Self::Value),
            (Self::Name | Self::NameEnd, b'=') => Some(Self::ValueStart),
            (Self::ValueStart, b'"') => Some(Self::Quoted),
            (_, b';') if self.may_end() => Some(Self::Start),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(
            self,
            Self::Name | Self::NameEnd | Self::Value | Self::ValueEnd
        )
    }
}

/// A part of a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub enum ChunkPart<'d> {
    /// Bytes of it.
    Data(&'d [u8]),
    /// Its end, and the lines behind it, each with its CRLF.
    End(Vec<u8>),
    /// More has to come.
    More,
}

impl ChunkDecoder {
    /// For the body of a request, whose trailer lines have at most this many bytes.
    #[must_use]
    pub fn new(longest_trailers: usize) -> Self {
        Self {
            state: State::Size { digits: 0, size: 0 },
            line: 0,
            trailers: Vec::new(),
            longest_trailers,
            is_lenient: false,
        }
    }

    /// For the body of an answer: white space may follow a size, and trailer lines may be folded.
    #[must_use]
    pub fn lenient(longest_trailers: usize) -> Self {
        Self {
            is_lenient: true,
            ..Self::new(longest_trailers)
        }
    }

    /// Takes the next part off the front of `data`.
    ///
    /// # Errors
    ///
    /// What is wrong with the chunks.
    pub fn decode<'d>(&mut self, data: &mut &'d [u8]) -> Result<ChunkPart<'d>, MessageError> {
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
                    return Ok(ChunkPart::Data(piece));
                }
                State::Trailers => return self.decode_trailers(data),
                _ => {}
            }
            let Some((byte, rest)) = data.split_first() else {
                return Ok(ChunkPart::More);
            };
            *data = rest;
            self.state = self.step(*byte)?;
        }
    }

    /// Reads one byte of what is around the data.
    fn step(&mut self, byte: u8) -> Result<State, MessageError> {
        let wrong =
            MessageError::bad("a chunk begins with its size in hexadecimal digits and CRLF");
        self.line += 1;
        // Extensions are skipped, not kept; an endless one would be read for ever.
        if self.line > LONGEST_SIZE_LINE {
            return Err(MessageError::bad(
                "the line with a chunk's size is too long",
            ));
        }
        match (self.state, byte) {
            (State::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).ok_or(wrong)?;
                // A size that overflows is another size for a reader with another width: the classic of
                // smuggling.
                let size = size.checked_mul(16).ok_or(wrong)? + u64::from(digit);
                let digits = digits + 1;
                Ok(State::Size { digits, size })
            }
            (State::Size { digits: 1.., size } | State::Padding { size }, b'\r') => {
                Ok(State::SizeEnd { size })
            }
            (State::Size { digits: 1.., size } | State::Padding { size }, b';') => {
                let at = Extension::Start;
                Ok(State::Extension { size, at })
            }
            (State::Size { digits: 1.., size } | State::Padding { size }, b' ' | b'\t')
                if self.is_lenient =>
            {
                Ok(State::Padding { size })
            }
            (State::Extension { size, at }, b'\r') if at.may_end() => Ok(State::SizeEnd { size }),
            (State::Extension { size, at }, _) => {
                let wrong =
                    MessageError::bad("an extension of a chunk is a name, or a name and a value");
                let at = at.step(byte).ok_or(wrong)?;
                Ok(State::Extension { size, at })
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
            (State::DataEnd | State::DataEndLine, _) => Err(MessageError::bad(
                "a chunk is as long as it says, and ends in CRLF",
            )),
            _ => Err(wrong),
        }
    }

    fn decode_trailers<'d>(&mut self, data: &mut &'d [u8]) -> Result<ChunkPart<'d>, MessageError> {
        while let Some((byte, rest)) = data.split_first() {
            *data = rest;
            // Byte by byte: trailers are rare and short.
            self.trailers.push(*byte);
            if self.trailers.len() > self.longest_trailers.saturating_add(2) {
                return Err(too_long_headers());
            }
            if *byte != b'\n' {
                continue;
            }
            let Some(line) = self.trailers[self.line..].strip_suffix(b"\r\n") else {
                return Err(MessageError::bad("each trailer line ends in CR and LF"));
            };
            if line.is_empty() {
                self.trailers.truncate(self.line);
                return Ok(ChunkPart::End(std::mem::take(&mut self.trailers)));
            }
            let is_folded = self.is_lenient && self.line > 0 && is_continuation(line);
            if is_folded {
                // A folded line is one: RFC 9112, section 5.2.
                self.trailers[self.line - 2..self.line].fill(b' ');
            } else if !is_field(line) {
                return Err(MessageError::bad(
                    "a trailer is a name, a colon and a value",
                ));
            }
            self.line = self.trailers.len();
        }
        Ok(ChunkPart::More)
    }
}

fn is_continuation(line: &[u8]) -> bool {
    matches!(line, [b' ' | b'\t', ..]) && is_value(line.trim_ascii())
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    is_token(&line[..colon]) && is_value(line[colon + 1..].trim_ascii())
}

/// The line before a chunk of this many bytes. Of nothing no chunk is made: an empty one is the end.
pub(crate) fn chunk_line(length: usize) -> String {
    format!("{length:x}\r\n")
}

/// The end of a chunked body without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Names and values of the trailer lines at the end of a body.
#[must_use]
pub fn trailers(lines: &[u8]) -> Vec<(String, String)> {
    lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
            Some((text(&line[..colon]), text(&line[colon + 1..])))
        })
        .collect()
}
