//! The reactor: an event loop as its consumer holds it. All that one may ask of it is in this file, each
//! in a line that says where it goes: the loop itself is in `engine/`, what it serves in `sources/`. A
//! contract that takes more than a few lines is with what it is about, and linked.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::panic::Location;
#[cfg(all(feature = "process", unix))]
use std::process::Output;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::address::{Address, UnixAddress};
#[cfg(unix)]
use crate::adopted::{AdoptedListener, AdoptedStream};
use crate::cooperating;
use crate::cooperator::CooperativeTask;
use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::deferred::{Clock, Deferred, Failure, Outcome, TaskOutcome};
use crate::delayed_call::DelayedCall;
#[cfg(all(feature = "os", unix))]
use crate::driver::mio::MioDriver;
use crate::driver::{Driver, ListenOptions};
#[cfg(unix)]
use crate::embedding::Embedded;
use crate::engine::Engine;
use crate::engine::pools::ThreadLimits;
use crate::engine::running::RunError;
use crate::factory::Factory;
use crate::lifecycle::{Phase, Signal, StopLimits, SystemEvent};
use crate::observe::Observer;
#[cfg(all(feature = "process", unix))]
use crate::process::{self, CannotSpawn, Process, ProcessCommand, ProcessProtocol};
use crate::remote_reactor::RemoteReactor;
use crate::signal_watch::SignalWatch;
use crate::sources::attempt::{self, Connector};
use crate::sources::beginning;
use crate::sources::cannot_listen::CannotListen;
#[cfg(unix)]
use crate::sources::foreign::{self, CannotWatch, ForeignSource, Interest, SourceEvent};
use crate::sources::port::{self, ListeningPort};
use crate::sources::udp;
use crate::throttle::{Rates, Throttle};
use crate::time::Instant;
#[cfg(feature = "tls")]
use crate::tls::{self, TlsClientConfig, TlsServerConfig};
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// An event loop, and all that one may ask of it.
///
/// This is a handle: cheap to clone, and every clone is the same loop. It belongs to the thread
/// that made it; other threads hold a [`RemoteReactor`]. A program may have several.
///
/// ```
/// use std::time::Duration;
/// use reactor::Reactor;
///
/// let reactor = Reactor::new()?;
/// reactor.call_later(Duration::from_millis(1), || println!("later"));
/// reactor.run()?; // returns when nothing is left to wait for
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Reactor(pub(crate) Rc<Engine>);

/// The loop's life: `engine/running.rs`, `engine/turn.rs`, `engine/stopping.rs`.
impl Reactor {
    pub(crate) fn with_driver(driver: Box<dyn Driver>) -> Self {
        Self(Engine::new(driver))
    }

    /// Makes a loop on the operating system's sockets and clock.
    ///
    /// # Errors
    ///
    /// When the operating system gives no file descriptors for it.
    #[cfg(all(feature = "os", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "os")))]
    pub fn new() -> io::Result<Self> {
        Ok(Self::with_driver(Box::new(MioDriver::new()?)))
    }

    /// Runs the loop until it was asked to [`stop`](Self::stop), or until nothing is left that could
    /// ever wake it: no connection, no attempt to connect, no listening port, no other source, no
    /// delayed or queued call, no task, no work on a thread, and no [`RemoteReactor`]. Then it stops as
    /// if it was asked to; see [`lifecycle`](crate::lifecycle#stopping). May be called again
    /// afterwards; what was not done by then is still there.
    ///
    /// While it runs, SIGINT and SIGTERM stop the loop, unless
    /// [`handle_signals`](Self::handle_signals) says otherwise.
    ///
    /// # Errors
    ///
    /// [`RunError::AlreadyRunning`] when it is called from inside a callback of the same loop, and
    /// [`RunError::Driver`] when the operating system does not let the loop wait; then no trigger is
    /// called.
    pub fn run(&self) -> Result<(), RunError> {
        self.0.run()
    }

