//! The chat program, and people who talk to it over real sockets.
//!
//! Nothing here sleeps: everything waits for what it expects, for [`PATIENCE`] at most. A program
//! that runs for too long is killed, so that whoever still talks to it hears the end.

mod person;
mod process;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use process::{Process, program, sockets};

pub(crate) use person::{Person, shown};

/// How long a single thing may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where most tests let the program listen.
pub(crate) const ANY_PORT: &str = "tcp:0:interface=127.0.0.1";

/// What each client is sent first.
pub(crate) const WELCOME: &[u8] = b"Welcome to NetCatChat!\r\n";

/// What each client is sent last.
pub(crate) const GOODBYE: &[u8] = b"Goodbye\r\n";

/// A running server.
pub(crate) struct Chat {
    pub(crate) process: Process,
    addresses: Vec<SocketAddr>,
    /// Kept open, because a program whose output nobody reads is a test of its own.
    _stdout: Option<BufReader<ChildStdout>>,
}

impl Chat {
    /// A server at a port of its own.
    pub(crate) fn start() -> Self {
        Self::start_at(&[ANY_PORT])
    }

    /// A server at these endpoints.
    pub(crate) fn start_at(endpoints: &[&str]) -> Self {
        // A shell ignores signals for what it runs in the background, these tests for example, and the
        // chat keeps to what it finds ignored.
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM").arg(program());
        Self::run(command.arg("--no-api").args(endpoints), endpoints.len())
    }

    /// A server in a process that the shell has prepared, for example with `ulimit -n 64`.
    pub(crate) fn start_after(preparation: &str) -> Self {
        let script = format!("{preparation} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(program());
        Self::run(shell.args(["--no-api", ANY_PORT]), 1)
    }

    /// A server that prints at which ports it listens.
    fn run(command: &mut Command, ports: usize) -> Self {
        let process = Process::start(command.stdout(Stdio::piped()));
        let mut stdout = BufReader::new(process.stdout());
        let mut said = String::new();
        while ports_in(&said).count() < ports {
            let bytes = stdout.read_line(&mut said).expect("stdout is text");
            assert!(bytes > 0, "it said where to connect: {said:?}");
        }
        Self {
            process,
            addresses: ports_in(&said).map(loopback).collect(),
            _stdout: Some(stdout),
        }
    }

    /// A server that prints to where we cannot see it.
    pub(crate) fn start_printing_to(stdout: impl Into<Stdio>) -> Self {
        let process = Process::start(
            Command::new(program())
                .args(["--no-api", ANY_PORT])
                .stdout(stdout),
        );
        Self {
            addresses: vec![loopback(process.listening_port())],
            process,
            _stdout: None,
        }
    }

    /// A server that does not even start; how it ends, and what it says about that.
    pub(crate) fn fails_at(endpoint: &str) -> (ExitStatus, String) {
        let mut command = Command::new(program());
        let process = Process::start(command.args(["--no-api", endpoint]).stdout(Stdio::null()));
        (process.ends(), process.log())
    }

    /// What to type behind `nc`.
    pub(crate) fn host_and_port(&self) -> String {
        let address = self.addresses[0];
        format!("{} {}", address.ip(), address.port())
    }

    /// Somebody who has connected, and has heard nothing yet.
    pub(crate) fn connect(&self) -> Person {
        Person::connect(self.addresses[0])
    }

    /// Somebody who has been welcomed.
    pub(crate) fn join(&self) -> Person {
        self.join_at(0)
    }

    /// Somebody who has been welcomed at another endpoint.
    pub(crate) fn join_at(&self, endpoint: usize) -> Person {
        let person = Person::connect(self.addresses[endpoint]);
        person.hears(WELCOME);
        person
    }

    /// Several who have been welcomed.
    pub(crate) fn join_many<const N: usize>(&self) -> [Person; N] {
        std::array::from_fn(|_| self.join())
    }

    /// Somebody who was welcomed, then read no more, and for whom the server by now holds bytes
    /// that the kernel does not take.
    pub(crate) fn join_and_stall(&self) -> Person {
        // So much that the table of all sockets is not read often, and little enough that it is
        // not dropped for it.
        const BYTES: usize = 320_000;
        let stalled = self.join();
        let [talker, listener] = self.join_many();
        let mut before = None;
        loop {
            thread::scope(|scope| {
                scope.spawn(|| talker.says_numbered_lines(BYTES));
                listener.hears_numbered_lines(BYTES);
            });
            let now = self.sending_to(&stalled);
            if before.replace(now) == Some(now) {
                return stalled;
            }
        }
    }

    /// How many bytes the kernel holds for this person.
    fn sending_to(&self, person: &Person) -> usize {
        let (here, there) = (self.addresses[0].port(), person.address().port());
        let socket = sockets().find(|socket| (socket.local, socket.remote) == (here, there));
        socket.expect("the server has a socket for them").sending
    }

    /// Waits until the log says why this person has gone.
    pub(crate) fn logs_the_loss_of(&self, person: &Person, reason: &str) {
        self.process
            .logs_a_line(&[&person.address().to_string(), "went", reason]);
    }
}

/// The port of each `nc 127.0.0.1 PORT` whose digits have all been printed.
fn ports_in(said: &str) -> impl Iterator<Item = u16> {
    said.split("nc 127.0.0.1 ").skip(1).filter_map(|behind| {
        let end = behind.find(|c: char| !c.is_ascii_digit())?;
        behind[..end].parse().ok()
    })
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
