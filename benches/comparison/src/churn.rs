//! Connections that are opened, exchange one message and are closed, a fixed number of them at any
//! time.
//!
//! Whichever end closes first, its port stays unusable for a minute; the source address therefore
//! changes after a few thousand connections. Sockets are blocking and served in the order of their
//! age: that is the least that a client can do, since the server's work is to be measured and not
//! its own.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::Result;
use crate::load::{Exchange, Load};
use crate::system::connect_from;

/// Far fewer than the 28,000 ports that an address has: the more are taken, the longer the search
/// for one.
const PER_ADDRESS: usize = 5_000;

/// Connections that come and go.
pub struct Churn<E> {
    port: u16,
    at_a_time: usize,
    exchange: E,
    opened: usize,
    lasting: Vec<TcpStream>,
}

impl<E: Exchange> Churn<E> {
    /// `lasting` connections stay while others come and go.
    pub fn new(port: u16, at_a_time: usize, exchange: E, lasting: Vec<TcpStream>) -> Self {
        Self {
            port,
            at_a_time,
            exchange,
            opened: 0,
            lasting,
        }
    }

    /// Opens a connection and sends its message, which is that of its number.
    fn open(&mut self) -> Result<(TcpStream, usize)> {
        let number = self.opened;
        let host = 2 + (number / PER_ADDRESS) % 250;
        let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, host as u8), self.port)?;
        self.exchange.ask(&mut stream, number)?;
        self.opened += 1;
        Ok((stream, number))
    }
}

impl<E: Exchange> Load for Churn<E> {
    fn connections(&self) -> usize {
        self.lasting.len()
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        let mut under_way = VecDeque::with_capacity(self.at_a_time);
        for _ in 0..self.at_a_time {
            under_way.push_back(self.open()?);
        }
        let mut completed = 0;
        while let Some((mut stream, number)) = under_way.pop_front() {
            self.exchange.expect_answer(&mut stream, number)?;
            drop(stream);
            completed += 1;
            if Instant::now() < deadline {
                under_way.push_back(self.open()?);
            }
        }
        Ok(completed)
    }
}
