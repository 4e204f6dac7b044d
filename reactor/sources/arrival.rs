//! A connection that a port has accepted, and whose PROXY header has not come.
//!
//! ```text
//!   accepted ──▶ Arrival ──header──▶ Connection, under the same token
//!                   │                what is behind the header is still in its socket
//!                   └── wrong, late, gone ──▶ closed; the factory is not asked
//! ```
//!
//! It peeks at the socket, and takes bytes only when they are known to belong to the header. So nothing is
//! handed back to a connection, which reads as every other one does.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::connection::Connection;
use super::factories::{SharedFactory, build_protocol};
use super::seats::Seats;
use crate::address::Address;
use crate::driver::{Readiness, Stream};
use crate::engine::budget::READ;
use crate::engine::table::Token;
use crate::engine::timers::TimerId;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::limits::Limits;
use crate::proxy_protocol::{BadProxyHeader, Header, Proxied, ProxyProtocol};
use crate::time::Instant;
use crate::transport::{LocalEnd, Transport};

/// How often a port logs a warning about a peer that it has disconnected, at most: whoever connects again and again would
/// decide how long the log gets.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// Where arrivals of a port wait, if it expects any: shared with its handles.
pub(super) type SharedLobby = Rc<RefCell<Option<Rc<Lobby>>>>;

/// From whom a port takes headers, and what it has logged of others.
#[derive(Debug)]
pub(super) struct Lobby {
    protocol: ProxyProtocol,
    logged_at: Cell<Option<Instant>>,
    /// How many were disconnected since, without a warning.
    unlogged: Cell<u64>,
}

/// See the header of this file.
pub(super) struct Arrival {
    pub(super) token: Token,
    /// Taken by the connection that it becomes.
    pub(super) stream: Option<Box<dyn Stream>>,
    /// The proxy.
    pub(super) peer: Address,
    pub(super) local: Rc<LocalEnd>,
    pub(super) lobby: Rc<Lobby>,
    pub(super) factory: SharedFactory,
    pub(super) limits: Rc<Limits>,
    pub(super) progress: Progress,
}

/// How far it has come.
#[derive(Default)]
pub(super) struct Progress {
    seat: Option<Rc<Seats>>,
    /// What has come of the header, when it comes in pieces.
    held: Vec<u8>,
    /// What events have reported, for the connection.
    seen: Readiness,
    in_line: bool,
    timer: Option<TimerId>,
}

/// Why it is not made a connection.
enum Refusal {
    Untrusted,
    Bad(BadProxyHeader),
    Late(Duration),
    Gone,
    Broken(io::Error),
}

impl Arrival {
    /// Waits for the header, in a seat of the port, if the peer is trusted.
    pub(super) fn begin(mut self, engine: &Engine, seats: &Rc<Seats>) {
        if !self.lobby.protocol.trusts(&self.peer) {
            return self.refuse(engine, &Refusal::Untrusted);
        }
        self.progress.seat = Some(seats.take());
        let deadline = engine.after(self.lobby.protocol.time_to_wait());
        engine.arm(&mut self.progress.timer, self.token, deadline);
        engine.put(self.token, Box::new(self));
    }

    /// Looks at what has come.
    fn look(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        let Progress { seen, held, .. } = &mut self.progress;
        let Some(stream) = &mut self.stream else {
            return;
        };
        if !seen.has(Readiness::READABLE) {
            return;
        }
        seen.remove(Readiness::READABLE);
        engine.loop_side().budget.charge(READ);
        match receive(&mut **stream, held, buffer) {
            Ok(None) => {}
            Ok(Some((header, more))) => {
                // No event reports again what lies behind the header, bytes or an end.
                let ends = seen.has(Readiness::READ_CLOSED);
                seen.add(Readiness::READABLE.when(more || ends));
                self.become_connection(engine, header);
            }
            Err(refusal) => self.refuse(engine, &refusal),
        }
    }

    fn become_connection(&mut self, engine: &Engine, header: Header) {
        engine.disarm(&mut self.progress.timer);
        let (addresses, tlvs) = header.into_parts();
        let (peer, local) = match addresses {
            Some((source, destination)) => {
                let proxied = Proxied::new(self.peer.clone(), self.local.address.clone(), tlvs);
                let local = LocalEnd {
                    address: destination,
                    proxied: Some(Box::new(proxied)),
                };
                (source, Rc::new(local))
            }
            None => (self.peer.clone(), Rc::clone(&self.local)),
        };
        let built = build_protocol(engine, &self.factory, &peer);
        let (Some(built), Some(stream)) = (built, self.stream.take()) else {
            return self.end(engine);
        };
        let (token, loop_side) = (self.token, engine.loop_side());
        let transport = Transport::new(stream, token, loop_side, &self.limits, peer, local);
        let mut connection = Connection::new(transport, built, self.progress.seat.take());
        connection.note_early(self.progress.seen, engine);
        // A stop that began while it waited is for its protocol, too.
        engine.note_begun(token);
        connection.made(engine);
    }

