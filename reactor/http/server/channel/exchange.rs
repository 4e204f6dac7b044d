//! One request and its answer, as a value that travels whole.
//!
//! ```text
//!                        ┌──────────────── respond ────────────────┐
//!   head ──▶ Exchange ───┤                                         ├──▶ Exchange ──▶ respond
//!                        └── wait(Stage) ──▶ Waiting ── resumed ───┘
//! ```
//!
//! A request that is answered where it arrives keeps its [`Exchange`] on the stack, and costs no
//! allocation. One that has to wait, for its body, its resource or its client, is boxed as a
//! [`Waiting`] by the connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::deferred::{Canceller, Failure};
use crate::delayed_call::DelayedCall;
use crate::driver::WallClock;
use crate::http::body::incoming::BodyFeed;
use crate::http::body::outgoing::{Chunks, Outgoing};
use crate::http::body::sink::Pipe;
use crate::http::server::access_log::Entry;
use crate::http::server::request::Request;
use crate::http::server::resource::Resource;
use crate::http::server::response::Response;
use crate::http::server::writer::Meta;

/// A request, and what its answer needs of it.
pub(super) struct Exchange {
    pub(super) meta: Meta,
    /// The line for the log, until it is written; `None` if that log is not read.
    pub(super) entry: Option<Box<Entry>>,
    /// Where the request's body goes if it is handed on as it comes.
    pub(super) feed: Option<BodyFeed>,
    /// Whether the client holds the body back until it is asked for: `Expect: 100-continue`.
    pub(super) holds_body_back: bool,
}

impl Exchange {
    /// With a request that could not be parsed.
    pub(super) const fn unparsed() -> Self {
        Self {
            meta: Meta::unparsed(),
            entry: None,
            feed: None,
            holds_body_back: false,
        }
    }

    /// Whether the client should still be asked for the body.
    pub(super) fn wants_body(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| !feed.is_unwanted())
    }

    pub(super) fn wait(self, stage: Stage) -> Box<Waiting> {
        Box::new(Waiting {
            exchange: self,
            stage,
            received: 0,
            counted: 0,
            written: None,
        })
    }
}

/// An exchange that takes more than one callback, and what it waits for.
pub(super) struct Waiting {
    pub(super) exchange: Exchange,
    pub(super) stage: Stage,
    /// How many bytes of the request's body have come, and how many had when that was last looked at.
    pub(super) received: u64,
    counted: u64,
    /// How many bytes of a streamed answer were written.
    pub(super) written: Option<Rc<Cell<u64>>>,
}

pub(super) enum Stage {
    /// The body is kept until it is whole.
    Collecting {
        resource: Rc<dyn Resource>,
        request: Box<Request>,
        limit: u64,
    },
    /// The answer is known; the body is read and dropped before it is sent.
    Discarding { response: Box<Response> },
    /// The resource has not answered yet.
    Answering {
        canceller: Canceller,
        name: &'static str,
        /// Whether the end of the client's stream would belong to the request.
        may_half_close: bool,
    },
    /// The body of the answer is asked for, chunk by chunk.
    Chunks {
        chunks: Box<Chunks>,
        outgoing: Outgoing,
    },
    /// The body of the answer is written through its sink.
    Stream(Rc<RefCell<Pipe>>),
    /// The last of the answer's body was written; that is reported in the next call.
    Ending,
    /// The answer is written, and its resource still reads the body of the request.
    Sent,
}

/// What is kept about bytes that are not sent.
#[derive(Default)]
pub(super) struct Sending {
    /// Until when the peer takes them.
    pub(super) deadline: Option<DelayedCall>,
    /// The line about the last answer, and how many bytes its body has.
    pub(super) unlogged: Option<(Box<Entry>, u64)>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The rest of a head.
    Head,
    /// The rest of a body that is kept in memory, or dropped.
    Body,
    /// A half close, which belongs to the request.
    HalfClose,
    /// The resource's answer.
    Handler,
}

/// How much of an answer was written to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    Part,
    All,
}

impl Waiting {
    pub(super) fn written(&self) -> Written {
        match self.stage {
            Stage::Collecting { .. } | Stage::Discarding { .. } | Stage::Answering { .. } => {
                Written::Nothing
            }
            Stage::Chunks { .. } | Stage::Stream(_) | Stage::Ending => Written::Part,
            Stage::Sent => Written::All,
        }
    }

    /// Whether bytes that come now belong to the request.
    pub(super) fn takes_input(&self) -> bool {
        match self.stage {
            Stage::Collecting { .. } | Stage::Discarding { .. } => true,
            Stage::Answering { .. }
            | Stage::Chunks { .. }
            | Stage::Stream(_)
            | Stage::Ending
            | Stage::Sent => self.exchange.feed.is_some(),
        }
    }

    /// How many bytes of the body have come since this was last called.
    pub(super) fn count_received(&mut self) -> u64 {
        self.received - std::mem::replace(&mut self.counted, self.received)
    }

    /// Ends the exchange for everyone who takes part, and logs how, with the time by `wall_clock`.
    pub(super) fn break_off(mut self, failure: Failure, wall_clock: &WallClock) {
        let written = self.written.take().map_or(0, |written| written.get());
        let why = failure.to_string();
        if let Some(entry) = self.abandon(failure).entry {
            entry.write(wall_clock, written, Some(&why));
        }
    }

    /// Ends the exchange for everyone who takes part. What is left of it can still be answered.
    pub(super) fn abandon(self, failure: Failure) -> Exchange {
        let mut exchange = self.exchange;
        if let Some(feed) = exchange.feed.take() {
            feed.end(Err(failure));
        }
        match self.stage {
            Stage::Answering { canceller, .. } => {
                canceller.cancel();
            }
            Stage::Stream(stream) => Pipe::abandon(&stream),
            Stage::Collecting { .. }
            | Stage::Discarding { .. }
            | Stage::Chunks { .. }
            | Stage::Ending
            | Stage::Sent => {}
        }
        exchange
    }
}
