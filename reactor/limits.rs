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
/// let patient = Limits::default().unsent(8 << 20);
/// ```
///
/// Of marks that contradict each other the lowest holds, so that one of them may be set alone:
/// `Limits::default().high_water(1000)` resumes at 1,000 bytes too, and with `unsent(1000)` writing is
/// paused above 1,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    pub(crate) high_water: usize,
    pub(crate) low_water: usize,
    pub(crate) unsent: usize,
    pub(crate) linger: Duration,
    pub(crate) patience: Duration,
    pub(crate) connect: Duration,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) connections: Option<usize>,
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
    /// Unsent bytes, left over when the socket would take no more, above which the protocol is asked to
    /// pause writing (`writing_paused`): by default 64 KiB. At most [`unsent`](Self::unsent).
    #[must_use]
    pub fn high_water(mut self, bytes: usize) -> Self {
        self.high_water = bytes;
        self
    }

    /// Unsent bytes at or below which the protocol may write again (`writing_resumed`): by default
    /// 16 KiB. At most [`high_water`](Self::high_water).
    #[must_use]
    pub fn low_water(mut self, bytes: usize) -> Self {
        self.low_water = bytes;
        self
    }

    /// Unsent bytes, left over when the socket would take no more, above which another write drops the
    /// connection with [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow): by default 1 MiB.
    ///
    /// Bytes that were not offered to the socket yet do not count, so any number of writes of any size
    /// is accepted in one callback while the peer keeps up: a connection never holds more than this and
    /// what one turn writes.
    ///
    /// The operating system has a buffer of its own for each connection, which is not counted here:
    /// with Linux's defaults about 4 MiB for a peer that does not read, taken from the memory that
    /// `net.ipv4.tcp_mem` sets aside.
    #[must_use]
    pub fn unsent(mut self, bytes: usize) -> Self {
        self.unsent = bytes;
        self
    }

    /// How long, after `lose_connection`, the peer may go without taking a byte before the rest is
    /// dropped: by default 30 seconds. It also bounds the time in which the peer has to close its side
    /// once it has everything. With zero, what the socket does not take at once is dropped.
    #[must_use]
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// How long the senders to a [`Group`](crate::Group) are slowed down by a member that takes
    /// nothing, or less than 16 KiB in this time: by default 30 seconds. Then they do not wait for it
    /// any more, and it is dropped when its unsent bytes are above their limit.
    ///
    /// It should be longer than the steps in which a slow reader's system takes bytes, 64 KiB or more
    /// on one machine; see [`Group`](crate::Group) for what it costs. With zero, senders never wait.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How long an attempt to connect may take, name resolution and all addresses together: by default
    /// 30 seconds. Zero is invalid: every attempt fails with it.
    #[must_use]
    pub fn connect(mut self, time: Duration) -> Self {
        self.connect = time;
        self
    }

    /// How long a peer may be silent, or not acknowledge what was sent to it, before the operating
    /// system probes it; if it does not answer, the connection is lost with
    /// [`Reason::PeerVanished`](crate::Reason::PeerVanished). `None`, the default, never probes: a
    /// peer that loses its power or its network is then noticed only when something is sent to it,
    /// after about a quarter of an hour.
    ///
    /// A live peer answers the probe, so it may be silent for as long as it likes. One that leaves
    /// no room for what is sent for as long as this is lost, too. The system counts whole seconds; two
    /// minutes are usual, and zero is invalid. It costs no system call for a connection that a port
    /// accepts where the system lets it inherit the options of the port.
    #[must_use]
    pub fn keepalive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keepalive = time.into();
        self
    }

    /// How many connections a port with this factory has at the same time. At this number the port
    /// stops accepting until one is lost; waiting clients are accepted then, in the order in which they
    /// came. To refuse them instead, wrap the factory in
    /// [`LimitTotalConnections`](crate::policies::LimitTotalConnections).
    ///
    /// `None`, the default, is three quarters of the file descriptors that the process may have when
    /// the port begins to listen, so that the clients of one port leave some for everything else.
    #[must_use]
    pub fn connections(mut self, number: impl Into<Option<usize>>) -> Self {
        self.connections = number.into();
        self
    }

    /// These limits with `low_water <= high_water <= unsent`.
    pub(crate) fn in_order(mut self) -> Self {
        // A low mark above the high one would be passed with every byte: the protocol would be paused
        // and resumed in turns for as long as it writes.
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
            } => Some("Limits::connections is zero, so no client could connect"),
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
        is_zero.then_some("Limits::keepalive is zero, so no peer could answer in time")
    }
}
