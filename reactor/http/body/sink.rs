//! A body that is written to while it is sent.
//!
//! ```text
//!   BodySink ──write──▶ pending, until the head is sent ──attach──▶ Outgoing ──▶ connection
//! ```

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::deferred::{Deferred, Failure, Resolver};
use crate::http::body::outgoing::Outgoing;

/// The two ends of a body that is written to while it is sent.
pub(crate) fn pipe() -> (BodySink, Detached) {
    let pipe = Rc::new(RefCell::new(Pipe {
        length: None,
        state: PipeState::Detached {
            pending: Vec::new(),
            ended: None,
        },
        waiting: Vec::new(),
    }));
    (BodySink(Rc::clone(&pipe)), Detached(pipe))
}

/// What a [`BodySink`] and its body share.
pub(crate) struct Pipe {
    pub(crate) length: Option<u64>,
    pub(crate) state: PipeState,
    /// Those that wait for room.
    pub(crate) waiting: Vec<Resolver<()>>,
}

pub(crate) enum PipeState {
    /// The body is not being sent yet.
    Detached {
        pending: Vec<u8>,
        ended: Option<Result<(), Failure>>,
    },
    /// The body goes out.
    Attached(Outgoing),
    /// Everything was written, or it will not be read.
    Over,
}

impl Pipe {
    /// The body is sent from now on. What was written before goes out first.
    pub(crate) fn attach(this: &Rc<RefCell<Self>>, mut outgoing: Outgoing) {
        let mut pipe = this.borrow_mut();
        let before = std::mem::replace(&mut pipe.state, PipeState::Over);
        let PipeState::Detached { pending, ended } = before else {
            return;
        };
        if !pending.is_empty() {
            outgoing.write(&pending);
        }
        match ended {
            Some(result) => outgoing.end(result),
            None => {
                outgoing.notify_of_room();
                pipe.state = PipeState::Attached(outgoing);
            }
        }
    }

    /// Fires what waits for room.
    pub(crate) fn room_made(this: &Rc<RefCell<Self>>) {
        // The borrow ends before anything is fired: a consumer called here writes to this very pipe.
        let waiting = std::mem::take(&mut this.borrow_mut().waiting);
        for resolver in waiting {
            resolver.callback(());
        }
    }

    /// Drops what is written from now on, and fails what waits for room.
    pub(crate) fn abandon(this: &Rc<RefCell<Self>>) {
        let mut pipe = this.borrow_mut();
        pipe.state = PipeState::Over;
        let waiting = std::mem::take(&mut pipe.waiting);
        drop(pipe);
        for resolver in waiting {
            resolver.errback(BodyIsOver);
        }
    }
}

/// A streamed body that was not sent yet. Where it never is, its sink learns of it.
pub(crate) struct Detached(Rc<RefCell<Pipe>>);

impl std::ops::Deref for Detached {
    type Target = Rc<RefCell<Pipe>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let is_detached = matches!(self.0.borrow().state, PipeState::Detached { .. });
        if is_detached {
            Pipe::abandon(&self.0);
        }
    }
}

/// The end of a streamed body to write to; made by [`Body::stream`](crate::http::Body::stream).
///
/// Dropped without [`finish`](Self::finish), it aborts the connection, so that the peer cannot take
/// what it got for the whole.
pub struct BodySink(Rc<RefCell<Pipe>>);

impl BodySink {
    /// Appends `data` to the body. Like [`Transport::write`](crate::Transport::write) it returns at
    /// once and never calls back. Returns whether anybody may get the bytes: they are dropped, and
    /// the answer is `false`, when the peer is gone, and for an answer to `HEAD`.
    pub fn write(&self, data: &[u8]) -> bool {
        let mut pipe = self.0.borrow_mut();
        match &mut pipe.state {
            PipeState::Detached {
                pending,
                ended: None,
            } => {
                pending.extend_from_slice(data);
                true
            }
            PipeState::Attached(outgoing) => {
                let is_taken = outgoing.write(data);
                // The connection is gone; that is remembered, so that `is_over` says so at once.
                if !is_taken {
                    pipe.state = PipeState::Over;
                }
                is_taken
            }
            PipeState::Detached { .. } | PipeState::Over => false,
        }
    }

    /// Whether so little waits for the peer that more should be written.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match &self.0.borrow().state {
            PipeState::Detached { pending, .. } => pending.len() < DETACHED_ROOM,
            PipeState::Attached(outgoing) => outgoing.has_room(),
            PipeState::Over => false,
        }
    }

    /// Whether the peer was offered what was written, and has left more of it than there is room
    /// for.
    pub(crate) fn is_stuck(&self) -> bool {
        match &self.0.borrow().state {
            PipeState::Attached(outgoing) => outgoing.is_stuck(),
            PipeState::Detached { .. } | PipeState::Over => false,
        }
    }

    /// How many of the bytes that were written the peer has not taken.
    pub(crate) fn waiting(&self) -> usize {
        match &self.0.borrow().state {
            PipeState::Detached { pending, .. } => pending.len(),
            PipeState::Attached(outgoing) => outgoing.unsent(),
            PipeState::Over => 0,
        }
    }

    /// Fires when there is room: at once, or when the peer has taken most of what was written.
    /// Whoever writes much waits for it in between, or the connection is dropped with
    /// [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow). Fails with [`BodyIsOver`] when the
    /// peer is gone.
    #[must_use = "the result is lost with the Deferred"]
    pub fn ready(&self) -> Deferred<()> {
        if self.is_over() {
            return Deferred::fail(BodyIsOver);
        }
        if self.has_room() {
            return Deferred::succeed(());
        }
        let mut pipe = self.0.borrow_mut();
        let (resolver, deferred) = Deferred::pending();
        pipe.waiting.push(resolver);
        if let PipeState::Attached(outgoing) = &pipe.state {
            outgoing.notify_of_room();
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

    /// Whether the peer can get no more of the body.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.0.borrow().state {
            PipeState::Detached { ended, .. } => ended.is_some(),
            PipeState::Attached(outgoing) => outgoing.is_over(),
            PipeState::Over => true,
        }
    }

    fn end(&self, result: Result<(), Failure>) {
        let mut pipe = self.0.borrow_mut();
        match &mut pipe.state {
            PipeState::Detached { ended, .. } => {
                // The first end counts: dropping a sink that was finished is no failure.
                ended.get_or_insert(result);
            }
            PipeState::Attached(_) => {
                // Whoever waited for room has nothing left to write.
                let state = std::mem::replace(&mut pipe.state, PipeState::Over);
                drop(pipe);
                if let PipeState::Attached(outgoing) = state {
                    outgoing.end(result);
                }
            }
            PipeState::Over => {}
        }
    }
}

/// A body that is not sent yet holds at most this much before its sink is not ready.
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

/// What is written to a body is dropped, because the peer is gone or wants no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyIsOver;

impl fmt::Display for BodyIsOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is not read any more")
    }
}

impl std::error::Error for BodyIsOver {}
