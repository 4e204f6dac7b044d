//! From a resource's answer to bytes.

use std::rc::Rc;

use super::{Exchange, HttpChannel, Stage, Work};
use crate::deferred::{Deferred, Failure};
use crate::handle::Handle;
use crate::http::body::incoming::BodyFeed;
use crate::http::body::outgoing::{Outgoing, Sender};
use crate::http::body::{BodyIsOver, Kind, Stream};
use crate::http::server::access_log::Entry;
use crate::http::server::limits::unless_zero;
use crate::http::server::request::NotAForm;
use crate::http::server::resource::Answer;
use crate::http::server::response::Response;
use crate::http::server::writer::{Meta, write_head};
use crate::http::wire::head::Framing;
use crate::http::wire::headers::members;
use crate::http::wire::mistake::Mistake;
use crate::http::wire::status::Status;
use crate::reason::Reason;
use crate::report;
use crate::transport::Transport;
use crate::visible::visible;

impl HttpChannel {
    #[inline]
    pub(super) fn answer(
        &mut self,
        work: &mut Work<'_>,
        meta: Meta,
        entry: Option<Box<Entry>>,
        answer: Answer,
        name: &'static str,
    ) {
        let deferred = match answer {
            Answer::Now(response) => return self.respond(work, meta, entry, response),
            Answer::Later(deferred) => deferred,
            Answer::Future(future) => work.reactor.spawn(future),
        };
        match deferred.into_result() {
            Ok(Ok(response)) => self.respond(work, meta, entry, response),
            Ok(Err(failure)) => {
                let response = failed(work.transport, name, &failure);
                self.respond(work, meta, entry, response);
            }
            Err(deferred) => self.wait_for(work, meta, entry, deferred, name),
        }
    }

    /// The answer comes later. A call through a handle brings it, which does nothing when the
    /// connection is lost by then.
    fn wait_for(
        &mut self,
        work: &mut Work<'_>,
        meta: Meta,
        entry: Option<Box<Entry>>,
        deferred: Deferred<Response>,
        name: &'static str,
    ) {
        let stage = Stage::Answering {
            canceller: Some(deferred.canceller()),
            name,
            may_half_close: true,
        };
        let feed = self.exchange.take().and_then(|exchange| exchange.feed);
        self.exchange = Some(Box::new(Exchange::new(meta, entry, stage, feed)));
        let (handle, serial) = (work.transport.handle::<Self>(), self.serial);
        let _ = deferred.add_both(move |result| {
            handle.call(move |channel, transport| channel.answered(transport, serial, result));
        });
    }

    fn answered(&mut self, transport: &Transport, serial: u32, result: Result<Response, Failure>) {
        let Some(exchange) = &mut self.exchange else {
            return; // its time was over
        };
        let Stage::Answering { name, .. } = exchange.stage else {
            return;
        };
        if serial != self.serial {
            return;
        }
        let (meta, entry) = (exchange.meta, exchange.entry.take());
        let response = result.unwrap_or_else(|failure| failed(transport, name, &failure));
        self.work(transport, |channel, work| {
            channel.respond(work, meta, entry, response);
            channel.go_on(work);
        });
    }

    /// Writes an answer, or begins to.
    #[inline]
    pub(super) fn respond(
        &mut self,
        work: &mut Work<'_>,
        mut meta: Meta,
        mut entry: Option<Box<Entry>>,
        mut response: Response,
    ) {
        let feed = self.exchange.take().and_then(|exchange| exchange.feed);
        if response.bad_header.is_some() {
            response = without_bad_header(work.transport, response);
        }
        if response.status.0.is_informational() {
            let (id, status) = (work.transport.id(), response.status.0);
            report::error(
                module_path!(),
                format_args!("an answer on {id} is not sent: it has the status {status}"),
            );
            response = Response::error(Status::INTERNAL_SERVER_ERROR);
        }
        if let Some(problem) = response.problem {
            response = self.in_the_words_of_the_site(work, response, problem);
        }
        let framing = meta.framing(&response);
        meta.persistent &= !self.closing
            && !self.reader.is_within()
            && framing != Framing::UntilClose
            && !asks_to_close(&response);
        self.closing |= !meta.persistent;
        if let Some(entry) = &mut entry {
            entry.status = Some(response.status.0);
        }
        let now = work.transport.requests().turn_time();
        write_head(
            &response,
            meta,
            framing,
            now,
            &self.site.date,
            &mut work.out,
        );
        if let Some(bytes) = response.body.bytes() {
            let length = match framing {
                Framing::None => 0,
                _ => bytes.len(),
            };
            work.out.extend_from_slice(&bytes[..length]);
            return self.sent(work, entry, length as u64, feed);
        }
        let exchange = Exchange::new(meta, entry, Stage::Sent, feed);
        self.send_stream(work, exchange, response.body.0, framing);
    }

