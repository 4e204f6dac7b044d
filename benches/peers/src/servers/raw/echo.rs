//! Sends back what it reads, and reads no more from whoever does not take it.

use std::io;
use std::os::fd::RawFd;

use comparison::raw::{Readable, Service, Unsent};
use comparison::system::{self, Event};

/// The connections, by descriptor.
#[derive(Default)]
pub(super) struct Echo {
    connections: Vec<Option<Connection>>,
}

#[derive(Default)]
struct Connection {
    readable: Readable,
    unsent: Unsent,
}

#[derive(PartialEq, Eq)]
enum Progress {
    /// Nothing more to do until the next edge.
    Waiting,
    Ended,
}

impl Service for Echo {
    fn connected(&mut self, socket: RawFd) {
        let index = socket as usize;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Connection::default());
    }

    fn ready(&mut self, socket: RawFd, event: Event, buffer: &mut [u8]) {
        let slot = &mut self.connections[socket as usize];
        let Some(connection) = slot else { return };
        connection.readable.note(event);
        if !matches!(connection.proceed(socket, buffer), Ok(Progress::Waiting)) {
            *slot = None;
            system::close(socket);
        }
    }
}

impl Connection {
    fn proceed(&mut self, socket: RawFd, buffer: &mut [u8]) -> io::Result<Progress> {
        loop {
            if !self.unsent.is_empty() {
                self.unsent.flush(socket)?;
                if !self.unsent.is_empty() {
                    return Ok(Progress::Waiting);
                }
            }
            match self.readable.receive(socket, buffer)? {
                None => return Ok(Progress::Waiting),
                Some(0) => return Ok(Progress::Ended),
                Some(length) => self.unsent.send(socket, &buffer[..length])?,
            }
        }
    }
}
