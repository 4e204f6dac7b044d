//! What kind of stream a transport has, as far as its end goes.

/// In which directions bytes go, and whether one end waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    /// A socket: both. An orderly close waits for the peer's end, because bytes that come after a close
    /// destroy the last words.
    Both,
    /// Both, and each has an end of its own: what was written to a pipe stays there for its reader.
    Apart,
    /// Bytes only come.
    Read,
    /// Bytes only go.
    Write,
}
