//! What an answer, or a request of a client, consists of behind its head.
//!
//! ```text
//!   bytes     &'static [u8], Vec<u8>, Rc<[u8]>          known, and sent at once
//!   chunks    an iterator                               asked for the next when there is room
//!   stream    BodySink ──write──▶ Body                  written to by whoever holds the sink
//! ```
//!
//! - `incoming`: a body on its way in, as it comes.
//! - `outgoing`: a body on its way out: its framing, and whether there is room for more.
//! - `budget`: how much of all bodies is in memory at one time.

pub(crate) mod budget;
pub(crate) mod incoming;
pub(crate) mod outgoing;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::contained::Contained;
use crate::deferred::{Deferred, Failure, Resolver};
use crate::http::body::outgoing::Outgoing;

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
    Stream(Unsent),
}

/// A streamed body that was not sent yet. Where it never is, its sink hears of it.
pub(crate) struct Unsent(Rc<RefCell<Stream>>);

impl std::ops::Deref for Unsent {
    type Target = Rc<RefCell<Stream>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let is_detached = matches!(self.0.borrow().state, StreamState::Detached { .. });
        if is_detached {
            Stream::abandon(&self.0);
        }
    }
}

/// Chunks that are asked for one by one.
pub(crate) struct Chunks {
    pub(crate) length: Option<u64>,
    pub(crate) chunks: Contained<Box<dyn Iterator<Item = Result<Vec<u8>, Failure>>>>,
}

impl Body {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// The bytes of an iterator, one chunk after the other. The next one is asked for when the
    /// peer has taken so much of those before that there is room, so that only a few are in memory
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
        let stream = Rc::new(RefCell::new(Stream {
            length: None,
            state: StreamState::Detached {
                pending: Vec::new(),
                ended: None,
            },
            waiting: Vec::new(),
        }));
        (
            BodySink(Rc::clone(&stream)),
            Self(Kind::Stream(Unsent(stream))),
        )
    }

    /// Says how long a body of chunks or a stream is. It is then sent with a `Content-Length`, and
    /// one that turns out to be of another length aborts the connection.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Self {
        match &mut self.0 {
            Kind::Chunks(chunks) => chunks.length = Some(bytes),
            Kind::Stream(stream) => stream.borrow_mut().length = Some(bytes),
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
        self
    }

    /// How many bytes, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Chunks(chunks) => chunks.length,
            Kind::Stream(stream) => stream.borrow().length,
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

/// What a [`BodySink`] and its body share.
pub(crate) struct Stream {
    pub(crate) length: Option<u64>,
    pub(crate) state: StreamState,
    /// Who waits for room.
    pub(crate) waiting: Vec<Resolver<()>>,
}

pub(crate) enum StreamState {
    /// The body is not being sent yet.
    Detached {
        pending: Vec<u8>,
        ended: Option<Result<(), Failure>>,
    },
    /// The body goes out.
    Attached(Outgoing),
    /// Everything was written, or nobody will read it.
    Over,
}

impl Stream {
    /// The body is sent from now on. What was written before goes out first.
    pub(crate) fn attach(this: &Rc<RefCell<Self>>, mut outgoing: Outgoing) {
        let mut stream = this.borrow_mut();
        let before = std::mem::replace(&mut stream.state, StreamState::Over);
        let StreamState::Detached { pending, ended } = before else {
            return;
        };
        if !pending.is_empty() {
            outgoing.write(&pending);
        }
        match ended {
            Some(result) => outgoing.end(result),
            None => {
                outgoing.tell_when_there_is_room();
                stream.state = StreamState::Attached(outgoing);
            }
        }
    }

    /// Tells who waits for it that there is room.
    pub(crate) fn there_is_room(this: &Rc<RefCell<Self>>) {
        let waiting = std::mem::take(&mut this.borrow_mut().waiting);
        for resolver in waiting {
            resolver.callback(());
        }
    }

    /// Nobody gets what is written from now on.
    pub(crate) fn abandon(this: &Rc<RefCell<Self>>) {
        let mut stream = this.borrow_mut();
        stream.state = StreamState::Over;
        let waiting = std::mem::take(&mut stream.waiting);
        drop(stream);
        for resolver in waiting {
            resolver.errback(BodyIsOver);
        }
    }
}

/// The end of a streamed body to write to; made by [`Body::stream`].
///
/// Dropped without [`finish`](Self::finish), it aborts the connection, so that the peer cannot take
/// what it got for the whole.
pub struct BodySink(Rc<RefCell<Stream>>);