    /// Runs the loop until the Deferred fires, and returns the result. Of a Deferred that is fired
    /// already the result is returned at once.
    ///
    /// The loop only pauses, at the end of the turn in which the Deferred fires, and goes on in the next
    /// [`run`](Self::run), `run_until` or [`turn`](Self::turn). No trigger of the shutdown is called: a
    /// program that is done ends in the orderly way by a [stop](crate::lifecycle#stopping).
    ///
    /// When the loop is asked to stop before, by [`stop`](Self::stop) or by a signal, it does so, with
    /// all that belongs to a stop. Then, or when nothing is left to wait for, or when the loop cannot
    /// run, a Deferred that has not fired is cancelled, and what it makes of that is returned.
    ///
    /// # Errors
    ///
    /// The Deferred's own failure; the [`RunError`] of a loop that cannot run; or
    /// [`StoppedBefore`](crate::StoppedBefore) when the Deferred did not even fire when it was cancelled.
    pub fn run_until<T: 'static>(&self, deferred: Deferred<T>) -> Result<T, Failure> {
        self.0.run_until(deferred)
    }

    /// Stops the loop in an orderly way, within its [stop limits](Self::set_stop_limits): by default without a
    /// lame-duck time, and with a grace of three seconds. See [`shutdown`](Self::shutdown). A second call may
    /// shorten the grace, not lengthen it.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Stops the loop: from the end of this turn on no connection is accepted,
    /// `shutdown_requested` is called on every protocol, what is buffered is sent, and [`run`](Self::run)
    /// returns when all connections are lost. Those that are left when the grace is over are aborted, with
    /// [`Reason::Shutdown`](crate::Reason::Shutdown).
    ///
    /// The grace counts from the call. In a stop that is under way it takes the place of what is left of its
    /// grace, be it shorter or longer; a lame-duck time that has begun goes on within it. Once the grace is over, or
    /// after a second signal, it changes nothing. What goes on
    /// meanwhile, and a stop of a loop that does not run: [`lifecycle`](crate::lifecycle#stopping).
    pub fn shutdown(&self, grace: Duration) {
        self.0.shutdown(grace);
    }

    /// Sets how long a stop by [`stop`](Self::stop) or by a signal may take. Concerns the next one, not one that
    /// is under way.
    pub fn set_stop_limits(&self, limits: StopLimits) {
        self.0.set_stop_limits(limits);
    }

    /// The limits that are set, to change one of them and leave the other.
    #[must_use]
    pub fn stop_limits(&self) -> StopLimits {
        self.0.stop_limits()
    }

    /// Whether the loop was asked to stop, and the stop is not complete yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Calls `f` once, at the next event of this kind: see [`lifecycle`](crate::lifecycle). Triggers of one
    /// phase are called in the order in which they were added. A stop waits, within its grace, for a
    /// Deferred that they return. A failure is logged.
    #[track_caller]
    pub fn add_system_event_trigger<R>(
        &self,
        phase: Phase,
        event: SystemEvent,
        f: impl FnOnce() -> R + 'static,
    ) where
        R: Outcome<Output = ()>,
    {
        let place = Location::caller();
        let _ = self.0.triggers().add(phase, event, f, place);
    }

    /// Leaves SIGINT and SIGTERM to the caller, with `false`; set it before [`run`](Self::run). With
    /// `true`, which is the default, they stop the loop while it runs, and a second SIGINT ends the
    /// process. What becomes of handlers of the program's own:
    /// [`lifecycle`](crate::lifecycle#signals).
    pub fn handle_signals(&self, handle: bool) {
        self.0.handle_signals(handle);
    }

    /// Calls `f` on the loop's thread each time that a signal comes, until the watch is
    /// [cancelled](SignalWatch::cancel) or the loop is dropped. A signal may have several functions, which are
    /// called in the order in which they were set.
    ///
    /// The signal is taken from this call on, whether the loop runs or not, but `f` is only called in its turns.
    /// Signals of one kind that come before `f` is called are one. It does not
    /// keep the loop running. A panic in `f` is logged, and `f` is called again at the next signal.
    ///
    /// A handler that the program has already is called as well. A signal that was ignored, as SIGHUP by `nohup`,
    /// is taken too, since the program asks for it. When the last watch of all loops is gone, the
    /// signal does what it did before; where the system has no `/proc`, that counts as the default action.
    ///
    /// The loop keeps `f`, which should not keep the loop: see [`downgrade`](Self::downgrade).
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use reactor::lifecycle::Signal;
    /// use reactor::testing::Simulation;
    ///
    /// let simulation = Simulation::new();
    /// let read = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&read);
    /// let watch = simulation.reactor().on_signal(Signal::Hup, move || count.set(count.get() + 1))?;
    /// assert!(simulation.signal(Signal::Hup));
    /// simulation.run_until_idle();
    /// assert_eq!(read.get(), 1);
    /// assert!(watch.cancel());
    /// assert!(!simulation.signal(Signal::Hup)); // a program that does not watch it would end
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the operating system gives no descriptors for it, or does not let the program handle the signal.
    #[track_caller]
    pub fn on_signal(&self, signal: Signal, f: impl FnMut() + 'static) -> io::Result<SignalWatch> {
        SignalWatch::set(&self.0, signal.into(), f, Location::caller())
    }

    /// Makes one turn, for a program that has a loop of its own: see
    /// [`embedding`](crate::embedding). It sleeps until something is ready or due, at most for `timeout`;
    /// `None` is for as long as there is anything to wait for. Signals are left to the caller, no trigger
    /// of the startup is called, and nothing stops for want of anything to wait for.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.0.turn(timeout)
    }

    /// How long a [`turn`](Self::turn) would sleep now, if nothing became ready: not at all when calls are
    /// queued, tasks woken or bytes to be sent, otherwise until the next timer is due. `None` is for ever.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout()
    }

    /// This loop for another one that polls descriptors, to run inside it.
    ///
    /// # Errors
    ///
    /// When the process may have no more descriptors, and in a simulation, which has none.
    #[cfg(unix)]
    pub fn embed(&self) -> io::Result<Embedded> {
        Embedded::new(&self.0)
    }
}

