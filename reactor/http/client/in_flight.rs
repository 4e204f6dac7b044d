//! A request that was sent on a connection, and its answer as far as it has come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::deferred::Resolver;
use crate::http::body::Body;
use crate::http::body::incoming::{BodyFeed, Unwanted, incoming};
use crate::http::body::outgoing::{Chunks, Outgoing};
use crate::http::body::sink::Pipe;
use crate::http::client::error::RequestError;
use crate::http::client::job::{Job, RequestProgress};
use crate::http::client::request::{Asked, ClientRequest};
use crate::http::client::response::ClientResponse;
use crate::http::limits::unless_zero;
use crate::http::wire::head::response::ResponseHead;
use crate::http::wire::response_reader::ResponseReader;
use crate::http::wire::status::Status;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::transport::Transport;

/// A request that was sent, and its answer as far as it has come.
pub(crate) struct InFlight {
    /// The request once more, if its connection may have grown stale meanwhile.
    again: Option<ClientRequest>,
    /// Whether it may be sent twice although the server may have seen it.
    is_repeatable: bool,
    /// Whether the server had given the connection up before it saw the request.
    pub(crate) has_crossed: bool,
    asked: Rc<Asked>,
    pub(crate) progress: Rc<RequestProgress>,
    pub(crate) reader: ResponseReader,
    answer: Delivery,
    /// Whether the connection may be used for another request.
    pub(crate) persistent: bool,
    /// For how long the server keeps it then, if it says so.
    pub(crate) server_keeps: Option<Duration>,
    pub(crate) sending: Sending,
    body_time: Duration,
    /// Why it fails, where the reason why the connection is lost says less.
    pub(crate) error: Option<RequestError>,
}

/// What was handed over of an answer, and what was not.
struct Delivery {
    /// What waits for the head.
    resolver: Option<Resolver<ClientResponse>>,
    /// The head, until it is handed over with what has come of the body.
    response: Option<ClientResponse>,
    /// Where the body goes, once the head has come.
    feed: Option<BodyFeed>,
}

/// What goes out.
pub(crate) enum Sending {
    /// All of it is written.
    Done,
    Chunks(Box<Chunks>, Outgoing),
    Stream(Rc<RefCell<Pipe>>),
    /// The last of it is written; the end is reported in the next call.
    Ending,
}

impl InFlight {
    /// A request whose head is written, and its body, which is to be sent.
    pub(crate) fn new(mut job: Job, may_be_stale: bool, body_time: Duration) -> (Self, Body) {
        // A copy costs, so it is made only where the connection may be stale.
        let again = may_be_stale.then(|| job.request.again()).flatten();
        let this = Self {
            again,
            is_repeatable: job.request.is_repeatable(),
            has_crossed: false,
            asked: job.asked,
            progress: job.progress,
            reader: ResponseReader::new(job.request.method),
            answer: Delivery {
                resolver: Some(job.resolver),
                response: None,
                feed: None,
            },
            persistent: true,
            server_keeps: None,
            sending: Sending::Done,
            body_time,
            error: None,
        };
        (this, job.request.body)
    }

    /// Hands the head over, with what has come of the body.
    pub(crate) fn hand_over(&mut self) {
        self.answer.hand_over();
    }

    /// Writes more of a body for which there is room.
    pub(crate) fn write_more(&mut self, reactor: &Reactor) {
        match &mut self.sending {
            Sending::Chunks(chunks, outgoing) => {
                let Some(result) = outgoing.take_chunks(reactor, chunks) else {
                    return;
                };
                let sending = std::mem::replace(&mut self.sending, Sending::Ending);
                if let Sending::Chunks(_, outgoing) = sending {
                    outgoing.end(result);
                }
            }
            Sending::Stream(stream) => Pipe::room_made(&Rc::clone(stream)),
            Sending::Done | Sending::Ending => {}
        }
    }

    pub(crate) fn head_received(
        &mut self,
        transport: &Transport,
        head: ResponseHead,
        body_limit: usize,
    ) {
        self.persistent &= head.persistent;
        self.server_keeps = head.keep_alive;
        let (feed, stream) = incoming(transport, Unwanted::Abort);
        let response = ClientResponse::new(head, Rc::clone(&self.asked), stream, body_limit);
        transport.set_timeout(unless_zero(self.body_time));
        self.answer.response = Some(response);
        self.answer.feed = Some(feed);
    }

    /// Whether this is no answer to the request, but what a server said of a connection on which no
    /// request had come for too long, at the moment at which one was sent: RFC 9110, section
    /// 15.5.9.
    pub(crate) fn has_crossed_with(&self, head: &ResponseHead) -> bool {
        head.status == Status::REQUEST_TIMEOUT && self.again.is_some()
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        self.answer
            .feed
            .as_ref()
            .is_some_and(BodyFeed::is_waited_for)
    }

    pub(crate) fn feed(&self, f: impl FnOnce(&BodyFeed)) {
        if let Some(feed) = &self.answer.feed {
            f(feed);
        }
    }

    pub(crate) fn stop_sending(&self) {
        if let Sending::Stream(stream) = &self.sending {
            Pipe::abandon(stream);
        }
    }

    /// The connection is over before the answer was whole. Returns the request once more, where
    /// `may_repeat` and the server had closed the connection before it saw it.
    pub(crate) fn connection_lost(mut self, reason: &Reason, may_repeat: bool) -> Option<Job> {
        self.stop_sending();
        // A server that has begun to answer has seen the request, and may have done what it asks.
        let has_begun = self.reader.has_begun();
        let is_unseen =
            self.has_crossed || self.is_repeatable && !has_begun && self.error.is_none();
        let error = match self.error.take() {
            Some(error) => error,
            None if has_begun => RequestError::Broken(reason.clone()),
            None => RequestError::NoAnswer(reason.clone()),
        };
        self.feed(|feed| feed.end(Err(self.asked.failure(error.clone()))));
        if self.answer.response.is_some() {
            self.hand_over();
            return None;
        }
        let resolver = self.answer.resolver.take()?;
        match self.again {
            Some(request) if may_repeat && is_unseen && !resolver.is_cancelled() => Some(Job {
                request,
                resolver,
                progress: self.progress,
                asked: self.asked,
                wants_new_connection: true,
            }),
            _ => {
                resolver.errback(error);
                None
            }
        }
    }
}

impl Delivery {
    /// Hands the head over, with what has come of the body.
    fn hand_over(&mut self) {
        if let Some(response) = self.response.take()
            && let Some(resolver) = self.resolver.take()
        {
            resolver.callback(response);
        }
    }
}
