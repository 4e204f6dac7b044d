//! When an answer is in the access log: when it is written, or, if it may yet be cut off, when its end is known.
//!
//! An answer that is larger than what a client takes at once waits in memory, and one that is written while the
//! loop stops may be overtaken by the end of the grace. Their lines wait with them, so that none calls an
//! answer whole that was cut.

use super::exchange::Sending;
use super::{HttpChannel, Work};
use crate::delayed_call::DelayedCall;
use crate::http::server::access_log::Entry;
use crate::reason::Reason;

impl HttpChannel {
    /// Logs an answer that is written.
    pub(super) fn log(&mut self, work: &mut Work<'_>, entry: Box<Entry>, bytes: u64) {
        self.log_as_whole();
        if work.reactor.is_stopping() && self.closing {
            // It is the last of its connection, whose end says what became of it.
            self.sending().unlogged = Some((entry, bytes));
        } else if work.is_full() {
            self.sending().unlogged = Some((entry, bytes));
            work.flush();
            self.ask_for_room(work);
        } else {
            entry.write(&self.site.wall_clock, bytes, None);
        }
    }

    /// There is room again, so that most of the answer was taken.
    pub(super) fn log_with_room(&mut self, work: &Work<'_>) {
        if !work.is_full() && !self.closing {
            self.log_as_whole();
        }
    }

    fn log_as_whole(&mut self) {
        if let Some((entry, bytes)) = self.take_unlogged() {
            entry.write(&self.site.wall_clock, bytes, None);
        }
    }

    pub(super) fn log_as_lost(&mut self, reason: &Reason) {
        if let Some((entry, bytes)) = self.take_unlogged() {
            // Also where the operating system had taken the rest, since a reset drops that, too. So a client that
            // has read everything and keeps the connection open until the grace is over counts as cut off.
            let why = (!reason.is_clean()).then(|| reason.to_string());
            entry.write(&self.site.wall_clock, bytes, why.as_deref());
        }
    }

    fn take_unlogged(&mut self) -> Option<(Box<Entry>, u64)> {
        let taken = self.sending.as_mut()?.unlogged.take();
        self.forget_sending();
        taken
    }

    pub(super) fn take_send_deadline(&mut self) -> Option<DelayedCall> {
        let taken = self.sending.as_mut()?.deadline.take();
        self.forget_sending();
        taken
    }

    fn forget_sending(&mut self) {
        self.sending
            .take_if(|sending| sending.deadline.is_none() && sending.unlogged.is_none());
    }

    pub(super) fn sending(&mut self) -> &mut Sending {
        self.sending.get_or_insert_default()
    }
}
