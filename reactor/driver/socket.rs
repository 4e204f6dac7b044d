//! What a driver makes and the loop moves bytes through, of whatever kind it is.

use std::io;

use super::readiness::Readiness;
use crate::address::Address;
#[cfg(feature = "descriptors")]
use crate::address::Credentials;
use crate::engine::table::Token;

/// A connection's socket, or pipes. No method blocks; `WouldBlock` says that an event will come.
pub(crate) trait Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, data: &[u8]) -> io::Result<usize>;
    /// How many of the bytes that wait can be seen without taking them; zero is the end.
    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn shutdown_write(&mut self) -> io::Result<()>;
    /// The error of an attempt to connect, or of a broken connection.
    fn take_error(&mut self) -> io::Result<Option<io::Error>>;
    /// Fails while the connection is not established.
    fn peer_addr(&self) -> io::Result<Address>;
    fn local_addr(&self) -> io::Result<Address>;
    /// Makes the drop that follows reset the connection, so that the peer cannot take it for an
    /// orderly end.
    fn reset_on_drop(&mut self);
    /// Whether bytes are kept from one who reads, or who writes, that the socket has, or would take. The
    /// driver reports nothing then; what keeps them does.
    fn holds_back(&self, what: Readiness) -> bool {
        let _ = what;
        false
    }
    /// Who is at the other side, where the kernel tells.
    #[cfg(feature = "descriptors")]
    fn credentials(&self) -> Option<Credentials> {
        None
    }
}

/// A listening socket.
pub(crate) trait Listener {
    /// Takes the next connection, whose events come under `token`.
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)>;
    fn local_addr(&self) -> io::Result<Address>;
}
