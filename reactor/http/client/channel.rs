//! One connection to a server: a request, its answer, the next request.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::deferred::{Failure, Resolver};
use crate::handle::Handle;
use crate::http::body::incoming::{BodyFeed, Unwanted, incoming};
use crate::http::body::outgoing::{Outgoing, Sender};
use crate::http::body::{Chunks, Kind, Stream};
use crate::http::client::error::RequestError;
use crate::http::client::job::{Job, Progress, Way};
use crate::http::client::pool::Pool;
use crate::http::client::request::{Asked, ClientRequest};
use crate::http::client::response::ClientResponse;
use crate::http::client::url::Origin;
use crate::http::server::limits::unless_zero;
use crate::http::wire::head::Framing;
use crate::http::wire::head::response::ResponseHead;
use crate::http::wire::mistake::Mistake;
use crate::http::wire::response_reader::{Piece, ResponseReader};
use crate::http::wire::status::Status;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::transport::Transport;

/// The protocol of a connection to a server.
pub(crate) struct ClientChannel {
    pool: Weak<Pool>,
    origin: Origin,
    exchange: Option<Exchange>,
    /// Whether a request was answered here before, so that the server may have grown tired of the
    /// connection without that anything was wrong with the next one.
    is_used: bool,
}

/// A request that was sent, and its answer as far as it has come.
struct Exchange {
    /// The request once more, if its connection may have grown stale meanwhile.
    again: Option<ClientRequest>,
    /// Whether it may be sent twice although the server may have seen it.
    is_repeatable: bool,
    /// Whether the server had given the connection up before it saw the request.
    has_crossed: bool,
    asked: Rc<Asked>,
    way: Rc<Way>,
    reader: ResponseReader,
    answer: Answer,
    /// Whether the connection may be used for another request.
    persistent: bool,
    /// For how long the server keeps it then, if it says so.
    server_keeps: Option<Duration>,
    sending: Sending,
    body_time: Duration,
    /// Why it fails, where the reason why the connection is lost says less.
    error: Option<RequestError>,
}

/// What was handed over of an answer, and what was not.
struct Answer {
    /// Who waits for the head.
    resolver: Option<Resolver<ClientResponse>>,
    /// The head, until it is handed over with what has come of the body.
    response: Option<ClientResponse>,
    /// Where the body goes, once the head has come.
    feed: Option<BodyFeed>,
}

/// What goes out.
enum Sending {
    /// All of it is written.
    Done,
    Chunks(Box<Chunks>, Outgoing),
    Stream(Rc<RefCell<Stream>>),
    /// The last of it is written, which is about to be heard of.
    Ending,
}

impl ClientChannel {
    pub(crate) fn new(pool: Weak<Pool>, origin: Origin) -> Self {
        Self {
            pool,
            origin,
            exchange: None,
            is_used: false,
        }
    }

    /// Sends a request. The connection is idle.
    pub(crate) fn begin(&mut self, transport: &Transport, mut job: Job) {
        if job.resolver.is_cancelled() {
            return self.is_free(transport, None);
        }
        transport.set_timeout(None);
        let framing = job.request.framing();
        let may_be_stale = self.is_used && !job.wants_new_connection;
        let again = may_be_stale.then(|| job.request.again()).flatten();
        let is_repeatable = job.request.is_repeatable();
        transport.write(&job.request.head());
        let Job {
            request,
            resolver,
            way,
            asked,
            ..
        } = job;
        self.exchange = Some(Exchange {
            again,
            is_repeatable,
            has_crossed: false,
            asked,
            way,
            reader: ResponseReader::new(request.method),
            answer: Answer {
                resolver: Some(resolver),
                response: None,
                feed: None,
            },
            persistent: true,
            server_keeps: None,
            sending: Sending::Done,
            body_time: self
                .pool
                .upgrade()
                .map_or(Duration::MAX, |pool| pool.limits.body_time),
            error: None,
        });
        match request.body.bytes() {
            Some([]) => return,
            Some(bytes) => {
                transport.write(bytes);
            }
            None => self.begin_body(transport, request.body.0, framing),
        }
        if let (Some(exchange), Some(reactor)) = (&self.exchange, reactor_of(&self.pool)) {
            let (way, transport) = (Rc::clone(&exchange.way), transport.clone());
            // When this turn has handed the socket what it has written.
            reactor.call_soon(move || way.has_body(&transport));
        }
    }