    fn refuse(&mut self, engine: &Engine, refusal: &Refusal) {
        let came_to_nothing = matches!(refusal, Refusal::Gone | Refusal::Broken(_));
        if came_to_nothing && self.progress.held.is_empty() {
            // As load balancers do that check whether a port is open.
            log::debug!("{} has sent nothing: {refusal}", self.peer);
        } else {
            self.lobby
                .warn(engine, &self.local.address, &self.peer, refusal);
        }
        // The specification wants it aborted, so that the sender can see that something is wrong.
        self.abort(engine);
    }

    fn abort(&mut self, engine: &Engine) {
        if let Some(stream) = &mut self.stream {
            stream.reset_on_drop();
        }
        self.end(engine);
    }

    fn end(&mut self, engine: &Engine) {
        engine.disarm(&mut self.progress.timer);
        self.stream = None; // before the seat, which is for another descriptor
        if let Some(seat) = self.progress.seat.take() {
            seat.leave(engine);
        }
        engine.remove(self.token);
    }
}

/// Takes off the socket what has come of the header. Returns it when it is whole, and whether there may be more behind it.
fn receive(
    stream: &mut dyn Stream,
    held: &mut Vec<u8>,
    buffer: &mut ReadBuffer,
) -> Result<Option<(Header, bool)>, Refusal> {
    loop {
        let before = held.len();
        buffer[..before].copy_from_slice(held);
        let come = match stream.peek(&mut buffer[before..Header::MAX]) {
            Ok(0) => return Err(Refusal::Gone),
            Ok(peeked) => before + peeked,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Refusal::Broken(error)),
        };
        let read = Header::read(&buffer[..come]).map_err(Refusal::Bad)?;
        if let Some((header, length)) = read {
            take(stream, &mut buffer[before..length])?;
            return Ok(Some((header, come > length || come == Header::MAX)));
        }
        // All of it belongs to the header. It is taken, because a peer whose window is smaller than the header would
        // never send the rest otherwise.
        take(stream, &mut buffer[before..come])?;
        held.extend_from_slice(&buffer[before..come]);
    }
}

/// Reads what was peeked at.
fn take(stream: &mut dyn Stream, mut bytes: &mut [u8]) -> Result<(), Refusal> {
    while !bytes.is_empty() {
        match stream.read(bytes) {
            Ok(0) => return Err(Refusal::Gone),
            Ok(length) => bytes = &mut bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Refusal::Broken(error)),
        }
    }
    Ok(())
}

impl Source for Arrival {
    fn note(&mut self, what: Readiness) -> bool {
        self.progress.seen.add(what);
        !std::mem::replace(&mut self.progress.in_line, true)
    }

    fn ready(&mut self, what: Readiness, engine: &Engine, buffer: &mut ReadBuffer) {
        self.progress.seen.add(what);
        // The connection that it becomes is not to find itself in line without having asked for it.
        if !self.progress.in_line {
            self.look(engine, buffer);
        }
    }

    fn turn(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        self.progress.in_line = false;
        self.look(engine, buffer);
    }

    fn due(&mut self, engine: &Engine) {
        self.progress.timer = None;
        let refusal = Refusal::Late(self.lobby.protocol.time_to_wait());
        self.refuse(engine, &refusal);
    }

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            // A client is behind it that has connected before the stop, so it is waited for, which has a deadline.
            Stop::Asked => {}
            Stop::Aborted(_) => self.abort(engine),
            Stop::Gone => self.stream = None,
        }
    }
}

impl Lobby {
    pub(super) fn new(protocol: ProxyProtocol) -> Self {
        Self {
            protocol,
            logged_at: Cell::new(None),
            unlogged: Cell::new(0),
        }
    }

    fn warn(&self, engine: &Engine, local: &Address, peer: &Address, refusal: &Refusal) {
        let now = engine.turn_time();
        let logged_at = self.logged_at.get();
        if logged_at.is_some_and(|logged_at| now < logged_at + LOG_AGAIN) {
            self.unlogged.set(self.unlogged.get() + 1);
            return log::debug!("{local} has disconnected {peer}: {refusal}");
        }
        self.logged_at.set(Some(now));
        match self.unlogged.take() {
            0 => log::warn!("{local} has disconnected {peer}: {refusal}"),
            others => {
                log::warn!(
                    "{local} has disconnected {peer}: {refusal}; before it, {others} others"
                );
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted => f.write_str("it is in no network that PROXY headers are taken from"),
            Self::Bad(error) => error.fmt(f),
            Self::Late(time) => write!(f, "its PROXY header was not there within {time:?}"),
            Self::Gone => f.write_str("it has closed the connection before its PROXY header"),
            Self::Broken(error) => write!(f, "no PROXY header could be read: {error}"),
        }
    }
}
