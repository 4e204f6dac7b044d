//! The one place that asks the system what time it is.
//!
//! Everything else has its time from the loop, whose driver has it from here or makes it up: a
//! simulation asks once, for a moment at which its own clock begins. Deferreds know no loop, so what
//! a chart says of waiting is real time, too.

use std::time::Instant;

/// The system's clock that never goes back.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall's clock, which people set and compare.
#[cfg(all(feature = "os", unix))]
pub(crate) fn system_time() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
