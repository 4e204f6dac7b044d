//! The `Date` of answers, which is the same for a second.
//!
//! Formatting it for each answer would cost half as much again as answering.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

/// How the most usual answer begins.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// The line with the date, as it was when it was last asked for after a second had passed.
#[derive(Debug, Default)]
pub(crate) struct DateLine {
    /// Behind the status line of the most usual answer.
    lines: RefCell<Vec<u8>>,
    stale_at: Cell<Option<Instant>>,
}

impl DateLine {
    /// Appends the line and its end. `now` is the reactor's time, which is not the wall's.
    pub(crate) fn append(&self, now: Instant, out: &mut Vec<u8>) {
        self.renew_if_stale(now);
        out.extend_from_slice(&self.lines.borrow()[OK.len()..]);
    }

    /// Appends the line behind the status line of the most usual answer, in one piece.
    #[inline]
    pub(crate) fn append_behind_ok(&self, now: Instant, out: &mut Vec<u8>) {
        self.renew_if_stale(now);
        out.extend_from_slice(&self.lines.borrow());
    }

    #[inline]
    fn renew_if_stale(&self, now: Instant) {
        if self.stale_at.get().is_none_or(|stale_at| now >= stale_at) {
            self.renew(now);
        }
    }

    #[cold]
    fn renew(&self, now: Instant) {
        let wall = SystemTime::now();
        let since = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        // The next whole second of the wall's clock.
        let left = Duration::from_nanos(u64::from(1_000_000_000 - since.subsec_nanos()));
        self.stale_at.set(Some(now + left));
        let date = format!("Date: {}\r\n", httpdate::fmt_http_date(wall));
        self.lines.replace([OK, date.as_bytes()].concat());
    }
}
