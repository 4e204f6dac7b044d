//! How much a connection may hold, and how long it may take.

use std::time::Duration;

/// The limits of one connection, given by its factory.
///
/// The defaults are meant for production. To change some of them, wrap the factory in
/// [`Factory::with_limits`](crate::Factory::with_limits):
///
/// ```
/// use reactor::Limits;
///
/// let patient = Limits { unsent: 8 << 20, ..Limits::default() };
/// ```
///
/// Of marks that contradict each other the lowest holds, so that one of them may be set alone:
/// `Limits { high_water: 1000, ..Limits::default() }` resumes at 1,000 bytes too, and with
/// `unsent: 1000` writing is paused above 1,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unsent bytes, left over when the socket would take no more, above which the protocol hears
    /// `writing_paused`. At most [`unsent`](Self::unsent).
    pub high_water: usize,
    /// Unsent bytes at or below which it hears `writing_resumed`. At most
    /// [`high_water`](Self::high_water).
    pub low_water: usize,
    /// Unsent bytes above which another write drops the connection with
    /// [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow). One write of any size is taken
    /// while the buffer is not above this limit, so a connection never holds more than this and
    /// one write.
    pub unsent: usize,
    /// How long, after `lose_connection`, the peer may go without taking a byte before the rest is
    /// dropped; and how long it may at most take to close its side once it has everything. Zero
    /// drops at once what the socket does not take.
    pub linger: Duration,
    /// How long those who talk to a [`Group`](crate::Group) are slowed down by a member that takes
    /// nothing, or less than 16 KiB in this time. Then it is not waited for, and dropped when its
    /// unsent bytes are above their limit. It should be longer than the steps in which a slow reader's
    /// system takes bytes, 64 KiB or more on one machine; see [`Group`](crate::Group) for what it costs.
    /// Zero waits for nobody.
    pub patience: Duration,
    /// How long an attempt to connect may take, name resolution and all addresses together. Zero is
    /// a mistake, with which every attempt fails.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            high_water: 64 << 10,
            low_water: 16 << 10,
            unsent: 1 << 20,
            linger: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            connect: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// These limits, with marks of which none is above the one that it has to come before: somebody
    /// who is told to go on above the mark at which one is told to stop would hear both in turns.
    pub(crate) fn in_order(mut self) -> Self {
        self.high_water = self.high_water.min(self.unsent);
        self.low_water = self.low_water.min(self.high_water);
        self
    }
}
