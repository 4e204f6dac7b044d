//! The reactor: an event loop as its consumer holds it. What one may ask of it is here, and each
//! method says where it goes: the loop itself is in `engine/`, what it serves in `sources/`. What has to
//! do with other loops is in `embedding.rs`, and what a feature brings stands with it: `os.rs`, `tls/`.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::net::ToSocketAddrs;
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use crate::deferred::{Clock, Deferred, Failure, Outcome, TaskOutcome};
use crate::delayed_call::DelayedCall;
use crate::driver::Driver;
use crate::engine::Engine;
use crate::engine::pools::ThreadLimits;
use crate::engine::running::RunError;
use crate::engine::stopping::DEFAULT_GRACE;
use crate::factory::Factory;
use crate::lifecycle::{Phase, SystemEvent};
use crate::observe::Observer;
use crate::remote_reactor::RemoteReactor;
use crate::sources::attempt::{self, Connector};
use crate::sources::port::{self, CannotListen, ListeningPort};
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

    /// Runs the loop until it was asked to [`stop`](Self::stop), or until nothing is left that could
    /// ever wake it: no connection, no attempt to connect, no listening port, no other source, no
    /// delayed or queued call, no task, no work on a thread, and no [`RemoteReactor`]. Then it stops as
    /// if it was asked to, so the triggers of the shutdown are called in either case; what they begin is waited for as
    /// in any other stop, and not longer. May be called again afterwards; what was not done by then is
    /// still there.
    ///
    /// When it was asked to stop before, it calls the triggers of the startup, and stops.
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
    /// The loop only pauses, at the end of the turn in which the Deferred fires: connections, ports,
    /// timers and tasks are still there, and go on in the next [`run`](Self::run), `run_until` or
    /// [`turn`](Self::turn). No trigger of the shutdown is called. A program that is done ends in the
    /// orderly way by a stop, which sends what was written last and closes what is open:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let first = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 1))?;
    /// let second = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 2))?;
    /// assert_eq!(first + second, 3);
    /// reactor.stop();
    /// reactor.run()?; // carries the stop out
    /// # Ok::<(), reactor::Failure>(())
    /// ```
    ///
    /// When the loop is asked to stop before, by [`stop`](Self::stop) or by a signal, it does so, with
    /// all that belongs to a stop. Then, or when nothing is left to wait for, or when the loop cannot
    /// run, a Deferred that has not fired is cancelled, and what it makes of that is returned.
    ///
    /// # Errors
    ///
    /// The Deferred's own failure; the [`RunError`](crate::RunError) of a loop that cannot run; or
    /// [`StoppedBefore`](crate::StoppedBefore) when the Deferred did not even fire when it was cancelled.
    pub fn run_until<T: 'static>(&self, deferred: Deferred<T>) -> Result<T, Failure> {
        self.0.run_until(deferred)
    }

    /// Stops the loop in an orderly way, with a grace of three seconds; see
    /// [`shutdown`](Self::shutdown). A stop before [`run`](Self::run) is remembered: `run` carries it
    /// out and returns.
    pub fn stop(&self) {
        self.shutdown(DEFAULT_GRACE);
    }

    /// Stops the loop: from the end of this turn on no connection is accepted,
    /// `shutdown_requested` is called on every protocol, what is buffered is sent, and [`run`](Self::run) returns when all
    /// connections are lost. Those that are left when the grace is over are aborted, with
    /// [`Reason::Shutdown`](crate::Reason::Shutdown).
    ///
    /// A second call may shorten the grace, not lengthen it. The grace counts from the call.
    ///
    /// Delayed calls and tasks go on during the stop, which does not wait for them. A port that is opened while
    /// connections drain is closed at the end of the turn, and an attempt to connect that is begun
    /// then fails with [`Reason::Shutdown`](crate::Reason::Shutdown): a program that
    /// has to say goodbye to other servers does it in a trigger "before".
    ///
    /// A loop that does not run is stopped by what makes its next turns. A stop before
    /// [`run`](Self::run) lets it call the triggers of the startup, carry the stop out, and return.
    /// In a program that calls [`turn`](Self::turn), the stop goes on in the turns that follow, and
    /// is complete when [`is_stopping`](Self::is_stopping) returns `false` again:
    ///
    /// ```
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// reactor.stop(); // perhaps in a callback
    /// while reactor.is_stopping() {
    ///     reactor.turn(None)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, grace: Duration) {
        self.0.shutdown(grace);
    }

    /// Whether the loop was asked to stop, and the stop is not complete yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Calls `f` once, at the next event of this kind. Triggers of one phase are called in the
    /// order in which they were added.
    ///
    /// Triggers of the startup are called when [`run`](Self::run) or
    /// [`run_until`](Self::run_until) begins; a Deferred of theirs is not waited for. Triggers of the
    /// shutdown are called in every stop, whether [`stop`](Self::stop), a signal or the end of `run`
    /// for want of anything to wait for has begun it, and also when its grace is over. A stop waits,
    /// within its grace, for a Deferred that they return. A failure is logged.
    #[track_caller]
    pub fn add_system_event_trigger<R>(
        &self,
        phase: Phase,
        event: SystemEvent,
        f: impl FnOnce() -> R + 'static,
    ) where
        R: Outcome<Output = ()>,
    {
        self.0.triggers().add(phase, event, f, Location::caller());
    }

    /// Leaves SIGINT and SIGTERM to the caller, with `false`; set it before [`run`](Self::run). With
    /// `true`, which is the default, they stop the loop while it runs, and a second SIGINT ends the
    /// process.
    ///
    /// One that is ignored when the loop begins to run, as SIGINT is in a job that a script has put in
    /// the background, stays ignored. A handler that the program has when a loop first runs is called
    /// during the run, besides, and is all that happens afterwards; without one, the signal has its
    /// default action then. On systems without `/proc`, as macOS and the BSDs, neither is seen, and a
    /// handler that is set after the first run is not either: then the program passes `false`, or both
    /// happen, the handler and the default action.
    pub fn handle_signals(&self, handle: bool) {
        self.0.handle_signals(handle);
    }
}

