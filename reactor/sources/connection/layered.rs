//! The layers of a connection, with what is under way between them and their neighbours.

use crate::layers::Layers;
use crate::unsent::Unsent;

/// The layers, and what they have made for the socket.
#[derive(Default)]
pub(super) struct Layered {
    pub(super) layers: Layers,
    pub(super) wire: Unsent,
    /// What has passed up and was not delivered: while reading was paused, or before every layer that
    /// was pushed was in place.
    pub(super) kept: Vec<u8>,
    /// The peer of a handshake that has taken too long was given the turn in which what it had sent is
    /// read.
    pub(super) has_looked: bool,
}

impl Layered {
    pub(super) fn keeps_bytes(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What the layers have taken and the socket has not.
    pub(super) fn unsent(&self) -> usize {
        self.wire.len() + self.layers.held()
    }
}
