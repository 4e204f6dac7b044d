//! What is logged of a service: one line when its connection is lost, and one when it is there again.

use std::fmt;
use std::time::Duration;

use crate::time::Instant;
use crate::visible::visible;

/// A time without a connection that lasts. A server that accepts and closes at once does not end it.
#[derive(Debug, Default)]
pub(super) struct Outage {
    began: Option<Instant>,
    /// Attempts since then.
    attempts: u32,
    is_back_logged: bool,
}

impl Outage {
    /// The connection is lost, or an attempt has failed.
    pub(super) fn note(&mut self, name: &str, why: &dyn fmt::Display, now: Instant) {
        self.attempts = self.attempts.saturating_add(1);
        // What a failure says may come from the server.
        let why = why.to_string();
        let why = visible(&why);
        if self.began.is_some() {
            return log::debug!("{name}: {why}; connecting again");
        }
        self.began = Some(now);
        log::warn!("{name}: {why}; connecting again");
    }

    /// There is a connection.
    pub(super) fn note_connected(&mut self, name: &str, now: Instant) {
        let Some(began) = self.began else { return };
        if std::mem::replace(&mut self.is_back_logged, true) {
            return;
        }
        let lasted = now.saturating_duration_since(began);
        let lasted = Duration::from_millis(lasted.as_millis() as u64); // nobody wants its nanoseconds
        log::info!(
            "{name}: connected, after {lasted:?} and {} attempts",
            self.attempts
        );
    }

    /// The connection has lasted: the next loss is another outage.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}
