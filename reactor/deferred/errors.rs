//! The errors that Deferreds make themselves.

use std::error::Error;
use std::fmt;

use super::Place;

/// The [`Resolver`](super::Resolver) of a Deferred was dropped without being fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned {
    pub(super) made: Place,
}

impl Abandoned {
    /// Where the Deferred and its resolver were made.
    #[must_use]
    pub fn made(&self) -> Place {
        self.made
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the Resolver made at {} was dropped without being fired",
            self.made
        )
    }
}

impl Error for Abandoned {}

/// What a Deferred was to bring was cancelled. The place of the [`Failure`](super::Failure) is
/// where `cancel` was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl Error for Cancelled {}

/// A callback returned a Deferred that waits, in the end, for this same callback. It would wait
/// for ever.
///
/// The types forbid it as long as Deferreds are not kept in shared places. A circle of more than
/// 64 chains is not detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a callback returned a Deferred that waits for this same callback")
    }
}

impl Error for Circular {}

/// The error of a failure that is only a text.
#[derive(Debug)]
pub(super) struct Message(pub(super) String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}
