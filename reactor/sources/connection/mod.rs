//! One connection in the loop's hands: its socket, its layers, its transport and its protocol.
//!
//! ```text
//!   socket ──read──▶ layers ──▶ protocol.data_received
//!   socket ◀─write── layers ◀── transport.unsent
//! ```
//!
//! Readiness is edge-triggered, so an event is remembered until it was used up: `READABLE`
//! until a read found the socket empty. The transport remembers whether a write was taken whole.
//!
//! - `reading`: from the socket to the protocol
//! - `writing`: from the transport to the socket, and to the connection's end
//! - `layers`, `layered`: where bytes pass through layers
//! - `deadlines`: what happens because time passes
//!
//! Its states are in `transport/closing.rs`.

mod deadlines;
mod layered;
mod layers;
mod reading;
mod writing;

use std::panic::Location;
use std::rc::Rc;

use self::layered::Layered;
use crate::accepted::Permits;
use crate::contained::Contained;
use crate::driver::Readiness;
use crate::engine::timers::{Nanos, TimerId};
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::factory::Built;
use crate::observe::{Callback, Cause, Event};
use crate::protocol::AnyProtocol;
use crate::reason::Reason;
use crate::report;
use crate::sealed;
use crate::sources::seats::Seats;
use crate::transport::{Post, Service, Transport};

pub(crate) struct Connection {
    transport: Transport,
    protocol: Contained<Box<dyn AnyProtocol>>,
    layered: Option<Box<Layered>>,
    /// What events have reported of reading and was not used up. `READ_CLOSED` and `BROKEN` never are: a
    /// short read does not mean that the socket is empty then.
    ready: Readiness,
    /// The connection is in line to be read.
    in_line: bool,
    timer: Option<TimerId>,
    /// What its factories have given it to keep for as long as it is not lost.
    permits: Permits,
    /// Its place among those of the port that has accepted it.
    seat: Option<Rc<Seats>>,
}

impl Connection {
    pub(crate) fn new(transport: Transport, built: Built, seat: Option<Rc<Seats>>) -> Box<Self> {
        let (protocol, layers, permits) = built.begin_on(&transport);
        Self::push_all(&transport, layers);
        Box::new(Self {
            transport,
            protocol,
            layered: None,
            ready: Readiness::NONE,
            in_line: false,
            timer: None,
            permits,
            seat,
        })
    }

    /// The connection begins, under the token of its transport, which was reserved for it.
    pub(crate) fn made(mut self: Box<Self>, engine: &Engine) {
        self.begin(engine);
        // Only now can an event or a call find it, so nothing reaches the protocol before it is made.
        engine.put(self.transport.token(), self);
    }

    /// The same for one whose transport has been written to before, and is being served for that.
    pub(crate) fn made_late(mut self: Box<Self>, engine: &Engine) {
        self.begin(engine);
        self.asked(engine);
        engine.put(self.transport.token(), self);
    }

    fn begin(&mut self, engine: &Engine) {
        engine.observe(|| Event::ConnectionOpened {
            connection: self.transport.id(),
            peer: self.transport.peer_addr(),
            protocol: self.protocol.name(),
        });
        self.call(engine, Cause::ConnectionMade, |protocol, transport| {
            protocol.connection_made(transport);
        });
    }

    /// An event that came before there was a protocol.
    pub(crate) fn note_early(&mut self, what: Readiness, engine: &Engine) {
        if self.note_ready(what) {
            self.line_up_if_readable(engine);
        }
    }

    /// Remembers an event. Returns whether there may be something to read, and the connection is not in
    /// line for it already.
    #[inline]
    fn note_ready(&mut self, what: Readiness) -> bool {
        self.ready.add(what);
        // Each event of a writable socket includes that; it is news only for one that was full.
        if self.transport.needs(Service::Full) && what.has(Readiness::WRITABLE) {
            self.transport.set_writable();
            self.transport.ask_for_more();
        }
        self.is_readable() && !self.in_line
    }

    #[inline]
    fn is_readable(&self) -> bool {
        self.ready.has(Readiness::READABLE)
    }

    fn fail(&mut self, reason: impl Into<Reason>) {
        self.ready.remove(Readiness::READABLE);
        self.transport.fail_connection(reason.into());
    }

    /// The end is due: the source is gone at the end of the turn, and `connection_lost` comes then.
    fn lose(&mut self, engine: &Engine) {
        // Otherwise the entry would stay in the queue up to its deadline, for each connection that ends.
        engine.disarm(&mut self.timer);
        self.transport.set_lost();
        // The peer sees a reset, so that it cannot take what it has got for the whole.
        if let Some(reason) = self.transport.failure()
            && !matches!(reason, Reason::Reset | Reason::Error(_))
        {
            let _ = self.transport.with_stream(|stream| {
                stream.reset_on_drop();
                Ok(())
            });
        }
        engine.lose(self.transport.token());
    }

    /// What must hold whenever the connection is not being served. Each run of a simulation asks this
    /// after each service.
    fn check(&self) {
        self.transport.check();
        let is_lost = self.transport.is_lost();
        assert!(
            !is_lost || self.timer.is_none(),
            "a lost connection has no timer"
        );
        let state = self.transport.state();
        let waits = self.is_readable() && state.delivers() && self.may_read();
        assert!(
            !waits || self.in_line || self.transport.is_asking(),
            "no readiness is forgotten"
        );
        let may_send =
            !self.transport.needs(Service::Full) && self.waiting() > 0 && !state.is_over();
        assert!(
            !may_send || self.transport.is_asking(),
            "no bytes are forgotten"
        );
        assert!(
            !self.has_deadline() || self.timer.is_some() || self.transport.is_asking(),
            "no deadline is forgotten"
        );
    }
}

