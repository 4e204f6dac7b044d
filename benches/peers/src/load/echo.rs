//! Connections that each send a message, wait for its echo and send the next.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use comparison::Result;
use comparison::load::{Load, open_served, receive, watch};
use comparison::system::Epoll;

use super::{MESSAGE, OneEcho, message};

pub(super) struct Echo {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    conversations: Vec<Conversation>,
}

/// What was sent last on a connection, and how much of it has come back.
#[derive(Clone)]
struct Conversation {
    sequence: u64,
    sent: [u8; MESSAGE],
    received: usize,
}

impl Echo {
    pub(super) fn connect(port: u16, connections: usize) -> Result<Self> {
        let streams = open_served(port, 0, connections, &OneEcho)?;
        let epoll = Epoll::new()?;
        watch(&epoll, &streams)?;
        let conversation = Conversation {
            sequence: 0,
            sent: [0; MESSAGE],
            received: 0,
        };
        Ok(Self {
            epoll,
            streams,
            conversations: vec![conversation; connections],
        })
    }

    fn send_next(&mut self, index: usize) -> Result<()> {
        let conversation = &mut self.conversations[index];
        conversation.sequence += 1;
        conversation.received = 0;
        conversation.sent = message(index as u64, conversation.sequence);
        // The socket is empty, so it takes a message as a whole; anything else is an error here.
        Ok((&self.streams[index]).write_all(&conversation.sent)?)
    }

    /// Reads what there is. Says whether the echo is complete.
    fn receive(&mut self, index: usize) -> Result<bool> {
        // Room for more than a message, so that a read that empties the socket is a short one.
        let mut buffer = [0; 2 * MESSAGE];
        let Some(length) = receive(&self.streams[index], &mut buffer)? else {
            return Ok(false);
        };
        let conversation = &mut self.conversations[index];
        let end = conversation.received + length;
        if conversation.sent.get(conversation.received..end) != Some(&buffer[..length]) {
            return Err(
                format!("the echo on connection {index} differs from what was sent").into(),
            );
        }
        conversation.received = end;
        Ok(end == MESSAGE)
    }
}

impl Load for Echo {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        for index in 0..self.streams.len() {
            self.send_next(index)?;
        }
        let mut under_way = self.streams.len();
        let mut completed = 0;
        let mut answered = Vec::new();
        while under_way > 0 {
            let count = self.epoll.wait()?;
            let is_over = Instant::now() >= deadline;
            answered.clear();
            for event in 0..count {
                let index = self.epoll.event(event).token;
                if self.receive(index)? {
                    answered.push(index);
                }
            }
            completed += answered.len() as u64;
            if is_over {
                under_way -= answered.len();
                continue;
            }
            for &index in &answered {
                self.send_next(index)?;
            }
        }
        Ok(completed)
    }
}
