//! What was opened elsewhere becomes the driver's.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use socket2::SockRef;

use super::pipe::{Owned, PipeStream};
use super::registrations::Registrations;
use super::tcp::{MioListener, MioStream};
use super::unix::{MioUnixListener, MioUnixStream};
use crate::address::Address;
#[cfg(feature = "descriptors")]
use crate::address::Credentials;
use crate::adopted::{AdoptedListener, AdoptedStream, StdListener, StdStream};
use crate::driver::{Listener, Readiness, Stream};
use crate::engine::table::Token;

pub(super) fn adopt(
    adopted: AdoptedStream,
    keepalive: Option<Duration>,
    registrations: &Registrations,
    token: Token,
) -> io::Result<(Box<dyn Stream>, Readiness)> {
    let mut early = Readiness::NONE;
    let stream: Box<dyn Stream> = match adopted.stream {
        StdStream::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            let stream = TcpStream::from_std(stream);
            Box::new(MioStream::register(
                stream,
                keepalive,
                registrations,
                token,
            )?)
        }
        StdStream::Unix(stream) => {
            stream.set_nonblocking(true)?;
            let stream = UnixStream::from_std(stream);
            Box::new(MioUnixStream::register(stream, registrations, token)?)
        }
        StdStream::Pipes {
            reader,
            writer,
            peer,
        } => {
            let own = match adopted.is_shared {
                true => Owned::shared,
                false => Owned::alone,
            };
            let (reader, writer) = (reader.map(own), writer.map(own));
            let (stream, ready) = PipeStream::register(reader, writer, peer, registrations, token)?;
            early = ready;
            Box::new(stream)
        }
    };
    match adopted.is_shared {
        true => Ok((Box::new(Shared(stream)), early)),
        false => Ok((stream, early)),
    }
}

pub(super) fn adopt_listener(
    adopted: AdoptedListener,
    keepalive: Option<Duration>,
    registrations: Rc<Registrations>,
    token: Token,
) -> io::Result<Box<dyn Listener>> {
    match adopted.0 {
        StdListener::Tcp(listener) => {
            check_listens(SockRef::from(&listener))?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener);
            let listener = MioListener::adopt(listener, keepalive, registrations, token)?;
            Ok(Box::new(listener))
        }
        StdListener::Unix(listener) => {
            check_listens(SockRef::from(&listener))?;
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener);
            // Its file belongs to the one that has bound it.
            let listener = MioUnixListener::register(listener, None, registrations, token)?;
            Ok(Box::new(listener))
        }
    }
}

/// The type of a standard listener does not say that its socket listens, since it may be made of any
/// descriptor. One that does not would fail at each `accept`.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn check_listens(socket: SockRef<'_>) -> io::Result<()> {
    match socket.is_listener()? {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the socket does not listen",
        )),
    }
}

/// Elsewhere the system cannot be asked.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn check_listens(_: SockRef<'_>) -> io::Result<()> {
    Ok(())
}

/// A socket that other processes have as well. A shutdown or a reset would be theirs, too.
struct Shared(Box<dyn Stream>);

impl Stream for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        self.0.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.local_addr()
    }

    fn reset_on_drop(&mut self) {}

    #[cfg(feature = "descriptors")]
    fn credentials(&self) -> Option<Credentials> {
        self.0.credentials()
    }
}
