//! Sockets that the parent of the process has opened and handed down, found by number.
//!
//! A number alone is not a right to a descriptor: any part of the program may own it. Two crates hold what
//! makes one of it. `listenfd` takes those that the service manager has announced, each once. Of any other
//! number `rustix` makes a copy through a descriptor of the process itself (`pidfd_getfd(2)`), and the number
//! stays open, as its owner's.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, OnceLock, PoisonError};

use listenfd::ListenFd;

use crate::adopted::AdoptedListener;

/// The first number that a service manager hands down: `sd_listen_fds(3)`.
const FIRST: i32 = 3;

/// What was announced, and not taken yet. The environment is the process's, so this is as well.
fn announced() -> &'static Mutex<ListenFd> {
    static ANNOUNCED: OnceLock<Mutex<ListenFd>> = OnceLock::new();
    ANNOUNCED.get_or_init(|| Mutex::new(ListenFd::from_env()))
}

pub(super) fn by_index(index: usize) -> io::Result<AdoptedListener> {
    let mut announced = announced().lock().unwrap_or_else(PoisonError::into_inner);
    let count = announced.len();
    if index >= count {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "{count} sockets were handed down (LISTEN_FDS and LISTEN_PID), and this would be number {}",
                index + 1
            ),
        ));
    }
    // One that is of another kind stays where it is.
    if let Ok(Some(listener)) = announced.take_unix_listener(index) {
        return Ok(listener.into());
    }
    match announced.take_tcp_listener(index)? {
        Some(listener) => Ok(listener.into()),
        None => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "this socket was taken already",
        )),
    }
}

/// Finds it by the name that its unit gives it (`FileDescriptorName=`).
pub(super) fn by_name(name: &str) -> io::Result<AdoptedListener> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    match names.split(':').position(|known| known == name) {
        Some(index) => by_index(index),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("no socket of that name was handed down, but: {names:?} (LISTEN_FDNAMES)"),
        )),
    }
}

pub(super) fn by_number(number: i32) -> io::Result<AdoptedListener> {
    let count = {
        let announced = announced().lock().unwrap_or_else(PoisonError::into_inner);
        announced.len()
    };
    match usize::try_from(number - FIRST) {
        Ok(index) if index < count => by_index(index),
        _ => listener(copy(number)?),
    }
}

/// A socket that listens, of whichever family.
fn listener(descriptor: OwnedFd) -> io::Result<AdoptedListener> {
    use rustix::net::sockopt;
    match sockopt::socket_domain(&descriptor)? {
        rustix::net::AddressFamily::UNIX => Ok(UnixListener::from(descriptor).into()),
        _ => Ok(TcpListener::from(descriptor).into()),
    }
}

#[cfg(target_os = "linux")]
fn copy(number: i32) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let process = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(process, number, PidfdGetfdFlags::empty())?)
}

/// Elsewhere there is no such call.
#[cfg(not(target_os = "linux"))]
fn copy(_: i32) -> io::Result<OwnedFd> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a descriptor is found by its number on Linux only, and otherwise where LISTEN_FDS announces it",
    ))
}
