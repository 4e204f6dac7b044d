//! Connections that are opened, echo one message and are closed, 50 of them at any time.
//!
//! The client closes first, so the server reads an end of file and not a reset. That leaves the
//! client's port unusable for a minute; the source address therefore changes after a few thousand
//! connections. Sockets are blocking and served in the order of their age: that is the least that a
//! client can do, since the server's work is to be measured and not its own.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use comparison::Result;
use comparison::load::{Load, open_served};
use comparison::system::connect_from;

use super::{OneEcho, expect_echo, message};

const AT_A_TIME: usize = 50;

/// Far fewer than the 28,000 ports that an address has: the more are taken, the longer the search
/// for one.
const PER_ADDRESS: u64 = 5_000;

pub(super) struct Churn {
    port: u16,
    opened: u64,
    /// A connection that stays, which shows that the server has begun its work.
    _lasting: Vec<TcpStream>,
}

impl Churn {
    pub(super) fn connect(port: u16) -> Result<Self> {
        Ok(Self {
            port,
            opened: 0,
            _lasting: open_served(port, 0, 1, &OneEcho)?,
        })
    }

    /// Opens a connection and sends its message, which is its number.
    fn open(&mut self) -> Result<(TcpStream, u64)> {
        let number = self.opened;
        let host = 2 + (number / PER_ADDRESS) % 250;
        let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, host as u8), self.port)?;
        stream.write_all(&message(number, 0))?;
        self.opened += 1;
        Ok((stream, number))
    }
}

impl Load for Churn {
    fn connections(&self) -> usize {
        1
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        let mut under_way = VecDeque::with_capacity(AT_A_TIME);
        for _ in 0..AT_A_TIME {
            under_way.push_back(self.open()?);
        }
        let mut completed = 0;
        while let Some((mut stream, number)) = under_way.pop_front() {
            expect_echo(&mut stream, &message(number, 0))?;
            drop(stream);
            completed += 1;
            if Instant::now() < deadline {
                under_way.push_back(self.open()?);
            }
        }
        Ok(completed)
    }
}
