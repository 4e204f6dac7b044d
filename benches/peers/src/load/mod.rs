//! The load generator: a process of its own, so that its work is not counted as the server's.
//!
//! It connects first and says `ready CONNECTIONS`. Then each line `run SECONDS` on its standard input is one
//! run, answered by `done OPERATIONS SECONDS` when every answer has come and was right. End of
//! input ends it. So the driver can read clocks and switch counters on while nothing is under way.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::Result;
use crate::scenario::Scenario;
use crate::system::Epoll;

mod bulk;
mod churn;
mod echo;
mod fan_out;
mod idle;

/// The length of every echoed message and of every line of the chat, with its line feed.
const MESSAGE: usize = 64;

/// How many connections are opened before the server has to prove that it accepted them: fewer than
/// its queue holds, so that no connection waits for a lost SYN to be sent again.
const BATCH: usize = 100;

/// A load that is connected and can be run again and again.
trait Load {
    /// How many connections it holds, all of which the server has served.
    fn connections(&self) -> usize;

    /// Loads the server for as long as `duration` and waits for what is under way. Says how many
    /// operations were completed.
    fn run(&mut self, duration: Duration) -> Result<u64>;
}

pub(crate) fn run(scenario: &str, port: &str) -> Result<()> {
    let port = port.parse()?;
    let mut load: Box<dyn Load> = match scenario.parse()? {
        Scenario::Echo(connections) => Box::new(echo::Echo::connect(port, connections)?),
        Scenario::Bulk => Box::new(bulk::Bulk::connect(port)?),
        Scenario::FanOut(receivers) => Box::new(fan_out::FanOut::connect(port, receivers)?),
        Scenario::Churn => Box::new(churn::Churn::connect(port)?),
        Scenario::Idle(connections) => Box::new(idle::Idle::connect(port, connections)?),
    };
    reply(&format!("ready {}", load.connections()))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let seconds = line
            .strip_prefix("run ")
            .ok_or_else(|| format!("what is `{line}`?"))?;
        let began = Instant::now();
        let operations = load.run(Duration::from_secs_f64(seconds.parse()?))?;
        reply(&format!(
            "done {operations} {}",
            began.elapsed().as_secs_f64()
        ))?;
    }
    Ok(())
}

fn reply(line: &str) -> io::Result<()> {
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

/// A message that no other connection and no other moment sends.
fn message(connection: u64, sequence: u64) -> [u8; MESSAGE] {
    let mut message = [b'.'; MESSAGE];
    message[..8].copy_from_slice(&connection.to_le_bytes());
    message[8..16].copy_from_slice(&sequence.to_le_bytes());
    message
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Opens connections that have each echoed a message, so that the server certainly serves them.
fn open_echoing(port: u16, first: usize, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let begin = streams.len();
        for _ in 0..BATCH.min(count - begin) {
            streams.push(connect(port)?);
        }
        for (offset, stream) in streams[begin..].iter_mut().enumerate() {
            stream.write_all(&message((first + begin + offset) as u64, u64::MAX))?;
        }
        for (offset, stream) in streams[begin..].iter_mut().enumerate() {
            expect_echo(stream, &message((first + begin + offset) as u64, u64::MAX))?;
        }
    }
    Ok(streams)
}

/// Reads one message, blocking, and insists on its content.
fn expect_echo(stream: &mut TcpStream, expected: &[u8; MESSAGE]) -> Result<()> {
    let mut received = [0; MESSAGE];
    stream.read_exact(&mut received)?;
    if received == *expected {
        Ok(())
    } else {
        Err("an echo differs from what was sent".into())
    }
}

/// Makes connections non-blocking and registers each by its index.
fn watch(epoll: &Epoll, streams: &[TcpStream]) -> io::Result<()> {
    for (index, stream) in streams.iter().enumerate() {
        stream.set_nonblocking(true)?;
        epoll.add(stream.as_raw_fd(), index)?;
    }
    Ok(())
}

/// Reads once; `None` when there is nothing to read. The end of file is an error: no server has a
/// reason to close.
fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => Err("the server closed a connection".into()),
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}
