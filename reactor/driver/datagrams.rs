//! A UDP socket, as a driver makes it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::datagram::MulticastInterface;

/// A socket for datagrams. No method blocks; `WouldBlock` from a receive says that an event will come.
pub(crate) trait DatagramSocket {
    /// Takes the next datagram. A buffer of 64 KiB holds any.
    fn recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    /// Sends all of it or nothing, to the peer that it is connected to if that is `None`.
    fn send_to(&mut self, data: &[u8], to: Option<SocketAddr>) -> io::Result<()>;
    fn connect(&mut self, peer: SocketAddr) -> io::Result<()>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    fn set(&mut self, option: DatagramOption) -> io::Result<()>;
}

/// What is asked of a socket for datagrams while it is used.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "os"),
    expect(dead_code, reason = "a simulation looks at some of it only")
)]
pub(crate) enum DatagramOption {
    Broadcast(bool),
    Join(IpAddr, MulticastInterface),
    Leave(IpAddr, MulticastInterface),
    Loopback(bool),
    Ttl(u8),
    Interface(MulticastInterface),
}
