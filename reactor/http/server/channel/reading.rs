//! From bytes to a request at its resource.

use std::cell::Cell;
use std::rc::Rc;

use super::answering::Told;
use super::{Exchange, HttpChannel, Stage, Work};
use crate::deferred::Failure;
use crate::engine::budget::{MESSAGE, REQUEST};
use crate::http::body::incoming::{Unwanted, incoming};
use crate::http::server::access_log::Entry;
use crate::http::server::limits::unless_zero;
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Intake, Resource};
use crate::http::server::response::Response;
use crate::http::server::writer::Meta;
use crate::http::wire::head::{Framing, Head};
use crate::http::wire::method::Method;
use crate::http::wire::mistake::Mistake;
use crate::http::wire::request_reader::Piece;
use crate::http::wire::status::Status;
use crate::observe::{Callback, Cause};
use crate::transport::Transport;

/// What becomes of a request whose head has come.
enum Verdict {
    /// Its body is wanted, in this way.
    Wanted(Rc<dyn Resource>, Box<Request>, Intake),
    /// This is the answer, whatever the body is.
    Answered(Response),
}

impl From<Response> for Verdict {
    fn from(response: Response) -> Self {
        Self::Answered(response)
    }
}

impl HttpChannel {
    /// Reads requests, and answers them, until one has to wait for its answer.
    pub(super) fn read(&mut self, work: &mut Work<'_>, mut data: &[u8]) {
        let site = Rc::clone(&self.site);
        while self.takes_input() && !work.is_full() && !work.transport.has_yielded() {
            let mut units = MESSAGE;
            match self.reader.read(&mut data, &site.limits) {
                Ok(Some(Piece::Head(head))) => {
                    units = REQUEST;
                    self.head_received(work, head, data.is_empty());
                }
                Ok(Some(Piece::Body(bytes))) => self.body_received(work, bytes),
                Ok(Some(Piece::End(trailers))) => self.body_ended(work, trailers),
                Ok(None) => break,
                Err(mistake) => self.refuse(work, mistake),
            }
            if !data.is_empty() {
                work.transport.charge(units);
            }
        }
        if !data.is_empty() {
            self.hold(work.transport, data);
        }
        if work.is_full() && self.takes_input() {
            work.flush();
            self.ask_for_room(work);
        }
    }

    /// Reads what was held, as far as that goes now.
    pub(super) fn read_held(&mut self, work: &mut Work<'_>) {
        if self.held.is_empty() {
            return self.check_for_the_end(work);
        }
        let held = std::mem::take(&mut self.held);
        self.read(work, &held);
        self.resume_reading(work.transport);
        self.check_for_the_end(work);
    }

    /// Keeps what comes behind the request that is being answered.
    pub(super) fn hold(&mut self, transport: &Transport, data: &[u8]) {
        self.client_is_done = false;
        if self.closing && !self.takes_input() {
            return;
        }
        self.held.extend_from_slice(data);
        // Who has only had its share of the turn is about to go on with it.
        if self.held.len() > self.site.limits.pipelined && !transport.has_yielded() {
            transport.pause_reading();
        }
    }

    /// After the last request of a peer that will send no more, the connection ends.
    pub(super) fn check_for_the_end(&mut self, work: &mut Work<'_>) {
        if !self.input_ended || !self.held.is_empty() {
            return;
        }
        if self.takes_input() && self.reader.is_within() {
            return self.refuse(work, Mistake::bad("the request is not complete"));
        }
        self.closing |= self.exchange.is_none();
    }

    /// Whether bytes that come now belong to a request that is being read.
    pub(super) fn takes_input(&self) -> bool {
        match &self.exchange {
            None => !self.closing,
            Some(exchange) => match exchange.stage {
                Stage::Collecting { .. } | Stage::Discarding { .. } => true,
                _ => exchange.feed.is_some(),
            },
        }
    }

