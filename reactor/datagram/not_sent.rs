//! Why a datagram was not sent.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a datagram was not sent. It is not kept, and a program that still needs it sends it again.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotSent {
    /// The socket has no room for it at the moment, since the network is slower than the program.
    SocketFull,
    /// It is longer than a datagram can be, or longer than the network lets through.
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The transport is not connected, so `send` needs an address: that is `send_to`.
    NotConnected,
    /// The transport is connected to this peer, and sends to no other.
    OtherPeer(SocketAddr),
    /// The transport was stopped.
    Stopped,
    /// The operating system's error: there is no route, or a broadcast was not
    /// [allowed](super::DatagramTransport::set_broadcast_allowed).
    Io(io::Error),
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketFull => f.write_str("the socket has no room for another datagram"),
            Self::TooLong { bytes } => write!(
                f,
                "{bytes} bytes are too long for a datagram: UDP carries at most 65507 bytes over IPv4 and 65527 over IPv6"
            ),
            Self::NotConnected => f.write_str("the transport is not connected: use send_to"),
            Self::OtherPeer(peer) => write!(
                f,
                "the transport is connected to {peer}, and sends to no other"
            ),
            Self::Stopped => f.write_str("the transport was stopped"),
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{error}; a broadcast needs set_broadcast_allowed(true)")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl Error for NotSent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
