//! A body on its way in: what has come and was not taken yet.
//!
//! ```text
//!   connection ──push──▶ [ waiting ] ──next──▶ consumer
//!        ◀── pause_reading above 64 KiB, resume_reading below ──
//! ```

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::deferred::{Deferred, Failure, Resolver};
use crate::http::wire::chunked::trailers;
use crate::transport::Transport;

/// At most this many bytes wait for the consumer; then no more are read from the peer.
const ROOM: usize = 64 << 10;

/// A body that is handed on while it comes.
///
/// Dropping a stream before its end says that the rest is not wanted. A server then ends the
/// connection after its answer; a client aborts it.
pub struct BodyStream(Rc<Inner>);

/// The end of a [`BodyStream`] at which bytes come in.
pub(crate) struct BodyFeed(Rc<Inner>);

struct Inner {
    transport: Transport,
    unwanted: Unwanted,
    state: RefCell<State>,
}

/// What becomes of a connection when the rest of a body is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// The rest is read and dropped, as far as its owner reads on.
    Discard,
    /// The connection is aborted.
    Abort,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// How it ended: with trailer lines, or not well.
    end: Option<Result<Vec<u8>, Failure>>,
    waiting: Option<Resolver<Option<Vec<u8>>>>,
    paused: bool,
    /// The consumer has dropped its end.
    unwanted: bool,
}

/// The two ends of one body.
pub(crate) fn incoming(transport: &Transport, unwanted: Unwanted) -> (BodyFeed, BodyStream) {
    let inner = Rc::new(Inner {
        transport: transport.clone(),
        unwanted,
        state: RefCell::default(),
    });
    (BodyFeed(Rc::clone(&inner)), BodyStream(inner))
}

impl BodyFeed {
    /// Adds bytes that have come. The consumer gets them with [`deliver`](Self::deliver).
    pub(crate) fn push(&self, data: &[u8]) {
        let mut state = self.0.state.borrow_mut();
        // What is not wanted is dropped here, not by the reader: it has to find the end of the body all
        // the same.
        if !state.unwanted && state.end.is_none() {
            state.bytes.extend_from_slice(data);
        }
    }

    /// Hands what has come to the consumer, if it waits. If it does not and much has come, no more is
    /// read from the peer.
    pub(crate) fn deliver(&self) {
        let mut state = self.0.state.borrow_mut();
        if state.bytes.is_empty() && state.end.is_none() {
            return;
        }
        if let Some(waiting) = state.waiting.take().filter(|w| !w.is_cancelled()) {
            let piece = state.take();
            drop(state);
            return waiting.fire(piece);
        }
        // Behind the end nothing comes that a pause would hold back, except the next request, which is
        // not this body's.
        if state.bytes.len() > ROOM && state.end.is_none() {
            state.paused = true;
            self.0.transport.pause_reading();
        }
    }

    /// Ends the body, and delivers the end at once.
    pub(crate) fn end(&self, result: Result<Vec<u8>, Failure>) {
        let mut state = self.0.state.borrow_mut();
        if state.end.is_some() {
            return;
        }
        state.end = Some(result);
        if std::mem::take(&mut state.paused) {
            self.0.transport.resume_reading();
        }
        drop(state);
        self.deliver();
    }

    /// Whether the consumer waits for bytes.
    pub(crate) fn is_waited_for(&self) -> bool {
        let state = self.0.state.borrow();
        state.waiting.as_ref().is_some_and(|w| !w.is_cancelled())
    }

    /// Whether reading is paused, because much waits for the consumer.
    pub(crate) fn is_full(&self) -> bool {
        self.0.state.borrow().paused
    }

    /// Whether the consumer has dropped its end.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.0.state.borrow().unwanted
    }
}