impl BodySink {
    /// Appends `data` to the body. Like [`Transport::write`](crate::Transport::write) it returns at
    /// once and never calls back. Returns whether anybody may get the bytes: they are dropped, and
    /// the answer is `false`, when the peer is gone, and for an answer to `HEAD`.
    pub fn write(&self, data: &[u8]) -> bool {
        let mut stream = self.0.borrow_mut();
        match &mut stream.state {
            StreamState::Detached {
                pending,
                ended: None,
            } => {
                pending.extend_from_slice(data);
                true
            }
            StreamState::Attached(outgoing) => {
                let is_taken = outgoing.write(data);
                if !is_taken {
                    stream.state = StreamState::Over;
                }
                is_taken
            }
            StreamState::Detached { .. } | StreamState::Over => false,
        }
    }

    /// Whether so little waits for the peer that more should be written.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match &self.0.borrow().state {
            StreamState::Detached { pending, .. } => pending.len() < DETACHED_ROOM,
            StreamState::Attached(outgoing) => outgoing.has_room(),
            StreamState::Over => false,
        }
    }

    /// Whether the peer was offered what was written, and has left so much of it that there is no
    /// room.
    pub(crate) fn is_stuck(&self) -> bool {
        match &self.0.borrow().state {
            StreamState::Attached(outgoing) => outgoing.is_stuck(),
            StreamState::Detached { .. } | StreamState::Over => false,
        }
    }

    /// How many of the bytes that were written the peer has not taken.
    pub(crate) fn waiting(&self) -> usize {
        match &self.0.borrow().state {
            StreamState::Detached { pending, .. } => pending.len(),
            StreamState::Attached(outgoing) => outgoing.unsent(),
            StreamState::Over => 0,
        }
    }

    /// Fires when there is room: at once, or when the peer has taken most of what was written.
    /// Whoever writes much waits for it in between, or the connection is dropped with
    /// [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow). Fails with [`BodyIsOver`] when the
    /// peer is gone.
    #[must_use = "a Deferred that is dropped tells nobody"]
    pub fn ready(&self) -> Deferred<()> {
        if self.is_over() {
            return Deferred::fail(BodyIsOver);
        }
        if self.has_room() {
            return Deferred::succeed(());
        }
        let mut stream = self.0.borrow_mut();
        let (resolver, deferred) = Deferred::pending();
        stream.waiting.push(resolver);
        if let StreamState::Attached(outgoing) = &stream.state {
            outgoing.tell_when_there_is_room();
        }
        deferred
    }

    /// Ends the body. That takes the sink, so nothing is written behind the end, and there is one:
    ///
    /// ```compile_fail,E0382
    /// # let (sink, _body) = reactor::http::Body::stream();
    /// sink.finish();
    /// sink.write(b"more");
    /// ```
    pub fn finish(self) {
        self.end(Ok(()));
    }

    /// Aborts the body and its connection. The failure is logged.
    pub fn fail(self, failure: impl Into<Failure>) {
        self.end(Err(failure.into()));
    }

    /// Whether nobody can get more of the body.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.0.borrow().state {
            StreamState::Detached { ended, .. } => ended.is_some(),
            StreamState::Attached(outgoing) => outgoing.is_over(),
            StreamState::Over => true,
        }
    }

    fn end(&self, result: Result<(), Failure>) {
        let mut stream = self.0.borrow_mut();
        match &mut stream.state {
            StreamState::Detached { ended, .. } => {
                ended.get_or_insert(result);
            }
            StreamState::Attached(_) => {
                // Whoever waited for room has nothing left to write.
                let state = std::mem::replace(&mut stream.state, StreamState::Over);
                drop(stream);
                if let StreamState::Attached(outgoing) = state {
                    outgoing.end(result);
                }
            }
            StreamState::Over => {}
        }
    }
}

/// A body that is not sent yet holds so much before its sink is not ready.
const DETACHED_ROOM: usize = 64 << 10;

impl Drop for BodySink {
    fn drop(&mut self) {
        if !self.is_over() {
            self.end(Err(Failure::message("the sink of a body was dropped")));
        }
    }
}

impl fmt::Debug for BodySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySink")
            .field("is_over", &self.is_over())
            .finish()
    }
}

/// Nobody gets what is written to a body, because the peer is gone or wants no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyIsOver;

impl fmt::Display for BodyIsOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the body any more")
    }
}

impl std::error::Error for BodyIsOver {}
