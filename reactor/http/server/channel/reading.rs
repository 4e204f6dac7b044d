//! From bytes to a request at its resource.

use std::cell::Cell;
use std::rc::Rc;

use super::body_plan::{Announced, BodyPlan, plan_body};
use super::exchange::{Exchange, Stage, Waiting, Written};
use super::{HttpChannel, Work};
use crate::deferred::Failure;
use crate::engine::budget::{MESSAGE, REQUEST};
use crate::framing::undelivered::Undelivered;
use crate::http::body::incoming::{Unwanted, incoming};
use crate::http::limits::unless_zero;
use crate::http::server::access_log::Entry;
use crate::http::server::forwarded::{AMBIGUOUS, Origin};
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Intake, Resource};
use crate::http::server::response::Response;
use crate::http::server::routing::locate;
use crate::http::server::writer::Meta;
use crate::http::wire::framing::Framing;
use crate::http::wire::head::RequestHead;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::method::Method;
use crate::http::wire::part::Part;
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

impl Verdict {
    fn intake(&self) -> Option<Intake> {
        match self {
            Self::Wanted(_, _, intake) => Some(*intake),
            Self::Answered(_) => None,
        }
    }
}

impl HttpChannel {
    /// Reads requests, and answers them, until one has to wait for its answer. Returns how many
    /// bytes at the end of `data` were not looked at.
    pub(super) fn read(&mut self, work: &mut Work<'_>, mut data: &[u8]) -> usize {
        // Asked again for each part, since a resource that was called may have changed any of it.
        while self.takes_input() && !work.is_full() && !work.transport.has_yielded() {
            let mut units = MESSAGE;
            match self.reader.read(&mut data, &self.site.limits.head) {
                Ok(Some(Part::Head(head))) => {
                    units = REQUEST;
                    self.head_received(work, head, data.is_empty());
                }
                Ok(Some(Part::Body(bytes))) => self.body_received(work, bytes),
                Ok(Some(Part::End(trailers))) => self.body_ended(work, trailers),
                Ok(None) => break,
                Err(mistake) => self.refuse(work, mistake),
            }
            if !data.is_empty() {
                work.transport.charge(units);
            } else if self.reader.needs_bytes() {
                // The last piece of a read keeps no other one waiting, so it is not charged. Asking the
                // reader once more would cost a fiftieth of a request.
                break;
            }
        }
        // Pipelined requests whose answers the client does not take would else be answered into memory.
        if work.is_full() && self.takes_input() {
            work.flush();
            self.ask_for_room(work);
        }
        data.len()
    }

    /// Reads what was held, as far as that goes now.
    pub(super) fn read_held(&mut self, work: &mut Work<'_>) {
        // Taken out for as long as it is read, since what is read changes the connection.
        let Some(mut held) = self.held.take() else {
            return self.check_for_the_end(work);
        };
        let left = self.read(work, held.bytes());
        held.keep(left);
        self.hold_on(work.transport, held);
        self.resume_reading(work.transport);
        self.check_for_the_end(work);
    }

    /// Keeps what comes behind the request that is being answered.
    pub(super) fn hold(&mut self, transport: &Transport, data: &[u8]) {
        let mut held = self.held.take().unwrap_or_default();
        held.push(data);
        self.hold_on(transport, held);
    }

    fn hold_on(&mut self, transport: &Transport, held: Box<Undelivered>) {
        if held.is_empty() {
            return;
        }
        self.client_is_done = false;
        if self.closing && !self.takes_input() {
            return;
        }
        let length = held.bytes().len();
        self.held = Some(held);
        // A connection that has only had its share of the turn goes on with it in the next one.
        if length > self.site.limits.pipelined && !transport.has_yielded() {
            transport.pause_reading();
        }
    }

    /// After the last request of a peer that will send no more, the connection ends.
    pub(super) fn check_for_the_end(&mut self, work: &mut Work<'_>) {
        if !self.input_ended || self.held.is_some() {
            return;
        }
        if self.takes_input() && self.reader.is_within() {
            return self.refuse(work, MessageError::bad("the request is not complete"));
        }
        self.closing |= self.waiting.is_none();
    }

    /// Whether bytes that come now belong to a request that is being read.
    pub(super) fn takes_input(&self) -> bool {
        match &self.waiting {
            None => !self.closing,
            Some(waiting) => waiting.takes_input(),
        }
    }

