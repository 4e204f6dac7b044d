//! The reactor: an event loop as its consumer holds it, and what the loop is made of.
//!
//! What one may ask of it is here, and in the files that are named after what they add: `sources/port`,
//! `sources/attempt`, and in `engine`: `stopping`, `jobs`, `tasks`. What it does all day is in `engine/turn`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::contained::Contained;
use crate::delayed_call::{DelayedCall, Due, NamedCall};
use crate::driver::Driver;
use crate::driver::mio::MioDriver;
use crate::engine::jobs::Jobs;
use crate::engine::loop_side::Requests;
use crate::engine::pools::{Pools, ThreadLimits};
use crate::engine::stopping::Life;
use crate::engine::table::{Table, Token};
use crate::engine::tasks::Tasks;
use crate::engine::threads::{RemoteReactor, ThreadQueue};
use crate::engine::timers::Timers;
use crate::engine::turn::Scratch;
use crate::observe::{Callback, Cause, Dispatch, Event, Observer};
use crate::sources::attempt::Attempt;
use crate::sources::connection::Connection;
use crate::sources::port::Port;

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
pub struct Reactor(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) driver: RefCell<Box<dyn Driver>>,
    /// Timers count nanoseconds from here.
    pub(crate) began: Instant,
    pub(crate) requests: Rc<Requests>,
    pub(crate) dispatch: Dispatch,
    pub(crate) table: RefCell<Table<Occupant>>,
    pub(crate) timers: RefCell<Timers<Due>>,
    pub(crate) queued: RefCell<VecDeque<QueuedCall>>,
    /// Who may have something to read or to accept, in the order in which it is their turn.
    pub(crate) ready: RefCell<VecDeque<Token>>,
    /// Connections whose `connection_lost` is due.
    pub(crate) lost: RefCell<Vec<Token>>,
    pub(crate) thread_queue: ThreadQueue,
    pub(crate) pools: Pools,
    pub(crate) jobs: Jobs,
    pub(crate) tasks: Tasks,
    pub(crate) life: Life,
    pub(crate) scratch: RefCell<Scratch>,
    /// Whether a turn is being made, so that a callback cannot make another inside it.
    pub(crate) turning: Cell<bool>,
    pub(crate) handles_signals: Cell<bool>,
}

impl Drop for Inner {
    /// Transports that are kept somewhere are those of lost connections from now on, and none of
    /// them keeps a call that will not be made, which may keep it in turn.
    fn drop(&mut self) {
        let table = self.table.get_mut();
        for token in table.tokens() {
            if let Some(Occupant::Connection(connection)) = table.peek(token) {
                connection.transport.lost();
            }
        }
        self.requests.close();
    }
}

/// Who can own a token. Boxed, because being served means being moved.
pub(crate) enum Occupant {
    Connection(Box<Connection>),
    Port(Box<Port>),
    Attempt(Box<Attempt>),
    /// One address that the attempt with this token tries.
    Trial(Token),
}

pub(crate) struct QueuedCall {
    pub(crate) call: Contained<Box<dyn NamedCall>>,
    pub(crate) place: &'static Location<'static>,
}

impl Reactor {
    /// Makes a loop on the operating system's sockets and clock.
    ///
    /// # Errors
    ///
    /// When the operating system gives no file descriptors for it.
    pub fn new() -> io::Result<Self> {
        Ok(Self::with_driver(Box::new(MioDriver::new()?)))
    }

    pub(crate) fn with_driver(driver: Box<dyn Driver>) -> Self {
        let began = driver.now();
        let thread_limits = ThreadLimits::new();
        Self(Rc::new(Inner {
            thread_queue: ThreadQueue::new(driver.waker(), thread_limits.calls()),
            pools: Pools::new(thread_limits),
            jobs: Jobs::default(),
            tasks: Tasks::new(driver.waker()),
            dispatch: Dispatch::new(driver.clock()),
            requests: Requests::new(began, driver.clock()),
            driver: RefCell::new(driver),
            began,
            table: RefCell::new(Table::new()),
            timers: RefCell::new(Timers::new()),
            queued: RefCell::default(),
            ready: RefCell::default(),
            lost: RefCell::default(),
            life: Life::default(),
            scratch: RefCell::new(Scratch::default()),
            turning: Cell::new(false),
            handles_signals: Cell::new(true),
        }))
    }

