//! How much a connection may hold, and how long it may take.

use std::time::Duration;

/// The limits of each connection of a factory, and of how many its port has.
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
    /// Unsent bytes, left over when the socket would take no more, above which another write drops the
    /// connection with [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow). What was not offered
    /// to the socket yet does not count, so any number of writes of any size is taken in one callback
    /// while the peer keeps up: a connection never holds more than this and what one turn writes.
    ///
    /// The operating system has a buffer of its own for each connection, which is not counted here:
    /// with Linux's defaults about 4 MiB for a peer that does not read, taken from the memory that
    /// `net.ipv4.tcp_mem` sets aside.
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
    /// How long a peer may be silent, or not acknowledge what was sent to it, until the system asks
    /// it in vain whether it is still there and the connection is lost with
    /// [`Reason::PeerVanished`](crate::Reason::PeerVanished). `None`, the default, does not ask: a
    /// peer that loses its power or its network is then noticed only when something is sent to it,
    /// after a quarter of an hour or so.
    ///
    /// A peer that is there answers, so it may be silent for as long as it likes. One that leaves
    /// no room for what is sent for so long is lost, too. The system counts seconds, of which there
    /// should be some: two minutes are usual, and zero is a mistake. It costs no system call for a
    /// connection that a port accepts, where the system lets it inherit the options of the port.
    pub keepalive: Option<Duration>,
    /// How many connections a port with this factory has at the same time. Above it the port
    /// accepts nobody until one is lost; who waits is accepted then, in the order in which they
    /// came. To turn them away instead, wrap the factory in
    /// [`LimitTotalConnections`](crate::policies::LimitTotalConnections).
    ///
    /// `None`, the default, is three quarters of the file descriptors that the process may have when
    /// the port begins to listen, so that the clients of one port leave some for everything else.
    pub connections: Option<usize>,
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
            keepalive: None,
            connections: None,
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

    /// What is wrong with them for a port.
    pub(crate) fn mistake_to_listen(&self) -> Option<&'static str> {
        match self {
            Self {
                connections: Some(0),
                ..
            } => Some("Limits::connections is zero, so nobody could come"),
            other => other.mistake_in_keepalive(),
        }
    }

    /// What is wrong with them for an attempt to connect.
    pub(crate) fn mistake_to_connect(&self) -> Option<&'static str> {
        match self.connect.is_zero() {
            true => Some("Limits::connect is zero, which leaves no time to connect"),
            false => self.mistake_in_keepalive(),
        }
    }

    fn mistake_in_keepalive(&self) -> Option<&'static str> {
        let is_zero = self.keepalive.is_some_and(|time| time.is_zero());
        is_zero.then_some("Limits::keepalive is zero, so nobody could answer in time")
    }
}
