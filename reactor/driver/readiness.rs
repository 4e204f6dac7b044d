//! What an event says.

use std::ops::BitOr;

/// A set of what a source may be ready for. A byte, because one is handed on with each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u8);

impl Readiness {
    pub(crate) const NONE: Self = Self(0);
    /// There may be something to read: bytes, their end or an error.
    pub(crate) const READABLE: Self = Self(1);
    pub(crate) const WRITABLE: Self = Self(2);
    /// The peer has closed its sending half, perhaps behind bytes that are still to be read. Comes
    /// with `READABLE`.
    pub(crate) const READ_CLOSED: Self = Self(4);
    /// Both halves are gone. Comes with `READ_CLOSED`.
    pub(crate) const BROKEN: Self = Self(8);

    pub(crate) const ALL: Self = Self(15);

    /// This set if it holds, otherwise none.
    #[inline]
    pub(crate) fn when(self, holds: bool) -> Self {
        Self(self.0 * u8::from(holds))
    }

    /// Whether one of `others` is in the set.
    #[inline]
    pub(crate) fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    #[inline]
    pub(crate) fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    #[inline]
    pub(crate) fn remove(&mut self, others: Self) {
        self.0 &= !others.0;
    }
}

impl BitOr for Readiness {
    type Output = Self;

    #[inline]
    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}
