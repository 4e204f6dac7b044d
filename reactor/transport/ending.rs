//! Why a connection ends.

use std::cell::Cell;

use crate::reason::Reason;

/// The reason for the end, once there is one; the first cause wins. An idle connection should be small,
/// and the usual ends should cost no allocation, so only the others are in a box.
#[derive(Default)]
pub(super) struct Ending(Cell<Why>);

#[derive(Default)]
enum Why {
    #[default]
    Unknown,
    LocalClosed,
    PeerClosed,
    Other(Box<Reason>),
}

impl Ending {
    pub(super) fn is_known(&self) -> bool {
        self.with(|why| !matches!(why, Why::Unknown))
    }

    /// Notes a cause, unless there was one before.
    pub(super) fn set_first(&self, reason: Reason) {
        if !self.is_known() {
            self.0.set(match reason {
                Reason::LocalClosed => Why::LocalClosed,
                Reason::PeerClosed => Why::PeerClosed,
                other => Why::Other(Box::new(other)),
            });
        }
    }

    /// Forgets an orderly end: an abort after `lose_connection` changes how the connection ends, and so
    /// the reason.
    pub(super) fn forget_clean(&self) {
        if self.with(|why| matches!(why, Why::LocalClosed | Why::PeerClosed)) {
            self.0.set(Why::Unknown);
        }
    }

    /// An end that neither side has asked for is that of two halves, which their sides have closed one
    /// after the other.
    pub(super) fn reason(&self) -> Reason {
        self.with(|why| match why {
            Why::LocalClosed => Reason::LocalClosed,
            Why::Unknown | Why::PeerClosed => Reason::PeerClosed,
            Why::Other(reason) => (**reason).clone(),
        })
    }

    fn with<R>(&self, f: impl FnOnce(&Why) -> R) -> R {
        let why = self.0.take();
        let result = f(&why);
        self.0.set(why);
        result
    }
}