/// What the loop serves: `sources/`, and `tls/`.
impl Reactor {
    /// Listens at a TCP address, and gives each connection a protocol of `factory`. Port 0 lets the
    /// operating system choose; [`ListeningPort::local_addr`] has the choice.
    ///
    /// An address is for its own family: `0.0.0.0` is every IPv4 address of this machine and `::`
    /// every IPv6 address; a program that wants both listens at both, on the same port if need be. So
    /// a peer's IPv4 address is never shown as `::ffff:127.0.0.1`.
    ///
    /// A host name is looked up at once, which blocks. Of its addresses the first is taken that
    /// can be listened at.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved, is in use, or cannot be bound by this user on this machine.
    pub fn listen_tcp(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        port::listen(&self.0, address, ListenOptions::default(), factory)
    }

    /// Listens at a [UNIX socket](UnixAddress): a path, or with `@` in front an abstract name.
    ///
    /// # Errors
    ///
    /// When something listens there, a file is there that is not a socket, the path is longer than 107
    /// bytes, or the directory is not for this user.
    pub fn listen_unix(
        &self,
        path: impl Into<UnixAddress>,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        port::listen_unix(&self.0, path.into(), ListenOptions::default(), factory)
    }

    /// Begins to connect to a [UNIX socket](UnixAddress). Otherwise it is as
    /// [`connect_tcp`](Self::connect_tcp).
    pub fn connect_unix(&self, path: impl Into<UnixAddress>, factory: impl Factory) -> Connector {
        attempt::connect_to(&self.0, Address::Unix(path.into()), factory)
    }

    /// Opens a UDP socket, whose [datagrams](crate::datagram) `protocol` receives, from anybody. The address is as
    /// of [`listen_tcp`](Self::listen_tcp); with `0.0.0.0:0` it is a client's. Until it is stopped it keeps
    /// [`run`](Self::run) from returning.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved, is in use, or cannot be bound by this user on this machine.
    pub fn listen_udp(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        protocol: impl DatagramProtocol,
    ) -> Result<DatagramTransport, CannotListen> {
        udp::listen(&self.0, address, false, protocol)
    }

