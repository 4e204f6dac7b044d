//! The requests that this program makes itself, over and over: what is sent, and what must come
//! back each time.

use std::io::{Read, Write};
use std::net::TcpStream;

use comparison::Result;
use comparison::dialogue::Dialogue;
use comparison::load::{Exchange, receive};

use super::answer::Answer;
use super::questions::{learn, request};
use crate::scenario::Scenario;

/// A batch of equal requests, and the answer to each.
pub(super) struct Requests {
    batch: Vec<u8>,
    depth: usize,
    closes: bool,
    answer: Answer,
}

impl Requests {
    pub(super) fn new(scenario: Scenario, port: u16) -> Result<Self> {
        let (route, closes) = (scenario.route(), scenario.closes());
        Ok(Self {
            batch: request(port, route.path(), closes).repeat(scenario.depth()),
            depth: scenario.depth(),
            closes,
            answer: learn(port, route, closes)?,
        })
    }

    fn are_answered_by(&self, bytes: &[u8]) -> Result<()> {
        let answers = bytes.chunks(self.answer.len());
        if answers.len() == self.depth && answers.into_iter().all(|answer| self.answer.is(answer)) {
            Ok(())
        } else {
            let text = String::from_utf8_lossy(bytes);
            Err(format!("an answer differs from those before:\n{text}").into())
        }
    }
}

impl Exchange for Requests {
    fn ask(&self, stream: &mut TcpStream, _number: usize) -> Result<()> {
        Ok(stream.write_all(&self.batch)?)
    }

    fn expect_answer(&self, stream: &mut TcpStream, _number: usize) -> Result<()> {
        let mut received = vec![0; self.depth * self.answer.len()];
        stream.read_exact(&mut received)?;
        self.are_answered_by(&received)?;
        if self.closes && stream.read(&mut [0])? > 0 {
            return Err("something follows the last answer on a connection".into());
        }
        Ok(())
    }
}

/// The same requests on many connections, by the index of the connection.
pub(super) struct Asking {
    requests: Requests,
    /// What has come of the answers that are under way.
    received: Vec<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Asking {
    pub(super) fn new(requests: Requests, connections: usize) -> Self {
        Self {
            // More than is expected, so that a read that empties the socket is a short one.
            buffer: vec![0; 2 * requests.depth * requests.answer.len()],
            requests,
            received: vec![Vec::new(); connections],
        }
    }
}

impl Dialogue for Asking {
    fn ask(&mut self, _index: usize, mut stream: &TcpStream) -> Result<()> {
        Ok(stream.write_all(&self.requests.batch)?)
    }

    fn hear(&mut self, index: usize, stream: &TcpStream) -> Result<bool> {
        let Some(length) = receive(stream, &mut self.buffer)? else {
            return Ok(false);
        };
        let received = &mut self.received[index];
        received.extend_from_slice(&self.buffer[..length]);
        if received.len() < self.requests.depth * self.requests.answer.len() {
            return Ok(false);
        }
        self.requests.are_answered_by(received)?;
        received.clear();
        Ok(true)
    }

    fn operations(&self) -> u64 {
        self.requests.depth as u64
    }
}
