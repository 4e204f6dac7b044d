//! What can own a token: connections, listening ports, attempts to connect.

pub(crate) mod attempt;
pub(crate) mod connection;
pub(crate) mod port;
