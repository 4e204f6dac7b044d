//! How much one turn does, and how much of it for one connection.
//!
//! All that a turn works off is counted in units of 5 to 20 ns: bytes that are read, the messages and
//! requests in them, what groups deliver, calls, handshakes. When enough is done the turn ends, so
//! that what was written goes out and others are served; the rest is done in the turns that follow,
//! which do not sleep. So an answer waits for a few ms of other connections' work, however much they ask
//! for.
//!
//! ```text
//!  0 ──────────────────────────────────────────────────────────▶ TURN ─────▶
//!    calls  tasks │ events: SHARE, SHARE, …   those in line     │ at least LEAST for each
//!                 │ and those that used their share, again      │ kind of work that is left
//! ```
//!
//! Work is counted and not timed, so that a simulation does the same each time; and to read the clock
//! for each message would take longer than many a message does.

use std::cell::Cell;

/// How much a turn does: 1 to 5 ms, at 5 to 20 ns a unit.
pub(crate) const TURN: usize = 256 << 10;

/// What is done for a connection before those behind it have had as much: 64 shares are a turn.
const SHARE: usize = 4 << 10;

/// What is done of each kind of work, calls and reading and timers, when others have used up the turn.
pub(crate) const LEAST: usize = TURN / 8;

/// Looking at a connection, in addition to its bytes, of which each is a unit.
pub(crate) const READ: usize = 64;

/// A message that a framing finds, or another piece of what was read.
pub(crate) const MESSAGE: usize = 4;

/// A request that a site answers.
#[cfg(feature = "http")]
pub(crate) const REQUEST: usize = 128;

/// A call of `call_soon`, of another thread, of a handle or a timer, or a task that is polled.
pub(crate) const CALL: usize = 32;

/// An accepted connection.
pub(crate) const ACCEPT: usize = 256;

/// What a layer answers of its own accord: keys are exchanged, and signed.
pub(crate) const HANDSHAKE: usize = 8 << 10;

/// Bytes that are copied for one unit, to a block and then to a socket.
pub(crate) const COPIED: usize = 4;

/// The work of one turn. All connections of a loop share it.
#[derive(Debug)]
pub(crate) struct Budget {
    spent: Cell<usize>,
    /// Where the kind of work ends that is being done.
    phase_ends: Cell<usize>,
    /// Where the share of the connection ends that is being served.
    share_ends: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            spent: Cell::new(0),
            phase_ends: Cell::new(TURN),
            share_ends: Cell::new(usize::MAX),
        }
    }
}

impl Budget {
    pub(crate) fn begin_turn(&self) {
        self.spent.set(0);
    }

    /// Between turns no share ends: no turn would go on with what is kept.
    pub(crate) fn end_turn(&self) {
        self.share_ends.set(usize::MAX);
    }

    /// Begins another kind of work, of which at least `least` is done in every turn. `uncounted` is work
    /// of this turn that was not charged.
    pub(crate) fn begin_phase(&self, least: usize, uncounted: usize) {
        let done = self.spent.get() + uncounted; // a kind that comes late still has its least
        self.phase_ends.set(TURN.max(done + least));
        self.share_ends.set(self.phase_ends.get());
    }

    /// Begins to serve another connection.
    #[inline]
    pub(crate) fn begin_share(&self) {
        let ends = self.spent.get() + SHARE; // not beyond the phase: the last one gets what is left
        self.share_ends.set(ends.min(self.phase_ends.get()));
    }

    /// Begins to serve another connection, with work that is always done for it.
    #[inline]
    pub(crate) fn begin_share_with(&self, units: usize) {
        self.spent.set(self.spent.get() + units);
        self.begin_share();
    }

    /// Counts work that was done. Returns whether it was enough for the connection that is served.
    #[inline]
    pub(crate) fn charge(&self, units: usize) -> bool {
        let spent = self.spent.get() + units;
        self.spent.set(spent);
        spent >= self.share_ends.get()
    }

    /// Whether enough was done of this kind of work, with `uncounted` that was not charged.
    #[inline]
    pub(crate) fn is_spent(&self, uncounted: usize) -> bool {
        self.spent.get() + uncounted >= self.phase_ends.get()
    }
}
