//! Why a connection was lost, or never came to be.

use std::fmt;
use std::io;
use std::rc::Rc;

use crate::visible::visible;

/// Why a connection was lost, or why an attempt to connect failed.
///
/// The first cause wins, with one exception: an abort, a limit or a panic after `lose_connection`
/// takes the place of [`LocalClosed`](Self::LocalClosed) or [`PeerClosed`](Self::PeerClosed),
/// because what was written is not sent then.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The peer ended the connection in an orderly way, and everything that was written has been
    /// handed to the operating system.
    PeerClosed,
    /// This side asked for the end with `lose_connection`, and everything that was written before
    /// has been handed to the operating system.
    LocalClosed,
    /// This side asked for the end with `abort_connection`; unsent bytes were dropped.
    Aborted,
    /// The peer reset the connection. Bytes may be lost in both directions.
    Reset,
    /// No byte came for as long as `set_timeout` allows.
    IdleTimeout,
    /// `lose_connection` was asked for, and the peer took no byte of what was left for as long as
    /// `Limits::linger` allows; the rest was dropped.
    LingerTimeout,
    /// The peer does not answer any more: it has lost its power or its network, or the way to it is
    /// gone. See [`Limits::keepalive`](crate::Limits::keepalive).
    PeerVanished,
    /// The connection was not established within `Limits::connect`.
    ConnectTimeout,
    /// An attempt to connect was given up with `Connector::cancel`.
    Cancelled,
    /// More bytes than `Limits::unsent` waited for a peer that did not read them.
    UnsentOverflow {
        /// The limit that was passed, in bytes.
        limit: usize,
    },
    /// More bytes than [`Reactor::set_unsent_limit`](crate::Reactor::set_unsent_limit) allows waited for
    /// all peers together, and this one had let most of them wait for the longest time.
    ///
    /// When peers have left more of what they were offered, connections are dropped until an eighth of the
    /// limit is free again: first the one with the largest product of what its peer has left and of how
    /// long it has taken nothing. Other connections are not made to wait.
    TotalOverflow {
        /// The limit that was passed, in bytes.
        limit: usize,
        /// How many bytes waited for this peer.
        unsent: usize,
    },
    /// More bytes than [`Reactor::set_unsent_limit`](crate::Reactor::set_unsent_limit) allows were written to
    /// all connections before the callbacks that wrote them had returned, so that nothing of it could be
    /// sent.
    ///
    /// So one turn may write as much as the limit, besides what peers have left, and a connection that is
    /// written to beyond that is dropped. Larger amounts are written in pieces, the next one in each
    /// [`writing_resumed`](crate::Protocol::writing_resumed). A message to a [`Group`](crate::Group) counts
    /// once in the turn that writes it, and then for each member whose peer has left it.
    TurnOverflow {
        /// The limit that was passed, in bytes.
        limit: usize,
    },
    /// The peer sent what its protocol does not allow; the text says what was expected.
    Violation(String),
    /// A callback panicked.
    Panicked {
        /// The event whose callback it was, for example `data_received`.
        callback: &'static str,
        /// The message of the panic.
        message: String,
    },
    /// The factory refused the connection by building no protocol for it.
    Refused,
    /// The reactor was shut down and the grace was over.
    Shutdown,
    /// The operating system, a name server or a layer reported an error.
    Error(Rc<io::Error>),
}

impl Reason {
    /// Whether the connection ended as both sides meant it to: nothing that was written was lost
    /// on this side.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::PeerClosed | Self::LocalClosed)
    }
}

impl From<io::Error> for Reason {
    /// An error of a socket, as the reason why its connection is lost.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A socket that is no longer connected was reset before it was asked.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Reset,
            // Which of them the system reports depends on where the way to the peer has ended.
            io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => Self::PeerVanished,
            _ => Self::Error(Rc::new(error)),
        }
    }
}