    /// As [`listen_udp`](Self::listen_udp), at a port that other programs listen at in the same way, as
    /// is the rule for multicast: each of them receives what is sent to a
    /// [group](DatagramTransport::join_group).
    ///
    /// # Errors
    ///
    /// As [`listen_udp`](Self::listen_udp).
    pub fn listen_multicast(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        protocol: impl DatagramProtocol,
    ) -> Result<DatagramTransport, CannotListen> {
        udp::listen(&self.0, address, true, protocol)
    }

    /// Opens a UDP socket for one peer, at a port that the operating system chooses:
    /// [`DatagramTransport::connect`] says what that means.
    ///
    /// # Errors
    ///
    /// When there is no route to the peer, or the process may have no more descriptors.
    pub fn connect_udp(
        &self,
        peer: SocketAddr,
        protocol: impl DatagramProtocol,
    ) -> io::Result<DatagramTransport> {
        udp::connect(&self.0, peer, protocol)
    }

    /// Makes a connection of the [standard input and output](Address::Stdio), and gives it a protocol of
    /// `factory`, at the end of the turn.
    ///
    /// # Errors
    ///
    /// When the operating system cannot watch them. In a simulation, when it was called before.
    pub fn stdio(&self, factory: impl Factory) -> io::Result<Transport> {
        beginning::stdio(&self.0, factory)
    }

    /// Connects to a TCP port, and gives the connection a protocol of `factory`.
    ///
    /// `host` is an address or a name, which is looked up on another thread. All its addresses are
    /// tried within [`Limits::connect`](crate::Limits::connect), those of IPv6 and of IPv4 in turn: the next one when the one
    /// before has failed or has not answered for 250 ms, beside it. The first that is connected is
    /// taken, and the factory is asked for a protocol for this one only. When none can be connected,
    /// the factory's `connection_failed` is called. Nothing is called before this method has returned.
    pub fn connect_tcp(&self, host: &str, port: u16, factory: impl Factory) -> Connector {
        attempt::connect(&self.0, host, port, None, factory)
    }

    /// Listens at a TCP address, and speaks [TLS](crate::tls) with its clients. Otherwise it is as
    /// [`listen_tcp`](Self::listen_tcp).
    ///
    /// # Errors
    ///
    /// As [`listen_tcp`](Self::listen_tcp).
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn listen_tls(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        tls: &TlsServerConfig,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        tls::listen(&self.0, address, ListenOptions::default(), tls, factory)
    }

