//! The seam between the loop and the world: where readiness and time come from.
//!
//! The loop asks a [`Driver`] for both, and moves bytes through [`Stream`]s and [`Listener`]s that
//! the driver made. There are two drivers: `mio`, the operating system, and `simulated`, a network
//! in memory with a clock of its own. Nothing above this file knows which one it runs on.
//!
//! Readiness is edge-triggered: after an event, a source is silent until it has been used up to
//! `WouldBlock` (or to a short read or write, which says the same) and something new has come. The
//! loop remembers what it left unread.

use std::io;
use std::net::SocketAddr;
use std::ops::BitOr;
#[cfg(unix)]
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::address::Address;
use crate::engine::table::Token;

#[cfg(all(feature = "os", unix))]
pub(crate) mod mio;
pub(crate) mod simulated;

/// How many events one wait returns, at most. More wait for the next turn.
pub(crate) const EVENTS: usize = 1024;

/// Tells the time, without the rest of a driver.
pub(crate) type Clock = Box<dyn Fn() -> Instant>;

/// Tells what the clock on the wall shows, without the rest of a driver.
pub(crate) type WallClock = Rc<dyn Fn() -> SystemTime>;

/// A source of readiness and time.
pub(crate) trait Driver {
    /// The time. Never goes back.
    fn now(&self) -> Instant;

    /// The same clock, for code that must not hold the driver.
    fn clock(&self) -> Clock;

    /// The date and time that other programs see, too. May be set back, so nothing waits by it.
    fn wall_clock(&self) -> WallClock;

    /// Waits until something is ready, another thread wakes the loop, a signal comes, or the
    /// timeout is over; `None` waits for ever. May return early, without anything. Appends to
    /// `ready`.
    ///
    /// # Errors
    ///
    /// If the driver knows that nothing can end the wait, and `others_may_wake` is false.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        others_may_wake: bool,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()>;

    /// Listens at an address. The listener is ready under `token`, and what it accepts has the
    /// keep-alive that is asked for.
    fn listen(
        &mut self,
        address: &Address,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<Box<dyn Listener>>;

    /// Begins to connect. The stream becomes writable when the attempt has ended, and then
    /// `take_error` returns why it failed, if it did.
    fn connect(
        &mut self,
        address: &Address,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<Box<dyn Stream>>;

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

    /// A descriptor that is readable when a wait would return something.
    #[cfg(unix)]
    fn descriptor(&self) -> io::Result<OwnedFd>;

    /// How many file descriptors the process may have.
    fn descriptor_limit(&self) -> usize;

    /// Finds the addresses of a host.
    fn resolve(&mut self, host: &str, port: u16) -> Resolution;

    /// What wakes the loop from another thread.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Begins, or ends, to take the signals that stop a program.
    fn take_signals(&mut self, take: bool) -> io::Result<()>;

    /// The signals that came since the last question.
    fn signals(&mut self) -> Vec<Signal>;
}

/// What one source is ready for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: Token,
    pub(crate) what: Readiness,
}

/// A set of what a source may be ready for. A byte, because one is handed on with each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u8);

impl Readiness {
    pub(crate) const NONE: Self = Self(0);
    /// There may be something to read: bytes, their end or an error.
    pub(crate) const READABLE: Self = Self(1);
    pub(crate) const WRITABLE: Self = Self(2);
    /// The peer has closed its sending half, perhaps behind bytes that are still to be read. Comes
    /// with `READABLE`.
    pub(crate) const READ_CLOSED: Self = Self(4);
    /// Both halves are gone. Comes with `READ_CLOSED`.
    pub(crate) const BROKEN: Self = Self(8);

    pub(crate) const ALL: Self = Self(15);

    /// This set if it holds, otherwise none.
    #[inline]
    pub(crate) fn when(self, holds: bool) -> Self {
        Self(self.0 * u8::from(holds))
    }

    /// Whether one of `others` is in the set.
    #[inline]
    pub(crate) fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    #[inline]
    pub(crate) fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    #[inline]
    pub(crate) fn remove(&mut self, others: Self) {
        self.0 &= !others.0;
    }
}

impl BitOr for Readiness {
    type Output = Self;

    #[inline]
    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

/// A connection's socket. No method blocks; `WouldBlock` says that an event will come.
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
}

/// A listening socket.
pub(crate) trait Listener {
    /// Takes the next connection, whose events come under `token`.
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)>;
    fn local_addr(&self) -> io::Result<Address>;
}

/// Wakes the loop; the only thing of a driver that other threads may touch.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

/// Where the addresses of a host come from.
pub(crate) enum Resolution {
    Known(io::Result<Vec<SocketAddr>>),
    /// Asking blocks, so it has to be done on another thread.
    #[cfg_attr(
        not(all(feature = "os", unix)),
        expect(dead_code, reason = "only the operating system blocks")
    )]
    Ask(Box<dyn FnOnce() -> io::Result<Vec<SocketAddr>> + Send>),
}

/// A signal that asks a program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}