impl From<Reason> for io::Error {
    /// For a caller that knows only the errors of the standard library. A reason that is an error of
    /// the operating system is that error; of the others the text is kept, and a kind that says most
    /// of it.
    fn from(reason: Reason) -> Self {
        use io::ErrorKind;
        let kind = match &reason {
            // What std's own readers say of a stream that ends before it should.
            Reason::PeerClosed => ErrorKind::UnexpectedEof,
            Reason::LocalClosed | Reason::Aborted | Reason::Cancelled | Reason::Shutdown => {
                ErrorKind::ConnectionAborted
            }
            Reason::Reset => ErrorKind::ConnectionReset,
            Reason::IdleTimeout
            | Reason::LingerTimeout
            | Reason::PeerVanished
            | Reason::ConnectTimeout => ErrorKind::TimedOut,
            Reason::Violation(_) => ErrorKind::InvalidData,
            Reason::Refused => ErrorKind::ConnectionRefused,
            Reason::UnsentOverflow { .. }
            | Reason::TotalOverflow { .. }
            | Reason::TurnOverflow { .. }
            | Reason::Panicked { .. } => ErrorKind::Other,
            Reason::Error(error) => return same_error(error),
        };
        // The text and not the reason: an `io::Error` is `Send`, and a reason may share an error on
        // its thread.
        Self::new(kind, reason.to_string())
    }
}

/// An error cannot be cloned. Its parts can, except for the error that it wraps.
fn same_error(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => write!(f, "the peer closed the connection"),
            Self::LocalClosed => write!(f, "the connection was closed on this side"),
            Self::Aborted => write!(f, "the connection was aborted on this side"),
            Self::Reset => write!(f, "the peer reset the connection"),
            Self::IdleTimeout => write!(f, "nothing was received for too long"),
            Self::LingerTimeout => {
                write!(f, "the peer did not read what was left before the close")
            }
            Self::PeerVanished => write!(f, "the peer did not answer any more"),
            Self::ConnectTimeout => write!(f, "the connection was not established in time"),
            Self::Cancelled => write!(f, "the attempt to connect was cancelled"),
            Self::UnsentOverflow { limit } => {
                write!(
                    f,
                    "more than {limit} bytes waited for a peer that did not read"
                )
            }
            Self::TotalOverflow { limit, unsent } => {
                write!(
                    f,
                    "more than {limit} bytes waited for all peers, and {unsent} of them for this one"
                )
            }
            Self::TurnOverflow { limit } => {
                write!(
                    f,
                    "more than {limit} bytes were written at once, before any could be sent"
                )
            }
            // Both texts, and that of an error, may quote what the peer has sent.
            Self::Violation(expected) => {
                write!(f, "the peer broke the protocol: {}", visible(expected))
            }
            Self::Panicked { callback, message } => {
                write!(f, "the callback {callback} panicked: {}", visible(message))
            }
            Self::Refused => write!(f, "the factory refused the connection"),
            Self::Shutdown => write!(f, "the reactor was shut down"),
            Self::Error(error) => f.write_str(&visible(&error.to_string())),
        }
    }
}

impl std::error::Error for Reason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Error(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;
    use std::io;

    #[test]
    fn a_reason_is_an_error_of_std_with_its_kind_and_its_text() {
        for (reason, kind) in [
            (Reason::PeerClosed, io::ErrorKind::UnexpectedEof),
            (Reason::Reset, io::ErrorKind::ConnectionReset),
            (Reason::IdleTimeout, io::ErrorKind::TimedOut),
            (
                Reason::Violation("expected a line".to_owned()),
                io::ErrorKind::InvalidData,
            ),
        ] {
            let text = reason.to_string();
            let error = io::Error::from(reason);
            assert_eq!((error.kind(), error.to_string()), (kind, text));
        }
        // The codes of the operating system pass through, in both directions.
        let reason = Reason::from(io::Error::from_raw_os_error(13));
        assert_eq!(io::Error::from(reason).raw_os_error(), Some(13));
    }

    #[test]
    fn a_way_that_has_ended_is_a_peer_that_has_vanished() {
        use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
        for kind in [TimedOut, HostUnreachable, NetworkUnreachable] {
            let reason = Reason::from(io::Error::from(kind));
            assert!(matches!(reason, Reason::PeerVanished), "{kind:?}");
        }
    }
}
