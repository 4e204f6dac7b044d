//! A child as one connection: its output is what is received, and its input what is written.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::command::ProcessCommand;
use super::error::CannotSpawn;
use super::handle::Process;
use super::protocol::ProcessProtocol;
use super::spawn::{give_up, start};
use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::adopted::{AdoptedStream, StdStream};
use crate::engine::Engine;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::reason::Reason;
use crate::sources::attempt::{self, Connector};
use crate::sources::beginning;
use crate::transport::Transport;

/// As long as a stop of the loop waits by default.
const GRACE: Duration = Duration::from_secs(3);

/// A child of which only the exit matters.
struct Unattended;

impl ProcessProtocol for Unattended {
    /// Its connection is asked to close, and ends it then.
    fn shutdown_requested(&mut self, _: &Process) {}
}

/// Terminates a child whose connection is lost.
struct Leash(Process);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.terminate_within(GRACE);
    }
}

/// A factory whose connection holds a leash, or drops it when there is no connection.
struct Leashed<F> {
    factory: F,
    leash: Option<Leash>,
}

impl<F: Factory> Factory for Leashed<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let leash = self.leash.take()?;
        let accepted = self.factory.build_protocol(address)?.into_accepted();
        Some(accepted.with_permit(leash))
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

/// The same as an attempt to connect, which fails if the child cannot be started.
pub(crate) fn connector(
    engine: &Rc<Engine>,
    name: String,
    command: ProcessCommand,
    factory: impl Factory,
) -> Connector {
    let command = command.keep_stderr().with_both_pipes();
    // At once, and not when it is the attempt's turn: the child needs the engine, whose driver is lent then.
    let (running, pipes) = match start(engine, command, Unattended) {
        Ok(started) => started,
        Err(error) => {
            let error = io::Error::new(error.io_error().kind(), error.to_string());
            return attempt::connect_failing(engine, name, factory, error);
        }
    };
    let process = running.process.clone();
    let stream = AdoptedStream::from(StdStream::Pipes {
        reader: pipes.stdout,
        writer: pipes.stdin,
        peer: Address::Process(process.pid()),
    });
    let leash = Some(Leash(process));
    attempt::connect_opened(engine, name, Leashed { factory, leash }, |driver, token| {
        let directions = stream.directions();
        let (stream, early) = driver.adopt(stream, None, token)?;
        Ok((stream, early, directions))
    })
}

/// Starts a child, and makes a connection of its input and output.
pub(crate) fn connect(
    engine: &Rc<Engine>,
    command: ProcessCommand,
    factory: impl Factory,
) -> Result<Transport, CannotSpawn> {
    let program = command.program();
    let command = command.keep_stderr().with_both_pipes();
    let (running, pipes) = start(engine, command, Unattended)?;
    let process = running.process.clone();
    let stream = StdStream::Pipes {
        reader: pipes.stdout,
        writer: pipes.stdin,
        peer: Address::Process(process.pid()),
    };
    let leash = Some(Leash(process.clone()));
    let adopted = beginning::adopt(engine, stream.into(), Leashed { factory, leash });
    adopted.map_err(|source| {
        give_up(engine, &process);
        CannotSpawn { program, source }
    })
}