    /// Connects to a TCP port, and speaks [TLS](crate::tls) with a server that has a certificate for
    /// `host`. Otherwise it is as [`connect_tcp`](Self::connect_tcp): `connection_made` comes when the TCP
    /// connection is established, and a handshake that failed is a reason of `connection_lost`. A host that
    /// is neither a name nor an address is one of `connection_failed`.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn connect_tls(
        &self,
        host: &str,
        port: u16,
        tls: &TlsClientConfig,
        factory: impl Factory,
    ) -> Connector {
        tls::connect(&self.0, host, port, None, tls, factory)
    }

    /// Makes a connection of a socket of the standard library, or of pipes, and gives it a protocol of
    /// `factory`, at the end of the turn: see [`AdoptedStream`]. What is written to the transport until then
    /// is sent after `connection_made`.
    ///
    /// # Errors
    ///
    /// When the operating system does not watch it, and in a simulation, which has no descriptors.
    #[cfg(unix)]
    pub fn adopt(
        &self,
        stream: impl Into<AdoptedStream>,
        factory: impl Factory,
    ) -> io::Result<Transport> {
        beginning::adopt(&self.0, stream.into(), factory)
    }

    /// Accepts at a socket of the standard library that listens already: see [`AdoptedListener`].
    ///
    /// # Errors
    ///
    /// When the socket does not listen, and in a simulation, which has no descriptors.
    #[cfg(unix)]
    pub fn adopt_listener(
        &self,
        listener: impl Into<AdoptedListener>,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        port::adopt(&self.0, listener.into(), factory)
    }

    /// Starts a child process: see [`process`](crate::process). Its exit, and what it writes, are events of
    /// `protocol`, none of which is called before this method has returned. A
    /// [`Command`](std::process::Command) is a [`ProcessCommand`] by itself.
    ///
    /// The start blocks until the child has begun, or failed to: about a millisecond.
    ///
    /// # Errors
    ///
    /// When there is no such program, the operating system gives no process or descriptors for it, and in a
    /// simulation. No child is left then.
    #[cfg(all(feature = "process", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "process")))]
    pub fn spawn_process(
        &self,
        command: impl Into<ProcessCommand>,
        protocol: impl ProcessProtocol,
    ) -> Result<Process, CannotSpawn> {
        process::spawn(&self.0, command.into(), protocol)
    }

    /// Starts a child process, and makes one connection of its standard input and output, for a protocol of
    /// `factory`; its standard error is left to the command. When the connection is lost, the child is asked
    /// to terminate, and is killed after three seconds.
    ///
    /// # Errors
    ///
    /// As [`spawn_process`](Self::spawn_process).
    #[cfg(all(feature = "process", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "process")))]
    pub fn connect_process(
        &self,
        command: impl Into<ProcessCommand>,
        factory: impl Factory,
    ) -> Result<Transport, CannotSpawn> {
        process::connect(&self.0, command.into(), factory)
    }

    /// Runs a command, and fires with what it wrote to its standard output, when it has exited and all have
    /// closed that. Its standard input is empty, unless it was [left](ProcessCommand::keep_stdin) to the command.
    ///
    /// Fails with [`ProcessFailed`](crate::process::ProcessFailed) when it does not succeed, with
    /// [`CannotSpawn`] when it was not started, and with [`OutputTooLong`](crate::process::OutputTooLong) when it
    /// wrote more than [`ProcessCommand::output_limit`]. Cancelling the Deferred kills it.
    #[cfg(all(feature = "process", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "process")))]
    #[must_use = "the output is lost with the Deferred"]
    pub fn get_output(&self, command: impl Into<ProcessCommand>) -> Deferred<Vec<u8>> {
        process::get_output(&self.0, command.into())
    }

    /// As [`get_output`](Self::get_output), but fires with the output, the error and the status of a command
    /// that does not succeed, too.
    #[cfg(all(feature = "process", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "process")))]
    #[must_use = "the output is lost with the Deferred"]
    pub fn get_output_and_status(&self, command: impl Into<ProcessCommand>) -> Deferred<Output> {
        process::get_output_and_status(&self.0, command.into())
    }

    /// Watches a descriptor of the program's own, and calls `callback` whenever it is ready: see
    /// [`ForeignSource`].
    ///
    /// # Errors
    ///
    /// When the operating system cannot watch it, as a file on a disk, or one that the loop watches
    /// already; and in a simulation, which has no descriptors. It comes back in the error.
    #[cfg(unix)]
    #[track_caller]
    pub fn add_source<F: AsFd + 'static>(
        &self,
        descriptor: F,
        interest: Interest,
        callback: impl FnMut(&ForeignSource<F>, &mut F, SourceEvent) + 'static,
    ) -> Result<ForeignSource<F>, CannotWatch<F>> {
        foreign::add(&self.0, descriptor, interest, callback, Location::caller())
    }

    /// A throttle for connections of this loop: how many bytes a second those under it may receive and send
    /// together.
    pub fn throttle(&self, rates: Rates) -> Throttle {
        Throttle::new(&self.0, &rates)
    }

    /// Limits the bytes that all connections together may have unsent; 256 MiB by default. Which connection
    /// is dropped when they have more: [`Reason::TotalOverflow`](crate::Reason::TotalOverflow), and, before
    /// a turn's bytes could be offered to a socket, [`Reason::TurnOverflow`](crate::Reason::TurnOverflow).
    ///
    /// The memory that the operating system has for sockets is not counted: on Linux up to 4 MiB more
    /// for each peer that does not read.
    pub fn set_unsent_limit(&self, bytes: usize) {
        self.0.loop_side().blocks.set_limit(bytes);
    }
}

