//! One connection of a site: requests in, answers out, strictly in turn.
//!
//! ```text
//!                    ┌──────────── the answer is sent ────────────┐
//!                    ▼                                            │
//!   bytes ──▶ head ──▶ body (Collecting) ──▶ render ──▶ Answering ──▶ Sending
//!                │                             │  (a Deferred)       (a stream)
//!                │                             └── a Response ──▶ sent at once
//!                └── what is wrong with it ──▶ the error, and the end
//! ```
//!
//! The next request is looked at when the answer to the one before is on its way. What comes
//! meanwhile is kept, up to a limit, and then not read.
//!
//! A connection whose request is answered where it arrives keeps nothing of it: no [`Waiting`], no
//! timer and no buffer of its own.
//!
//! - `exchange`: a request and its answer, as one value.
//! - `reading`: from bytes to a request at its resource. `body_plan`: what is done with its body.
//! - `answering`: from a resource's answer to bytes. `sending`: a body that goes out bit by bit.
//! - `deadlines`: how long a connection waits, and for what.
//! - `logging`: when an answer is in the log. `stopping`: how a connection takes part in a stop.

mod answering;
mod body_plan;
mod deadlines;
mod exchange;
mod logging;
mod reading;
mod sending;
mod stopping;

use std::fmt;
use std::rc::Rc;

use self::exchange::{Phase, Sending, Waiting};
use crate::delayed_call::DelayedCall;
use crate::framing::undelivered::Undelivered;
use crate::http::limits::unless_zero;
use crate::http::server::shared::SiteState;
use crate::http::wire::request_reader::RequestReader;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::sealed;
use crate::transport::Transport;

/// The protocol of a connection that a [`Site`](crate::http::Site) serves.
pub struct HttpChannel {
    site: Rc<SiteState>,
    reader: RequestReader,
    /// The request that is being read or answered, where that takes more than one callback.
    waiting: Option<Box<Waiting>>,
    /// The number of the last exchange, so that what is late is not taken for the next one's.
    serial: u32,
    /// Bytes behind the request that is being answered. Reading some of them moves none.
    /// In a box, since most connections never hold any; an empty one is `None`.
    held: Option<Box<Undelivered>>,
    /// The peer will send no more.
    input_ended: bool,
    /// The answer that is being sent, or was, is the last.
    closing: bool,
    /// The last request says that it is the last, and nothing has come behind it.
    client_is_done: bool,
    /// What is waited for, of which request, and until when.
    deadline: Option<(Phase, u32, DelayedCall)>,
    /// About what is unsent. In a box, which an idle connection has not.
    sending: Option<Box<Sending>>,
}

/// What one callback works with. What it answers is gathered, and written once.
struct Work<'a> {
    reactor: &'a Reactor,
    transport: &'a Transport,
    out: Vec<u8>,
}

impl Work<'_> {
    /// Writes what was gathered, before a body writes by itself.
    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.transport.write(&self.out);
            self.out.clear();
        }
    }

    /// Whether more waits for the peer than should be added to.
    fn is_full(&self) -> bool {
        self.transport.unsent() + self.out.len() > self.transport.limits().high_water
    }
}

impl HttpChannel {
    pub(crate) fn new(site: &Rc<SiteState>) -> Self {
        Self {
            site: Rc::clone(site),
            reader: RequestReader::sharing(&site.heads),
            waiting: None,
            serial: 0,
            held: None,
            input_ended: false,
            closing: false,
            client_is_done: false,
            deadline: None,
            sending: None,
        }
    }

    /// Does some work, writes what it has gathered, and closes the connection if that was the last.
    fn work(&mut self, transport: &Transport, work: impl FnOnce(&mut Self, &mut Work<'_>)) {
        // Weak, because the loop has the port, the port the site, and the site would have the loop.
        let Some(reactor) = self.site.reactor.upgrade() else {
            return transport.abort_connection();
        };
        let mut now = Work {
            reactor: &reactor,
            transport,
            // One buffer for all connections of the site: no callback nests, so that it is free. An
            // idle connection has none.
            out: self.site.scratch.take(),
        };
        work(self, &mut now);
        now.flush();
        self.give_back(now.out);
        // Only here, behind the flush, so that the last answer is written before the end is asked for.
        if self.closing && self.waiting.is_none() {
            self.close(transport);
        } else {
            self.watch_the_clock(transport);
        }
    }

    /// Ends a pause, unless there is another reason for one.
    fn resume_reading(&self, transport: &Transport) {
        let feed = self
            .waiting
            .as_ref()
            .and_then(|waiting| waiting.exchange.feed.as_ref());
        let is_wanted = feed.is_none_or(|feed| !feed.is_full());
        let held = self.held.as_ref().map_or(0, |held| held.bytes().len());
        let has_room = held <= self.site.limits.pipelined || transport.has_yielded();
        if is_wanted && has_room {
            transport.resume_reading();
        }
    }

    /// Keeps the memory of what was gathered, unless it has grown large.
    fn give_back(&self, mut out: Vec<u8>) {
        // One large answer would keep its memory for good; what is below is reused without an
        // allocation.
        out.shrink_to(256 << 10);
        self.site.scratch.set(out);
    }

    /// Sends what is written and ends the connection in stages, so that the peer gets the last
    /// answer even where it was still sending: RFC 9112, section 9.6. One that has said that it sends no
    /// more is not waited for.
    fn close(&mut self, transport: &Transport) {
        // Else the close lingers: bytes that come after it would be answered with a reset, which may
        // take the answer from the client before it is read.
        if self.client_is_done && !self.reader.is_within() {
            transport.expect_no_more();
        }
        self.held = None;
        self.stop_waiting();
        self.limit_sending(transport);
        transport.lose_connection();
    }
}

impl Protocol for HttpChannel {
    fn connection_made(&mut self, transport: &Transport) {
        transport.set_timeout(unless_zero(self.site.limits.idle));
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.work(transport, |channel, work| {
            if channel.held.is_some() {
                // Behind what is held, or two requests would change places.
                return channel.hold(work.transport, data);
            }
            let left = channel.read(work, data);
            if left > 0 {
                channel.hold(work.transport, &data[data.len() - left..]);
            }
        });
    }

    /// What was asked is still answered, unless the client has gone.
    fn read_closed(&mut self, transport: &Transport) {
        self.input_ended = true;
        if self.is_left_alone() {
            self.break_off(&Reason::PeerClosed);
            self.closing = true;
        }
        self.work(transport, Self::check_for_the_end);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        // A client that does not read its answers gets no further ones, whatever it asks.
        transport.pause_reading_until_sent();
        self.limit_sending(transport);
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.stop_limiting_sending();
        self.work(transport, Self::go_on_sending);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        if self.held.is_some() && self.takes_input() {
            self.work(transport, Self::read_held);
        }
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.nothing_came(transport);
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.stop(transport);
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.stop_waiting();
        self.stop_limiting_sending();
        self.log_as_lost(reason);
        self.break_off(reason);
    }

    fn waits_for(&self, _: sealed::Internal) -> Option<String> {
        self.request_left()
    }
}

impl fmt::Debug for HttpChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpChannel")
            .field("requests", &self.serial)
            .field("is_answering", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}
