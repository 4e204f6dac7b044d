//! What can own a token: each kind is a file, and a [`Source`](crate::engine::Source).
//!
//! - `connection`: an established connection, of any kind of stream
//! - `port`, `seats`: a listening port, and the places that it has
//! - `cannot_listen`: why there is no port
//! - `arrival`: a connection that waits for its PROXY header
//! - `beginning`: a connection that was made elsewhere, until it has its protocol
//! - `attempt`: an attempt to connect, and each address that it tries
//! - `factories`: what both ask for protocols
//! - `udp`: a socket for datagrams, with its protocol
//! - `foreign`: a descriptor of the program's own
//! - `process`: a child process

mod arrival;
pub(crate) mod attempt;
pub(crate) mod beginning;
pub(crate) mod cannot_listen;
pub(crate) mod connection;
mod factories;
#[cfg(unix)]
pub(crate) mod foreign;
pub(crate) mod port;
#[cfg(all(feature = "process", unix))]
pub(crate) mod process;
mod seats;
pub(crate) mod udp;

// An idle connection is this and its transport, and should be small. A word more would be 16 bytes, since
// the allocator rounds up.
const _: () = assert!(size_of::<connection::Connection>() <= 72);