impl Source for Connection {
    fn note(&mut self, what: Readiness) -> bool {
        self.note_ready(what) && self.get_in_line()
    }

    fn ready(&mut self, what: Readiness, engine: &Engine, buffer: &mut ReadBuffer) {
        if self.note_ready(what) {
            self.receive(engine, buffer);
        }
        self.check_in_debug_builds();
    }

    fn turn(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        self.in_line = false;
        self.ready(Readiness::NONE, engine, buffer);
    }

    fn due(&mut self, engine: &Engine) {
        self.timer = None;
        self.deadline_passed(engine);
        self.check_in_debug_builds();
    }

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            Stop::Asked => self.call(engine, Cause::ShutdownRequested, |protocol, transport| {
                protocol.shutdown_requested(transport);
            }),
            Stop::Aborted(reason) => self.fail(reason),
            Stop::Gone => {
                self.transport.set_lost(); // no `connection_lost` without a loop
                self.transport.drop_stream();
            }
        }
    }

    fn waits_for(&self) -> Option<String> {
        let (peer, name) = (self.transport.peer_addr(), self.protocol.name());
        let asked = self.protocol.waits_for(sealed::Internal);
        let what = match (asked, self.transport.unsent()) {
            (Some(asked), 0) => asked,
            (Some(asked), unsent) => format!("{asked}, {unsent} bytes unsent"),
            (None, 0) if self.transport.is_open() => "its protocol has not closed it".to_owned(),
            (None, 0) => "the peer has not closed it".to_owned(),
            (None, unsent) => format!("{unsent} bytes unsent"),
        };
        Some(format!("{peer} ({name}: {what})"))
    }

    fn asked(&mut self, engine: &Engine) {
        self.serve_request(engine);
        self.check_in_debug_builds();
    }

    fn called(&mut self, engine: &Engine) {
        if let Some(post) = self.transport.next_post() {
            if post.looks {
                engine.with_buffer(|buffer| self.look(engine, buffer));
            }
            self.deliver_post(engine, post);
        }
    }

    fn yielded(&mut self, engine: &Engine) {
        self.end_yielding(engine);
        self.check_in_debug_builds();
    }

    fn was_active_until(&mut self, end: Nanos) {
        self.transport.was_active_until(end);
    }

    fn backlog(&self) -> Option<(usize, Nanos)> {
        let left = self.transport.left();
        (left > 0).then(|| (left, self.transport.taken_nanos()))
    }

    /// The socket is closed first, so that its descriptor is free when the protocol is notified.
    fn lost(self: Box<Self>, engine: &Engine) {
        let Self {
            transport,
            mut protocol,
            layered,
            permits,
            seat,
            ..
        } = *self;
        transport.drop_stream();
        // Behind the socket: a port that was full for want of descriptors may accept from here on.
        if let Some(seat) = seat {
            seat.leave(engine);
        }
        let reason = transport.reason();
        engine.observe(|| Event::ConnectionLost {
            connection: transport.id(),
            reason: &reason,
        });
        let (id, name) = (Some(transport.id()), protocol.name());
        let callback = |cause| {
            move || Callback {
                cause,
                connection: id,
                name,
                place: None,
            }
        };
        // A panic was logged; there is nothing left that it could end.
        let _ = engine.dispatch().call(callback(Cause::ConnectionLost), || {
            protocol.connection_lost(&transport, &reason);
        });
        // Permits go with the protocol: who is counted by one is counted until nothing is left of it.
        let _ = engine.dispatch().call(callback(Cause::Dropped), || {
            drop((protocol.into_inner(), permits, layered));
        });
    }
}

/// Its protocol's callbacks.
impl Connection {
    /// Calls the protocol. A panic ends the connection.
    #[inline]
    fn call(
        &mut self,
        engine: &Engine,
        cause: Cause,
        f: impl FnOnce(&mut dyn AnyProtocol, &Transport),
    ) {
        self.call_at_place(engine, cause, None, f);
    }

    #[inline(always)]
    fn call_at_place(
        &mut self,
        engine: &Engine,
        cause: Cause,
        place: Option<&'static Location<'static>>,
        f: impl FnOnce(&mut dyn AnyProtocol, &Transport),
    ) {
        let (protocol, transport) = (&mut **self.protocol, &self.transport);
        let callback = move |protocol: &dyn AnyProtocol| Callback {
            cause,
            connection: Some(transport.id()),
            name: protocol.name(),
            place,
        };
        // For groups: what this callback writes to one is counted as sent by this peer.
        transport.set_current(true);
        let result = engine
            .dispatch()
            .call_on(protocol, callback, |protocol| f(protocol, transport));
        if let Err(message) = result {
            transport.fail_connection(Reason::Panicked {
                callback: cause.name(),
                message,
            });
        }
        transport.set_current(false);
    }

    /// Makes a call that came through a handle.
    fn deliver_post(&mut self, engine: &Engine, post: Post) {
        if self.transport.is_lost() {
            return;
        }
        let Post {
            wanted,
            name,
            place,
            call,
            ..
        } = post;
        // Asked before, since observers are shown only calls that are made.
        if self.protocol.reach(wanted).is_none() {
            let protocol = self.protocol.name();
            return report::error(
                module_path!(),
                format_args!("a handle of {name} does not reach a {protocol}, set at {place}"),
            );
        }
        let cause = Cause::HandleCall;
        self.call_at_place(engine, cause, Some(place), |protocol, transport| {
            if let Some(part) = protocol.reach(wanted) {
                call.into_inner()(part, transport);
            }
        });
    }

    #[inline(always)]
    fn check_in_debug_builds(&self) {
        if cfg!(debug_assertions) {
            self.check();
        }
    }
}
