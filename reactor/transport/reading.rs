//! Whether a connection is read, and why not: each pause belongs to who made it.

use std::cell::Cell;

use super::Transport;

/// Why a connection is not read. It is read again when none of the reasons is left, so that no one
/// who ends a pause ends that of another.
#[derive(Default)]
pub(super) struct Reading {
    /// The protocol asked for it, with `pause_reading`.
    paused: Cell<bool>,
    /// The protocol reads no more until the peer has taken what was written.
    until_sent: Cell<bool>,
    /// So many listeners of groups are behind with what this connection said.
    listeners: Cell<u32>,
    /// A reason has ended, and the protocol was not told.
    resumed: Cell<bool>,
}

impl Reading {
    #[inline]
    fn is_on(&self) -> bool {
        !self.paused.get() && !self.until_sent.get() && self.listeners.get() == 0
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
        self.0.reading.paused.set(true);
    }

    /// Ends the pause that [`pause_reading`](Self::pause_reading) began, and no other. What came
    /// meanwhile is delivered from the next turn on.
    pub fn resume_reading(&self) {
        if self.0.reading.paused.replace(false) {
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
            self.0.reading.until_sent.set(true);
        }
    }

    /// Whether bytes are delivered: reading is neither paused, nor held back until the peer or the
    /// slow listeners of a [`Group`](crate::Group) have taken what was written, nor over because the
    /// connection ends.
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
        if self.0.reading.until_sent.replace(false) {
            self.reading_goes_on();
        }
    }

    /// One more listener is behind with what this connection said.
    pub(super) fn waits_for_a_listener(&self) {
        let listeners = &self.0.reading.listeners;
        listeners.set(listeners.get() + 1);
    }

    /// One of the listeners has caught up, or is not waited for any more.
    pub(super) fn a_listener_lets_go(&self) {
        let listeners = &self.0.reading.listeners;
        listeners.set(listeners.get() - 1);
        self.reading_goes_on();
    }

    fn reading_goes_on(&self) {
        self.0.reading.resumed.set(true);
        self.ask_for_more();
    }

    /// Whether reading goes on after a pause, and this was not asked before.
    #[inline]
    pub(crate) fn has_resumed(&self) -> bool {
        let resumed = &self.0.reading.resumed;
        resumed.get() && self.is_reading() && resumed.replace(false)
    }
}
