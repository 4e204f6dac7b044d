//! UNIX sockets of the operating system.
//!
//! ```text
//!   bind ──▶ in use? ──▶ a socket, and nobody answers: remove it, bind again
//!     │                  anything else: an error
//!     ▼
//!   permissions ──▶ listen ──▶ …  ──▶ closed, and the file removed if it is still this one
//! ```

use std::fs;
use std::io::{self, Write};
use std::net::Shutdown;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mio::net::{UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use super::lookahead::Lookahead;
use super::registrations::Registrations;
use super::tcp::BACKLOG;
#[cfg(all(
    feature = "descriptors",
    any(target_os = "linux", target_os = "android")
))]
use crate::address::Credentials;
use crate::address::{Address, UnixAddress};
use crate::driver::{ListenOptions, Listener, Stream};
use crate::engine::table::Token;

pub(super) struct MioUnixStream {
    stream: UnixStream,
    lookahead: Lookahead,
}

impl MioUnixStream {
    pub(super) fn connect(
        address: &UnixAddress,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<Self> {
        Self::register(
            UnixStream::connect_addr(&to_std(address)?)?,
            registrations,
            token,
        )
    }

    pub(super) fn register(
        mut stream: UnixStream,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<Self> {
        registrations.register(&mut stream, token)?;
        Ok(Self {
            stream,
            lookahead: Lookahead::default(),
        })
    }
}

impl Stream for MioUnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lookahead.read(&mut self.stream, buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.stream.write(data)
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lookahead.peek(&mut self.stream, buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        self.stream.peer_addr().map(from_std)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.stream.local_addr().map(from_std)
    }

    #[cfg(all(
        feature = "descriptors",
        any(target_os = "linux", target_os = "android")
    ))]
    fn credentials(&self) -> Option<Credentials> {
        let peer = rustix::net::sockopt::socket_peercred(&self.stream).ok()?;
        Some(Credentials {
            pid: peer.pid.as_raw_nonzero().get().try_into().ok()?,
            uid: peer.uid.as_raw(),
            gid: peer.gid.as_raw(),
        })
    }

    /// A UNIX socket has no reset of its own: its peer sees the end, or an error if it left bytes unread.
    fn reset_on_drop(&mut self) {}
}

pub(super) struct MioUnixListener {
    listener: UnixListener,
    /// What is removed at the end; not of a listener that others have too.
    file: Option<SocketFile>,
    registrations: Rc<Registrations>,
}

impl MioUnixListener {
    pub(super) fn bind(
        address: &UnixAddress,
        options: &ListenOptions,
        registrations: Rc<Registrations>,
        token: Token,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let at = to_socket2(address)?;
        match socket.bind(&at) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(address, error)?;
                socket.bind(&at)?;
            }
            result => result?,
        }
        // From here on an error removes the file again.
        let file = address.path().map(SocketFile::new).transpose()?;
        if let (Some(file), Some(mode)) = (&file, options.mode) {
            // Before anybody can connect, who might not be allowed to.
            fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
        }
        socket.listen(options.backlog.unwrap_or(BACKLOG))?;
        Self::register(
            UnixListener::from_std(socket.into()),
            file,
            registrations,
            token,
        )
    }

    pub(super) fn register(
        mut listener: UnixListener,
        file: Option<SocketFile>,
        registrations: Rc<Registrations>,
        token: Token,
    ) -> io::Result<Self> {
        registrations.register(&mut listener, token)?;
        Ok(Self {
            listener,
            file,
            registrations,
        })
    }
}

impl Listener for MioUnixListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)> {
        let (stream, peer) = self.listener.accept()?;
        let stream = MioUnixStream::register(stream, &self.registrations, token)?;
        Ok((Box::new(stream), from_std(peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        // As it was asked for: the kernel gives back the bytes of the path, which are the same.
        match &self.file {
            Some(file) => Ok(Address::Unix(UnixAddress::Path(file.path.clone()))),
            None => self.listener.local_addr().map(from_std),
        }
    }
}

/// The file of a socket that listens. It is removed with this value, unless another one has its place.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&fs::symlink_metadata(path)?),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_there = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| identity(&metadata) == self.identity);
        if is_there && let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            log::warn!("the socket file {path} cannot be removed: {error}");
        }
    }
}

/// What tells a file from another one of its name.
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Removes the file of a socket whose process is gone, as a process that was killed leaves it; anything
/// else stays. The answer to a connect tells: the kernel refuses it if nothing listens there.
fn remove_stale(address: &UnixAddress, in_use: io::Error) -> io::Result<()> {
    let Some(path) = address.path() else {
        return Err(in_use); // a name of the abstract namespace goes with its process
    };
    let found = fs::symlink_metadata(path)?;
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file is there that is not a socket",
        ));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A live one whose queue is full would keep a blocking connect waiting.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        _ => return Err(in_use),
    }
    // Another process may have found it at the same time, and listen there by now.
    let now = fs::symlink_metadata(path)?;
    match identity(&now) == identity(&found) {
        true => fs::remove_file(path),
        false => Err(in_use),
    }
}

fn to_socket2(address: &UnixAddress) -> io::Result<SockAddr> {
    match address {
        UnixAddress::Path(path) => SockAddr::unix(path),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        UnixAddress::Abstract(name) => {
            use std::os::unix::ffi::OsStrExt;
            // The kernel tells the two by the zero byte in front.
            let name = [&[0], &**name].concat();
            SockAddr::unix(std::ffi::OsStr::from_bytes(&name))
        }
        _ => Err(no_such_name()),
    }
}

fn to_std(address: &UnixAddress) -> io::Result<SocketAddr> {
    match address {
        UnixAddress::Path(path) => SocketAddr::from_pathname(path),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        UnixAddress::Abstract(name) => SocketAddr::from_abstract_name(name),
        _ => Err(no_such_name()),
    }
}

fn no_such_name() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a UNIX socket is found by a path, and on Linux by an abstract name",
    )
}

fn from_std(address: SocketAddr) -> Address {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return Address::Unix(UnixAddress::Abstract(name.into()));
    }
    Address::Unix(match address.as_pathname() {
        Some(path) => UnixAddress::Path(path.to_owned()),
        None => UnixAddress::Unnamed,
    })
}