impl BodyStream {
    /// The next bytes of the body: at once, if some have come, or when they do. `None` is the end.
    /// Fails when the connection is lost before the end, or the body is malformed.
    ///
    /// One piece is asked for at a time; asking for another one before it has come fails with
    /// [`AskedTwice`].
    #[must_use = "the result is lost with the Deferred"]
    pub fn next_chunk(&mut self) -> Deferred<Option<Vec<u8>>> {
        let mut state = self.0.state.borrow_mut();
        if state.waiting.as_ref().is_some_and(|w| !w.is_cancelled()) {
            return Deferred::fail(AskedTwice);
        }
        if !state.bytes.is_empty() || state.end.is_some() {
            let piece = state.take();
            self.0.go_on_reading(&mut state);
            return Deferred::from_result(piece);
        }
        let (resolver, deferred) = Deferred::pending();
        state.waiting = Some(resolver);
        // The peer's time begins when the consumer waits for it.
        self.0.transport.reset_timeout();
        deferred
    }

    /// All of the body, which may have at most `limit` bytes. Fails with [`BodyTooLong`] as soon as
    /// there are more.
    #[must_use = "the result is lost with the Deferred"]
    pub fn collect(self, limit: usize) -> Deferred<Vec<u8>> {
        self.collect_into(Vec::new(), limit)
    }

    fn collect_into(mut self, mut body: Vec<u8>, limit: usize) -> Deferred<Vec<u8>> {
        self.next_chunk().add_callback(move |chunk| match chunk {
            None => Deferred::succeed(body),
            Some(chunk) if chunk.len() > limit - body.len() => {
                Deferred::fail(BodyTooLong { limit })
            }
            Some(chunk) => {
                body.extend_from_slice(&chunk);
                self.collect_into(body, limit)
            }
        })
    }

    /// What comes until there are `enough` bytes, the body ends, or it breaks off. The rest is left.
    pub(crate) fn beginning(self, enough: usize) -> Deferred<Vec<u8>> {
        self.beginning_into(Vec::new(), enough)
    }

    fn beginning_into(mut self, mut body: Vec<u8>, enough: usize) -> Deferred<Vec<u8>> {
        self.next_chunk().add_both(move |chunk| match chunk {
            Ok(Some(chunk)) => {
                body.extend_from_slice(&chunk);
                if body.len() < enough {
                    return self.beginning_into(body, enough);
                }
                body.truncate(enough);
                Deferred::succeed(body)
            }
            Ok(None) | Err(_) => Deferred::succeed(body),
        })
    }

    /// Names and values of the lines behind the body, once its end has been taken.
    #[must_use]
    pub fn trailers(&self) -> Vec<(String, String)> {
        match &self.0.state.borrow().end {
            Some(Ok(lines)) => trailers(lines),
            Some(Err(_)) | None => Vec::new(),
        }
    }
}

impl Inner {
    fn go_on_reading(&self, state: &mut State) {
        // Not as soon as there is room, so that the next read has 48 KiB of it at least.
        if state.bytes.len() <= ROOM / 4 && std::mem::take(&mut state.paused) {
            self.transport.resume_reading();
        }
    }
}

impl State {
    /// What has come, or the end.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if !self.bytes.is_empty() {
            return Ok(Some(std::mem::take(&mut self.bytes)));
        }
        match &self.end {
            Some(Err(failure)) => Err(failure.clone()),
            Some(Ok(_)) | None => Ok(None),
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.unwanted = true;
        // The memory goes now, though the other end may keep the state for long.
        state.bytes = Vec::new();
        self.0.go_on_reading(&mut state);
        if state.end.is_none() && self.0.unwanted == Unwanted::Abort {
            self.0.transport.abort_connection();
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.borrow();
        f.debug_struct("BodyStream")
            .field("waiting", &state.bytes.len())
            .field("ended", &state.end.is_some())
            .finish()
    }
}

/// The next piece of a body was asked for while one is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedTwice;

impl fmt::Display for AskedTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the next piece of a body was asked for twice")
    }
}

impl std::error::Error for AskedTwice {}

/// A body has more bytes than were wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLong {
    /// How many were.
    pub limit: usize,
}

impl fmt::Display for BodyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body has more than {} bytes", self.limit)
    }
}

impl std::error::Error for BodyTooLong {}
