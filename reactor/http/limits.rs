//! What all limits of time have in common.

use std::time::Duration;

/// The time, unless it is zero, which turns a wait's limit off.
pub(crate) fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}
