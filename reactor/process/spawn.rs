//! Starts a child, and gives its exit and its streams to the loop.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::rc::Rc;

use super::command::ProcessCommand;
use super::error::CannotSpawn;
use super::handle::Process;
use super::protocol::ProcessProtocol;
use super::running::Running;
use super::streams::{StreamFactory, Which};
use crate::address::Address;
use crate::adopted::StdStream;
use crate::engine::Engine;
use crate::sources::{beginning, process};

/// The ends of a child's pipes that are ours.
#[derive(Default)]
pub(super) struct Pipes {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// Starts a child whose streams go to its protocol.
pub(crate) fn spawn(
    engine: &Rc<Engine>,
    command: ProcessCommand,
    protocol: impl ProcessProtocol,
) -> Result<Process, CannotSpawn> {
    let (program, limits) = (command.program(), command.limits.clone());
    let (running, pipes) = start(engine, command, protocol)?;
    let process = &running.process;
    let streams = [
        (Which::Stdin, None, pipes.stdin),
        (Which::Stdout, pipes.stdout, None),
        (Which::Stderr, pipes.stderr, None),
    ];
    for (which, reader, writer) in streams {
        if reader.is_none() && writer.is_none() {
            continue;
        }
        let stream = StdStream::Pipes {
            reader,
            writer,
            peer: Address::Process(process.pid()),
        };
        let factory = StreamFactory::new(&running, which, limits.clone());
        match beginning::adopt(engine, stream.into(), factory) {
            Ok(transport) => process.set_stream(which as usize, transport),
            Err(source) => {
                give_up(engine, process);
                return Err(CannotSpawn { program, source });
            }
        }
    }
    Ok(process.clone())
}

/// Starts a child whose exit the loop waits for. Its pipes are the caller's.
pub(super) fn start(
    engine: &Rc<Engine>,
    mut command: ProcessCommand,
    protocol: impl ProcessProtocol,
) -> Result<(Rc<Running>, Pipes), CannotSpawn> {
    let program = command.program();
    let spawned = engine.driver().spawn(command.prepare());
    let watched = spawned.and_then(|child| watch(engine, child, protocol));
    watched.map_err(|source| CannotSpawn { program, source })
}

fn watch(
    engine: &Rc<Engine>,
    mut child: Child,
    protocol: impl ProcessProtocol,
) -> io::Result<(Rc<Running>, Pipes)> {
    let pipes = Pipes {
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    };
    let pidfd = process::pidfd(&child);
    let running = Running::new(Process::new(engine, child, pidfd), protocol);
    match process::begin(engine, &running) {
        Ok(()) => Ok((running, pipes)),
        Err(error) => {
            give_up(engine, &running.process);
            Err(error)
        }
    }
}

/// Leaves nothing of a child that cannot be watched.
pub(super) fn give_up(engine: &Engine, process: &Process) {
    process.end();
    process.kill_now();
    process.disarm(engine);
    engine.remove(process.token());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::process::{Command, ExitStatus};

    use super::*;
    use crate::driver::mio::MioDriver;

    struct Counts(Rc<Cell<u32>>);

    impl ProcessProtocol for Counts {
        fn process_ended(&mut self, _: &Process, status: ExitStatus) {
            assert!(status.success());
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn without_a_pidfd_sigchld_has_the_loop_look_at_its_children() {
        let engine = Engine::new(Box::new(MioDriver::new().expect("descriptors")));
        engine.handle_signals(false);
        let ended = Rc::new(Cell::new(0));
        for n in 0..20 {
            let mut command = Command::new("sleep");
            command.arg(format!("0.0{n}"));
            let protocol = Counts(Rc::clone(&ended));
            let process = spawn(&engine, command.into(), protocol).expect("sleep");
            assert!(process.pidfd().borrow().is_none());
        }
        engine.run().expect("they end by themselves");
        assert_eq!(ended.get(), 20);
    }
}