    #[inline]
    fn head_received(&mut self, work: &mut Work<'_>, head: Box<RequestHead>, is_last: bool) {
        self.serial = self.serial.wrapping_add(1);
        // What comes behind this request takes it back, in `hold_on`.
        self.client_is_done = !head.persistent;
        let logs_access = self.site.logs_access();
        let peer = work.transport.peer_addr();
        let origin = self.site.origin(work.transport, &head);
        let client = Origin::client(&origin).unwrap_or(peer);
        let exchange = Exchange {
            meta: Meta {
                method: head.method().unwrap_or(Method::Post),
                version: head.version,
                persistent: head.persistent && !self.closing,
            },
            entry: logs_access.then(|| Box::new(Entry::new(client, &head))),
            feed: None,
            // A client that has sent more already does not wait.
            holds_body_back: head.expects_continue && is_last,
        };
        let Ok(origin) = origin else {
            return self.respond_and_close(work, exchange, Response::mistake(&AMBIGUOUS));
        };
        let framing = head.framing;
        let Some(method) = head.method() else {
            // Its body, if there is one, is not read, so that the connection cannot go on.
            return self.respond_and_close(work, exchange, Response::mistake(&NO_SUCH_METHOD));
        };
        let mut request = Request::new(head, method, &self.site.heads, work.transport);
        if let Some(origin) = origin {
            request.set_origin(origin);
        }
        match framing {
            Framing::None => self.render_at_once(work, exchange, request),
            _ => self.await_body(work, exchange, request, framing),
        }
    }

    /// The usual case: a request without a body, found and answered in one call of a consumer's.
    #[inline]
    fn render_at_once(&mut self, work: &mut Work<'_>, exchange: Exchange, mut request: Request) {
        let (site, name) = (&self.site, Cell::new(UNNAMED));
        let answer = self.guarded(work, &name, || match locate(&site.root, &mut request) {
            Ok(resource) => {
                name.set(resource.name());
                if resource.intake(&request) == Intake::Stream {
                    let (feed, stream) = incoming(work.transport, Unwanted::Discard);
                    // A resource that takes streams need not know that there is no body.
                    feed.end(Ok(Vec::new()));
                    request.set_stream(stream);
                }
                resource.render(request)
            }
            Err(response) => Answer::Now(response),
        });
        self.answer(work, exchange, answer, name.get());
    }

    /// Finds the resource of a request with a body, and asks how it wants that.
    fn judge(&self, work: &Work<'_>, mut request: Request) -> Verdict {
        let (site, name) = (&self.site, Cell::new(UNNAMED));
        self.guarded(work, &name, || match locate(&site.root, &mut request) {
            Ok(resource) => {
                name.set(resource.name());
                let intake = resource.intake(&request);
                Verdict::Wanted(resource, Box::new(request), intake)
            }
            Err(response) => Verdict::Answered(response),
        })
    }

    /// Does what is planned with a body.
    fn await_body(
        &mut self,
        work: &mut Work<'_>,
        exchange: Exchange,
        request: Request,
        framing: Framing,
    ) {
        let body = Announced {
            framing,
            is_held_back: exchange.holds_body_back,
        };
        let verdict = self.judge(work, request);
        // What the resource said is all that is known of it from here on: it is not asked twice.
        let plan = plan_body(verdict.intake(), body, self.site.limits.body);
        let stage = match (plan, verdict) {
            (BodyPlan::Stream, Verdict::Wanted(resource, request, _)) => {
                return self.hand_on(work, exchange, resource, *request);
            }
            (BodyPlan::Collect { limit }, Verdict::Wanted(resource, request, _)) => {
                Stage::Collecting {
                    resource,
                    request,
                    limit,
                }
            }
            (BodyPlan::Discard, Verdict::Answered(response)) => Stage::Discarding {
                response: Box::new(response),
            },
            (_, Verdict::Answered(response)) => {
                return self.respond_and_close(work, exchange, response);
            }
            (_, Verdict::Wanted(..)) => {
                return self.respond_and_close(work, exchange, Response::mistake(&TOO_LARGE));
            }
        };
        if body.is_held_back {
            work.out.extend_from_slice(CONTINUE);
        }
        self.waiting = Some(exchange.wait(stage));
    }

    /// Renders a request whose body its resource takes as it comes.
    fn hand_on(
        &mut self,
        work: &mut Work<'_>,
        mut exchange: Exchange,
        resource: Rc<dyn Resource>,
        mut request: Request,
    ) {
        work.transport
            .set_timeout(unless_zero(self.site.limits.body_time));
        let (feed, stream) = incoming(work.transport, Unwanted::Discard);
        request.set_stream(stream);
        exchange.feed = Some(feed);
        let name = resource.name();
        let answer = self.guarded(work, &Cell::new(name), || resource.render(request));
        // A resource that has dropped the body already does not ask for it.
        if exchange.holds_body_back && exchange.wants_body() {
            work.out.extend_from_slice(CONTINUE);
        }
        self.answer(work, exchange, answer, name);
    }

