//! The `Date` of answers, which is the same for a second.
//!
//! Formatting it for each answer would cost half as much again as answering.

use std::cell::{Cell, Ref, RefCell};
use std::time::{Duration, SystemTime};

use crate::time::Instant;

/// How the most usual answer begins.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// The line with the date, as it was when it was last asked for after a second had passed.
#[derive(Debug, Default)]
pub(crate) struct DateCache {
    /// Behind the status line of the most usual answer.
    lines: RefCell<Vec<u8>>,
    stale_at: Cell<Option<Instant>>,
}

/// The line with the date at one moment.
pub(crate) struct DateLine<'c>(Ref<'c, Vec<u8>>);

impl DateCache {
    /// The line at `now`, which is the reactor's time and not the wall clock's. `wall` is read once a
    /// second.
    #[inline]
    pub(crate) fn at(&self, now: Instant, wall: &dyn Fn() -> SystemTime) -> DateLine<'_> {
        if self.stale_at.get().is_none_or(|stale_at| now >= stale_at) {
            self.renew(now, wall());
        }
        DateLine(self.lines.borrow())
    }

    #[cold]
    fn renew(&self, now: Instant, wall: SystemTime) {
        let since = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        // The next whole second of the wall's clock.
        let left = Duration::from_nanos(u64::from(1_000_000_000 - since.subsec_nanos()));
        // In the loop's time, which cannot be set back, and is read once a turn.
        self.stale_at.set(Some(now + left));
        let date = format!("Date: {}\r\n", httpdate::fmt_http_date(wall));
        self.lines.replace([OK, date.as_bytes()].concat());
    }
}

impl DateLine<'_> {
    /// The line with its end.
    pub(crate) fn line(&self) -> &[u8] {
        &self.0[OK.len()..]
    }

    /// The line behind the status line of the most usual answer, so that both are one copy.
    #[inline]
    pub(crate) fn behind_ok(&self) -> &[u8] {
        &self.0
    }
}
