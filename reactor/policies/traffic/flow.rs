//! One connection in a traffic log: its ends, and how far each direction has come.

use std::cell::Cell;

use crate::address::Address;
use crate::connection_id::ConnectionId;
use crate::reason::Reason;
use crate::transport::Transport;

pub(super) struct Flow {
    pub(super) id: ConnectionId,
    /// Which connection of the log it is.
    pub(super) number: u32,
    pub(super) local: Address,
    pub(super) peer: Address,
    /// What this side has sent.
    pub(super) sent: Direction,
    pub(super) received: Direction,
}

#[derive(Default)]
pub(super) struct Direction {
    pub(super) bytes: Cell<u64>,
    pub(super) has_ended: Cell<bool>,
}

/// What happens on a connection.
pub(super) enum Happening<'a> {
    Opened,
    Received(&'a [u8]),
    Sent(&'a [u8]),
    /// The peer will send no more.
    PeerEnded,
    /// This side will send no more.
    Ended,
    Lost(&'a Reason),
}

impl Flow {
    pub(super) fn new(transport: &Transport, number: u32) -> Self {
        Self {
            id: transport.id(),
            number,
            local: transport.local_addr().clone(),
            peer: transport.peer_addr().clone(),
            sent: Direction::default(),
            received: Direction::default(),
        }
    }

    /// Counts what was logged.
    pub(super) fn count(&self, what: &Happening<'_>) {
        let add = |direction: &Direction, data: &[u8]| {
            direction
                .bytes
                .set(direction.bytes.get() + data.len() as u64);
        };
        match what {
            Happening::Received(data) => add(&self.received, data),
            Happening::Sent(data) => add(&self.sent, data),
            Happening::PeerEnded => self.received.has_ended.set(true),
            Happening::Ended => self.sent.has_ended.set(true),
            Happening::Opened | Happening::Lost(_) => {}
        }
    }
}
