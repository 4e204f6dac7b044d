//! What kind of network it is: how slow, how narrow, how malicious.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The conditions of a simulated network.
///
/// Where there is a range, each case is drawn from it, by the simulation's seed.
///
/// ```
/// use std::time::Duration;
/// use reactor::testing::{Conditions, Simulation};
///
/// let slow = Duration::from_millis(300);
/// let satellite = Conditions::calm().latency(slow..=slow);
/// let simulation = Simulation::with_conditions(satellite, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conditions {
    pub(super) latency: RangeInclusive<Duration>,
    pub(super) segment: RangeInclusive<usize>,
    pub(super) send_buffer: RangeInclusive<usize>,
    pub(super) receive_buffer: RangeInclusive<usize>,
    pub(super) window_step: RangeInclusive<usize>,
    pub(super) surprises: u32,
    pub(super) resets: u32,
    pub(super) datagram_loss: u32,
    pub(super) datagram_duplicates: u32,
    pub(super) datagram_reordering: u32,
}

impl Conditions {
    /// A fast network without surprises: 50 µs of latency, 64 KiB of buffer in each direction at
    /// each end, and whole writes.
    #[must_use]
    pub fn calm() -> Self {
        let latency = Duration::from_micros(50);
        Self {
            latency: latency..=latency,
            segment: (64 << 10)..=(64 << 10),
            send_buffer: (64 << 10)..=(64 << 10),
            receive_buffer: (64 << 10)..=(64 << 10),
            window_step: 0..=0,
            surprises: 0,
            resets: 0,
            datagram_loss: 0,
            datagram_duplicates: 0,
            datagram_reordering: 0,
        }
    }

    /// A network that does everything that a correct one may do, often: what is sent is split
    /// anywhere and comes late, buffers are small, events are reordered or have no cause. It loses
    /// no bytes of a connection and resets none; of datagrams it loses some.
    #[must_use]
    pub fn chaotic() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::from_millis(20),
            segment: 1..=5000,
            send_buffer: 1..=20_000,
            receive_buffer: 1..=20_000,
            window_step: 0..=10_000,
            surprises: 100,
            resets: 0,
            datagram_loss: 50,
            datagram_duplicates: 50,
            datagram_reordering: 100,
        }
    }

    /// How long a segment is on its way. Segments of one connection never overtake each other.
    #[must_use]
    pub fn latency(mut self, time: RangeInclusive<Duration>) -> Self {
        self.latency = time;
        self
    }

    /// How many bytes travel together, at most: a write may be split, and several may be joined.
    #[must_use]
    pub fn segment(mut self, bytes: RangeInclusive<usize>) -> Self {
        self.segment = bytes;
        self
    }

    /// How many bytes a connection holds that were written and have not arrived. A write that finds
    /// less room is short.
    #[must_use]
    pub fn send_buffer(mut self, bytes: RangeInclusive<usize>) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// How many bytes a connection holds that have arrived and were not read.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: RangeInclusive<usize>) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// How many bytes must have been read before the other side is notified of new room, once it
    /// had none: systems let a window grow in steps, which for a slow reader are seconds apart. At
    /// most the receive buffer; zero notifies of each byte.
    #[must_use]
    pub fn window_step(mut self, bytes: RangeInclusive<usize>) -> Self {
        self.window_step = bytes;
        self
    }

    /// How many times in a thousand the network and its system calls do what is allowed and
    /// surprises: an event without a cause, events late or in another order, a wait that ends
    /// early, a call that is interrupted, a write that is shorter than it had to be, an end of
    /// stream that comes together with the last bytes or apart from them, a turn that takes time.
    #[must_use]
    pub fn surprises(mut self, per_thousand: u32) -> Self {
        self.surprises = per_thousand;
        self
    }

    /// How many segments in a thousand find the connection reset instead of arriving.
    #[must_use]
    pub fn resets(mut self, per_thousand: u32) -> Self {
        self.resets = per_thousand;
        self
    }

    /// How many datagrams in a thousand are lost on their way.
    #[must_use]
    pub fn datagram_loss(mut self, per_thousand: u32) -> Self {
        self.datagram_loss = per_thousand;
        self
    }

    /// How many datagrams in a thousand arrive twice.
    #[must_use]
    pub fn datagram_duplicates(mut self, per_thousand: u32) -> Self {
        self.datagram_duplicates = per_thousand;
        self
    }

    /// How many datagrams in a thousand take up to ten times longer than the longest
    /// [`latency`](Self::latency), so that later ones overtake them. Where the latency is a range, others do
    /// so as well: each datagram has its own.
    #[must_use]
    pub fn datagram_reordering(mut self, per_thousand: u32) -> Self {
        self.datagram_reordering = per_thousand;
        self
    }
}

impl Default for Conditions {
    fn default() -> Self {
        Self::calm()
    }
}
