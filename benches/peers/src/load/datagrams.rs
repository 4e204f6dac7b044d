//! Sockets that each send a datagram, wait for its echo and send the next.
//!
//! So few are under way that the kernel's buffers hold them all: on loopback none is lost, and one that does not come
//! back ends the run, when the driver's patience does.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use comparison::Result;
use comparison::load::Load;
use comparison::system::Epoll;

use super::{MESSAGE, message};

/// A small datagram takes more than 1 KiB of the 208 KiB that a socket's buffer has by default: 200 are too many.
const MOST: usize = 100;

pub(super) struct Datagrams {
    epoll: Epoll,
    sockets: Vec<Asking>,
}

struct Asking {
    socket: UdpSocket,
    sequence: u64,
    sent: [u8; MESSAGE],
}

impl Datagrams {
    pub(super) fn connect(port: u16, count: usize) -> Result<Self> {
        if count > MOST {
            return Err(
                format!("more than {MOST} datagrams under way may be lost on loopback").into(),
            );
        }
        let epoll = Epoll::new()?;
        let sockets = (0..count).map(|index| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect((Ipv4Addr::LOCALHOST, port))?;
            let mut asking = Asking {
                socket,
                sequence: 0,
                sent: [0; MESSAGE],
            };
            // It shows that the server has begun its work.
            asking.ask(index)?;
            asking.hear(index)?;
            asking.socket.set_nonblocking(true)?;
            epoll.add_readable(asking.socket.as_raw_fd(), index)?;
            Ok(asking)
        });
        let sockets = sockets.collect::<Result<_>>()?;
        Ok(Self { epoll, sockets })
    }
}

impl Asking {
    fn ask(&mut self, index: usize) -> Result<()> {
        self.sequence += 1;
        self.sent = message(index as u64, self.sequence);
        self.socket.send(&self.sent)?;
        Ok(())
    }

    /// Receives once. Returns whether there was something.
    fn hear(&mut self, index: usize) -> Result<bool> {
        let mut buffer = [0; 2 * MESSAGE];
        match self.socket.recv(&mut buffer) {
            Ok(length) if buffer[..length] == self.sent => Ok(true),
            Ok(_) => Err(format!("the echo on socket {index} differs from what was sent").into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Load for Datagrams {
    /// The server has one socket for all.
    fn connections(&self) -> usize {
        0
    }

    fn run(&mut self, duration: Duration) -> Result<u64> {
        let deadline = Instant::now() + duration;
        for (index, asking) in self.sockets.iter_mut().enumerate() {
            asking.ask(index)?;
        }
        let mut under_way = self.sockets.len();
        let mut completed = 0;
        let mut answered = Vec::new();
        while under_way > 0 {
            let count = self.epoll.wait()?;
            let is_over = Instant::now() >= deadline;
            answered.clear();
            for event in 0..count {
                let index = self.epoll.event(event).token;
                if self.sockets[index].hear(index)? {
                    answered.push(index);
                }
            }
            completed += answered.len() as u64;
            if is_over {
                under_way -= answered.len();
                continue;
            }
            for &index in &answered {
                self.sockets[index].ask(index)?;
            }
        }
        Ok(completed)
    }
}