/// Places to listen and to connect: `sources/`.
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
    /// ```
    /// # use reactor::{Protocol, Reactor, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_tcp("127.0.0.1:0", |_| Echo)?;
    /// println!("listening at {}", port.local_addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved, is in use, or cannot be bound by this user on this machine.
    pub fn listen_tcp(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        port::listen(&self.0, address, factory)
    }

    /// Connects to a TCP port, and gives the connection a protocol of `factory`.
    ///
    /// `host` is an address or a name, which is looked up on another thread. All its addresses are
    /// tried within [`Limits::connect`](crate::Limits::connect), those of IPv6 and of IPv4 in turn: the next one when the one
    /// before has failed or has not answered for 250 ms, beside it. The first that is connected is
    /// taken, and the factory is asked for a protocol for this one only. When none can be connected,
    /// the factory's `connection_failed` is called. Nothing is called before this method has returned.
    pub fn connect_tcp(&self, host: &str, port: u16, factory: impl Factory) -> Connector {
        attempt::connect(&self.0, host, port, factory)
    }

    /// Limits the bytes that all connections together may have unsent; 256 MiB by default.
    ///
    /// When their peers have left more of what they were offered, connections are dropped with
    /// [`Reason::TotalOverflow`](crate::Reason::TotalOverflow) until an eighth is free again: first the
    /// one with most bytes for the longest time, that is the product of what its peer has left and of
    /// how long it has taken nothing. Other connections are not made to wait.
    ///
    /// One turn may write as much again before any of it could be offered to a socket. A connection
    /// that is written to beyond that is dropped with
    /// [`Reason::TurnOverflow`](crate::Reason::TurnOverflow). Larger amounts are written in pieces, the next
    /// one in each [`writing_resumed`](crate::Protocol::writing_resumed). A message to a
    /// [`Group`](crate::Group) counts once in the turn that writes it, and then for each member whose
    /// peer has left it.
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
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let tea = reactor.defer_later(Duration::from_millis(1)).map(|()| "tea is ready");
    /// assert_eq!(reactor.run_until(tea).unwrap(), "tea is ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn defer_later(&self, delay: Duration) -> Deferred<()> {
        let (resolver, deferred) = Deferred::pending();
        let call: Rc<OnceCell<DelayedCall>> = Rc::default();
        let to_cancel = Rc::clone(&call);
        resolver.on_cancel(move || {
            // It was set before the Deferred was returned, so before it could be cancelled.
            let _ = to_cancel.get().map(DelayedCall::cancel);
        });
        // Fails only when it is set already.
        let _ = call.set(self.call_later(delay, move || resolver.callback(())));
        deferred
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
    /// use std::time::Duration;
    /// use reactor::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let clock = reactor.clone();
    /// let answer = reactor.spawn(async move {
    ///     clock.defer_later(Duration::from_millis(1)).await?;
    ///     Ok(6 * 7)
    /// });
    /// assert_eq!(reactor.run_until(answer).unwrap(), 42);
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

    /// Does work that blocks, or that takes long, on a thread of the reactor's pool, and fires with
    /// what it returns. A panic makes it fail with [`Panicked`](crate::deferred::Panicked).
    ///
    /// The pool has at most eight threads, unless [`ThreadLimits`](crate::ThreadLimits) say
    /// otherwise; other work waits for one of them, and begins in the order in which it was given. The
    /// Deferred fires on the loop's thread, in the order in which work is done. While work is to be
    /// done, [`run`](Self::run) does not return for want of anything to wait for, and a shutdown waits
    /// for it.
    ///
    /// Work that has not begun is not done when its Deferred is cancelled, when the grace of a shutdown
    /// is over, which fails it with [`Reason::Shutdown`](crate::Reason::Shutdown), or when the loop is gone. Work that has begun
    /// goes on, and its result is dropped. When as much work waits as the limits allow, or when no
    /// thread can be started, the Deferred fails at once with
    /// [`ThreadPoolError`](crate::ThreadPoolError), and `work` is dropped. It is never done on the
    /// loop's thread.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let lines = reactor
    ///     .defer_to_thread(|| std::fs::read_to_string("Cargo.toml"))
    ///     .add_callback(|text| Ok(text?.lines().count()));
    /// assert!(reactor.run_until(lines).unwrap() > 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
