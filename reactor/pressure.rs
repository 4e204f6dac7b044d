//! How much may wait for peers, over all connections together.
//!
//! What a turn writes lies in memory until the turn ends and the sockets were offered it. So a turn
//! that writes without end is stopped, see [`Transport::write`](crate::Transport::write).

use crate::reactor::Reactor;

impl Reactor {
    /// Limits the bytes that are written to all connections together before any of them could be
    /// offered to a socket, so in one turn; 256 MiB by default.
    ///
    /// A connection that is written to beyond that is dropped with
    /// [`Reason::TurnOverflow`](crate::Reason::TurnOverflow). Write so much in pieces, each when
    /// [`writing_resumed`](crate::Protocol::writing_resumed) says that there is room. A message to a
    /// [`Group`](crate::Group) counts once.
    pub fn set_unsent_limit(&self, bytes: usize) {
        self.0.requests.blocks.set_limit(bytes);
    }
}
