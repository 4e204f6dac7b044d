//! A connection that was made elsewhere, until it has its protocol: a socket or pipe of another's, the
//! standard input and output, a pipe to a child.
//!
//! ```text
//!   adopt ──▶ Beginning ──end of the turn──▶ build, connection_made ──▶ Connection, under the same token
//! ```
//!
//! It may be asked for inside a callback, and callbacks never nest; so the protocol is built when the turn
//! serves those that have something to send. What was written until then is sent after `connection_made`,
//! through the layers that came with the protocol.

use std::io;
use std::rc::Rc;

use super::connection::Connection;
use super::factories::{SharedFactory, build_protocol, shared};
#[cfg(unix)]
use crate::adopted::AdoptedStream;
use crate::driver::{Driver, Readiness, Stream};
use crate::engine::table::Token;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::factory::Factory;
use crate::reason::Reason;
use crate::transport::{Directions, Transport};

struct Beginning {
    transport: Transport,
    factory: SharedFactory,
    /// What events have reported, for the connection.
    seen: Readiness,
}

type Opened = (Box<dyn Stream>, Readiness);

/// A connection of what was opened elsewhere.
#[cfg(unix)]
pub(crate) fn adopt(
    engine: &Engine,
    stream: AdoptedStream,
    factory: impl Factory,
) -> io::Result<Transport> {
    let directions = stream.directions();
    let keepalive = factory.limits().keepalive;
    begin(engine, directions, factory, |driver, token| {
        driver.adopt(stream, keepalive, token)
    })
}

/// A connection of the standard input and output.
pub(crate) fn stdio(engine: &Engine, factory: impl Factory) -> io::Result<Transport> {
    begin(engine, Directions::Apart, factory, |driver, token| {
        driver.stdio(token)
    })
}

fn begin(
    engine: &Engine,
    directions: Directions,
    factory: impl Factory,
    open: impl FnOnce(&mut dyn Driver, Token) -> io::Result<Opened>,
) -> io::Result<Transport> {
    let limits = Rc::new(factory.limits().in_order());
    let token = engine.reserve();
    let opened = open(&mut **engine.driver(), token);
    let opened = opened.and_then(|(stream, seen)| {
        let ends = (stream.peer_addr()?, stream.local_addr()?);
        Ok((stream, seen, ends))
    });
    let (stream, seen, (peer, local)) = opened.inspect_err(|_| engine.remove(token))?;
    let loop_side = engine.loop_side();
    let transport = Transport::new(
        stream,
        token,
        loop_side,
        &limits,
        peer,
        Rc::new(local.into()),
    );
    transport.set_directions(directions);
    // Not only for its turn: a plain flush would pass by the layers that are still to come.
    transport.ask_for_more();
    let beginning = Beginning {
        transport: transport.clone(),
        factory: shared(factory),
        seen,
    };
    engine.insert(token, Box::new(beginning));
    Ok(transport)
}

impl Beginning {
    fn end(&self, engine: &Engine) {
        self.transport.set_lost();
        self.transport.drop_stream();
        engine.remove(self.transport.token());
    }
}

impl Source for Beginning {
    fn note(&mut self, what: Readiness) -> bool {
        self.seen.add(what);
        false
    }

    fn ready(&mut self, what: Readiness, _: &Engine, _: &mut ReadBuffer) {
        self.seen.add(what);
    }

    fn turn(&mut self, _: &Engine, _: &mut ReadBuffer) {}

    /// It has no timer yet.
    fn due(&mut self, _: &Engine) {}

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            Stop::Asked => {} // as soon as it is a connection, that is asked
            Stop::Aborted(reason) => {
                self.transport.fail_connection(reason);
                self.end(engine);
            }
            Stop::Gone => self.end(engine),
        }
    }

    fn asked(&mut self, engine: &Engine) {
        let built = match self.transport.state().is_over() {
            true => None, // it was aborted before it began
            false => build_protocol(engine, &self.factory, self.transport.peer_addr()),
        };
        let Some(built) = built else {
            self.transport.fail_connection(Reason::Refused);
            return self.end(engine);
        };
        engine.note_begun(self.transport.token());
        let mut connection = Connection::new(self.transport.clone(), built, None);
        connection.note_early(self.seen, engine);
        connection.made_late(engine);
    }
}
