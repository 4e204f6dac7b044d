//! A chat in which four people talk and everybody listens. Every line must reach everybody but its
//! author, once and in its author's order, and each of them is compared byte by byte.
//!
//! The senders send their lines in batches, all at the same time, and have two batches each under
//! way: the next ones follow when as many deliveries have been made as all but the last ones come to.
//! So the next batches lie ready while the server delivers, and how many lines it finds in a turn is
//! not left to chance; and it never has more than a few kilobytes to read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use comparison::Result;
use comparison::load::{BATCH, Load, connect, receive, watch};
use comparison::system::Epoll;

use super::MESSAGE;

const SENDERS: usize = 4;

/// How many lines a sender sends at once.
const LINES: usize = 16;

pub(super) struct FanOut {
    epoll: Epoll,
    /// The first four are the senders.
    streams: Vec<TcpStream>,
    listeners: Vec<Listener>,
    senders: [Sender; SENDERS],
    buffer: Vec<u8>,
}

/// What a connection has received.
#[derive(Clone, Default)]
struct Listener {
    /// How many lines of each sender: the number of the one that must come next.
    heard: [u64; SENDERS],
    /// The beginning of a line whose end has not come.
    partial_line: Vec<u8>,
}

#[derive(Default)]
struct Sender {
    /// Every line that this one ever sent, to compare with.
    lines: Vec<u8>,
    /// How many times one of the lines reached somebody.
    deliveries: u64,
}

impl Sender {
    fn sent(&self) -> u64 {
        (self.lines.len() / MESSAGE) as u64
    }
}

impl FanOut {
    pub(super) fn connect(port: u16, receivers: usize) -> Result<Self> {
        let streams = open_chatting(port, SENDERS + receivers)?;
        let epoll = Epoll::new()?;
        watch(&epoll, &streams)?;
        Ok(Self {
            epoll,
            listeners: vec![Listener::default(); streams.len()],
            streams,
            senders: Default::default(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// How many deliveries are still to come.
    fn missing(&self) -> u64 {
        let receivers = self.streams.len() as u64 - 1;
        let missing = |sender: &Sender| sender.sent() * receivers - sender.deliveries;
        self.senders.iter().map(missing).sum()
    }

    fn send_batch(&mut self, index: usize) -> Result<()> {
        let sender = &mut self.senders[index];
        let begin = sender.lines.len();
        for number in sender.sent()..sender.sent() + LINES as u64 {
            sender.lines.extend_from_slice(&line(index, number));
        }
        // A socket has room for far more than the two batches that it holds at most.
        Ok((&self.streams[index]).write_all(&sender.lines[begin..])?)
    }

    /// Has all senders send a batch while no more than one batch of each is under way.
    fn send_due(&mut self) -> Result<()> {
        let one_of_each = (SENDERS * LINES * (self.streams.len() - 1)) as u64;
        while self.missing() <= one_of_each {
            for index in 0..SENDERS {
                self.send_batch(index)?;
            }
        }
        Ok(())
    }

    /// Reads until the socket is empty and checks each line.
    fn receive(&mut self, index: usize) -> Result<()> {
        while let Some(length) = receive(&self.streams[index], &mut self.buffer)? {
            let mut rest = &self.buffer[..length];
            let listener = &mut self.listeners[index];
            if !listener.partial_line.is_empty() {
                let missing = MESSAGE - listener.partial_line.len();
                let (head, after) = rest.split_at(missing.min(rest.len()));
                listener.partial_line.extend_from_slice(head);
                rest = after;
                if listener.partial_line.len() < MESSAGE {
                    continue;
                }
                let line = std::mem::take(&mut listener.partial_line);
                listener.check(index, &line, &mut self.senders)?;
            }
            let lines = rest.chunks_exact(MESSAGE);
            listener.partial_line.extend_from_slice(lines.remainder());
            for line in lines {
                listener.check(index, line, &mut self.senders)?;
            }
            if length < self.buffer.len() {
                break;
            }
        }
        Ok(())
    }
}

impl Listener {
    /// Insists that a line is the next one of its author, and counts it.
    fn check(&mut self, index: usize, line: &[u8], senders: &mut [Sender; SENDERS]) -> Result<()> {
        let author = usize::from(line[0].wrapping_sub(b'a'));
        if author >= SENDERS || author == index {
            return Err(format!("receiver {index} got a line that is not for it").into());
        }
        let number = self.heard[author];
        let begin = number as usize * MESSAGE;
        if senders[author].lines.get(begin..begin + MESSAGE) != Some(line) {
            return Err(format!(
                "receiver {index} did not get line {number} of sender {author} next"
            )
            .into());
        }
        self.heard[author] += 1;
        senders[author].deliveries += 1;
        Ok(())
    }
}

impl Load for FanOut {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        let deliveries =
            |senders: &[Sender]| senders.iter().map(|sender| sender.deliveries).sum::<u64>();
        let before = deliveries(&self.senders);
        self.send_due()?;
        while self.missing() > 0 {
            for event in 0..self.epoll.wait()? {
                self.receive(self.epoll.event(event).token)?;
            }
            if Instant::now() < deadline {
                self.send_due()?;
            }
        }
        Ok(deliveries(&self.senders) - before)
    }
}

/// A line of the length of a message that names its author and its number.
fn line(author: usize, number: u64) -> [u8; MESSAGE] {
    let mut line = [b'-'; MESSAGE];
    line[0] = b'a' + author as u8;
    let mut rest = number;
    for digit in line[2..14].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line[MESSAGE - 1] = b'\n';
    line
}

/// Opens connections, a batch at a time. The last of each batch says a line which all others have
/// to get: so all are known to the chat before the next come.
fn open_chatting(port: u16, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        for _ in 0..BATCH.min(count - streams.len()) {
            streams.push(connect(port)?);
        }
        let Some((newest, others)) = streams.split_last_mut() else {
            break;
        };
        let probe = format!("probe {}\n", others.len());
        newest.write_all(probe.as_bytes())?;
        for (index, stream) in others.iter_mut().enumerate() {
            let mut received = vec![0; probe.len()];
            stream.read_exact(&mut received)?;
            if received != probe.as_bytes() {
                return Err(
                    format!("connection {index} did not get `{}`", probe.trim_end()).into(),
                );
            }
        }
    }
    Ok(streams)
}
