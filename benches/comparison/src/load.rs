//! The load generator: a process of its own, so that its work is not counted as the server's.
//!
//! It connects first and says `ready CONNECTIONS`. Then each line `warm-up SECONDS` or
//! `measure SECONDS` on its standard input is one run, answered by `done …` when every answer has
//! come and was right. End of input ends it. So the driver can read clocks and switch counters on
//! while nothing is under way.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::system::Epoll;
use crate::{Comparison, Result};

/// How many connections are opened before the server has to prove that it accepted them: fewer than
/// its queue holds, so that no connection waits for a lost SYN to be sent again.
pub const BATCH: usize = 100;

/// A load that is connected and can be run again and again.
pub trait Load {
    /// How many connections it holds, all of which the server has served.
    fn connections(&self) -> usize;

    /// Loads the server for as long as `duration` and waits for what is under way. Says how much
    /// was completed.
    fn run(&mut self, duration: Duration) -> Result<u64>;

    /// A run that is measured. The clock is this process's unless the load has a better one.
    fn measure(&mut self, duration: Duration) -> Result<Outcome> {
        let began = Instant::now();
        let counted = self.run(duration)? as f64;
        Ok(Outcome {
            counted,
            seconds: began.elapsed().as_secs_f64(),
            latency: None,
        })
    }
}

/// What a run of a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub counted: f64,
    pub seconds: f64,
    /// Where the load measures it.
    pub latency: Option<Latency>,
}

/// How long answers took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub median: f64,
    /// What 99 of 100 answers stayed below.
    pub most: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.counted, self.seconds)?;
        match self.latency {
            Some(latency) => write!(formatter, " {} {}", latency.median, latency.most),
            None => Ok(()),
        }
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split(' ').map(str::parse).collect();
        let (counted, seconds, latency) = match numbers.as_deref() {
            Ok(&[counted, seconds]) => (counted, seconds, None),
            Ok(&[counted, seconds, median, most]) => {
                (counted, seconds, Some(Latency { median, most }))
            }
            _ => return Err(format!("`{text}` is not what a load did")),
        };
        Ok(Self {
            counted,
            seconds,
            latency,
        })
    }
}

/// Plays the part of the load until the end of the standard input.
pub(crate) fn run<C: Comparison>(part: &str, scenario: &str, port: &str) -> Result<()> {
    let mut load = C::connect(part.parse()?, scenario.parse()?, port.parse()?)?;
    reply(&format!("ready {}", load.connections()))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (what, seconds) = line.split_once(' ').unwrap_or_default();
        let duration = Duration::from_secs_f64(seconds.parse()?);
        match what {
            "warm-up" => reply(&format!("done {}", load.run(duration)?))?,
            "measure" => reply(&format!("done {}", load.measure(duration)?))?,
            _ => return Err(format!("what is `{line}`?").into()),
        }
    }
    Ok(())
}

fn reply(line: &str) -> io::Result<()> {
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

/// A question and its answer, by which a server shows that it serves a connection. Either is said
/// and heard blocking.
pub trait Exchange {
    /// Asks. No other connection has this number.
    fn ask(&self, stream: &mut TcpStream, number: usize) -> Result<()>;

    /// Reads the answer, and insists on its content.
    fn expect_answer(&self, stream: &mut TcpStream, number: usize) -> Result<()>;
}

/// Opens connections with the numbers from `first` on that the server has each answered on, so that
/// it certainly serves them.
pub fn open_served(
    port: u16,
    first: usize,
    count: usize,
    exchange: &impl Exchange,
) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let begin = streams.len();
        for _ in 0..BATCH.min(count - begin) {
            streams.push(connect(port)?);
        }
        for (offset, stream) in streams[begin..].iter_mut().enumerate() {
            exchange.ask(stream, first + begin + offset)?;
        }
        for (offset, stream) in streams[begin..].iter_mut().enumerate() {
            exchange.expect_answer(stream, first + begin + offset)?;
        }
    }
    Ok(streams)
}

/// A connection that sends at once.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes connections non-blocking and registers each by its index.
pub fn watch(epoll: &Epoll, streams: &[TcpStream]) -> io::Result<()> {
    for (index, stream) in streams.iter().enumerate() {
        stream.set_nonblocking(true)?;
        epoll.add(stream.as_raw_fd(), index)?;
    }
    Ok(())
}

/// Reads once; `None` when there is nothing to read. The end of file is an error: no server has a
/// reason to close.
pub fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => Err("the server closed a connection".into()),
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}
