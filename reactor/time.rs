//! The one place that asks the system what time it is.
//!
//! Everything else has its time from the loop, whose driver has it from here or makes it up: a
//! simulation asks once, for a moment at which its own clock begins. Deferreds know no loop, so what
//! a chart says of waiting is real time, too.
//!
//! In `wasm32-unknown-unknown` there is no clock: `std` has the types, and panics when it is asked. There
//! [`Instant`] is a type of this crate, and the moment at which everything begins is always the same. So a
//! simulation runs there as everywhere, and a chart says that nothing has taken any time.

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use std::time::Instant;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use self::without_clock::Instant;

/// The system's clock that never goes back.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall's clock, which people set and compare.
#[cfg(all(feature = "os", unix))]
pub(crate) fn system_time() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod without_clock {
    use std::ops::{Add, AddAssign, Sub, SubAssign};
    use std::time::Duration;

    /// A moment, as `std::time::Instant` where there is a clock: how long after the beginning it is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Instant(Duration);

    impl Instant {
        /// The beginning, since no time goes by without a clock.
        pub fn now() -> Self {
            // Far from zero, so that moments before it can be told as well.
            Self(Duration::from_secs(1 << 40))
        }

        /// The time from an earlier moment to this one; none from a later one.
        pub fn duration_since(&self, earlier: Self) -> Duration {
            self.saturating_duration_since(earlier)
        }

        /// The time from an earlier moment to this one; none from a later one.
        pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
            self.0.saturating_sub(earlier.0)
        }

        /// The time from an earlier moment to this one.
        pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
            self.0.checked_sub(earlier.0)
        }

        /// This moment and a time, if it can be told.
        pub fn checked_add(&self, time: Duration) -> Option<Self> {
            self.0.checked_add(time).map(Self)
        }

        /// This moment without a time, if it can be told.
        pub fn checked_sub(&self, time: Duration) -> Option<Self> {
            self.0.checked_sub(time).map(Self)
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, time: Duration) -> Self {
            Self(self.0 + time)
        }
    }

    impl AddAssign<Duration> for Instant {
        fn add_assign(&mut self, time: Duration) {
            self.0 += time;
        }
    }

    impl Sub<Duration> for Instant {
        type Output = Self;

        fn sub(self, time: Duration) -> Self {
            Self(self.0 - time)
        }
    }

    impl SubAssign<Duration> for Instant {
        fn sub_assign(&mut self, time: Duration) {
            self.0 -= time;
        }
    }

    impl Sub for Instant {
        type Output = Duration;

        fn sub(self, earlier: Self) -> Duration {
            self.duration_since(earlier)
        }
    }
}
