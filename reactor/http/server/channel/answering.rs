//! From a resource's answer to bytes.

use std::cell::Cell;

use super::exchange::{Exchange, Stage};
use super::{HttpChannel, Work};
use crate::deferred::{Deferred, Failure};
use crate::http::body::sink::BodyIsOver;
use crate::http::limits::unless_zero;
use crate::http::server::request::NotAForm;
use crate::http::server::resource::Answer;
use crate::http::server::response::Response;
use crate::http::server::writer::Meta;
use crate::http::wire::framing::Framing;
use crate::http::wire::headers::members;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::status::Status;
use crate::report;
use crate::transport::Transport;
use crate::visible::visible;

impl HttpChannel {
    #[inline]
    pub(super) fn answer(
        &mut self,
        work: &mut Work<'_>,
        exchange: Exchange,
        answer: Answer,
        name: &'static str,
    ) {
        let deferred = match answer {
            Answer::Now(response) => return self.respond(work, exchange, response),
            Answer::Later(deferred) => deferred,
            Answer::Future(future) => work.reactor.spawn(future),
        };
        // A Deferred that was fired already needs no handle, no box and no further turn.
        match deferred.into_result() {
            Ok(Ok(response)) => self.respond(work, exchange, response),
            Ok(Err(failure)) => {
                let response = failed(work.transport, name, &failure);
                self.respond(work, exchange, response);
            }
            Err(deferred) => self.wait_for(work, exchange, deferred, name),
        }
    }

    /// The answer comes later. A call through a handle brings it, which does nothing when the
    /// connection is lost by then.
    fn wait_for(
        &mut self,
        work: &mut Work<'_>,
        exchange: Exchange,
        deferred: Deferred<Response>,
        name: &'static str,
    ) {
        self.waiting = Some(exchange.wait(Stage::Answering {
            canceller: deferred.canceller(),
            name,
            may_half_close: true,
        }));
        // Through the handle, and so in a call of its own: the Deferred may be fired inside any
        // callback, where this channel could be in use.
        let (handle, serial) = (work.transport.handle::<Self>(), self.serial);
        let _ = deferred.add_both(move |result| {
            handle.call(move |channel, transport| channel.answered(transport, serial, result));
        });
    }

    fn answered(&mut self, transport: &Transport, serial: u32, result: Result<Response, Failure>) {
        // When its time was over, the request was answered without it, and another one may be here.
        let answering = self.waiting.take_if(|waiting| {
            serial == self.serial && matches!(waiting.stage, Stage::Answering { .. })
        });
        let Some(waiting) = answering else {
            return;
        };
        let Stage::Answering { name, .. } = waiting.stage else {
            return;
        };
        let response = result.unwrap_or_else(|failure| failed(transport, name, &failure));
        self.work(transport, |channel, work| {
            channel.respond(work, waiting.exchange, response);
            channel.go_on(work);
        });
    }

    /// Writes an answer, or begins to.
    #[inline]
    pub(super) fn respond(
        &mut self,
        work: &mut Work<'_>,
        mut exchange: Exchange,
        mut response: Response,
    ) {
        if !response.is_as_meant() {
            response = self.replaced(work, response);
        }
        // Once for the head, the framing and the body: the match costs, and a stream has none.
        let bytes = response.body.bytes();
        let length = match bytes {
            Some(bytes) => Some(bytes.len() as u64),
            None => response.body.length(),
        };
        let framing = exchange.meta.framing(response.status.0, length);
        // A client behind a load balancer goes elsewhere then, before this connection is closed.
        exchange.meta.persistent &= !work.reactor.is_stopping();
        self.decide_what_follows(&mut exchange.meta, &response, framing);
        if let Some(entry) = &mut exchange.entry {
            entry.status = Some(response.status.0);
        }
        // All answers of a turn share one reading of the clock.
        let now = work.transport.loop_side().turn_time();
        let date = self.site.date.at(now, &*self.site.wall_clock);
        exchange
            .meta
            .write_head(&response, framing, &date, &mut work.out);
        drop(date);
        match bytes {
            Some(bytes) => {
                // `HEAD`, 204 and 304 have a body to compute a length from, and send none.
                let bytes = if framing == Framing::None { &[] } else { bytes };
                work.out.extend_from_slice(bytes);
                self.sent(work, exchange, bytes.len() as u64);
            }
            None => self.send_stream(work, exchange, response.body.0, framing),
        }
    }

