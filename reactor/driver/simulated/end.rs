//! One end of a connection: two buffers and how far its life has come.
//!
//! ```text
//!   write ──▶ sent ═══ on the way ═══▶ arrived ──▶ read
//!             (this end)               (the other end)
//! ```
//!
//! What was written stays in `sent` until it has arrived; there is no third place. What an owner
//! is to be told collects in `news`, so that several things reach it in one event, as with epoll.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::driver::Readiness;
use crate::engine::table::Token;

/// Names an end, for ever.
pub(crate) type EndId = u64;

/// Who holds an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The reactor, which gets events under this token.
    Loop(Token),
    /// A test, which reads all that comes at once, or not.
    Script { reads: bool },
    /// A port has it until it is accepted.
    Backlog,
    /// It was closed; what it sent before still arrives.
    Nobody,
}

/// The sending half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Open,
    /// No more is written. The end of the stream follows the last byte.
    Shut,
    /// The end of the stream has arrived too.
    Over,
}

#[derive(Debug)]
pub(super) struct End {
    /// The other end, which may be gone.
    pub(super) other: EndId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) owner: Owner,
    pub(super) established: bool,
    pub(super) arrived: VecDeque<u8>,
    /// How many bytes `arrived` holds.
    pub(super) window: usize,
    /// How much room there must be before the other end hears of any, once it had none.
    pub(super) window_step: usize,
    /// The other end knows of no room.
    pub(super) is_shut: bool,
    pub(super) sent: VecDeque<u8>,
    /// How many bytes `sent` holds.
    pub(super) capacity: usize,
    /// A write came short; an event is due when there is room again.
    pub(super) wants_room: bool,
    /// A segment of `sent` is on the agenda.
    pub(super) carrying: bool,
    pub(super) sending: Sending,
    /// The other end's end of stream has arrived.
    pub(super) read_closed: bool,
    /// Both halves are gone.
    pub(super) broken: bool,
    /// Why, until somebody has asked.
    pub(super) error: Option<io::ErrorKind>,
    pub(super) reset_on_close: bool,
    /// A close never resets it, and what was sent before still arrives.
    pub(super) is_pipe: bool,
    /// The cable is cut: nothing arrives, in either direction, and nobody is told.
    pub(super) vanished: bool,
    /// How long after that the owner is told all the same.
    pub(super) keepalive: Option<Duration>,
    /// What the owner has not been told.
    pub(super) news: Readiness,
    /// All that a test's end has read.
    pub(super) log: Vec<u8>,
}

impl End {
    pub(super) fn new(owner: Owner, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            other: 0,
            local,
            remote,
            owner,
            established: false,
            arrived: VecDeque::new(),
            window: 0,
            window_step: 0,
            is_shut: false,
            sent: VecDeque::new(),
            capacity: 0,
            wants_room: false,
            carrying: false,
            sending: Sending::Open,
            read_closed: false,
            broken: false,
            error: None,
            reset_on_close: false,
            is_pipe: false,
            vanished: false,
            keepalive: None,
            news: Readiness::default(),
            log: Vec::new(),
        }
    }

    /// Room for another segment, as far as the other end knows. It hears that there is some again
    /// when there is enough.
    pub(super) fn window_left(&mut self) -> usize {
        if self.owner == (Owner::Script { reads: true }) {
            return usize::MAX;
        }
        let room = self.window.saturating_sub(self.arrived.len());
        self.is_shut = match self.is_shut {
            true => room < self.window_step.min(self.window),
            false => room == 0,
        };
        if self.is_shut { 0 } else { room }
    }

    /// What is true now. Linux says that there is room again when a third of the buffer is free.
    pub(super) fn level(&self) -> Readiness {
        if !self.established && !self.broken {
            return Readiness::default();
        }
        let room = self.capacity - self.sent.len().min(self.capacity);
        let both_over = self.read_closed && self.sending != Sending::Open;
        let read_closed = self.read_closed || self.broken;
        let writable = room >= self.capacity.div_ceil(3) || self.broken;
        Readiness::READABLE.when(read_closed || !self.arrived.is_empty())
            | Readiness::WRITABLE.when(writable)
            | Readiness::READ_CLOSED.when(read_closed)
            | Readiness::BROKEN.when(self.broken || both_over)
    }

    /// Whether its close resets the connection: asked for, or because bytes were left unread.
    pub(super) fn is_reset_by_close(&self) -> bool {
        let loses = self.reset_on_close || !self.arrived.is_empty() || !self.established;
        loses && !self.is_pipe
    }

    /// Whether its owner may write.
    pub(super) fn sends(&self) -> bool {
        self.sending == Sending::Open
    }

    /// The error that a call is to fail with before it looks at the bytes, once.
    pub(super) fn take_error(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }

    /// Bytes that have arrived come first, then a reset, then the end.
    pub(super) fn read(&mut self, buffer: &mut [u8], keep: bool) -> io::Result<usize> {
        if self.arrived.is_empty() {
            self.take_error()?;
            return match () {
                () if self.read_closed || self.broken => Ok(0),
                () if !self.established => Err(io::ErrorKind::NotConnected.into()),
                () => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let count = copy_front(&self.arrived, buffer);
        if !keep {
            self.arrived.drain(..count);
        }
        Ok(count)
    }

    /// A test's end reads everything that has come.
    pub(super) fn read_all(&mut self) {
        let arrived = take_front(&mut self.arrived, usize::MAX);
        self.log.extend(arrived);
    }
}

/// Copies as many of the first bytes as there is room for, and returns how many.
fn copy_front(queue: &VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let (front, back) = queue.as_slices();
    let from_front = front.len().min(buffer.len());
    let from_back = back.len().min(buffer.len() - from_front);
    buffer[..from_front].copy_from_slice(&front[..from_front]);
    buffer[from_front..from_front + from_back].copy_from_slice(&back[..from_back]);
    from_front + from_back
}

/// Takes at most so many of the first bytes.
pub(super) fn take_front(queue: &mut VecDeque<u8>, at_most: usize) -> Vec<u8> {
    let mut bytes = vec![0; queue.len().min(at_most)];
    let count = copy_front(queue, &mut bytes);
    queue.drain(..count);
    bytes
}
