//! What an answer, or a request of a client, consists of behind its head.
//!
//! ```text
//!   bytes     &'static [u8], Vec<u8>, Rc<[u8]>          known, and sent at once
//!   chunks    an iterator                               asked for the next when there is room
//!   stream    BodySink ──write──▶ Body                  written to by whoever holds the sink
//! ```
//!
//! - `incoming`: a body on its way in, as it comes.
//! - `sink`: what is written to while it is sent.
//! - `outgoing`: a body on its way out: its framing, and whether there is room for more.
//! - `budget`: how much of all bodies is in memory at one time.

pub(crate) mod budget;
pub(crate) mod incoming;
pub(crate) mod outgoing;
pub(crate) mod sink;

use std::fmt;
use std::rc::Rc;

use self::outgoing::Chunks;
use self::sink::{BodySink, Detached, pipe};
use crate::contained::Contained;
use crate::deferred::Failure;

/// The body of an answer, or of a request that a client sends.
///
/// Bytes that are known, a `String` or a slice, are copied to the connection when they are sent, and
/// kept there until the peer has taken them: one copy for each connection that does not read, also of
/// a static or shared body. They do not count against [`HttpLimits::bodies`], because they are a
/// resource's own, which knows better what it may make; what is large belongs into
/// [`from_chunks`](Self::from_chunks) or [`Files`](crate::http::Files), of which a peer that does not
/// read holds a few chunks.
///
/// [`HttpLimits::bodies`]: crate::http::HttpLimits::bodies
#[derive(Default)]
pub struct Body(pub(crate) Kind);

#[derive(Default)]
pub(crate) enum Kind {
    #[default]
    Empty,
    Static(&'static [u8]),
    Owned(Vec<u8>),
    Shared(Rc<[u8]>),
    Chunks(Box<Chunks>),
    Stream(Detached),
}

impl Body {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// The bytes of an iterator, one chunk after the other. The next one is asked for when the
    /// peer has taken enough of those before, so that only a few are in memory
    /// at any time. An error, or a panic, aborts the connection, so that the peer cannot take what
    /// it got for the whole.
    ///
    /// The iterator is called by the loop and must not wait for anything.
    #[must_use]
    pub fn from_chunks<C: Into<Vec<u8>>>(
        chunks: impl IntoIterator<Item = Result<C, Failure>, IntoIter: 'static>,
    ) -> Self {
        let chunks = chunks.into_iter().map(|chunk| chunk.map(Into::into));
        Self(Kind::Chunks(Box::new(Chunks {
            length: None,
            chunks: Contained::new(Box::new(chunks)),
        })))
    }

    /// A body that is written to while it is sent, and the end to write to.
    ///
    /// ```
    /// use reactor::http::{Body, Response};
    ///
    /// let (sink, body) = Body::stream();
    /// sink.write(b"now");
    /// // … and later, from a timer, a Deferred's callback, another protocol:
    /// sink.write(b" and then");
    /// sink.finish();
    /// let response = Response::ok().with_body("text/plain", body);
    /// # drop(response);
    /// ```
    #[must_use]
    pub fn stream() -> (BodySink, Self) {
        let (sink, pipe) = pipe();
        (sink, Self(Kind::Stream(pipe)))
    }

    /// Says how long a body of chunks or a stream is. It is then sent with a `Content-Length`, and
    /// one that turns out to be of another length aborts the connection.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Self {
        match &mut self.0 {
            Kind::Chunks(chunks) => chunks.length = Some(bytes),
            Kind::Stream(pipe) => pipe.borrow_mut().length = Some(bytes),
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
        self
    }

    /// How many bytes, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Chunks(chunks) => chunks.length,
            Kind::Stream(pipe) => pipe.borrow().length,
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {
                Some(self.bytes().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }

    /// The bytes, where they are known.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Empty => Some(&[]),
            Kind::Static(bytes) => Some(bytes),
            Kind::Owned(bytes) => Some(bytes),
            Kind::Shared(bytes) => Some(bytes),
            Kind::Chunks(_) | Kind::Stream(_) => None,
        }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self(Kind::Static(text.as_bytes()))
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Kind::Static(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Kind::Owned(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Owned(bytes))
    }
}

impl From<Rc<[u8]>> for Body {
    fn from(bytes: Rc<[u8]>) -> Self {
        Self(Kind::Shared(bytes))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(length) => write!(f, "Body({length} bytes)"),
            None => f.write_str("Body(of unknown length)"),
        }
    }
}
