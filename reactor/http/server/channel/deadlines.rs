//! How long a connection waits, and for what.
//!
//! A request that comes in one piece and is answered at once sets no timer. Idleness is the
//! transport's timeout, which costs nothing a byte.

use std::time::Duration;

use super::HttpChannel;
use super::exchange::{Phase, Stage};
use crate::http::body::incoming::BodyFeed;
use crate::http::limits::unless_zero;
use crate::http::server::response::Response;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::status::Status;
use crate::reactor::Reactor;
use crate::report;
use crate::transport::Transport;

/// A client that closes its half within this time of its request, as `printf … | nc -N` does, waits
/// for the answer. One whose stream ends later has gone: curl at Ctrl-C, a browser whose page was
/// left and a proxy whose own client has gone close their sockets, and nothing else sets the two
/// apart. nginx, Node, Go and hyper take every end for the latter, so what closes its half for
/// another reason does it at once. It is long enough for a FIN that follows on the same way, and
/// shorter than it takes a person to give up.
const HALF_CLOSE: Duration = Duration::from_millis(20);

impl HttpChannel {
    /// Sets the deadline for what is waited for now, unless it is set.
    #[inline]
    pub(super) fn watch_the_clock(&mut self, transport: &Transport) {
        let phase = self.phase();
        // The usual way out: a request that was answered at once has never had a timer.
        if phase.is_none() && self.deadline.is_none() {
            return;
        }
        // Of the same request: the next one has its full time, though the phase is the same.
        let is_set = self
            .deadline
            .as_ref()
            .is_some_and(|(known, serial, _)| Some(*known) == phase && *serial == self.serial);
        if !is_set {
            self.stop_waiting();
            self.wait_for_at_most(transport, phase);
        }
    }

    fn phase(&self) -> Option<Phase> {
        let Some(waiting) = &self.waiting else {
            return self.reader.is_within().then_some(Phase::Head);
        };
        match waiting.stage {
            Stage::Collecting { .. } | Stage::Discarding { .. } => Some(Phase::Body),
            // A resource that takes its body as it comes has time as long as that comes.
            Stage::Answering { may_half_close, .. } => {
                let feed = waiting.exchange.feed.as_ref();
                feed.is_none_or(BodyFeed::is_unwanted)
                    .then_some(if may_half_close {
                        Phase::HalfClose
                    } else {
                        Phase::Handler
                    })
            }
            Stage::Chunks { .. } | Stage::Stream(_) | Stage::Ending | Stage::Sent => None,
        }
    }

    fn wait_for_at_most(&mut self, transport: &Transport, phase: Option<Phase>) {
        let limits = &self.site.limits;
        let (Some(phase), Some(reactor)) = (phase, self.site.reactor.upgrade()) else {
            return;
        };
        let time = match phase {
            Phase::Head => unless_zero(limits.head_time),
            Phase::Body => unless_zero(limits.body_time),
            Phase::HalfClose => Some(HALF_CLOSE),
            Phase::Handler => limits
                .handler_time
                .and_then(unless_zero)
                // The phase before it has taken its part of the time.
                .map(|time| time.saturating_sub(HALF_CLOSE)),
        };
        let Some(time) = time else {
            return;
        };
        let (handle, serial) = (transport.handle::<Self>(), self.serial);
        let call = reactor.call_later(time, move || {
            // What is waited for may have come while the loop was busy with something else.
            handle.call_after_look(move |channel, transport| {
                channel.time_is_over(transport, phase, serial);
            });
        });
        self.deadline = Some((phase, serial, call));
    }

    pub(super) fn stop_waiting(&mut self) {
        if let Some((_, _, call)) = self.deadline.take() {
            call.cancel(); // does nothing if it was made
        }
    }

