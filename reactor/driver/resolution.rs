//! How a driver answers for the addresses of a host.

use std::io;
use std::net::SocketAddr;

/// Where the addresses of a host come from.
pub(crate) enum Resolution {
    Known(io::Result<Vec<SocketAddr>>),
    /// Asking blocks, so it has to be done on another thread.
    #[cfg_attr(
        not(all(feature = "os", unix)),
        expect(dead_code, reason = "only the operating system blocks")
    )]
    Ask(Box<dyn FnOnce() -> io::Result<Vec<SocketAddr>> + Send>),
}