    fn begin_body(&mut self, transport: &Transport, body: Kind, framing: Framing) {
        let (Some(exchange), Some(reactor)) = (&mut self.exchange, reactor_of(&self.pool)) else {
            return transport.abort_connection();
        };
        exchange.way.is_at(Progress::Sending(transport.clone()));
        let sender = Rc::new(Connection(transport.handle()));
        let outgoing = Outgoing::new(transport, &reactor.downgrade(), sender, framing);
        match body {
            Kind::Chunks(chunks) => {
                exchange.sending = Sending::Chunks(chunks, outgoing);
                self.write_more(&reactor);
            }
            Kind::Stream(stream) => {
                exchange.sending = Sending::Stream(Rc::clone(&stream));
                Stream::attach(&stream, outgoing);
            }
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
    }

    /// The server has taken what was written of the body, or most of it.
    fn there_is_room(&mut self) {
        if let (Some(exchange), Some(reactor)) = (&self.exchange, reactor_of(&self.pool)) {
            exchange.way.is_moving(reactor.now());
            self.write_more(&reactor);
        }
    }

    fn write_more(&mut self, reactor: &Reactor) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        match &mut exchange.sending {
            Sending::Chunks(chunks, outgoing) => {
                let Some(result) = outgoing.take_chunks(reactor, chunks) else {
                    return;
                };
                let sending = std::mem::replace(&mut exchange.sending, Sending::Ending);
                if let Sending::Chunks(_, outgoing) = sending {
                    outgoing.end(result);
                }
            }
            Sending::Stream(stream) => Stream::there_is_room(&Rc::clone(stream)),
            Sending::Done | Sending::Ending => {}
        }
    }

    fn body_ended(&mut self, transport: &Transport, result: Result<u64, Failure>) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        exchange.sending = Sending::Done;
        match result {
            Ok(_) => {
                exchange.way.is_at(Progress::Sent(transport.clone()));
                if let Some(reactor) = reactor_of(&self.pool) {
                    exchange.way.is_moving(reactor.now());
                }
            }
            Err(failure) => self.fail(transport, RequestError::BadBody(failure.to_string())),
        }
    }

    /// Reads what the server has sent. Returns the trailer lines when the answer is whole. Nobody
    /// hears of any of it before the connection is in order.
    fn read(&mut self, transport: &Transport, mut data: &[u8]) -> Result<Option<Vec<u8>>, Mistake> {
        let Some(exchange) = &mut self.exchange else {
            return Err(Mistake::bad("nothing was asked for"));
        };
        let limit = self.pool.upgrade().map_or(0, |pool| pool.limits.body);
        while let Some(piece) = exchange.reader.read(&mut data)? {
            match piece {
                Piece::Head(head) if exchange.has_crossed_with(&head) => {
                    exchange.has_crossed = true;
                    transport.abort_connection();
                    return Ok(None);
                }
                Piece::Head(head) => exchange.head_has_come(transport, head, limit),
                Piece::Body(bytes) => exchange.feed(|feed| feed.push(bytes)),
                Piece::End(trailers) => {
                    // What comes behind an answer belongs to none.
                    exchange.persistent &= data.is_empty();
                    return Ok(Some(trailers));
                }
            }
        }
        Ok(None)
    }

    /// The answer is whole. The connection is free before anybody hears of it, so that what they
    /// ask next may go out on it.
    fn is_whole(&mut self, transport: &Transport, trailers: Vec<u8>) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        self.is_used = true;
        if !matches!(exchange.sending, Sending::Done) {
            // The server has not waited for the end of the request, and may not read it.
            exchange.stop_sending();
            transport.abort_connection();
        } else if exchange.persistent {
            exchange.way.is_at(Progress::Nowhere);
            self.is_free(transport, exchange.server_keeps);
        } else {
            transport.lose_connection();
        }
        exchange.feed(|feed| feed.end(Ok(trailers)));
        let Exchange { mut answer, .. } = exchange;
        answer.hand_over();
    }

    fn is_free(&mut self, transport: &Transport, server_keeps: Option<Duration>) {
        match self.pool.upgrade() {
            Some(pool) => pool.connection_is_idle(&self.origin, transport, server_keeps),
            None => transport.lose_connection(),
        }
    }

    /// Leaves the pool, whether the connection was lost or the reactor was dropped with it.
    fn leave(&mut self) {
        if let Some(pool) = std::mem::take(&mut self.pool).upgrade() {
            pool.connection_lost(&self.origin);
        }
    }

    fn fail(&mut self, transport: &Transport, error: RequestError) {
        if let Some(exchange) = &mut self.exchange {
            exchange.error = Some(error);
        }
        transport.abort_connection();
    }
}

