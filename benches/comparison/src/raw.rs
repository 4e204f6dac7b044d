//! The reference: a loop on epoll itself with every good habit and nothing else.
//!
//! - Edge-triggered, registered once for both directions; closing takes a socket out.
//! - A read that did not fill the buffer has drained the socket, so the one that would say `EAGAIN`
//!   is not made — unless the event said that the peer closed: then the end of file is still to be
//!   read.
//! - What is called for each event is inlined into the servers, which are in other crates.
//! - One read buffer, 1,024 events a wait, and a send at once: only what the socket does not take is
//!   copied.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};

use crate::system::{self, Epoll, Event, would_block};
use crate::{READ_BUFFER, Result, announce};

/// What a server does with its connections. A connection is known by its descriptor, as in the
/// kernel.
pub trait Service {
    /// A wait has brought events.
    fn turn_began(&mut self) {}

    fn connected(&mut self, socket: RawFd);

    /// Something happened to the socket. It may be a successor of the one that is meant, if that
    /// one was closed in the same turn; then there is nothing to read and nothing is lost.
    fn ready(&mut self, socket: RawFd, event: Event, buffer: &mut [u8]);

    fn turn_ended(&mut self) {}
}

pub fn serve(mut service: impl Service) -> Result<()> {
    let listener = system::listen()?;
    let mut epoll = Epoll::new()?;
    let listening = listener.as_raw_fd();
    epoll.add(listening, listening as usize)?;
    announce(listener.local_addr()?)?;
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let count = epoll.wait()?;
        service.turn_began();
        for index in 0..count {
            let event = epoll.event(index);
            let socket = event.token as RawFd;
            if socket == listening {
                accept_all(&listener, &epoll, &mut service)?;
            } else {
                service.ready(socket, event, &mut buffer);
            }
        }
        service.turn_ended();
    }
}

/// Takes connections until there are none, because no new edge comes for those that are left.
fn accept_all(listener: &TcpListener, epoll: &Epoll, service: &mut impl Service) -> io::Result<()> {
    loop {
        match system::accept(listener.as_raw_fd()) {
            Ok(socket) => {
                service.connected(socket);
                epoll.add(socket, socket as usize)?;
            }
            Err(error) if would_block(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is known of a socket's readability between two edges.
#[derive(Default)]
pub struct Readable {
    /// There may be something to read.
    now: bool,
    /// The end of file or an error was announced, and does not announce itself again.
    closed: bool,
}

impl Readable {
    #[inline]
    pub fn note(&mut self, event: Event) {
        self.now |= event.is_readable();
        self.closed |= event.is_read_closed();
    }

    /// Reads once. `None`: there is nothing more until the next edge; `Some(0)`: the end.
    #[inline]
    pub fn receive(&mut self, socket: RawFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.now {
            return Ok(None);
        }
        match system::receive(socket, buffer) {
            Ok(length) => {
                self.now = length == buffer.len() || self.closed;
                Ok(Some(length))
            }
            Err(error) if would_block(&error) => {
                self.now = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What a socket did not take, until it is writable again. Holds no memory while there is nothing.
#[derive(Default)]
pub struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

impl Unsent {
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Sends at once when nothing is waiting, and keeps what the socket does not take.
    #[inline]
    pub fn send(&mut self, socket: RawFd, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.is_empty() {
            send_some(socket, bytes)?
        } else {
            0
        };
        if sent < bytes.len() {
            self.bytes.extend_from_slice(&bytes[sent..]);
        }
        Ok(())
    }

    /// Sends what waits. There must be something, or the empty send would look like progress.
    #[inline]
    pub fn flush(&mut self, socket: RawFd) -> io::Result<()> {
        self.sent += send_some(socket, &self.bytes[self.sent..])?;
        if self.sent == self.bytes.len() {
            *self = Self::default();
        }
        Ok(())
    }
}

/// Sends once. After a short send the kernel announces when there is room again.
#[inline]
fn send_some(socket: RawFd, bytes: &[u8]) -> io::Result<usize> {
    match system::send(socket, bytes) {
        Err(error) if would_block(&error) => Ok(0),
        result => result,
    }
}
