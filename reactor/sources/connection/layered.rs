//! The layers of a connection, with what is under way between them and their neighbours.

use crate::layer::Layers;
use crate::unsent::Unsent;

/// The layers, and what they have made for the socket.
#[derive(Default)]
pub(super) struct Layered {
    pub(super) layers: Layers,
    pub(super) wire: Unsent,
    /// What has passed up and was not delivered: while reading was paused, or before every layer that
    /// was pushed was in place.
    pub(super) kept: Vec<u8>,
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