    /// Runs the loop until it was asked to [`stop`](Self::stop), or until nothing is left that could
    /// ever wake it: no connection, no attempt to connect, no listening port, no delayed or queued
    /// call, no task, no work on a thread, and no [`RemoteReactor`]. Then it stops as if it was asked
    /// to, so the triggers of the shutdown are called in either case; what they begin is waited for as
    /// in any other stop, and not longer. May be called again afterwards; what was not done by then is
    /// still there.
    ///
    /// When it was asked to stop before, it calls the triggers of the startup, and stops.
    ///
    /// SIGINT and SIGTERM stop the loop meanwhile, unless
    /// [`handle_signals`](Self::handle_signals) says otherwise.
    ///
    /// # Errors
    ///
    /// [`RunError::AlreadyRunning`] when it is called from inside a callback of the same loop, and
    /// [`RunError::Driver`] when the operating system does not let the loop wait; then no trigger is
    /// called.
    pub fn run(&self) -> Result<(), RunError> {
        let running = self.begin_run()?;
        while !self.has_stopped() {
            if !self.has_something_to_wait_for() {
                self.stop();
            }
            self.make_turn(None)?;
        }
        drop(running);
        Ok(())
    }

    /// Runs the loop while that is wanted and something is left to wait for, and leaves it as it is
    /// then. A stop that was asked for is carried out first.
    pub(crate) fn run_while(&self, is_wanted: impl Fn() -> bool) -> Result<(), RunError> {
        let running = self.begin_run()?;
        while !self.has_stopped() {
            let pauses = !is_wanted() || !self.has_something_to_wait_for();
            if pauses && !self.is_stopping() {
                break;
            }
            self.make_turn(None)?;
        }
        drop(running);
        Ok(())
    }

    /// Makes one turn, for a program that has a loop of its own. It sleeps until something is ready
    /// or due, at most for `timeout`; `None` is for as long as there is anything to wait for.
    /// Signals are left to the caller, and so is the end: no trigger of the startup is called, and
    /// nothing stops for want of anything to wait for. A [`stop`](Self::stop) goes on in the turns that
    /// follow it, and is complete when [`is_stopping`](Self::is_stopping) says `false` again.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        if self.is_turning() || self.is_running() {
            return Err(RunError::AlreadyRunning);
        }
        self.make_turn(timeout)
    }

    /// Leaves SIGINT and SIGTERM to the caller, with `false`; set it before [`run`](Self::run). With
    /// `true`, which is the default, they stop the loop while it runs, and a second SIGINT ends the
    /// process.
    ///
    /// One that is ignored when the loop begins to run, as SIGINT is in a job that a script has put in
    /// the background, stays ignored. A handler that the program has when a loop first runs is called
    /// during the run, besides, and is all that happens afterwards; without one, the signal has its
    /// default action then. On systems without `/proc`, as macOS and the BSDs, neither is seen, and a
    /// handler that is set after the first run is not either: then the program says `false`, or both
    /// happen, the handler and the default action.
    pub fn handle_signals(&self, handle: bool) {
        self.0.handles_signals.set(handle);
    }

    /// The time by the loop's clock, which is read anew, and is a virtual one in a simulation.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.driver.borrow().now()
    }

    /// Calls `f` once, after `delay`; never earlier, and first in, first out for equal deadlines.
    /// A delay of zero is due in the next turn. One that is too long to count is never over.
    #[track_caller]
    pub fn call_later(&self, delay: Duration, f: impl FnOnce() + 'static) -> DelayedCall {
        let deadline = self.nanos(self.now()).saturating_add(as_nanos(delay));
        self.set_timer(deadline, f, Location::caller())
    }

    /// Calls `f` once, at `deadline` or as soon as possible afterwards. Costs less than
    /// [`call_later`](Self::call_later), which reads the clock.
    #[track_caller]
    #[inline]
    pub fn call_at(&self, deadline: Instant, f: impl FnOnce() + 'static) -> DelayedCall {
        self.set_timer(self.nanos(deadline), f, Location::caller())
    }

    /// Calls `f` in the next turn, before the loop sleeps, in the order in which calls were queued. When
    /// there are thousands, some of them wait for the turns that follow.
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + 'static) {
        let queued = QueuedCall {
            call: Contained::new(Box::new(f)),
            place: Location::caller(),
        };
        self.0.queued.borrow_mut().push_back(queued);
    }

    /// Calls `f` as soon as the loop runs: in its first turn when it does not yet, otherwise in
    /// the next one.
    #[track_caller]
    pub fn call_when_running(&self, f: impl FnOnce() + 'static) {
        self.call_soon(f);
    }

    /// A handle for other threads, which keeps the loop running until it is dropped.
    #[must_use]
    pub fn remote(&self) -> RemoteReactor {
        self.0.thread_queue.remote()
    }

    /// Attaches an observer, after those that are attached already.
    pub fn add_observer(&self, observer: Rc<dyn Observer>) {
        self.0.dispatch.add_observer(observer);
    }

    /// Detaches an observer. Does nothing when it is not attached.
    pub fn remove_observer(&self, observer: &Rc<dyn Observer>) {
        self.0.dispatch.remove_observer(observer);
    }

    /// A handle that does not keep the loop in memory, for a closure that the loop itself keeps.
    #[must_use]
    pub fn downgrade(&self) -> WeakReactor {
        WeakReactor(Rc::downgrade(&self.0))
    }
}