    #[inline]
    fn head_received(&mut self, work: &mut Work<'_>, head: Box<Head>, is_last: bool) {
        self.serial = self.serial.wrapping_add(1);
        self.client_is_done = !head.persistent;
        let meta = Meta {
            method: head.method().unwrap_or(Method::Post),
            version: head.version,
            persistent: head.persistent && !self.closing,
        };
        let (framing, waits) = (head.framing, head.expects_continue && is_last);
        let entry = self
            .site
            .logs_access()
            .then(|| Box::new(Entry::new(work.transport.peer_addr(), &head)));
        let Some(method) = head.method() else {
            let meta = Meta {
                persistent: false,
                ..meta
            };
            return self.respond(work, meta, entry, Response::mistake(&NO_SUCH_METHOD));
        };
        let mut request = Request::new(head, method, &self.site.heads, work.transport);
        if framing == Framing::None {
            let site = &self.site;
            let (answer, name) =
                self.guarded(work, "a resource", |name| match site.locate(&mut request) {
                    Ok(resource) => {
                        name.set(resource.name());
                        if resource.intake(&request) == Intake::Stream {
                            let (feed, stream) = incoming(work.transport, Unwanted::Discard);
                            feed.end(Ok(Vec::new()));
                            request.set_stream(stream);
                        }
                        resource.render(request)
                    }
                    Err(response) => Answer::Now(response),
                });
            return self.answer(work, meta, entry, answer, name);
        }
        self.await_body(work, request, meta, entry, framing, waits);
    }

    /// Decides what is done with a body before it is read.
    fn await_body(
        &mut self,
        work: &mut Work<'_>,
        mut request: Request,
        mut meta: Meta,
        entry: Option<Box<Entry>>,
        framing: Framing,
        waits: bool,
    ) {
        let site = Rc::clone(&self.site);
        let (verdict, _) =
            self.guarded(work, "a resource", |name| match site.locate(&mut request) {
                Ok(resource) => {
                    name.set(resource.name());
                    let intake = resource.intake(&request);
                    Verdict::Wanted(resource, Box::new(request), intake)
                }
                Err(response) => Verdict::Answered(response),
            });
        let length = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let stage = match verdict {
            Verdict::Answered(response) => {
                if waits || length.is_none_or(|length| length > site.limits.body) {
                    // It is not worth the reading; a client that waits has not even begun to send.
                    meta.persistent = false;
                    return self.respond(work, meta, entry, response);
                }
                Stage::Discarding {
                    response: Box::new(response),
                }
            }
            Verdict::Wanted(resource, request, Intake::Stream) => {
                return self.hand_on(work, resource, *request, meta, entry, waits);
            }
            Verdict::Wanted(resource, request, intake) => {
                let limit = match intake {
                    Intake::AtMost(limit) => limit,
                    Intake::Memory | Intake::Stream => site.limits.body,
                };
                if length.is_some_and(|length| length > limit) {
                    meta.persistent = false;
                    return self.respond(work, meta, entry, Response::mistake(&TOO_LARGE));
                }
                Stage::Collecting {
                    resource,
                    request,
                    limit: length.unwrap_or(limit),
                }
            }
        };
        if waits {
            work.out.extend_from_slice(CONTINUE);
        }
        self.exchange = Some(Box::new(Exchange::new(meta, entry, stage, None)));
    }

    /// Renders a request whose body its resource takes as it comes.
    fn hand_on(
        &mut self,
        work: &mut Work<'_>,
        resource: Rc<dyn Resource>,
        mut request: Request,
        meta: Meta,
        entry: Option<Box<Entry>>,
        waits: bool,
    ) {
        work.transport
            .set_timeout(unless_zero(self.site.limits.body_time));
        let (feed, stream) = incoming(work.transport, Unwanted::Discard);
        request.set_stream(stream);
        let stage = Stage::Answering {
            canceller: None,
            name: resource.name(),
            may_half_close: true,
        };
        self.exchange = Some(Box::new(Exchange::new(meta, None, stage, Some(feed))));
        let (answer, name) = self.guarded(work, resource.name(), |_| resource.render(request));
        // Who has refused the body already does not ask for it.
        let feed = self.exchange.as_ref().and_then(|e| e.feed.as_ref());
        if waits && feed.is_some_and(|feed| !feed.is_unwanted()) {
            work.out.extend_from_slice(CONTINUE);
        }
        self.answer(work, meta, entry, answer, name);
    }

