//! What is asked of a socket before it is used. What a system does not know is an error there, and not
//! ignored, since a program depends on it.

use std::net::IpAddr;
use std::time::Duration;

/// What is asked of a socket that listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenOptions {
    /// Of what it accepts: see [`Limits::keepalive`](crate::Limits::keepalive).
    pub(crate) keepalive: Option<Duration>,
    /// How many clients may wait to be accepted.
    pub(crate) backlog: Option<i32>,
    /// Whether others may listen at the same place, and share its clients.
    pub(crate) reuse_port: bool,
    /// The permissions of the file of a UNIX socket.
    pub(crate) mode: Option<u32>,
}

/// What is asked of a socket that connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectOptions {
    pub(crate) keepalive: Option<Duration>,
    /// The address of this machine that it connects from.
    pub(crate) bind_address: Option<IpAddr>,
}
