//! A program that runs, and clients that talk to it over real sockets.
//!
//! Nothing here sleeps: everything waits for what it expects, for [`PATIENCE`] at most. A program
//! that runs for too long is killed, so that whoever still reads from it sees the end.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// How long a single thing may take to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where programs listen in tests.
pub(crate) const ANY_PORT: &str = "tcp:0:interface=127.0.0.1";

/// The program of an example, which is built if it is not there or is old: `cargo test --test
/// programs` alone does not build examples.
pub(crate) fn program(example: &str) -> PathBuf {
    let this = env::current_exe().expect("a test knows where it is");
    let profile = this
        .parent()
        .and_then(std::path::Path::parent)
        .expect("tests are built in <target>/<profile>/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--example", example, "--target-dir"])
        .args(profile.parent());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo runs").success());
    profile.join("examples").join(example)
}

/// A program in a process of its own. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(example: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_with(Stdio::inherit(), example, arguments, environment)
    }

    /// As `start`, of a program whose log goes somewhere else.
    pub(crate) fn start_with(
        stderr: Stdio,
        example: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        // `timeout` kills it when the test hangs, and is killed with it. Without `--foreground` it sends a
        // signal twice, to the program and to its group.
        let mut child = Command::new("timeout")
            .args(["--foreground", "--signal=KILL", "60"])
            .arg(program(example))
            .args(arguments)
            .env("RUST_LOG", "warn")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        Self { child, stdout }
    }

    /// The rest of the first line that it prints which has this in it.
    pub(crate) fn says(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let bytes = self.stdout.read_line(&mut line).expect("stdout is text");
            assert!(bytes > 0, "it never said {beginning:?}");
            if let Some((_, rest)) = line.split_once(beginning) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Running {
    /// Sends SIGTERM. `timeout` passes a signal that it can hear on to the program.
    pub(crate) fn terminate(&self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
pub(crate) fn run(example: &str, arguments: &[&str]) -> Output {
    run_in(example, arguments, &[])
}

/// As [`run`], with these variables in its environment.
pub(crate) fn run_in(example: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new("timeout")
        .args(["--signal=KILL", "60"])
        .arg(program(example))
        .args(arguments)
        .envs(environment.iter().copied())
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// An answer: its status, its head and its body.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks, with these further header lines, and reads to the end.
pub(crate) fn ask(address: &str, line: &str, headers: &str, body: &str) -> Heard {
    ask_for(address, address, line, headers, body)
}

/// Asks whoever is at this address for what another host has.
pub(crate) fn ask_for(address: &str, host: &str, line: &str, headers: &str, body: &str) -> Heard {
    let mut stream = connect(address);
    let length = body.len();
    let said = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream
        .write_all(said.as_bytes())
        .expect("the request is taken");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("the answer ends");
    let heard = String::from_utf8(heard).expect("the answer is text");
    let (head, body) = heard.split_once("\r\n\r\n").expect("an answer has a head");
    Heard {
        status: head[9..12].parse().expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn get(address: &str, path: &str) -> Heard {
    ask(address, &format!("GET {path}"), "", "")
}

/// A connection whose every read waits for [`PATIENCE`] at most.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
}

/// Somebody in the chat, who has heard this far.
pub(crate) fn chatter(address: &str) -> (TcpStream, String) {
    let stream = connect(address);
    let mut welcome = String::new();
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    reader.read_line(&mut welcome).expect("a welcome");
    (stream, welcome)
}
