//! What a driver does with descriptors, where there are any: with those that are not its own, and
//! with the one that is the loop's.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::os::fd::{BorrowedFd, OwnedFd};
#[cfg(all(feature = "process", unix))]
use std::process::{Child, Command};
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::adopted::{AdoptedListener, AdoptedStream};
#[cfg(unix)]
use crate::driver::{Listener, Readiness, Stream};
#[cfg(unix)]
use crate::engine::table::Token;

/// For a loop among others.
pub(crate) trait Descriptors {
    /// Watches a descriptor that is not the driver's own for what `now` says, in place of `before`;
    /// `NONE` is not at all. What is ready already is an event as well, also where nothing changes: so
    /// levels are made of edges.
    #[cfg(unix)]
    fn watch(
        &mut self,
        descriptor: BorrowedFd<'_>,
        token: Token,
        before: Readiness,
        now: Readiness,
    ) -> io::Result<()>;

    /// Takes over a connection that was made elsewhere. What is true of it already may be no event.
    #[cfg(unix)]
    fn adopt(
        &mut self,
        stream: AdoptedStream,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<(Box<dyn Stream>, Readiness)>;

    /// Takes over a socket that listens.
    #[cfg(unix)]
    fn adopt_listener(
        &mut self,
        listener: AdoptedListener,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<Box<dyn Listener>>;

    /// Starts a child process.
    #[cfg(all(feature = "process", unix))]
    fn spawn(&mut self, command: &mut Command) -> io::Result<Child>;

    /// A descriptor that is readable when a wait would return something.
    #[cfg(unix)]
    fn descriptor(&self) -> io::Result<OwnedFd>;
}