    fn time_is_over(&mut self, transport: &Transport, phase: Phase, serial: u32) {
        if self.phase() != Some(phase) || self.serial != serial {
            return;
        }
        self.deadline = None;
        self.work(transport, |channel, work| match phase {
            // The clock is set again behind this, for the next stretch.
            Phase::Body if channel.look_at_progress_of_body() => {}
            Phase::Head | Phase::Body => channel.refuse(work, too_slow()),
            Phase::HalfClose => channel.expect_no_half_close(),
            Phase::Handler => {
                let Some(waiting) = channel.waiting.take() else {
                    return;
                };
                let id = work.transport.id();
                report::error(
                    module_path!(),
                    format_args!("the answer to a request on {id} took too long"),
                );
                let exchange = waiting.abandon(TookTooLong.into());
                let response = Response::error(Status::SERVICE_UNAVAILABLE);
                channel.respond(work, exchange, response);
                channel.read_held(work);
            }
        });
    }

    /// Counts what has come of a body since the last look. Returns whether it is enough to wait for
    /// more.
    fn look_at_progress_of_body(&mut self) -> bool {
        let Some(waiting) = &mut self.waiting else {
            return false;
        };
        let limits = &self.site.limits;
        let enough = limits.body_rate.saturating_mul(limits.body_time.as_secs());
        waiting.count_received() >= enough.max(1)
    }

    fn expect_no_half_close(&mut self) {
        if let Some(waiting) = &mut self.waiting
            && let Stage::Answering { may_half_close, .. } = &mut waiting.stage
        {
            *may_half_close = false;
        }
    }

    /// Nothing was received for a while, which may be right.
    pub(super) fn nothing_came(&mut self, transport: &Transport) {
        let is_idle = self.waiting.is_none() && !self.reader.is_within() && self.held.is_none();
        let waiting = self.waiting.as_ref();
        let awaits_body = waiting.is_some_and(|waiting| waiting.exchange.feed.is_some());
        if is_idle {
            self.closing = true;
            self.close(transport);
        } else if awaits_body && transport.is_reading() {
            self.work(transport, |channel, work| channel.refuse(work, too_slow()));
        } else {
            transport.set_timeout(unless_zero(self.site.limits.idle));
        }
    }

    /// Gives the peer some time to take what is written.
    pub(super) fn limit_sending(&mut self, transport: &Transport) {
        let time = unless_zero(self.site.limits.send_time);
        let (Some(reactor), Some(time)) = (self.site.reactor.upgrade(), time) else {
            return;
        };
        if self.sending().deadline.is_some() {
            return;
        }
        self.look_at_sending_after(time, &reactor, transport, transport.unsent());
    }

    fn look_at_sending_after(
        &mut self,
        time: Duration,
        reactor: &Reactor,
        transport: &Transport,
        unsent: usize,
    ) {
        let handle = transport.handle::<Self>();
        let is_last = time.is_zero();
        let call = reactor.call_later(time, move || {
            handle.call(move |channel, transport| {
                channel.sending_took_long(transport, unsent, is_last);
            });
        });
        self.sending().deadline = Some(call);
    }

    /// A peer that has taken much meanwhile gets as much time again. The operating system reports
    /// what was taken only when it is a third of its buffer, or the loop was busy; so the rest is
    /// offered once more before the peer is given up.
    fn sending_took_long(&mut self, transport: &Transport, before: usize, is_last: bool) {
        self.take_send_deadline();
        let limits = transport.limits();
        let enough = limits.high_water.saturating_sub(limits.low_water);
        if before.saturating_sub(transport.unsent()) >= enough.max(1) {
            self.limit_sending(transport);
        } else if let (false, Some(reactor)) = (is_last, self.site.reactor.upgrade()) {
            transport.handle::<Self>().call_after_look(|_, _| {});
            self.look_at_sending_after(Duration::ZERO, &reactor, transport, before);
        } else {
            transport.abort_connection();
        }
    }

    pub(super) fn stop_limiting_sending(&mut self) {
        if let Some(call) = self.take_send_deadline() {
            call.cancel(); // does nothing if it was made
        }
    }
}

fn too_slow() -> MessageError {
    MessageError::new(Status::REQUEST_TIMEOUT, "the request took too long to come")
}

/// Why the body of a request ends, and its Deferred is cancelled.
#[derive(Clone, Copy, Debug)]
struct TookTooLong;

impl std::fmt::Display for TookTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the resource took too long to answer")
    }
}

impl std::error::Error for TookTooLong {}
