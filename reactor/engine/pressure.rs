//! How much may wait for peers, over all connections together.
//!
//! Each connection has limits of its own, but ten thousand that stay below them are ten GiB. Above a
//! limit for all, those connections are lost that have let most bytes wait for the longest time: what
//! their sockets were offered and have left, times how long ago they last took some. So a slow peer
//! that reads outlives one that does not, and a large backlog that moves one that does not.
//!
//! No connection is made to wait instead. That would hit those whose peers do read, and one client
//! that opens many connections and reads none of them could hold up all others for as long as it likes.
//!
//! What is left is counted when it changes, at the end of a flush that a socket did not take whole;
//! connections are looked through only above the limit, and then an eighth is made free at a time.
//!
//! What a turn writes lies in memory until the turn ends and the sockets were offered it. So a turn
//! that writes without end is stopped, see [`Transport::write`](crate::Transport::write).

use super::table::Token;
use super::{Engine, Stop};
use crate::reason::Reason;

impl Engine {
    /// Loses connections while too much waits for all peers together.
    #[inline]
    pub(super) fn relieve(&self) {
        let blocks = &self.loop_side.blocks;
        if blocks.left() > blocks.limit() {
            self.make_room();
        }
    }

    #[cold]
    fn make_room(&self) {
        let blocks = &self.loop_side.blocks;
        let limit = blocks.limit();
        // Sorting all connections is O(n log n), paid once for an eighth of the limit.
        let mut waiting = self.backlogs();
        while blocks.left() > limit - limit / 8
            && let Some((_, token)) = waiting.pop()
        {
            self.serve(token, |source| {
                let unsent = source.backlog().map_or(0, |(bytes, _)| bytes);
                source.stop(Stop::Aborted(Reason::TotalOverflow { limit, unsent }), self);
            });
        }
    }

    /// The sources with a backlog, the one with most bytes for the longest time last.
    fn backlogs(&self) -> Vec<(u128, Token)> {
        let now = self.loop_side.turn_nanos();
        let mut table = self.table.borrow_mut();
        let mut backlogs = Vec::new();
        for token in table.tokens() {
            let Some((bytes, since)) = table.peek(token).and_then(|source| source.backlog()) else {
                continue;
            };
            let waits = now.saturating_sub(since);
            // Plus one, so that bytes decide among those that have waited for no time yet.
            backlogs.push((bytes as u128 * (1 + u128::from(waits)), token));
        }
        backlogs.sort_by_key(|(backlog, _)| *backlog);
        backlogs
    }
}
