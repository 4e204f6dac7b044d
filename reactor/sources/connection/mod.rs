//! One connection in the loop's hands: its socket, its layers, its transport and its protocol.
//!
//! ```text
//!   socket ──read──▶ layers ──▶ protocol.data_received
//!   socket ◀─write── layers ◀── transport.unsent
//! ```
//!
//! Readiness is edge-triggered, so what an event said is remembered until it was used up:
//! `readable` until a read found the socket empty, `writable` until a write was not taken whole.

mod deadlines;
mod layering;
mod receiving;
mod sending;

use std::panic::Location;

use self::layering::Layered;
use crate::contained::{Contained, Panicked, contain};
use crate::driver::{Ready, Stream};
use crate::engine::loop_side::Post;
use crate::engine::table::Token;
use crate::engine::timers::TimerId;
use crate::observe::{Callback, Cause, Event};
use crate::protocol::AnyProtocol;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::report;
use crate::transport::{Closing, Transport};

pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) transport: Transport,
    pub(crate) protocol: Contained<Box<dyn AnyProtocol>>,
    pub(crate) layered: Option<Box<Layered>>,
    /// There may be something to read.
    pub(crate) readable: bool,
    /// The connection is in line to be read.
    pub(crate) in_line: bool,
    /// The socket may take bytes.
    pub(crate) writable: bool,
    /// A write came short, and what was left has not been taken since.
    pub(crate) backlog: bool,
    /// The peer has closed its sending half; a short read does not mean that the socket is empty.
    pub(crate) read_closed: bool,
    /// Both halves are gone.
    pub(crate) broken: bool,
    pub(crate) timer: Option<TimerId>,
    /// The port that has accepted it.
    pub(crate) port: Option<Token>,
}

impl Connection {
    pub(crate) fn new(
        stream: Box<dyn Stream>,
        transport: Transport,
        protocol: Box<dyn AnyProtocol>,
    ) -> Box<Self> {
        Box::new(Self {
            stream,
            transport,
            protocol: Contained::new(protocol),
            layered: None,
            readable: false,
            in_line: false,
            writable: true,
            backlog: false,
            read_closed: false,
            broken: false,
            timer: None,
            port: None,
        })
    }

    /// Remembers what an event said. Returns whether there may be something to read, and the
    /// connection is not in line for it already.
    #[inline]
    pub(crate) fn note_ready(&mut self, event: Ready) -> bool {
        self.readable |= event.readable;
        self.read_closed |= event.read_closed;
        self.broken |= event.broken;
        if event.writable && !self.writable {
            self.writable = true;
            self.transport.ask_for_more();
        }
        self.readable && !self.in_line
    }

    /// Whether to get in line, once. A paused connection does so only if the peer may be gone.
    #[inline]
    pub(crate) fn gets_in_line(&mut self) -> bool {
        let wants = self.readable && (self.may_read() || self.read_closed);
        wants && !std::mem::replace(&mut self.in_line, true)
    }

    #[inline]
    pub(crate) fn may_read(&self) -> bool {
        match self.transport.closing() {
            Closing::No => self.transport.is_reading() || self.layers_wait(),
            // What still comes is ignored, but it has to be read for the end behind it to be seen.
            Closing::AfterFlush => !self.transport.has_read_end(),
            Closing::Now | Closing::Lost => false,
        }
    }

    pub(crate) fn fail(&mut self, reason: impl Into<Reason>) {
        self.readable = false;
        self.transport.fail_connection(reason.into());
    }
}

/// Its protocol's callbacks: the first, the last, and those between.
impl Reactor {
    /// Calls the protocol, which is out of the table.
    #[inline]
    pub(crate) fn call(
        &self,
        connection: &mut Connection,
        cause: Cause,
        f: impl FnOnce(&mut dyn AnyProtocol, &Transport),
    ) {
        self.call_at_place(connection, cause, None, f);
    }

    #[inline(always)]
    fn call_at_place(
        &self,
        connection: &mut Connection,
        cause: Cause,
        place: Option<&'static Location<'static>>,
        f: impl FnOnce(&mut dyn AnyProtocol, &Transport),
    ) {
        let (protocol, transport) = (&mut **connection.protocol, &connection.transport);
        let callback = move |protocol: &dyn AnyProtocol| Callback {
            cause,
            connection: Some(transport.id()),
            name: protocol.name(),
            place,
        };
        self.0.requests.set_talker(Some(transport.clone()));
        let result = self
            .0
            .dispatch
            .call_on(protocol, callback, |protocol| f(protocol, transport));
        if let Err(message) = result {
            transport.fail_connection(Reason::Panicked {
                callback: cause.name(),
                message,
            });
        }
        self.0.requests.set_talker(None);
    }

    /// Makes a call that came through a handle.
    pub(crate) fn deliver_post(&self, connection: &mut Connection, post: Post) {
        if connection.transport.closing() == Closing::Lost {
            return;
        }
        let Post {
            wanted,
            name,
            place,
            call,
            ..
        } = post;
        // A protocol that wraps another one is asked, which is a consumer's code.
        match contain(|| connection.protocol.reach(wanted).is_some()) {
            Ok(true) => {}
            Ok(false) => {
                let protocol = connection.protocol.name();
                return report::error(
                    module_path!(),
                    format_args!("a handle of {name} does not reach a {protocol}, set at {place}"),
                );
            }
            Err(Panicked(message)) => {
                let callback = Cause::HandleCall.name();
                return connection.fail(Reason::Panicked { callback, message });
            }
        }
        self.call_at_place(
            connection,
            Cause::HandleCall,
            Some(place),
            |protocol, transport| {
                if let Some(part) = protocol.reach(wanted) {
                    call.into_inner()(part, transport);
                }
            },
        );
    }

    /// The connection begins: it is in the table from now on.
    pub(crate) fn connection_made(&self, mut connection: Box<Connection>) {
        self.observe(|| Event::ConnectionOpened {
            connection: connection.transport.id(),
            peer: connection.transport.peer_addr(),
            protocol: connection.protocol.name(),
        });
        self.call(
            &mut connection,
            Cause::ConnectionMade,
            |protocol, transport| {
                protocol.connection_made(transport);
            },
        );
        self.put_connection(connection);
    }

    /// The connection is over: it is out of the table for good. The socket is closed first, so
    /// that its descriptor is free when the protocol hears of it.
    pub(crate) fn connection_lost(&self, connection: Connection) {
        let Connection {
            stream,
            transport,
            mut protocol,
            layered,
            port,
            ..
        } = connection;
        drop(stream);
        if let Some(port) = port {
            self.has_left_port(port);
        }
        let reason = transport.reason();
        self.observe(|| Event::ConnectionLost {
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
        let _ = self.0.dispatch.call(callback(Cause::ConnectionLost), || {
            protocol.connection_lost(&transport, &reason);
        });
        let _ = self.0.dispatch.call(callback(Cause::Dropped), || {
            drop((protocol.into_inner(), layered));
        });
    }
}