    #[cold]
    fn in_the_words_of_the_site(
        &self,
        work: &Work<'_>,
        mut response: Response,
        problem: &str,
    ) -> Response {
        let Some(pages) = &self.site.error_pages else {
            return response;
        };
        let name = "the error pages of a site";
        let (page, _) = self.guarded::<Response>(work, name, |_| pages(response.status(), problem));
        // After a panic it is the plain text that has to do.
        if page.problem.is_none() {
            (response.content_type, response.body) = (page.content_type, page.body);
        }
        response
    }

    /// Begins with a body that is not there yet.
    fn send_stream(
        &mut self,
        work: &mut Work<'_>,
        mut exchange: Exchange,
        body: Kind,
        framing: Framing,
    ) {
        // What was gathered comes before what the body writes.
        work.flush();
        let sender = Rc::new(Connection {
            handle: work.transport.handle(),
            serial: self.serial,
        });
        let outgoing = Outgoing::new(work.transport, &self.site.reactor, sender, framing);
        exchange.written = Some(outgoing.written());
        match body {
            Kind::Chunks(_) | Kind::Stream(_) if framing == Framing::None => {
                if let Kind::Stream(stream) = body {
                    Stream::abandon(&stream);
                }
                self.sent(work, exchange.entry, 0, exchange.feed);
            }
            Kind::Chunks(chunks) => {
                exchange.stage = Stage::Chunks { chunks, outgoing };
                self.exchange = Some(Box::new(exchange));
                self.send_chunks(work);
            }
            Kind::Stream(stream) => {
                let stream = Rc::clone(&stream);
                exchange.stage = Stage::Stream(Rc::clone(&stream));
                self.exchange = Some(Box::new(exchange));
                Stream::attach(&stream, outgoing);
            }
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
    }

    /// Asks for chunks until there is no room, or no chunk.
    fn send_chunks(&mut self, work: &mut Work<'_>) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let Stage::Chunks { chunks, outgoing } = &mut exchange.stage else {
            return;
        };
        let Some(result) = outgoing.take_chunks(work.reactor, chunks) else {
            return;
        };
        let stage = std::mem::replace(&mut exchange.stage, Stage::Ending);
        if let Stage::Chunks { outgoing, .. } = stage {
            outgoing.end(result);
        }
    }

    /// The body of an answer has ended.
    fn body_sent(&mut self, transport: &Transport, serial: u32, result: Result<u64, Failure>) {
        let is_sending = self
            .exchange
            .as_ref()
            .is_some_and(|e| e.told() == Told::Half);
        if serial != self.serial || !is_sending {
            return;
        }
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        match result {
            Ok(bytes) => self.work(transport, |channel, work| {
                channel.sent(work, exchange.entry, bytes, exchange.feed);
                channel.go_on(work);
            }),
            Err(failure) => {
                let id = transport.id();
                let why = failure.to_string();
                failure.report(
                    module_path!(),
                    format_args!("the answer on {id} was broken off: {}", visible(&why)),
                );
                transport.abort_connection();
                exchange.break_off(failure);
            }
        }
    }

    /// The answer is on its way. What is left may be a body that somebody still reads.
    #[inline]
    pub(super) fn sent(
        &mut self,
        work: &mut Work<'_>,
        entry: Option<Box<Entry>>,
        bytes: u64,
        feed: Option<BodyFeed>,
    ) {
        if let Some(entry) = entry {
            entry.write(bytes, None);
        }
        if let Some(feed) = feed {
            self.await_end_of_body(work, feed);
        }
    }

    fn await_end_of_body(&mut self, work: &mut Work<'_>, feed: BodyFeed) {
        if !self.reader.is_within() {
            work.transport
                .set_timeout(unless_zero(self.site.limits.idle));
        } else if feed.is_unwanted() {
            feed.end(Err(Failure::new(BodyIsOver)));
        } else {
            let meta = Meta::of_nothing();
            let exchange = Exchange::new(meta, None, Stage::Sent, Some(feed));
            self.exchange = Some(Box::new(exchange));
        }
    }

    /// After an answer that took its time, the connection is idle from now on, or there is more to
    /// do.
    fn go_on(&mut self, work: &mut Work<'_>) {
        work.transport.reset_timeout();
        self.read_held(work);
    }

    /// The peer has taken so much that more may be written.
    pub(super) fn there_is_room(&mut self, work: &mut Work<'_>) {
        match self.exchange.as_ref().map(|exchange| &exchange.stage) {
            Some(Stage::Chunks { .. }) => self.send_chunks(work),
            Some(Stage::Stream(stream)) => Stream::there_is_room(&Rc::clone(stream)),
            Some(_) | None => {}
        }
        if self.takes_input() {
            self.read_held(work);
        }
    }

