//! How long to wait between two attempts.

use std::time::Duration;

/// How long a [`ClientService`](super::ClientService) waits before it connects again.
///
/// The wait is drawn anew each time, between zero and a bound that begins with [`first`](Self::first) and is
/// doubled with each wait, up to [`longest`](Self::longest). So a thousand clients of a server that has
/// restarted come back spread over the first second, and not all at once ("full jitter": M. Brooker,
/// *Exponential Backoff And Jitter*, 2015, who counted fewest calls with it). The bounds begin anew after a
/// connection that has lasted for as long as [`steady`](Self::steady) says: with a server that accepts and
/// closes at once they go on growing.
///
/// In a [simulation](crate::testing) the waits are drawn by its seed.
///
/// ```
/// use std::time::Duration;
/// use reactor::Backoff;
///
/// let backoff = Backoff::default().longest(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    steady: Duration,
}

/// Without a bound of its own a loop would do nothing but try.
const SHORTEST: Duration = Duration::from_millis(1);

impl Default for Backoff {
    fn default() -> Self {
        Self {
            // A server that restarts is back within seconds, and a thousand clients in one second are few.
            first: Duration::from_secs(1),
            // After a night without the server a client is back within a minute, half a minute on average.
            longest: Duration::from_secs(60),
            steady: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The first wait is at most this: by default one second. Less than a millisecond counts as one.
    #[must_use]
    pub fn first(mut self, time: Duration) -> Self {
        self.first = time;
        self
    }

    /// No wait is longer than this: by default one minute. It is at least [`first`](Self::first).
    #[must_use]
    pub fn longest(mut self, time: Duration) -> Self {
        self.longest = time;
        self
    }

    /// How long a connection has to last for the waits to begin anew after it: by default one minute, which
    /// is as long as the longest wait. With zero they begin anew after each connection, and a server that
    /// accepts and closes at once is asked twice a second.
    #[must_use]
    pub fn steady(mut self, time: Duration) -> Self {
        self.steady = time;
        self
    }

    pub(super) fn is_steady(&self, lasted: Duration) -> bool {
        lasted >= self.steady
    }

    /// At most how long the wait is after `waits` others.
    fn bound(&self, waits: u32) -> Duration {
        let first = self.first.max(SHORTEST);
        // Past 2^31 times a millisecond, 24 days, every sensible bound is reached.
        let grown = first.saturating_mul(1 << waits.min(31));
        grown.min(self.longest.max(first))
    }

    /// The wait after `waits` others, by a number of which all 64 bits are random.
    pub(super) fn wait(&self, waits: u32, random: u64) -> Duration {
        let bound = u64::try_from(self.bound(waits).as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product is `bound` times a fraction in 0..1.
        let drawn = (u128::from(bound) * u128::from(random)) >> 64;
        Duration::from_nanos(drawn as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_is_doubled_up_to_the_longest() {
        let bounds = [0, 1, 2, 5, 6, 7, 31, u32::MAX].map(|waits| Backoff::default().bound(waits));
        assert_eq!(bounds.map(|b| b.as_secs()), [1, 2, 4, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn a_wait_is_anywhere_between_zero_and_the_bound() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(0, 0), Duration::ZERO);
        assert_eq!(backoff.wait(1, 1 << 63), SECOND);
        let longest = backoff.wait(0, u64::MAX);
        assert!(longest < SECOND && longest > SECOND * 999 / 1000);
    }

    #[test]
    fn durations_without_sense_are_taken_as_the_next_that_have_some() {
        let none = Backoff::default()
            .first(Duration::ZERO)
            .longest(Duration::ZERO);
        assert_eq!(none.bound(7), SHORTEST);
        let endless = Backoff::default()
            .first(Duration::MAX)
            .longest(Duration::MAX);
        assert!(endless.wait(u32::MAX, u64::MAX) > SECOND);
    }
}
