//! The addresses of one attempt, each with a socket of its own; the first that is connected wins.
//!
//! ```text
//!   address 1  ├──────────────────────────────────────× given up
//!   address 2  │  250 ms ├───────× refused
//!   address 3  │         │       ├────────────────────▶ connected
//! ```

use std::io;
use std::rc::Rc;

use super::{Attempt, Open, holds_up};
use crate::address::Address;
use crate::driver::{ConnectOptions, Readiness, Stream};
use crate::engine::table::Token;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::reason::Reason;
use crate::transport::Directions;

/// One address that is being tried. Its token becomes that of the connection.
pub(super) struct Trial {
    pub(super) token: Token,
    attempt: Rc<Attempt>,
    /// Taken by the connection that it becomes.
    pub(super) stream: Option<Box<dyn Stream>>,
    pub(super) directions: Directions,
    /// What events have reported, for that connection.
    pub(super) seen: Readiness,
}

impl Trial {
    pub(super) fn begin(
        attempt: &Rc<Attempt>,
        engine: &Engine,
        address: &Address,
    ) -> io::Result<Token> {
        let token = engine.reserve();
        let options = ConnectOptions {
            keepalive: attempt.limits.keepalive,
            bind_address: attempt.bind_address,
        };
        let stream = engine.driver().connect(address, &options, token);
        let stream = stream.inspect_err(|_| engine.remove(token))?;
        let trial = Self {
            token,
            attempt: Rc::clone(attempt),
            stream: Some(stream),
            directions: Directions::Both,
            seen: Readiness::NONE,
        };
        engine.put(token, Box::new(trial));
        Ok(token)
    }

    /// A stream that is established as soon as it is there.
    pub(super) fn open(attempt: &Rc<Attempt>, engine: &Engine, open: Open) -> io::Result<Token> {
        let token = engine.reserve();
        let opened = open(&mut **engine.driver(), token);
        let (stream, seen, directions) = opened.inspect_err(|_| engine.remove(token))?;
        let trial = Self {
            token,
            attempt: Rc::clone(attempt),
            stream: Some(stream),
            directions,
            seen,
        };
        engine.put(token, Box::new(trial));
        // No event may come: a file is always ready.
        engine.wake(token);
        Ok(token)
    }

    /// The addresses of both ends, or why it is not connected.
    fn outcome(&mut self) -> io::Result<(Address, Address)> {
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        let peer = stream.peer_addr()?;
        let local = stream.local_addr()?;
        // A port of the range from which clients get theirs, at which no program listens, may be given
        // to the very socket that connects to it: TCP's simultaneous open, with itself.
        if peer == local && peer.socket_addr().is_some() {
            // Closed in an orderly way, it would keep the port from a program that wants to listen.
            stream.reset_on_drop();
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok((peer, local))
    }
}

impl Source for Trial {
    fn note(&mut self, what: Readiness) -> bool {
        self.seen.add(what);
        true
    }

    fn ready(&mut self, what: Readiness, engine: &Engine, buffer: &mut ReadBuffer) {
        self.seen.add(what);
        self.turn(engine, buffer);
    }

    /// The socket is established or refused.
    fn turn(&mut self, engine: &Engine, _: &mut ReadBuffer) {
        let attempt = Rc::clone(&self.attempt);
        if attempt.progress.is_given_up() {
            return; // it ends with the attempt, whose turn comes
        }
        match self.outcome() {
            Ok((peer, local)) => attempt.succeeded(engine, self, peer, local),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => {
                self.stream = None; // the descriptor is free before the next address needs one
                attempt.trial_failed(engine, self.token, not_connected(error));
            }
        }
    }

    /// Its attempt has the timer.
    fn due(&mut self, _: &Engine) {}

    /// Its attempt ends it.
    fn stop(&mut self, _: Stop, _: &Engine) {}

    fn holds_up(&self, how: &Stop) -> bool {
        holds_up(&self.attempt, how)
    }
}

/// An error of a socket that was never connected.
pub(super) fn not_connected(error: io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Reason::Error(Rc::new(error))
        }
        _ => Reason::from(error),
    }
}