/// Time and calls: `engine/timers.rs`, `delayed_call.rs`.
impl Reactor {
    /// The time, read from the loop's clock, which is a virtual one in a simulation.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// The date and time of the wall's clock, which is a virtual one in a simulation: it begins at
    /// 1 January 2000 there, or where
    /// [`Simulation::set_system_time`](crate::testing::Simulation::set_system_time) puts it. It may be
    /// set back at any time; to measure how long something takes, use [`now`](Self::now).
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        (self.0.wall_clock())()
    }

    /// Calls `f` once, after `delay`; never earlier, and first in, first out for equal deadlines.
    /// A delay of zero is due in the next turn. One that is too long to count is never over.
    #[track_caller]
    pub fn call_later(&self, delay: Duration, f: impl FnOnce() + 'static) -> DelayedCall {
        DelayedCall::set(&self.0, self.0.after(delay), f, Location::caller())
    }

    /// Calls `f` once, at `deadline` or as soon as possible afterwards. Costs less than
    /// [`call_later`](Self::call_later), which reads the clock.
    #[track_caller]
    #[inline]
    pub fn call_at(&self, deadline: Instant, f: impl FnOnce() + 'static) -> DelayedCall {
        DelayedCall::set(&self.0, self.0.nanos(deadline), f, Location::caller())
    }

    /// Calls `f` in the next turn, before the loop sleeps, in the order in which calls were queued. When
    /// there are thousands, some of them wait for the turns that follow. Before [`run`](Self::run) it is
    /// Twisted's `callWhenRunning`: `f` is called in the first turn.
    #[doc(alias = "call_when_running")]
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + 'static) {
        self.0.call_soon(f, Location::caller());
    }

    /// A Deferred that fires after `delay`. Cancelling it cancels the call.
    #[track_caller]
    pub fn defer_later(&self, delay: Duration) -> Deferred<()> {
        DelayedCall::defer(&self.0, delay, Location::caller())
    }
}

/// Tasks and threads: `engine/tasks.rs`, `engine/jobs.rs`, `engine/threads.rs`.
impl Reactor {
    /// Runs a future on the loop, from the next turn on, and returns its result as a Deferred.
    ///
    /// The future may await Deferreds, and whatever else needs no executor of its own; its wakers
    /// work from any thread. It ends with what a callback may return, so `?` and a last `Ok(value)`
    /// make a `Deferred` of the value. A panic makes it fail with
    /// [`Panicked`](crate::deferred::Panicked). Cancelling the Deferred drops the future.
    ///
    /// While there are tasks, [`run`](Self::run) does not return for want of anything to wait for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let reactor = reactor::Reactor::new()?;
    /// let clock = reactor.clone();
    /// let answer = reactor.spawn(async move {
    ///     clock.defer_later(Duration::from_millis(1)).await?;
    ///     Ok(6 * 7)
    /// });
    /// assert_eq!(reactor.run_until(answer)?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, R>(&self, future: F) -> Deferred<R::Output>
    where
        F: Future<Output = R> + 'static,
        R: TaskOutcome,
    {
        self.0.tasks().spawn(future, Location::caller())
    }

