//! Where a connection comes from or goes to.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::visible::visible;

/// One end of a connection.
///
/// More kinds of transport add more variants, so a `match` needs a wildcard arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port. Made with `from` or `parse`, an IPv4 address that is mapped into
    /// an IPv6 one is the IPv4 address.
    Tcp(SocketAddr),
    /// A UNIX socket. That of a client has no name, as a rule.
    Unix(UnixAddress),
    /// The standard input and output of this process, as one connection: see
    /// [`Reactor::stdio`](crate::Reactor::stdio).
    ///
    /// A terminal gives lines, and its end with Ctrl-D. It is left as it was, however the program ends: it is
    /// opened anew, so that the shell's own description of it never stops blocking. A socket, as from
    /// inetd, cannot be opened anew, and blocks again when the connection is lost. What
    /// [`lose_connection`](crate::Transport::lose_connection) leaves unread is the shell's. A pipe's reader sees the
    /// end of the output when the process ends.
    Stdio,
    /// A pipe, which has no name.
    Pipe,
    /// A child process, by its process id.
    Process(u32),
}

impl Address {
    /// The IP address and port, where this kind of address has them.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Stdio | Self::Pipe | Self::Process(_) => None,
        }
    }

    /// The UNIX socket, where it is one.
    #[must_use]
    pub fn unix_addr(&self) -> Option<&UnixAddress> {
        match self {
            Self::Unix(address) => Some(address),
            Self::Tcp(_) | Self::Stdio | Self::Pipe | Self::Process(_) => None,
        }
    }
}

/// The name of a UNIX socket: see unix(7).
///
/// A port makes the file of its path, and removes it when it is stopped and with the end of the reactor. The
/// file of a process that was killed is recognised, since nothing answers there, and replaced.
///
/// While the queue of a server is full, a client tries again until
/// [`Limits::connect`](crate::Limits::connect) is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UnixAddress {
    /// It was not bound, as clients are not.
    Unnamed,
    /// A file.
    Path(PathBuf),
    /// A name of Linux' abstract namespace, which no file belongs to, without the zero byte in front of
    /// it.
    Abstract(Box<[u8]>),
}

impl UnixAddress {
    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Unnamed | Self::Abstract(_) => None,
        }
    }
}

impl<P: Into<PathBuf>> From<P> for UnixAddress {
    /// A path; one that begins with `@` is a name of the abstract namespace, as `socat` and `ss` write it.
    /// A file of such a name is `./@name`.
    fn from(path: P) -> Self {
        let path = path.into();
        match path.to_str().and_then(|text| text.strip_prefix('@')) {
            Some(name) => Self::Abstract(name.as_bytes().into()),
            None => Self::Path(path),
        }
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("unnamed"),
            Self::Path(path) => f.write_str(&visible(&path.to_string_lossy())),
            Self::Abstract(name) => write!(f, "@{}", visible(&String::from_utf8_lossy(name))),
        }
    }
}

/// Who is at the other side of a UNIX socket, as the kernel knows it: the process that has connected, or has
/// listened, and its user and group at that time. See
/// [`Transport::peer_credentials`](crate::Transport::peer_credentials).
#[cfg(feature = "descriptors")]
#[cfg_attr(docsrs, doc(cfg(feature = "descriptors")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The process. It may be gone by now, and its number another's.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl From<SocketAddr> for Address {
    /// The address in its canonical form: `::ffff:127.0.0.1` is `127.0.0.1`, so that no peer has two.
    fn from(mut address: SocketAddr) -> Self {
        if let IpAddr::V6(ip) = address.ip()
            && let Some(ip) = ip.to_ipv4_mapped()
        {
            address.set_ip(ip.into());
        }
        Self::Tcp(address)
    }
}

impl From<UnixAddress> for Address {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

/// The opposite of `Display` for those that one can connect to.
///
/// ```
/// use reactor::Address;
///
/// let address: Address = "[::1]:1400".parse()?;
/// assert_eq!(address.to_string(), "[::1]:1400");
/// let socket: Address = "unix:/run/chat.sock".parse()?;
/// assert_eq!(socket.to_string(), "unix:/run/chat.sock");
/// assert!("localhost:1400".parse::<Address>().is_err()); // a name is looked up, not parsed
/// # Ok::<(), reactor::BadAddress>(())
/// ```
impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        match text.strip_prefix("unix:") {
            Some("" | "@" | "unnamed") => return Err(BadAddress(text.to_owned())),
            Some(name) => return Ok(Self::Unix(name.into())),
            None => {}
        }
        let address: Result<SocketAddr, _> = text.parse();
        address
            .map(Self::from)
            .map_err(|_| BadAddress(text.to_owned()))
    }
}

/// A text is not the address of one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = visible(&self.0);
        write!(
            f,
            "\"{text}\" is not an IP address and a port, as 127.0.0.1:1400 or [::1]:1400, \
             nor a UNIX socket, as unix:/run/chat.sock"
        )
    }
}

impl Error for BadAddress {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(address) => write!(f, "unix:{address}"),
            Self::Stdio => f.write_str("stdio"),
            Self::Pipe => f.write_str("a pipe"),
            Self::Process(id) => write!(f, "process {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_larger_than_that_of_a_tcp_socket() {
        // Each transport has one.
        assert!(size_of::<Address>() <= size_of::<SocketAddr>());
    }

    #[test]
    fn a_unix_socket_in_words_is_parsed_back() {
        for text in ["unix:/run/chat.sock", "unix:./@chat", "unix:@chat"] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(address.to_string(), text);
        }
        for wrong in ["unix:", "unix:@", "unix:unnamed", "/run/chat.sock"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
