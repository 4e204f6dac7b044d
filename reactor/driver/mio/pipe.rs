//! Pipes: a stream that is read from one descriptor and written to another, or only one of the two.
//!
//! Both are registered under the token of the connection. The end of the one is reported as if it were the
//! other's as well, which costs a read or a look that finds nothing.
//!
//! Where a file stands in the place of a pipe, as in `program < file`, the kernel refuses to watch it, since
//! it is always ready. Then it is read as one of which an event has said so.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use mio::Interest;
use mio::unix::pipe::{Receiver, Sender};

use super::lookahead::Lookahead;
use super::registrations::Registrations;
use crate::address::Address;
use crate::driver::{Readiness, Stream};
use crate::engine::table::Token;

/// A descriptor, and whether other processes have its description, too.
pub(super) struct Owned {
    descriptor: OwnedFd,
    is_shared: bool,
}

impl Owned {
    pub(super) fn alone(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            is_shared: false,
        }
    }

    pub(super) fn shared(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            is_shared: true,
        }
    }
}

pub(super) struct PipeStream {
    reader: Option<Receiver>,
    lookahead: Lookahead,
    writer: Option<Sender>,
    /// Whether reader and writer block again when they are closed, because others have them as well.
    reader_blocks: bool,
    writer_blocks: bool,
    /// What this process calls the other side.
    peer: Address,
}

impl PipeStream {
    /// What comes back is true already, and no event will report it.
    pub(super) fn register(
        reader: Option<Owned>,
        writer: Option<Owned>,
        peer: Address,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<(Self, Readiness)> {
        let mut early = Readiness::NONE;
        let reader_blocks = reader.as_ref().is_some_and(|reader| reader.is_shared);
        let writer_blocks = writer.as_ref().is_some_and(|writer| writer.is_shared);
        // Whole from the start, so that an error on the way leaves nothing that does not block.
        let mut stream = Self {
            reader: reader.map(|reader| Receiver::from(reader.descriptor)),
            lookahead: Lookahead::default(),
            writer: writer.map(|writer| Sender::from(writer.descriptor)),
            reader_blocks,
            writer_blocks,
            peer,
        };
        // Each by itself: a terminal is one file that both are, and would report everything twice.
        if let Some(reader) = &mut stream.reader {
            reader.set_nonblocking(true)?;
            if is_file(registrations.register_for(reader, token, Interest::READABLE))? {
                early.add(Readiness::READABLE | Readiness::READ_CLOSED);
            }
        }
        if let Some(writer) = &mut stream.writer {
            writer.set_nonblocking(true)?;
            is_file(registrations.register_for(writer, token, Interest::WRITABLE))?;
        }
        Ok((stream, early))
    }

    fn close_writer(&mut self) {
        if let Some(writer) = self.writer.take()
            && self.writer_blocks
        {
            let _ = writer.set_nonblocking(false); // fails on what is gone
        }
    }
}

impl Drop for PipeStream {
    fn drop(&mut self) {
        self.close_writer();
        if let Some(reader) = &self.reader
            && self.reader_blocks
        {
            let _ = reader.set_nonblocking(false);
        }
    }
}

/// Whether what cannot be watched is a file.
fn is_file(registered: io::Result<()>) -> io::Result<bool> {
    match registered {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        result => result.map(|()| false),
    }
}

impl Stream for PipeStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.reader {
            Some(reader) => self.lookahead.read(reader, buffer),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Some(writer) => writer.write(data),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.reader {
            Some(reader) => self.lookahead.peek(reader, buffer),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The close of the descriptor is what the reader at the other side sees.
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.close_writer();
        Ok(())
    }

    /// Of a pipe that is only written: its reader is gone, if an event says that anything is. Another one
    /// notices it at the next write.
    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        let is_written_only = self.reader.is_none() && self.writer.is_some();
        Ok(is_written_only.then(|| io::ErrorKind::BrokenPipe.into()))
    }

    fn peer_addr(&self) -> io::Result<Address> {
        Ok(self.peer.clone())
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.peer.clone())
    }

    /// There is no reset: who reads sees an end.
    fn reset_on_drop(&mut self) {}
}