    fn body_received(&mut self, work: &mut Work<'_>, bytes: &[u8]) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        exchange.received += bytes.len() as u64;
        if let Some(feed) = &exchange.feed {
            feed.push(bytes);
            feed.deliver();
            if matches!(exchange.stage, Stage::Sent) && feed.is_unwanted() {
                self.exchange = None;
            }
            return;
        }
        if let Stage::Collecting { request, limit, .. } = &mut exchange.stage {
            let (limit, site) = (*limit, &self.site);
            if request.body_length() + bytes.len() as u64 > limit {
                return self.refuse(work, TOO_LARGE);
            }
            let most = site.limits.bodies.max(limit);
            if !request.push_body(bytes, limit, &site.budget, most) {
                self.refuse(work, TOO_MUCH);
            }
        }
    }

    fn body_ended(&mut self, work: &mut Work<'_>, trailers: Vec<u8>) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if let Some(feed) = exchange.feed.take() {
            feed.end(Ok(trailers));
            work.transport
                .set_timeout(unless_zero(self.site.limits.idle));
            if !matches!(exchange.stage, Stage::Sent) {
                self.exchange = Some(exchange);
            }
            return;
        }
        let Exchange {
            meta, entry, stage, ..
        } = *exchange;
        match stage {
            Stage::Collecting {
                resource,
                mut request,
                ..
            } => {
                request.set_trailers(trailers);
                let (answer, name) =
                    self.guarded(work, resource.name(), |_| resource.render(*request));
                self.answer(work, meta, entry, answer, name);
            }
            Stage::Discarding { response } => self.respond(work, meta, entry, *response),
            _ => {}
        }
    }

    /// Answers what is no proper request, and ends the connection: nobody knows where the next one
    /// would begin.
    pub(super) fn refuse(&mut self, work: &mut Work<'_>, mistake: Mistake) {
        self.client_is_done = false;
        let (mut meta, mut entry) = (Meta::of_nothing(), None);
        if let Some(exchange) = self.exchange.take() {
            match exchange.told() {
                Told::Nothing => (meta, entry) = exchange.abandon(Failure::new(mistake)),
                Told::Half => {
                    exchange.break_off(Failure::new(mistake));
                    return work.transport.abort_connection();
                }
                Told::All => {
                    exchange.abandon(Failure::new(mistake));
                    self.closing = true;
                    return;
                }
            }
        }
        if entry.is_none() && self.site.logs_access() {
            let (peer, line) = (work.transport.peer_addr(), self.reader.refused_line());
            entry = Some(Box::new(Entry::of_no_request(peer, line)));
        }
        meta.persistent = false;
        let mut response = Response::mistake(&mistake);
        if mistake == TOO_MUCH {
            response = response.with_header("Retry-After", RETRY_AFTER);
        }
        self.respond(work, meta, entry, response);
    }

    /// Calls a resource. A panic becomes an answer.
    pub(super) fn guarded<R: From<Response>>(
        &self,
        work: &Work<'_>,
        name: &'static str,
        call: impl FnOnce(&Cell<&'static str>) -> R,
    ) -> (R, &'static str) {
        let name = Cell::new(name);
        let callback = || Callback {
            cause: Cause::Request,
            connection: Some(work.transport.id()),
            name: name.get(),
            place: None,
        };
        let result = work.reactor.0.dispatch.call(callback, || call(&name));
        let answer =
            result.unwrap_or_else(|_| R::from(Response::error(Status::INTERNAL_SERVER_ERROR)));
        (answer, name.get())
    }
}

/// RFC 9110, section 10.1.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const NO_SUCH_METHOD: Mistake = Mistake::new(Status::NOT_IMPLEMENTED, "no such method");

const TOO_MUCH: Mistake = Mistake::new(
    Status::SERVICE_UNAVAILABLE,
    "the server has too much to read at once",
);

/// Seconds, in which most of what is being read has come.
const RETRY_AFTER: &str = "5";

const TOO_LARGE: Mistake = Mistake::new(Status::CONTENT_TOO_LARGE, "the body is too long");