    fn body_received(&mut self, work: &mut Work<'_>, bytes: &[u8]) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        // Counted for the deadline, also where the bytes are dropped.
        waiting.received += bytes.len() as u64;
        if let Some(feed) = &waiting.exchange.feed {
            feed.push(bytes);
            feed.deliver();
            if matches!(waiting.stage, Stage::Sent) && feed.is_unwanted() {
                self.waiting = None;
            }
            return;
        }
        if let Stage::Collecting { request, limit, .. } = &mut waiting.stage {
            let (limit, site) = (*limit, &self.site);
            // Only a chunked body gets here with too much: an announced length was looked at before.
            if request.body_length() + bytes.len() as u64 > limit {
                return self.refuse(work, TOO_LARGE);
            }
            // One body that its resource allows has to fit, even into a budget that is smaller.
            let most = site.limits.bodies.max(limit);
            if !request.push_body(bytes, limit, &site.budget, most) {
                self.refuse(work, TOO_MUCH);
            }
        }
    }

    fn body_ended(&mut self, work: &mut Work<'_>, trailers: Vec<u8>) {
        let Some(mut waiting) = self.waiting.take() else {
            return;
        };
        if let Some(feed) = waiting.exchange.feed.take() {
            feed.end(Ok(trailers));
            work.transport
                .set_timeout(unless_zero(self.site.limits.idle));
            // With the answer written and the body read, the exchange is over.
            if !matches!(waiting.stage, Stage::Sent) {
                self.waiting = Some(waiting);
            }
            return;
        }
        let Waiting {
            exchange, stage, ..
        } = *waiting;
        match stage {
            Stage::Collecting {
                resource,
                mut request,
                ..
            } => {
                request.set_trailers(trailers);
                let name = resource.name();
                let answer = self.guarded(work, &Cell::new(name), || resource.render(*request));
                self.answer(work, exchange, answer, name);
            }
            Stage::Discarding { response } => self.respond(work, exchange, *response),
            Stage::Answering { .. }
            | Stage::Chunks { .. }
            | Stage::Stream(_)
            | Stage::Ending
            | Stage::Sent => {}
        }
    }

    /// Answers what is not a valid request, and ends the connection, because it is not known where
    /// the next request would begin.
    pub(super) fn refuse(&mut self, work: &mut Work<'_>, mistake: MessageError) {
        self.client_is_done = false;
        let mut exchange = match self.waiting.take() {
            None => Exchange::unparsed(),
            Some(waiting) => match waiting.written() {
                Written::Nothing => waiting.abandon(Failure::new(mistake)),
                // A second head would be taken for a part of the body.
                Written::Part => {
                    waiting.break_off(Failure::new(mistake), &self.site.wall_clock);
                    return work.transport.abort_connection();
                }
                Written::All => {
                    waiting.abandon(Failure::new(mistake));
                    self.closing = true;
                    return;
                }
            },
        };
        // A head that was refused is in the log as well, with what came as its first line.
        if exchange.entry.is_none() && self.site.logs_access() {
            let (peer, line) = (work.transport.peer_addr(), self.reader.refused_line());
            exchange.entry = Some(Box::new(Entry::unparsed(peer, line)));
        }
        let mut response = Response::mistake(&mistake);
        if mistake == TOO_MUCH {
            response = response.with_header("Retry-After", RETRY_AFTER);
        }
        self.respond_and_close(work, exchange, response);
    }

    /// Calls a resource, which may say its name meanwhile. A panic becomes an answer.
    #[inline]
    pub(super) fn guarded<R: From<Response>>(
        &self,
        work: &Work<'_>,
        name: &Cell<&'static str>,
        call: impl FnOnce() -> R,
    ) -> R {
        let callback = || Callback {
            cause: Cause::Request,
            connection: Some(work.transport.id()),
            name: name.get(),
            place: None,
        };
        let result = work.reactor.0.dispatch().call(callback, call);
        result.unwrap_or_else(|_| R::from(Response::error(Status::INTERNAL_SERVER_ERROR)))
    }
}

/// What a resource is called in the log until it is found.
const UNNAMED: &str = "a resource";

/// RFC 9110, section 10.1.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const NO_SUCH_METHOD: MessageError = MessageError::new(Status::NOT_IMPLEMENTED, "no such method");

const TOO_MUCH: MessageError = MessageError::new(
    Status::SERVICE_UNAVAILABLE,
    "the server has too much to read at once",
);

/// Seconds, in which most of what is being read has come.
const RETRY_AFTER: &str = "5";

const TOO_LARGE: MessageError =
    MessageError::new(Status::CONTENT_TOO_LARGE, "the body is too long");