    /// Whether an answer is waited for by a client that has gone, as the end of its stream shows: see
    /// [`HALF_CLOSE`](super::deadlines). Of several requests in a row it is the last that the end
    /// belongs to.
    pub(super) fn is_left_alone(&self) -> bool {
        let stage = self.exchange.as_ref().map(|exchange| &exchange.stage);
        let waits = matches!(
            stage,
            Some(Stage::Answering {
                may_half_close: false,
                ..
            })
        );
        waits && self.held.is_empty() && !self.reader.is_within()
    }

    /// Nobody waits for what is being answered.
    pub(super) fn break_off(&mut self, reason: &Reason) {
        self.held = Vec::new();
        if let Some(exchange) = self.exchange.take() {
            exchange.break_off(Failure::from(reason.clone()));
        }
    }

    /// Asks to be called when there is room to answer what is held.
    pub(super) fn ask_for_room(&mut self, work: &mut Work<'_>) {
        let sender = Rc::new(Connection {
            handle: work.transport.handle(),
            serial: self.serial,
        });
        let reactor = &self.site.reactor;
        Outgoing::new(work.transport, reactor, sender, Framing::None).tell_when_there_is_room();
    }
}

/// How much of its answer a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Half,
    All,
}

impl Exchange {
    /// How much of the answer is out.
    pub(super) fn told(&self) -> Told {
        match self.stage {
            Stage::Collecting { .. } | Stage::Discarding { .. } | Stage::Answering { .. } => {
                Told::Nothing
            }
            Stage::Chunks { .. } | Stage::Stream(_) | Stage::Ending => Told::Half,
            Stage::Sent => Told::All,
        }
    }

    /// Tells everybody who takes part that it is over, and the log how.
    pub(super) fn break_off(mut self, failure: Failure) {
        let written = self.written.take().map_or(0, |written| written.get());
        let why = failure.to_string();
        if let (_, Some(entry)) = self.abandon(failure) {
            entry.write(written, Some(&why));
        }
    }

    /// Tells everybody who takes part that it is over.
    pub(super) fn abandon(self, failure: Failure) -> (Meta, Option<Box<Entry>>) {
        if let Some(feed) = self.feed {
            feed.end(Err(failure));
        }
        match self.stage {
            Stage::Answering {
                canceller: Some(canceller),
                ..
            } => canceller.cancel(),
            Stage::Stream(stream) => Stream::abandon(&stream),
            _ => {}
        }
        (self.meta, self.entry)
    }
}

const NOT_A_FORM: Mistake = Mistake::new(
    Status::UNSUPPORTED_MEDIA_TYPE,
    "the body has to be application/x-www-form-urlencoded",
);

/// The connection as a body on its way out sees it.
struct Connection {
    handle: Handle<HttpChannel>,
    serial: u32,
}

impl Sender for Connection {
    fn has_room(&self) {
        self.handle.call(|channel, transport| {
            channel.work(transport, HttpChannel::there_is_room);
        });
    }

    fn body_ended(&self, result: Result<u64, Failure>) {
        let serial = self.serial;
        self.handle
            .call(move |channel, transport| channel.body_sent(transport, serial, result));
    }
}

/// The answer to a request whose resource failed: no details, which are in the log. A form that is
/// none is the client's fault, which is told what was expected. A body that is too long may be one
/// that the resource itself has asked somebody for.
fn failed(transport: &Transport, name: &'static str, failure: &Failure) -> Response {
    if let Some(response) = Response::of_failure(failure) {
        return response;
    }
    if failure.check::<NotAForm>().is_some() {
        return Response::mistake(&NOT_A_FORM);
    }
    // It may quote what the client has sent.
    let (id, why) = (transport.id(), failure.to_string());
    failure.report(
        module_path!(),
        format_args!("{name} failed to answer on {id}: {}", visible(&why)),
    );
    Response::error(Status::INTERNAL_SERVER_ERROR)
}

/// See [`Response::with_header`].
#[cold]
fn without_bad_header(transport: &Transport, response: Response) -> Response {
    if let Some(error) = response.bad_header {
        let (id, why) = (transport.id(), error.to_string());
        report::error(
            module_path!(),
            format_args!("an answer on {id} is not sent: {}", visible(&why)),
        );
    }
    Response::error(Status::INTERNAL_SERVER_ERROR)
}

fn asks_to_close(response: &Response) -> bool {
    let mut values = response.headers.get_all("connection");
    values.any(|value| members(value.as_bytes()).any(|m| m.eq_ignore_ascii_case(b"close")))
}
