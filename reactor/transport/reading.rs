//! Whether a connection is read, and why not: each pause is ended only by what began it.

use std::cell::Cell;

use super::Transport;

/// Why a connection is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Hold {
    /// The protocol asked for it, with `pause_reading`.
    Paused = 1,
    /// The protocol reads no more until the peer has taken what was written.
    UntilSent = 2,
    /// It has had its share of the turn.
    Yielded = 4,
    /// Listeners of a group are behind with what this connection has written.
    ListenersBehind = 8,
    /// Its end has begun: nothing is delivered any more. Never taken back.
    Ending = 16,
}

/// Whether a connection is read: when no reason against it is left. Each reason is taken back by itself,
/// so to end one pause does not end another.
#[derive(Default)]
pub(super) struct Gate {
    /// The reasons, a bit each, so that asking for all of them, which is done for each message, is one
    /// comparison.
    holds: Cell<u8>,
    /// How many listeners are behind.
    listeners: Cell<u32>,
    /// A reason has ended, and the protocol was not notified.
    resumed: Cell<Resumed>,
    /// What the protocol was last notified of.
    notified: Cell<Resumed>,
}

/// Which of the reasons has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Resumed {
    #[default]
    None,
    /// Only that others had to have their share of the turn.
    Yielding,
    /// A pause, whosever it was.
    Pause,
}

impl Gate {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.holds.get() == 0
    }

    fn has(&self, hold: Hold) -> bool {
        self.holds.get() & hold as u8 != 0
    }

    /// Returns whether the reason is new.
    pub(super) fn hold(&self, hold: Hold) -> bool {
        let is_new = !self.has(hold);
        self.holds.set(self.holds.get() | hold as u8);
        is_new
    }

    /// Returns whether there was this reason.
    fn release(&self, hold: Hold) -> bool {
        let was_there = self.has(hold);
        self.holds.set(self.holds.get() & !(hold as u8));
        was_there
    }

    /// What must hold of the reasons, whatever happens.
    pub(super) fn check(&self, delivers: bool, is_above_high_water: bool) {
        let is_behind = self.has(Hold::ListenersBehind);
        assert_eq!(is_behind, self.listeners.get() > 0, "listeners are counted");
        assert_eq!(
            self.has(Hold::Ending),
            !delivers,
            "what ends is not delivered to"
        );
        let ends_by_itself = is_above_high_water || !self.has(Hold::UntilSent);
        assert!(
            ends_by_itself,
            "a pause until all is sent ends at the low mark"
        );
    }
}

/// What a protocol may ask for.
impl Transport {
    /// Delivers nothing until [`resume_reading`](Self::resume_reading). The peer can send no more
    /// than the operating system's buffers hold. A reset is noticed all the same, and so is the end
    /// of the peer's stream when no bytes lie before it; behind bytes it waits as they do.
    ///
    /// Nothing but `resume_reading` ends this pause.
    pub fn pause_reading(&self) {
        self.0.gate.hold(Hold::Paused);
    }

    /// Ends the pause that [`pause_reading`](Self::pause_reading) began, and no other. What came during
    /// it is delivered from the next turn on.
    pub fn resume_reading(&self) {
        if self.0.gate.release(Hold::Paused) {
            self.resume();
        }
    }

    /// Delivers nothing until the peer has taken what was written, down to
    /// [`Limits::low_water`](crate::Limits::low_water). This is what
    /// [`writing_paused`](crate::Protocol::writing_paused) does by default; outside of the time
    /// between that and `writing_resumed` it does nothing. It ends by itself, just before
    /// `writing_resumed`, and leaves a pause of the protocol's own alone.
    pub fn pause_reading_until_sent(&self) {
        if self.0.above_high_water.get() {
            self.0.gate.hold(Hold::UntilSent); // below it no `writing_resumed` would end this
        }
    }

    /// Whether bytes are delivered: reading is neither paused, nor held back until the peer or the
    /// slow listeners of a [`Group`](crate::Group) have taken what was written, nor until others have had
    /// their share of the turn, nor over because the connection ends.
    #[must_use]
    #[inline]
    pub fn is_reading(&self) -> bool {
        self.0.gate.is_open()
    }

    // What others do to it.

    /// Ends a pause that lasts until the peer has taken what was written.
    pub(super) fn resume_when_sent(&self) {
        if self.0.gate.release(Hold::UntilSent) {
            self.resume();
        }
    }

    /// Counts work that was done for what the peer has sent. When it has had its share of the turn,
    /// nothing is delivered until others have had theirs.
    #[inline]
    pub(crate) fn charge(&self, units: usize) {
        if self.0.loop_side.budget.charge(units) {
            self.yield_turn();
        }
    }

    #[cold]
    fn yield_turn(&self) {
        if self.is_open() && self.0.gate.hold(Hold::Yielded) {
            self.0.loop_side.yields(self.token()); // once, though it may go on and charge again
        }
    }

    /// Whether others come first.
    #[inline]
    pub(crate) fn has_yielded(&self) -> bool {
        self.0.gate.has(Hold::Yielded)
    }

    /// Others have had their share.
    pub(crate) fn end_yielding(&self) {
        let gate = &self.0.gate;
        gate.release(Hold::Yielded);
        if gate.resumed.get() == Resumed::None {
            gate.resumed.set(Resumed::Yielding); // the end of a pause would be the stronger news
        }
    }

    /// One more listener is behind with what this connection has written.
    pub(super) fn wait_for_listener(&self) {
        let gate = &self.0.gate;
        gate.listeners.set(gate.listeners.get() + 1);
        gate.hold(Hold::ListenersBehind);
    }

    /// One of the listeners has caught up, or is not waited for any more.
    pub(super) fn release_from_listener(&self) {
        let gate = &self.0.gate;
        gate.listeners.set(gate.listeners.get() - 1);
        if gate.listeners.get() == 0 {
            gate.release(Hold::ListenersBehind);
            self.resume();
        }
    }

    fn resume(&self) {
        self.0.gate.resumed.set(Resumed::Pause); // noted, since a callback may be running
        self.ask_for_more();
    }

    /// Whether reading goes on after a pause and the protocol is still to be notified; the caller does.
    #[inline]
    pub(crate) fn take_resumed(&self) -> bool {
        let gate = &self.0.gate;
        let has_resumed = gate.resumed.get() != Resumed::None && gate.is_open();
        if has_resumed {
            gate.notified.set(gate.resumed.take());
        }
        has_resumed
    }

    /// Whether what resumes is no pause, but a share of the turn after those of others. A protocol that
    /// is inside another one need not know.
    pub(crate) fn has_only_yielded(&self) -> bool {
        self.0.gate.notified.get() == Resumed::Yielding
    }
}
