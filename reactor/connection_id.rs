//! What a connection is called where it cannot be held: in log lines, in maps, by observers.

use std::fmt;

/// Names a connection: see [`Transport::id`](crate::Transport::id). Never used twice
/// within one reactor, until 2³² connections have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u32);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
