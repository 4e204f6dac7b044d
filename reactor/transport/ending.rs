//! Why a connection ends.

use crate::reason::Reason;
use std::cell::{Cell, OnceCell};

/// The reason for the end, once there is one; the first cause wins. An idle connection should be small,
/// and the usual ends should cost no allocation, so only the others are in a box.
#[derive(Default)]
pub(super) struct Ending {
    /// Only of an end that has no `other` reason.
    orderly: Cell<Option<Orderly>>,
    other: OnceCell<Box<Reason>>,
}

/// An end that loses nothing: [`Reason::LocalClosed`] or [`Reason::PeerClosed`].
#[derive(Clone, Copy)]
enum Orderly {
    LocalClosed,
    PeerClosed,
}

impl Ending {
    pub(super) fn is_known(&self) -> bool {
        self.orderly.get().is_some() || self.other.get().is_some()
    }

    /// Notes a cause, unless there was one before.
    pub(super) fn set_first(&self, reason: Reason) {
        if self.is_known() {
            return;
        }
        match reason {
            Reason::LocalClosed => self.orderly.set(Some(Orderly::LocalClosed)),
            Reason::PeerClosed => self.orderly.set(Some(Orderly::PeerClosed)),
            other => drop(self.other.set(Box::new(other))), // it is empty, or the cause was known
        }
    }

    /// Forgets an orderly end: an abort after `lose_connection` changes how the connection ends, and so
    /// the reason.
    pub(super) fn forget_clean(&self) {
        self.orderly.set(None);
    }

    /// The reason, if the end is not an orderly one.
    pub(super) fn failure(&self) -> Option<&Reason> {
        self.other.get().map(|reason| &**reason)
    }

    /// An end that neither side has asked for is that of two halves, which their sides have closed one
    /// after the other.
    pub(super) fn reason(&self) -> Reason {
        if let Some(reason) = self.failure() {
            return reason.clone();
        }
        match self.orderly.get() {
            Some(Orderly::LocalClosed) => Reason::LocalClosed,
            Some(Orderly::PeerClosed) | None => Reason::PeerClosed,
        }
    }
}
