//! How much may wait for peers, over all connections together.
//!
//! Each connection has limits of its own, but ten thousand that stay below them are ten GiB. Above a
//! limit for all, those connections are lost that have let most bytes wait for the longest time: what
//! their sockets were offered and have left, times how long ago they last took some. So a slow peer
//! that reads outlives one that does not, and a large backlog that moves one that does not.
//!
//! Others are not made to wait. They would be those whose peers do read, and one client with many
//! connections that it does not read could hold up everybody for as long as it likes.
//!
//! What is left is counted when it changes, at the end of a flush that a socket did not take whole;
//! connections are looked through only above the limit, and then an eighth is made free at a time.
//!
//! What a turn writes lies in memory until the turn ends and the sockets were offered it. So a turn
//! that writes without end is stopped, see [`Transport::write`](crate::Transport::write).

use crate::engine::table::Token;
use crate::reactor::{Occupant, Reactor};
use crate::reason::Reason;

impl Reactor {
    /// Limits the bytes that all connections together may have unsent; 256 MiB by default.
    ///
    /// When their peers have left more of what they were offered, connections are dropped with
    /// [`Reason::TotalOverflow`](crate::Reason::TotalOverflow) until an eighth is free again: first the
    /// one with most bytes for the longest time, that is the product of what its peer has left and of
    /// how long it has taken nothing. Nobody else is made to wait.
    ///
    /// One turn may write as much again before any of it could be offered to a socket. A connection
    /// that is written to beyond that is dropped with
    /// [`Reason::TurnOverflow`](crate::Reason::TurnOverflow). Write so much in pieces, each when
    /// [`writing_resumed`](crate::Protocol::writing_resumed) says that there is room. A message to a
    /// [`Group`](crate::Group) counts once in the turn that writes it, and then for each member whose
    /// peer has left it.
    ///
    /// The memory that the operating system has for sockets is not counted: on Linux up to 4 MiB more
    /// for each peer that does not read.
    pub fn set_unsent_limit(&self, bytes: usize) {
        self.0.requests.blocks.set_limit(bytes);
    }

    /// Loses connections while too much waits for all peers together.
    #[inline]
    pub(crate) fn relieve(&self) {
        let blocks = &self.0.requests.blocks;
        if blocks.left() > blocks.limit() {
            self.make_room();
        }
    }

    #[cold]
    fn make_room(&self) {
        let blocks = &self.0.requests.blocks;
        let limit = blocks.limit();
        let mut waiting = self.backlogs();
        while blocks.left() > limit - limit / 8
            && let Some((_, token)) = waiting.pop()
        {
            let Some(Occupant::Connection(mut connection)) = self.take(token) else {
                continue;
            };
            let unsent = connection.transport.left();
            connection.fail(Reason::TotalOverflow { limit, unsent });
            self.lose(&mut connection);
            self.put_connection(connection);
        }
    }

    /// Who has left something, the one with most bytes for the longest time last.
    fn backlogs(&self) -> Vec<(u128, Token)> {
        let now = self.0.requests.turn_time();
        let mut table = self.0.table.borrow_mut();
        let mut backlogs = Vec::new();
        for token in table.tokens() {
            let Some(Occupant::Connection(connection)) = table.peek(token) else {
                continue;
            };
            let transport = &connection.transport;
            let waits = now.saturating_duration_since(transport.taken_at());
            if transport.left() > 0 {
                let bytes = transport.left() as u128;
                backlogs.push((bytes * (1 + waits.as_nanos()), token));
            }
        }
        backlogs.sort_by_key(|(backlog, _)| *backlog);
        backlogs
    }
}