    /// Works off an iterator in slices, from the next turn on, between which the loop serves everything
    /// else: for a computation that takes long and has to stay on this thread.
    ///
    /// All tasks together have 2 ms in a turn, and share it equally, by time. So the loop is late by that and
    /// by the longest step, one `next`, which is not interrupted: steps should take well below a millisecond.
    /// When nothing else is to be done, slices follow each other without a pause.
    ///
    /// What the iterator returns is as of a callback: nothing, a result, or a Deferred, which is waited for
    /// before the next step is made; [`spawn`](Self::spawn) makes one of a future. A failure ends the task,
    /// and so does a panic, with [`Panicked`](crate::deferred::Panicked). A failure that no
    /// [`when_done`](CooperativeTask::when_done) was asked for is reported as unhandled.
    ///
    /// A task that is not paused keeps the loop running. A stop does not wait for it.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use reactor::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let sum = Rc::new(Cell::new(0_u64));
    /// let total = Rc::clone(&sum);
    /// let task = reactor.cooperate((0..100_000).map(move |n| total.set(total.get() + n)));
    /// reactor.run_until(task.when_done())?;
    /// assert_eq!(sum.get(), 4_999_950_000);
    /// # Ok::<(), reactor::Failure>(())
    /// ```
    #[track_caller]
    pub fn cooperate<I>(&self, iterator: I) -> CooperativeTask
    where
        I: Iterator + 'static,
        I::Item: Outcome<Output = ()>,
    {
        cooperating::cooperate(&self.0, iterator, Location::caller())
    }

    /// As [`cooperate`](Self::cooperate), where only the end is of interest. Cancelling the Deferred stops
    /// the task.
    #[track_caller]
    pub fn coiterate<I>(&self, iterator: I) -> Deferred<()>
    where
        I: Iterator + 'static,
        I::Item: Outcome<Output = ()>,
    {
        cooperating::coiterate(self.cooperate(iterator))
    }

    /// Does work that blocks, or that takes long, on a thread of the reactor's pool, and fires with
    /// what it returns, on the loop's thread. A panic makes it fail with
    /// [`Panicked`](crate::deferred::Panicked), and a full queue at once with
    /// [`ThreadPoolError`](crate::ThreadPoolError). In which order work is done, and what a cancellation and
    /// a stop mean to it: [`ThreadLimits`].
    #[track_caller]
    pub fn defer_to_thread<T, F>(&self, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.0.defer_to_thread(work)
    }

    /// Sets how many threads the reactor has, and how much may wait for them and for the loop.
    ///
    /// May be called at any time. Threads that are too many end when they have done what they are at;
    /// what waits already stays.
    pub fn set_thread_limits(&self, limits: ThreadLimits) {
        self.0.pools().set_limits(limits, self.0.thread_queue());
    }

    /// The limits that are set, to change one of them and leave the others.
    pub fn thread_limits(&self) -> ThreadLimits {
        self.0.pools().limits()
    }

    /// Sets how many threads at most do the work of [`defer_to_thread`](Self::defer_to_thread), and
    /// leaves the other [`ThreadLimits`] as they are.
    ///
    /// # Panics
    ///
    /// When `size` is zero.
    #[track_caller]
    pub fn suggest_thread_pool_size(&self, size: usize) {
        self.set_thread_limits(self.thread_limits().threads(size));
    }

    /// A handle for other threads, which keeps the loop running until it is dropped.
    #[must_use]
    pub fn remote(&self) -> RemoteReactor {
        RemoteReactor::new(self.0.thread_queue().remote())
    }
}

/// Looking on, and holding on: `observe.rs`.
impl Reactor {
    /// Attaches an observer, after those that are attached already.
    pub fn add_observer(&self, observer: Rc<dyn Observer>) {
        self.0.dispatch().add_observer(observer);
    }

    /// Detaches an observer. Does nothing when it is not attached.
    pub fn remove_observer(&self, observer: &Rc<dyn Observer>) {
        self.0.dispatch().remove_observer(observer);
    }

    /// A handle that does not keep the loop in memory, for a closure that the loop itself keeps.
    #[must_use]
    pub fn downgrade(&self) -> WeakReactor {
        WeakReactor::new(&self.0)
    }
}

impl Clock for Reactor {
    fn schedule(&self, delay: Duration, call: Box<dyn FnOnce()>) -> Box<dyn FnOnce()> {
        let call = self.call_later(delay, call);
        Box::new(move || {
            call.cancel(); // does nothing if it was made
        })
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
