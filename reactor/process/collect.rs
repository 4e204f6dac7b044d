//! The whole output of a command, as a Deferred.

use std::cell::Cell;
use std::process::{ExitStatus, Output};
use std::rc::Rc;

use super::command::ProcessCommand;
use super::error::{OutputTooLong, ProcessFailed};
use super::handle::Process;
use super::protocol::ProcessProtocol;
use super::spawn::spawn;
use crate::deferred::{Deferred, Failure, Resolver};
use crate::engine::Engine;

/// Keeps what a child writes, up to a limit.
struct Collect {
    program: String,
    limit: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// `None` once it was fired.
    resolver: Option<Resolver<Output>>,
}

impl Collect {
    fn takes(&mut self, process: &Process, data: &[u8]) -> bool {
        let fits = self.stdout.len() + self.stderr.len() + data.len() <= self.limit;
        if !fits && let Some(resolver) = self.resolver.take() {
            process.end();
            (self.stdout, self.stderr) = Default::default();
            resolver.errback(OutputTooLong {
                program: self.program.clone(),
                limit: self.limit,
            });
        }
        fits && self.resolver.is_some()
    }
}

impl ProcessProtocol for Collect {
    fn output_received(&mut self, process: &Process, data: &[u8]) {
        if self.takes(process, data) {
            self.stdout.extend_from_slice(data);
        }
    }

    fn error_received(&mut self, process: &Process, data: &[u8]) {
        if self.takes(process, data) {
            self.stderr.extend_from_slice(data);
        }
    }

    fn process_ended(&mut self, _: &Process, status: ExitStatus) {
        if let Some(resolver) = self.resolver.take() {
            resolver.callback(Output {
                status,
                stdout: std::mem::take(&mut self.stdout),
                stderr: std::mem::take(&mut self.stderr),
            });
        }
    }
}

/// What a command writes, and how it exits.
pub(crate) fn get_output_and_status(
    engine: &Rc<Engine>,
    command: ProcessCommand,
) -> Deferred<Output> {
    let (resolver, deferred) = Deferred::pending();
    let started: Rc<Cell<Option<Process>>> = Rc::default();
    let to_end = Rc::clone(&started);
    resolver.on_cancel(move || {
        if let Some(process) = to_end.take() {
            process.end();
        }
    });
    let collect = Collect {
        program: command.program(),
        limit: command.output_limit,
        stdout: Vec::new(),
        stderr: Vec::new(),
        resolver: Some(resolver),
    };
    match spawn(engine, command.without_input(), collect) {
        Ok(process) => {
            started.set(Some(process));
            deferred
        }
        // Its resolver is gone with the protocol.
        Err(error) => deferred.add_errback(move |_| Err(Failure::new(error))),
    }
}

/// What a command that succeeds writes to its standard output.
pub(crate) fn get_output(engine: &Rc<Engine>, command: ProcessCommand) -> Deferred<Vec<u8>> {
    let program = command.program();
    get_output_and_status(engine, command).add_callback(move |output| {
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Failure::new(ProcessFailed {
            program,
            status: output.status,
            stderr: output.stderr,
        }))
    })
}
