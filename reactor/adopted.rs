//! Sockets and pipes that were opened elsewhere, by the parent of the process or another library, and
//! become connections and ports of the loop.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::address::Address;
use crate::transport::Directions;

/// A connection that is not the loop's yet: see [`Reactor::adopt`](crate::Reactor::adopt).
///
/// It is made by `from` of the standard library's types, or of pipes. A pipe may be a file: that is read and
/// written as fast as the disk lets it, which the loop waits for.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// use reactor::{Protocol, Reactor, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let (ours, theirs) = UnixStream::pair()?;
/// reactor.adopt(ours, |_| Echo)?;
/// # drop(theirs);
/// # reactor.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdoptedStream {
    pub(crate) stream: StdStream,
    pub(crate) is_shared: bool,
}

#[derive(Debug)]
#[cfg_attr(
    not(feature = "os"),
    expect(dead_code, reason = "a simulation adopts nothing")
)]
pub(crate) enum StdStream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Pipes {
        reader: Option<OwnedFd>,
        writer: Option<OwnedFd>,
        peer: Address,
    },
}

impl AdoptedStream {
    /// The two halves of a connection that are pipes, fifos, terminals or files: what is received comes from
    /// `reader`, and what is written goes to `writer`. Each is closed by itself, and there is no reset.
    #[must_use]
    pub fn pipes(reader: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> Self {
        Self::of_pipes(Some(reader.into()), Some(writer.into()))
    }

    /// A pipe that is only read. Nothing can be written: `write` returns `false`.
    #[must_use]
    pub fn reader(reader: impl Into<OwnedFd>) -> Self {
        Self::of_pipes(Some(reader.into()), None)
    }

    /// A pipe that is only written. Its protocol receives nothing; when the reader at the other side is gone,
    /// the connection is lost.
    #[must_use]
    pub fn writer(writer: impl Into<OwnedFd>) -> Self {
        Self::of_pipes(None, Some(writer.into()))
    }

    fn of_pipes(reader: Option<OwnedFd>, writer: Option<OwnedFd>) -> Self {
        let peer = Address::Pipe;
        StdStream::Pipes {
            reader,
            writer,
            peer,
        }
        .into()
    }

    pub(crate) fn directions(&self) -> Directions {
        match &self.stream {
            StdStream::Pipes { writer: None, .. } => Directions::Read,
            StdStream::Pipes { reader: None, .. } => Directions::Write,
            StdStream::Pipes { .. } => Directions::Apart,
            StdStream::Tcp(_) | StdStream::Unix(_) if self.is_shared => Directions::Apart,
            StdStream::Tcp(_) | StdStream::Unix(_) => Directions::Both,
        }
    }

    /// Of a socket that other processes have as well: it is only ever closed here, and not shut down, which
    /// would end it for all of them. So the peer sees the end when the last one has closed it, and
    /// `lose_connection` does not wait for the peer.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }
}

impl From<StdStream> for AdoptedStream {
    fn from(stream: StdStream) -> Self {
        Self {
            stream,
            is_shared: false,
        }
    }
}

impl From<TcpStream> for AdoptedStream {
    fn from(stream: TcpStream) -> Self {
        StdStream::Tcp(stream).into()
    }
}

impl From<UnixStream> for AdoptedStream {
    fn from(stream: UnixStream) -> Self {
        StdStream::Unix(stream).into()
    }
}

/// A socket that listens and is not the loop's yet: one that was inherited from the parent of the process,
/// or was bound with options that are not here. See
/// [`Reactor::adopt_listener`](crate::Reactor::adopt_listener).
///
/// It is closed at the end, and never shut down, so that other processes may have it as well. The file of a
/// UNIX socket stays, since it is not this loop's, and the backlog is that of the one who has called `listen`.
///
/// ```
/// use std::net::TcpListener;
///
/// use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
///
/// let reactor = Reactor::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let port = reactor.adopt_listener(listener, |_| Echo)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[cfg_attr(
    not(feature = "os"),
    expect(dead_code, reason = "a simulation adopts nothing")
)]
pub struct AdoptedListener(pub(crate) StdListener);

#[derive(Debug)]
#[cfg_attr(
    not(feature = "os"),
    expect(dead_code, reason = "a simulation adopts nothing")
)]
pub(crate) enum StdListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for AdoptedListener {
    fn from(listener: TcpListener) -> Self {
        Self(StdListener::Tcp(listener))
    }
}

impl From<UnixListener> for AdoptedListener {
    fn from(listener: UnixListener) -> Self {
        Self(StdListener::Unix(listener))
    }
}