/// What the other parts of the loop need.
impl Reactor {
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        self.0.dispatch.observe(event);
    }

    #[inline]
    pub(crate) fn take(&self, token: Token) -> Option<Occupant> {
        self.0.table.borrow_mut().take(token)
    }

    #[inline]
    pub(crate) fn put(&self, token: Token, occupant: Occupant) {
        let left_over = self.0.table.borrow_mut().put(token, occupant);
        if let Some(left_over) = left_over {
            self.drop_guarded(left_over);
        }
    }

    #[inline]
    pub(crate) fn put_connection(&self, connection: Box<Connection>) {
        self.put(
            connection.transport.token(),
            Occupant::Connection(connection),
        );
    }

    /// Drops what owns values of a consumer, whose own drop may panic.
    #[inline(never)]
    pub(crate) fn drop_guarded<T>(&self, value: T) {
        let callback = || Callback {
            cause: Cause::Dropped,
            connection: None,
            name: std::any::type_name::<T>(),
            place: None,
        };
        // A panic was logged, and concerns nobody else.
        let _ = self.0.dispatch.call(callback, || drop(value));
    }

    #[inline]
    pub(crate) fn nanos(&self, time: Instant) -> u64 {
        as_nanos(time.saturating_duration_since(self.0.began))
    }

    pub(crate) fn instant(&self, nanos: u64) -> Instant {
        self.0.began + Duration::from_nanos(nanos)
    }

    pub(crate) fn call_named(
        &self,
        cause: Cause,
        call: Contained<Box<dyn NamedCall>>,
        place: &'static Location<'static>,
    ) {
        let name = call.name();
        let callback = || Callback {
            cause,
            connection: None,
            name,
            place: Some(place),
        };
        // A panic was logged, and concerns nobody else.
        let _ = self.0.dispatch.call(callback, || call.into_inner().call());
    }

    pub(crate) fn is_turning(&self) -> bool {
        self.0.turning.get()
    }

    pub(crate) fn takes_signals(&self) -> bool {
        self.0.handles_signals.get()
    }

    pub(crate) fn has_something_to_wait_for(&self) -> bool {
        self.0.table.borrow().len() > 0
            || self.0.timers.borrow().len() > 0
            || !self.0.queued.borrow().is_empty()
            || !self.0.requests.is_empty()
            || self.0.tasks.len() > 0
            || self.0.thread_queue.has_remotes()
    }

    #[inline]
    fn set_timer(
        &self,
        deadline: u64,
        f: impl FnOnce() + 'static,
        place: &'static Location<'static>,
    ) -> DelayedCall {
        let due = Due::Call {
            call: Contained::new(Box::new(f)),
            place,
        };
        let timer = self.0.timers.borrow_mut().insert(deadline, due);
        let call = DelayedCall::new(self.downgrade(), timer);
        self.observe(|| Event::TimerSet {
            timer: timer.number(),
            deadline: self.instant(deadline),
            place,
        });
        call
    }
}

#[inline]
pub(crate) fn as_nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.subsec_nanos().into())
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("occupants", &self.0.table.borrow().len())
            .field("timers", &self.0.timers.borrow().len())
            .finish_non_exhaustive()
    }
}

/// A handle of a loop that does not keep it in memory.
///
/// The rule: what stays in the loop holds this, and what is called once may hold a [`Reactor`].
///
/// A factory, a protocol, a resource, an observer and the function of a `LoopingCall` stay: with a
/// [`Reactor`] in it, it and the loop keep each other for ever, its sockets open. They upgrade this
/// in their callbacks, where the loop is always there. The closure of a delayed call, a task and a
/// callback of a Deferred are gone when they are done, and so is what they hold.
#[derive(Clone, Debug)]
pub struct WeakReactor(Weak<Inner>);

impl WeakReactor {
    /// The loop, if it still exists.
    #[must_use]
    pub fn upgrade(&self) -> Option<Reactor> {
        self.0.upgrade().map(Reactor)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// Why a loop did not run, or stopped running.
#[non_exhaustive]
pub enum RunError {
    /// The loop is running: `run` or `turn` was called from inside one of its callbacks.
    AlreadyRunning,
    /// The operating system does not let the loop wait.
    Driver(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning => write!(f, "the reactor is running already"),
            Self::Driver(error) => write!(f, "the reactor cannot wait for events: {error}"),
        }
    }
}

/// As `main` shows what it returns.
impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AlreadyRunning => None,
            Self::Driver(error) => Some(error),
        }
    }
}