fn reactor_of(pool: &Weak<Pool>) -> Option<Reactor> {
    pool.upgrade()?.reactor.upgrade()
}

impl Protocol for ClientChannel {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        match self.read(transport, data) {
            Ok(Some(trailers)) => self.is_whole(transport, trailers),
            Ok(None) => {
                // The connection is not touched behind this: whoever hears it may do anything.
                if let Some(exchange) = &mut self.exchange {
                    exchange.feed(BodyFeed::deliver);
                    exchange.answer.hand_over();
                }
            }
            Err(mistake) => self.fail(transport, RequestError::Malformed(mistake)),
        }
    }

    fn read_closed(&mut self, transport: &Transport) {
        if let Some(exchange) = &mut self.exchange
            && exchange.reader.ends_here()
        {
            exchange.persistent = false;
            return self.is_whole(transport, Vec::new());
        }
        match self.exchange {
            // Nobody will answer, so that the rest of the request is not worth the sending.
            Some(_) => transport.fail_connection(Reason::PeerClosed),
            None => transport.lose_connection(),
        }
    }

    fn writing_paused(&mut self, _: &Transport) {
        // The answer is read on: it may say that nobody wants the rest of the request.
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.there_is_room();
    }

    fn timed_out(&mut self, transport: &Transport) {
        let time = self.pool.upgrade().map(|pool| pool.limits.body_time);
        match (&self.exchange, time) {
            (None, _) | (_, None) => transport.lose_connection(),
            (Some(exchange), Some(time)) if exchange.is_waited_for() => {
                self.fail(transport, RequestError::TimedOut(time));
            }
            // Whoever takes the body takes its time.
            (Some(_), time) => {
                transport.set_timeout(time);
            }
        }
    }

    /// The request that is being answered still gets its answer, and is the last.
    fn shutdown_requested(&mut self, transport: &Transport) {
        match &mut self.exchange {
            Some(exchange) => exchange.persistent = false,
            None => transport.lose_connection(),
        }
        if let Some(pool) = self.pool.upgrade() {
            pool.reactor_stops();
        }
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        let pool = self.pool.upgrade();
        let exchange = self.exchange.take();
        self.leave();
        if let Some(exchange) = exchange {
            exchange.connection_lost(pool, reason);
        }
    }
}

impl Exchange {
    fn head_has_come(&mut self, transport: &Transport, head: ResponseHead, body_limit: usize) {
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
    fn has_crossed_with(&self, head: &ResponseHead) -> bool {
        head.status == Status::REQUEST_TIMEOUT && self.again.is_some()
    }

    fn is_waited_for(&self) -> bool {
        self.answer
            .feed
            .as_ref()
            .is_some_and(BodyFeed::is_waited_for)
    }

    fn feed(&self, f: impl FnOnce(&BodyFeed)) {
        if let Some(feed) = &self.answer.feed {
            f(feed);
        }
    }

    fn stop_sending(&self) {
        if let Sending::Stream(stream) = &self.sending {
            Stream::abandon(stream);
        }
    }

    /// The connection is over before the answer was whole.
    fn connection_lost(mut self, pool: Option<Rc<Pool>>, reason: &Reason) {
        self.stop_sending();
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
            return self.answer.hand_over();
        }
        let Some(resolver) = self.answer.resolver.take() else {
            return;
        };
        match (self.again, pool) {
            // The server had closed the connection before it saw the request.
            (Some(request), Some(pool)) if is_unseen && !resolver.is_cancelled() => {
                pool.submit(Job {
                    request,
                    resolver,
                    way: self.way,
                    asked: self.asked,
                    wants_new_connection: true,
                });
            }
            _ => resolver.errback(error),
        }
    }
}

impl Answer {
    /// Hands the head over, with what has come of the body.
    fn hand_over(&mut self) {
        if let Some(response) = self.response.take()
            && let Some(resolver) = self.resolver.take()
        {
            resolver.callback(response);
        }
    }
}

impl Drop for ClientChannel {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The connection as a body on its way out sees it.
struct Connection(Handle<ClientChannel>);

impl Sender for Connection {
    fn has_room(&self) {
        self.0.call(|channel, _| channel.there_is_room());
    }

    fn body_ended(&self, result: Result<u64, Failure>) {
        self.0
            .call(move |channel, transport| channel.body_ended(transport, result));
    }
}

impl fmt::Debug for ClientChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientChannel")
            .field("origin", &self.origin)
            .field("is_waiting", &self.exchange.is_some())
            .finish_non_exhaustive()
    }
}