    /// Answers, and ends the connection behind that.
    #[cold]
    pub(super) fn respond_and_close(
        &mut self,
        work: &mut Work<'_>,
        mut exchange: Exchange,
        response: Response,
    ) {
        exchange.meta.persistent = false;
        self.respond(work, exchange, response);
    }

    /// Whether there may be another request behind this answer.
    #[inline]
    fn decide_what_follows(&mut self, meta: &mut Meta, response: &Response, framing: Framing) {
        // What is left of a body that is not read to its end would be taken for a request.
        meta.persistent &= !self.closing
            && !self.reader.is_within()
            && framing != Framing::UntilClose
            && !asks_to_close(response);
        self.closing |= !meta.persistent;
    }

    /// What is sent instead of an answer that cannot be sent, or that the site words differently.
    #[cold]
    fn replaced(&self, work: &Work<'_>, mut response: Response) -> Response {
        let why_not = match (&response.bad_header, response.status.0) {
            (Some(error), _) => Some(error.to_string()),
            (None, status) if status.is_informational() => {
                Some(format!("it has the status {status}"))
            }
            (None, _) => None,
        };
        if let Some(why) = why_not {
            let id = work.transport.id();
            report::error(
                module_path!(),
                format_args!("an answer on {id} is not sent: {}", visible(&why)),
            );
            response = Response::error(Status::INTERNAL_SERVER_ERROR);
        }
        match response.problem {
            Some(problem) => self.apply_error_page(work, response, problem),
            None => response,
        }
    }

    fn apply_error_page(&self, work: &Work<'_>, mut response: Response, problem: &str) -> Response {
        let Some(pages) = &self.site.error_pages else {
            return response;
        };
        let name = Cell::new("the error pages of a site");
        let page: Response = self.guarded(work, &name, || pages(response.status(), problem));
        // A page with a problem of its own is what a panic in `pages` has become: the plain text stays.
        if page.problem.is_none() {
            let content_type = page.content_type().to_owned();
            response = response.with_header("Content-Type", content_type);
            response.body = page.body;
        }
        response
    }

    /// The answer is written. What is left may be a body that its resource still reads.
    #[inline]
    pub(super) fn sent(&mut self, work: &mut Work<'_>, mut exchange: Exchange, bytes: u64) {
        if let Some(entry) = exchange.entry.take() {
            self.log(work, entry, bytes);
        }
        if exchange.feed.is_some() {
            self.await_end_of_body(work, exchange);
        }
    }

    fn await_end_of_body(&mut self, work: &mut Work<'_>, mut exchange: Exchange) {
        if !self.reader.is_within() {
            work.transport
                .set_timeout(unless_zero(self.site.limits.idle));
        } else if exchange.wants_body() {
            self.waiting = Some(exchange.wait(Stage::Sent));
        } else if let Some(feed) = exchange.feed.take() {
            feed.end(Err(Failure::new(BodyIsOver)));
        }
    }

    /// After an answer that took its time, the connection is idle from now on, or there is more to
    /// do.
    pub(super) fn go_on(&mut self, work: &mut Work<'_>) {
        // The time that the resource took is not the client's silence.
        work.transport.reset_timeout();
        self.read_held(work);
    }
}

const NOT_A_FORM: MessageError = MessageError::new(
    Status::UNSUPPORTED_MEDIA_TYPE,
    "the body has to be application/x-www-form-urlencoded",
);

/// The answer to a request whose resource failed: no details, which are in the log. A form of the wrong
/// type is the client's fault, and the answer says what was expected. A body that is too long may be one
/// that the resource itself has asked another server for.
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

fn asks_to_close(response: &Response) -> bool {
    let mut values = response.headers.get_all("connection");
    values.any(|value| members(value.as_bytes()).any(|m| m.eq_ignore_ascii_case(b"close")))
}
