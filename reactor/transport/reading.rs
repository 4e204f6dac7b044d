//! Whether a connection is read, and why not: each pause belongs to who made it.

use std::cell::Cell;

use super::Transport;

/// Why a connection is not read. It is read again when none of the reasons is left, so that no one
/// who ends a pause ends that of another.
#[derive(Default)]
pub(super) struct Reading {
    /// How many reasons there are: those below, and each listener of a group that is behind with what
    /// this connection said. It is asked for each message.
    reasons: Cell<u32>,
    /// The protocol asked for it, with `pause_reading`.
    paused: Cell<bool>,
    /// The protocol reads no more until the peer has taken what was written.
    until_sent: Cell<bool>,
    /// It has had its share of the turn.
    yielded: Cell<bool>,
    /// A reason has ended, and the protocol was not told.
    resumed: Cell<Resumed>,
    /// What the protocol was last told of.
    told: Cell<Resumed>,
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

impl Reading {
    #[inline]
    fn is_on(&self) -> bool {
        self.reasons.get() == 0
    }

    /// Returns whether the reason is new.
    fn begin(&self, reason: &Cell<bool>) -> bool {
        let begins = !reason.replace(true);
        self.reasons.set(self.reasons.get() + u32::from(begins));
        begins
    }

    /// Returns whether there was this reason.
    fn end(&self, reason: &Cell<bool>) -> bool {
        let ends = reason.replace(false);
        self.reasons.set(self.reasons.get() - u32::from(ends));
        ends
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
        let reading = &self.0.reading;
        reading.begin(&reading.paused);
    }

    /// Ends the pause that [`pause_reading`](Self::pause_reading) began, and no other. What came
    /// meanwhile is delivered from the next turn on.
    pub fn resume_reading(&self) {
        let reading = &self.0.reading;
        if reading.end(&reading.paused) {
            self.reading_goes_on();
        }
    }

    /// Delivers nothing until the peer has taken what was written, down to
    /// [`Limits::low_water`](crate::Limits::low_water). This is what
    /// [`writing_paused`](crate::Protocol::writing_paused) does by default; outside of the time
    /// between that and `writing_resumed` it does nothing. It ends by itself, just before
    /// `writing_resumed`, and leaves a pause of the protocol's own alone.
    pub fn pause_reading_until_sent(&self) {
        if self.0.above_high_water.get() {
            let reading = &self.0.reading;
            reading.begin(&reading.until_sent);
        }
    }

    /// Whether bytes are delivered: reading is neither paused, nor held back until the peer or the
    /// slow listeners of a [`Group`](crate::Group) have taken what was written, nor until others have had
    /// their share of the turn, nor over because the connection ends.
    #[must_use]
    #[inline]
    pub fn is_reading(&self) -> bool {
        self.0.reading.is_on() && self.is_open()
    }
}

/// What others do to it.
impl Transport {
    /// The peer has taken what was written.
    pub(super) fn is_sent(&self) {
        let reading = &self.0.reading;
        if reading.end(&reading.until_sent) {
            self.reading_goes_on();
        }
    }

    /// Counts work that was done for what the peer has sent. When it has had its share of the turn,
    /// nothing is delivered until others have had theirs.
    #[inline]
    pub(crate) fn charge(&self, units: usize) {
        if self.0.requests.budget.charge(units) {
            self.yields();
        }
    }

    #[cold]
    fn yields(&self) {
        let reading = &self.0.reading;
        if self.is_open() && reading.begin(&reading.yielded) {
            self.0.requests.yields(self.token());
        }
    }

    /// Whether others come first.
    #[inline]
    pub(crate) fn has_yielded(&self) -> bool {
        self.0.reading.yielded.get()
    }

    /// Others have had their share.
    pub(crate) fn ends_yielding(&self) {
        let reading = &self.0.reading;
        reading.end(&reading.yielded);
        if reading.resumed.get() == Resumed::None {
            reading.resumed.set(Resumed::Yielding);
        }
    }

    /// One more listener is behind with what this connection said.
    pub(super) fn waits_for_a_listener(&self) {
        let reasons = &self.0.reading.reasons;
        reasons.set(reasons.get() + 1);
    }

    /// One of the listeners has caught up, or is not waited for any more.
    pub(super) fn a_listener_lets_go(&self) {
        let reasons = &self.0.reading.reasons;
        reasons.set(reasons.get() - 1);
        self.reading_goes_on();
    }

    fn reading_goes_on(&self) {
        self.0.reading.resumed.set(Resumed::Pause);
        self.ask_for_more();
    }

    /// Whether reading goes on after a pause, and this was not asked before.
    #[inline]
    pub(crate) fn has_resumed(&self) -> bool {
        let resumed = &self.0.reading.resumed;
        let has_resumed = resumed.get() != Resumed::None && self.is_reading();
        if has_resumed {
            self.0.reading.told.set(resumed.take());
        }
        has_resumed
    }

    /// Whether what resumes is no pause, but a share of the turn after those of others. A protocol that
    /// is inside another one need not know.
    pub(crate) fn has_only_yielded(&self) -> bool {
        self.0.reading.told.get() == Resumed::Yielding
    }
}
