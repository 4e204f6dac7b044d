//! A socket that moves no more bytes than its buckets have credit for.
//!
//! To the connection above it is a socket that is empty, or full, until more may be moved. So marks, groups,
//! layers and the end of a connection are as with a peer that is slow.

use std::io;
use std::rc::Rc;

use super::bucket::{Bucket, Place};
use crate::address::Address;
#[cfg(feature = "descriptors")]
use crate::address::Credentials;
use crate::driver::{Readiness, Stream};
use crate::engine::table::Token;

pub(super) struct ThrottledStream {
    stream: Box<dyn Stream>,
    token: Token,
    receiving: Option<Direction>,
    sending: Option<Direction>,
}

struct Direction {
    bucket: Rc<Bucket>,
    /// Set from when it gets in line until it has moved bytes.
    place: Option<Place>,
}

impl ThrottledStream {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        token: Token,
        receiving: Option<Rc<Bucket>>,
        sending: Option<Rc<Bucket>>,
    ) -> Self {
        let direction = |bucket| Direction {
            bucket,
            place: None,
        };
        Self {
            stream,
            token,
            receiving: receiving.map(direction),
            sending: sending.map(direction),
        }
    }
}

impl Direction {
    /// Moves as many of the `wanted` bytes as there is credit for.
    fn go(
        &mut self,
        stream: &mut dyn Stream,
        token: Token,
        what: Readiness,
        wanted: usize,
        go: impl FnOnce(&mut dyn Stream, usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let room = self.bucket.room(&mut self.place, token, wanted);
        if room == 0 && wanted > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let moved = go(stream, room);
        let bytes = *moved.as_ref().unwrap_or(&0);
        // One that another bucket holds back keeps its turn, or it would have to wait for both at once.
        if bytes > 0 || !stream.holds_back(what) {
            self.place = None;
        }
        self.bucket.spend(bytes);
        if bytes == room && room < wanted {
            // What the loop takes for an empty, or a full, socket may be neither, and no event will come.
            self.bucket.wait(&mut self.place, token);
        }
        moved
    }
}

impl Drop for Direction {
    fn drop(&mut self) {
        self.bucket.leave(self.place);
    }
}

#[deny(
    clippy::missing_trait_methods,
    reason = "what is not passed on would not reach the socket"
)]
impl Stream for ThrottledStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = &mut *self.stream;
        let Some(receiving) = &mut self.receiving else {
            return stream.read(buffer);
        };
        let wanted = buffer.len();
        let read = |stream: &mut dyn Stream, room| stream.read(&mut buffer[..room]);
        receiving.go(stream, self.token, Readiness::READABLE, wanted, read)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let stream = &mut *self.stream;
        let Some(sending) = &mut self.sending else {
            return stream.write(data);
        };
        let write = |stream: &mut dyn Stream, room| stream.write(&data[..room]);
        sending.go(stream, self.token, Readiness::WRITABLE, data.len(), write)
    }

    fn holds_back(&self, what: Readiness) -> bool {
        let waits =
            |direction: &Option<Direction>| direction.as_ref().is_some_and(|it| it.place.is_some());
        what.has(Readiness::READABLE) && waits(&self.receiving)
            || what.has(Readiness::WRITABLE) && waits(&self.sending)
            || self.stream.holds_back(what)
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        self.stream.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.stream.local_addr()
    }

    fn reset_on_drop(&mut self) {
        self.stream.reset_on_drop();
    }

    #[cfg(feature = "descriptors")]
    fn credentials(&self) -> Option<Credentials> {
        self.stream.credentials()
    }
}
