//! A few connections that each keep a window of bytes under way, and check every byte that comes
//! back.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use comparison::Result;
use comparison::load::{Load, open_served, receive, watch};
use comparison::system::Epoll;

use super::OneEcho;

const CONNECTIONS: usize = 4;
const BLOCK: usize = 64 * 1024;
const WINDOW: u64 = 256 * 1024;

/// A prime, so that a block that is lost, doubled or misplaced shows as different bytes.
const PATTERN: usize = 262_139;

pub(super) struct Bulk {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    positions: [Position; CONNECTIONS],
    pattern: Vec<u8>,
    buffer: Vec<u8>,
}

/// How far each direction of a connection has come in its endless stream of patterns.
#[derive(Clone, Copy, Default)]
struct Position {
    sent: u64,
    received: u64,
}

impl Bulk {
    pub(super) fn connect(port: u16) -> Result<Self> {
        let streams = open_served(port, 0, CONNECTIONS, &OneEcho)?;
        let epoll = Epoll::new()?;
        watch(&epoll, &streams)?;
        Ok(Self {
            epoll,
            streams,
            positions: [Position::default(); CONNECTIONS],
            pattern: pattern(),
            buffer: vec![0; 2 * BLOCK],
        })
    }

    /// Sends until the window is full or the socket takes no more.
    fn send(&mut self, index: usize) -> Result<()> {
        let position = &mut self.positions[index];
        loop {
            let room = WINDOW - (position.sent - position.received);
            let start = (position.sent % PATTERN as u64) as usize;
            let end = PATTERN.min(start + BLOCK.min(room as usize));
            if room == 0 {
                return Ok(());
            }
            match (&self.streams[index]).write(&self.pattern[start..end]) {
                Ok(length) => position.sent += length as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads until the socket is empty and compares.
    fn receive(&mut self, index: usize) -> Result<()> {
        while let Some(length) = receive(&self.streams[index], &mut self.buffer)? {
            let position = &mut self.positions[index];
            let mut rest = &self.buffer[..length];
            while !rest.is_empty() {
                let start = (position.received % PATTERN as u64) as usize;
                let (part, after) = rest.split_at(rest.len().min(PATTERN - start));
                if part != &self.pattern[start..start + part.len()] {
                    return Err(format!(
                        "bulk connection {index} got wrong bytes near {}",
                        position.received
                    )
                    .into());
                }
                position.received += part.len() as u64;
                rest = after;
            }
            if length < self.buffer.len() {
                break;
            }
        }
        Ok(())
    }

    fn received(&self) -> u64 {
        self.positions
            .iter()
            .map(|position| position.received)
            .sum()
    }

    fn is_under_way(&self) -> bool {
        self.positions
            .iter()
            .any(|position| position.received < position.sent)
    }
}

impl Load for Bulk {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        let before = self.received();
        for index in 0..CONNECTIONS {
            self.send(index)?;
        }
        while self.is_under_way() {
            let count = self.epoll.wait()?;
            let is_over = Instant::now() >= deadline;
            for event in 0..count {
                let index = self.epoll.event(event).token;
                self.receive(index)?;
                if !is_over {
                    self.send(index)?;
                }
            }
        }
        Ok(self.received() - before)
    }
}

/// Bytes that do not repeat early (a linear congruential generator, its upper bits).
fn pattern() -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(PATTERN).collect()
}
