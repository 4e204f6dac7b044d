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
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::address::Address;
use crate::engine::table::Token;
use crate::time::Instant;

mod datagrams;
mod descriptors;
#[cfg(all(feature = "os", unix))]
pub(crate) mod mio;
mod options;
mod readiness;
mod resolution;
mod signal;
pub(crate) mod simulated;
mod socket;

pub(crate) use self::datagrams::{DatagramOption, DatagramSocket};
pub(crate) use self::descriptors::Descriptors;
pub(crate) use self::options::{ConnectOptions, ListenOptions};
pub(crate) use self::readiness::Readiness;
pub(crate) use self::resolution::Resolution;
pub(crate) use self::signal::Signal;
pub(crate) use self::socket::{Listener, Stream};

/// How many events one wait returns, at most. More wait for the next turn.
pub(crate) const EVENTS: usize = 1024;

/// Tells the time, without the rest of a driver.
pub(crate) type Clock = Box<dyn Fn() -> Instant>;

/// Tells what the clock on the wall shows, without the rest of a driver.
pub(crate) type WallClock = Rc<dyn Fn() -> SystemTime>;

/// A source of readiness and time.
pub(crate) trait Driver: Descriptors {
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

    /// Listens at an address. The listener is ready under `token`.
    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<Box<dyn Listener>>;

    /// Begins to connect. The stream becomes writable when the attempt has ended, and then
    /// `take_error` returns why it failed, if it did.
    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<Box<dyn Stream>>;

    /// The standard input and output of the process. What is true of them already is no event.
    fn stdio(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Readiness)>;

    /// Opens a socket for datagrams, which is readable under `token`. One that is shared lets others that are
    /// shared have the same address.
    fn bind_datagrams(
        &mut self,
        address: SocketAddr,
        is_shared: bool,
        token: Token,
    ) -> io::Result<Box<dyn DatagramSocket>>;

    /// How many file descriptors the process may have.
    fn descriptor_limit(&self) -> usize;

    /// Finds the addresses of a host.
    fn resolve(&mut self, host: &str, port: u16) -> Resolution;

    /// A number of which all bits are random: by the seed in a simulation, so that a run repeats.
    fn random(&mut self) -> u64;

    /// What wakes the loop from another thread.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Begins, or ends, to take the signals that stop a program.
    fn take_signals(&mut self, take: bool) -> io::Result<()>;

    /// Begins, or ends, to take a signal that the program watches, whether the loop runs or not.
    fn watch_signal(&mut self, signal: Signal, watch: bool) -> io::Result<()>;

    /// The signals that came since the last question, each at most once.
    fn signals(&mut self) -> Vec<Signal>;
}

/// What one source is ready for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: Token,
    pub(crate) what: Readiness,
}

/// Wakes the loop; the only thing of a driver that other threads may touch.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}
