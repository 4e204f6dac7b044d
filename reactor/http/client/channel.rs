//! One connection to a server: a request, its answer, the next request.

use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::deferred::Failure;
use crate::handle::Handle;
use crate::http::body::Kind;
use crate::http::body::incoming::BodyFeed;
use crate::http::body::outgoing::{Outgoing, Sender};
use crate::http::body::sink::Pipe;
use crate::http::client::authority::Origin;
use crate::http::client::error::RequestError;
use crate::http::client::in_flight::{InFlight, Sending};
use crate::http::client::job::{Job, Position, SentOn};
use crate::http::client::pool::Pool;
use crate::http::wire::framing::Framing;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::part::Part;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::transport::Transport;

/// The protocol of a connection to a server.
pub(crate) struct ClientChannel {
    pool: Weak<Pool>,
    origin: Origin,
    in_flight: Option<InFlight>,
    /// Whether a request was answered here before, so that the server may have closed the connection
    /// as idle, through no fault of the next request.
    is_used: bool,
}

impl ClientChannel {
    pub(crate) fn new(pool: Weak<Pool>, origin: Origin) -> Self {
        Self {
            pool,
            origin,
            in_flight: None,
            is_used: false,
        }
    }

    /// Where a request is that is on this connection.
    pub(crate) fn sent_on(transport: &Transport) -> SentOn {
        SentOn {
            transport: transport.clone(),
            look: |transport| transport.handle::<Self>().call_after_look(|_, _| {}),
        }
    }

    /// Sends a request. The connection is idle.
    pub(crate) fn begin(&mut self, transport: &Transport, job: Job) {
        if job.resolver.is_cancelled() {
            return self.give_back(transport, None);
        }
        // The idle time is over; from here on the progress of the request has its own clock.
        transport.set_timeout(None);
        let framing = job.request.framing();
        let may_be_stale = self.is_used && !job.wants_new_connection;
        transport.write(&job.request.head());
        // An agent that was dropped meanwhile has left nothing but this request.
        let pool = self.pool.upgrade();
        let body_time = pool.map_or(Duration::MAX, |pool| pool.limits.body_time);
        let (in_flight, body) = InFlight::new(job, may_be_stale, body_time);
        let progress = Rc::clone(&in_flight.progress);
        self.in_flight = Some(in_flight);
        match body.bytes() {
            Some([]) => return,
            Some(bytes) => {
                transport.write(bytes);
            }
            None => self.begin_body(transport, body.0, framing),
        }
        if let Some(reactor) = reactor_of(&self.pool) {
            let transport = transport.clone();
            // When this turn has handed the socket what it has written.
            reactor.call_soon(move || progress.note_first_taken(&transport));
        }
    }

    fn begin_body(&mut self, transport: &Transport, body: Kind, framing: Framing) {
        let (Some(in_flight), Some(reactor)) = (&mut self.in_flight, reactor_of(&self.pool)) else {
            return transport.abort_connection();
        };
        let sent_on = Self::sent_on(transport);
        in_flight.progress.set(Position::Sending(sent_on));
        let sender = Rc::new(RequestSender(transport.handle()));
        let outgoing = Outgoing::new(transport, &reactor.downgrade(), sender, framing);
        match body {
            Kind::Chunks(chunks) => {
                in_flight.sending = Sending::Chunks(chunks, outgoing);
                self.write_more(&reactor);
            }
            Kind::Stream(stream) => {
                in_flight.sending = Sending::Stream(Rc::clone(&stream));
                Pipe::attach(&stream, outgoing);
            }
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
    }

    /// The server has taken what was written of the body, or most of it.
    fn there_is_room(&mut self) {
        if let (Some(in_flight), Some(reactor)) = (&self.in_flight, reactor_of(&self.pool)) {
            in_flight.progress.restart_deadline(reactor.now());
            self.write_more(&reactor);
        }
    }

    fn write_more(&mut self, reactor: &Reactor) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        in_flight.write_more(reactor);
    }

