//! Connections that each ask, wait for the answer and ask again.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Result;
use crate::load::{Load, watch};
use crate::system::Epoll;

/// What is said on the connections, which are known by their indices and do not block.
pub trait Dialogue {
    /// Asks. The socket has taken the answer before, so it takes a question as a whole; anything
    /// else is an error.
    fn ask(&mut self, index: usize, stream: &TcpStream) -> Result<()>;

    /// Reads what there is, and insists on its content. Says whether the answer is complete.
    fn hear(&mut self, index: usize, stream: &TcpStream) -> Result<bool>;

    /// How many operations a question and its answer are.
    fn operations(&self) -> u64 {
        1
    }
}

/// A dialogue on many connections at once.
pub struct Dialogues<D> {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    dialogue: D,
}

impl<D: Dialogue> Dialogues<D> {
    pub fn new(streams: Vec<TcpStream>, dialogue: D) -> Result<Self> {
        let epoll = Epoll::new()?;
        watch(&epoll, &streams)?;
        Ok(Self {
            epoll,
            streams,
            dialogue,
        })
    }
}

impl<D: Dialogue> Load for Dialogues<D> {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        for (index, stream) in self.streams.iter().enumerate() {
            self.dialogue.ask(index, stream)?;
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
                if self.dialogue.hear(index, &self.streams[index])? {
                    answered.push(index);
                }
            }
            completed += answered.len() as u64;
            if is_over {
                under_way -= answered.len();
                continue;
            }
            for &index in &answered {
                self.dialogue.ask(index, &self.streams[index])?;
            }
        }
        Ok(completed * self.dialogue.operations())
    }
}
