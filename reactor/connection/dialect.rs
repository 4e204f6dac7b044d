//! How requests and answers look on the wire.

use std::error::Error;
use std::fmt;

use crate::visible::visible;

/// How the requests `Q` and the answers `A` of an [`Exchange`](super::Exchange) look on the wire.
///
/// ```
/// use reactor::connection::{Answer, Dialect};
///
/// /// A request is a byte, and so is its answer.
/// struct Bytes;
///
/// impl Dialect<u8, u8> for Bytes {
///     fn request(&mut self, request: u8, to: &mut Vec<u8>) -> Result<(), String> {
///         to.push(request);
///         Ok(())
///     }
///
///     fn answer(&mut self, received: &[u8]) -> Result<Answer<u8>, String> {
///         Ok(Answer::Whole { answer: received[0], end: 1 })
///     }
/// }
/// ```
pub trait Dialect<Q, A>: 'static {
    /// Appends a request to what is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with the request. Nothing of it is sent, and it fails with
    /// [`ExchangeError::BadRequest`].
    fn request(&mut self, request: Q, to: &mut Vec<u8>) -> Result<(), String>;

    /// Looks for an answer at the beginning of what was received, of which there is at least one byte. It is
    /// shown the same bytes again, with others behind them, until it has found an answer.
    ///
    /// # Errors
    ///
    /// When no answer begins so, what was expected: the connection is dropped with it, as a
    /// [`Reason::Violation`](crate::Reason::Violation).
    fn answer(&mut self, received: &[u8]) -> Result<Answer<A>, String>;
}

/// What a [`Dialect`] has found in what was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<A> {
    /// The beginning of an answer. It is of no use to look again before there are `wanted` bytes, counted from its
    /// beginning.
    Incomplete {
        /// More than there are.
        wanted: usize,
    },
    /// An answer.
    Whole {
        /// What it says.
        answer: A,
        /// Where it ends: behind at least one byte, and within what was received.
        end: usize,
    },
}

/// A line for a line, as text.
#[derive(Default)]
pub(super) struct LineDialect {
    /// How much of an unfinished line was searched, so that each byte is looked at once.
    searched: usize,
}

impl Dialect<String, String> for LineDialect {
    fn request(&mut self, request: String, to: &mut Vec<u8>) -> Result<(), String> {
        if request.contains(['\n', '\r']) {
            return Err("a request that is a line has no line break in it".to_owned());
        }
        to.extend_from_slice(request.as_bytes());
        to.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn answer(&mut self, received: &[u8]) -> Result<Answer<String>, String> {
        let searched = std::mem::replace(&mut self.searched, received.len());
        let Some(at) = received[searched..].iter().position(|byte| *byte == b'\n') else {
            return Ok(Answer::Incomplete {
                wanted: received.len() + 1,
            });
        };
        self.searched = 0;
        let line = &received[..searched + at];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Answer::Whole {
            answer: String::from_utf8_lossy(line).into_owned(),
            end: searched + at + 1,
        })
    }
}

/// Why an [`Exchange`](super::Exchange) did not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeError {
    /// As many requests wait already as [`limit`](super::Exchange::limit) allows.
    Full,
    /// The request cannot be written as its dialect wants it, for this reason.
    BadRequest(String),
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too many requests are waiting for an answer"),
            Self::BadRequest(mistake) => write!(f, "invalid request: {}", visible(mistake)),
        }
    }
}

impl Error for ExchangeError {}