    fn body_ended(&mut self, transport: &Transport, result: Result<u64, Failure>) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        in_flight.sending = Sending::Done;
        match result {
            Ok(_) => {
                let sent_on = Self::sent_on(transport);
                in_flight.progress.set(Position::Sent(sent_on));
                if let Some(reactor) = reactor_of(&self.pool) {
                    in_flight.progress.restart_deadline(reactor.now());
                }
            }
            Err(failure) => self.fail(transport, RequestError::BadBody(failure.to_string())),
        }
    }

    /// Reads what the server has sent. Returns the trailer lines when the answer is whole. None
    /// of it is delivered before the connection is in order.
    fn read(
        &mut self,
        transport: &Transport,
        mut data: &[u8],
    ) -> Result<Option<Vec<u8>>, MessageError> {
        let Some(in_flight) = &mut self.in_flight else {
            return Err(MessageError::bad("nothing was asked for"));
        };
        let limit = self.pool.upgrade().map_or(0, |pool| pool.limits.body);
        while let Some(piece) = in_flight.reader.read(&mut data)? {
            match piece {
                Part::Head(head) if in_flight.has_crossed_with(&head) => {
                    in_flight.has_crossed = true;
                    transport.abort_connection();
                    return Ok(None);
                }
                Part::Head(head) => in_flight.head_received(transport, head, limit),
                Part::Body(bytes) => in_flight.feed(|feed| feed.push(bytes)),
                Part::End(trailers) => {
                    // What comes behind an answer belongs to none.
                    in_flight.persistent &= data.is_empty();
                    return Ok(Some(trailers));
                }
            }
        }
        Ok(None)
    }

    /// Ends a whole answer. The connection is given back before the end is delivered, so that the
    /// consumer's next request may go out on it.
    fn finish(&mut self, transport: &Transport, trailers: Vec<u8>) {
        let Some(mut in_flight) = self.in_flight.take() else {
            return;
        };
        self.is_used = true;
        if !matches!(in_flight.sending, Sending::Done) {
            // The server has not waited for the end of the request, and may not read it.
            in_flight.stop_sending();
            transport.abort_connection();
        } else if in_flight.persistent {
            in_flight.progress.set(Position::Nowhere);
            self.give_back(transport, in_flight.server_keeps);
        } else {
            transport.lose_connection();
        }
        in_flight.feed(|feed| feed.end(Ok(trailers)));
        in_flight.hand_over();
    }

    fn give_back(&mut self, transport: &Transport, server_keeps: Option<Duration>) {
        match self.pool.upgrade() {
            Some(pool) => pool.take_back(&self.origin, transport, server_keeps),
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
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.error = Some(error);
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
            Ok(Some(trailers)) => self.finish(transport, trailers),
            Ok(None) => {
                // The connection is not touched behind this: what is called may do anything.
                if let Some(in_flight) = &mut self.in_flight {
                    in_flight.feed(BodyFeed::deliver);
                    in_flight.hand_over();
                }
            }
            Err(mistake) => self.fail(transport, RequestError::Malformed(mistake)),
        }
    }

    fn read_closed(&mut self, transport: &Transport) {
        if let Some(in_flight) = &mut self.in_flight
            && in_flight.reader.finish()
        {
            in_flight.persistent = false;
            return self.finish(transport, Vec::new());
        }
        match self.in_flight {
            // There will be no answer, so the rest of the request is not worth sending.
            Some(_) => transport.fail_connection(Reason::PeerClosed),
            None => transport.lose_connection(),
        }
    }

    fn writing_paused(&mut self, _: &Transport) {
        // The answer is read on: it may say that the rest of the request is not wanted.
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.there_is_room();
    }

    fn timed_out(&mut self, transport: &Transport) {
        let time = self.pool.upgrade().map(|pool| pool.limits.body_time);
        match (&self.in_flight, time) {
            (None, _) | (_, None) => transport.lose_connection(),
            (Some(in_flight), Some(time)) if in_flight.is_waited_for() => {
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
        match &mut self.in_flight {
            Some(in_flight) => in_flight.persistent = false,
            None => transport.lose_connection(),
        }
        if let Some(pool) = self.pool.upgrade() {
            pool.reactor_stops();
        }
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        let pool = self.pool.upgrade();
        let in_flight = self.in_flight.take();
        self.leave();
        if let Some(in_flight) = in_flight {
            let again = in_flight.connection_lost(reason, pool.is_some());
            if let (Some(job), Some(pool)) = (again, pool) {
                pool.submit(job);
            }
        }
    }
}

impl Drop for ClientChannel {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The connection as a body on its way out sees it.
struct RequestSender(Handle<ClientChannel>);

impl Sender for RequestSender {
    fn room_made(&self) {
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
            .field("is_waiting", &self.in_flight.is_some())
            .finish_non_exhaustive()
    }
}
