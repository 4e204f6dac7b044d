//! The engine: the state of the loop, closed, and the narrow interface to it.
//!
//! ```text
//!            Reactor              what a consumer calls: reactor.rs
//!               │
//!   Source ◀── Engine ──▶ Driver  the turn is in `turn`, what it serves in `sources/`
//!               │
//!            LoopSide             what transports see of the loop, and write down for it
//! ```
//!
//! The engine knows of what it serves only that it is a [`Source`]: something that owns a token, is
//! ready, due, or to be stopped. A new kind of source is one file in `sources/` and changes nothing here.
//!
//! - `turn`: the order of a turn
//! - `stopping`, `triggers`, `leftovers`: the stages of a stop, what a program wants called at each, and what
//!   is cut off
//! - `signalling`: what signals do
//! - `jobs`, `tasks`, `threads`, `mailboxes`, `pools`, `thread_pool`: other ways for work to
//!   come to the loop
//! - `calls`, `due`: calls that are made later
//! - `dispatch`: the one place that calls a consumer's code
//! - `table`, `timers`, `budget`, `pressure`: what a token refers to, what is due when, how much a
//!   turn does, how much may wait to be sent

pub(crate) mod budget;
mod calls;
pub(crate) mod dispatch;
mod due;
pub(crate) mod jobs;
mod leftovers;
mod life;
pub(crate) mod mailboxes;
pub(crate) mod pools;
mod pressure;
pub(crate) mod running;
mod signalling;
mod stopping;
pub(crate) mod table;
pub(crate) mod tasks;
pub(crate) mod thread_pool;
pub(crate) mod threads;
pub(crate) mod timers;
pub(crate) mod triggers;
mod turn;

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use self::dispatch::Dispatch;
use self::due::{Due, QueuedCall};
use self::jobs::Jobs;
use self::life::Life;
use self::mailboxes::Mailboxes;
use self::pools::{Pools, ThreadLimits};
use self::table::{Table, Token};
use self::tasks::Tasks;
use self::threads::ThreadQueue;
use self::timers::{Nanos, TimerId, Timers};
use self::triggers::Triggers;
use crate::cooperator::Cooperator;
use crate::deferred::Deferred;
use crate::driver::{Driver, Readiness, Ready};
use crate::observe::Event;
use crate::reason::Reason;
use crate::signals::Watches;
use crate::time::Instant;
use crate::transport::{LoopSide, Transport};

/// Size of the read buffer that all sources share; a stream is read at most this much per turn.
pub(crate) const READ_BUFFER: usize = 64 << 10;

pub(crate) type ReadBuffer = [u8; READ_BUFFER];

/// What can own a token: a connection, a listening port, an attempt to connect, a descriptor of the
/// program's own.
///
/// A source is out of the table while one of these methods runs, so it may call a consumer's code, and
/// that may ask anything of the loop. It is put back afterwards, unless its token was
/// [removed](Engine::remove) while it was out; then it is dropped.
pub(crate) trait Source {
    /// Remembers an event that the turn has no time for. Returns whether the source has to be put in
    /// line, in which it is not yet.
    fn note(&mut self, what: Readiness) -> bool;

    /// The driver reports an event for it. `buffer` is for what it reads.
    fn ready(&mut self, what: Readiness, engine: &Engine, buffer: &mut ReadBuffer);

    /// It is its turn in the line.
    fn turn(&mut self, engine: &Engine, buffer: &mut ReadBuffer);

    /// Its timer has fired.
    fn due(&mut self, engine: &Engine);

    /// The loop stops.
    fn stop(&mut self, how: Stop, engine: &Engine);

    /// Whether a stop waits for it to be gone.
    fn holds_up(&self, how: &Stop) -> bool {
        let _ = how;
        true
    }

    /// What it is, and what it waits for, in a few words: for the log, when a stop cuts it off. No consumer's
    /// code may be called.
    fn waits_for(&self) -> Option<String> {
        None
    }

    // The rest is asked only of a source that a `Transport` speaks for.

    /// Its transport has requested service since the last turn, beyond a plain flush.
    fn asked(&mut self, engine: &Engine) {
        let _ = engine;
    }

    /// A handle has a call for its protocol.
    fn called(&mut self, engine: &Engine) {
        let _ = engine;
    }

    /// It has had its share of the turn, and the others have had theirs since.
    fn yielded(&mut self, engine: &Engine) {
        let _ = engine;
    }

    /// The turn in which its peer was active, and which took long, has ended.
    fn was_active_until(&mut self, end: Nanos) {
        let _ = end;
    }

    /// How many bytes the peer was offered and has not taken, and since when it took none.
    fn backlog(&self) -> Option<(usize, Nanos)> {
        None
    }

    /// It ended in this turn, by [`Engine::lose`], and its token is free.
    fn lost(self: Box<Self>, engine: &Engine) {
        let _ = engine;
    }
}

/// How a source is stopped.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It may end in its own time: the loop waits for it, within a grace.
    Asked,
    /// It has to end now, for this reason.
    Aborted(Reason),
    /// The loop is gone. No consumer's code may be called.
    Gone,
}

/// Memory that every turn uses again.
#[derive(Default)]
struct Scratch {
    ready: Vec<Ready>,
    asking: Vec<Transport>,
    lost: Vec<Token>,
}

/// The state of one loop.
pub(crate) struct Engine {
    driver: RefCell<Box<dyn Driver>>,
    loop_side: Rc<LoopSide>,
    dispatch: Dispatch,
    table: RefCell<Table<Box<dyn Source>>>,
    timers: RefCell<Timers<Due>>,
    queued: RefCell<VecDeque<QueuedCall>>,
    /// Sources that may have something to read or to accept, in the order in which they are served.
    line: RefCell<VecDeque<Token>>,
    /// Sources whose end is to be reported in this turn.
    lost: RefCell<Vec<Token>>,
    thread_queue: ThreadQueue<Self>,
    mailboxes: Mailboxes,
    pools: Pools,
    jobs: Jobs,
    tasks: Rc<Tasks>,
    /// Made with the first task for it.
    cooperator: OnceCell<Rc<Cooperator>>,
    life: Life,
    watches: Watches,
    scratch: RefCell<Scratch>,
    /// For all that is read. Made when the first source is ready, since a loop may have only timers.
    buffer: Cell<Option<Box<ReadBuffer>>>,
    /// Whether a turn is being made, so that a callback cannot make another inside it.
    turning: Cell<bool>,
    running: Cell<bool>,
    handles_signals: Cell<bool>,
}

impl Engine {
    pub(crate) fn new(driver: Box<dyn Driver>) -> Rc<Self> {
        // The zero of all deadlines: they are kept as nanoseconds from here, half the size of an `Instant`.
        let began = driver.now();
        let thread_limits = ThreadLimits::new();
        Rc::new(Self {
            thread_queue: ThreadQueue::new(driver.waker(), thread_limits.calls()),
            mailboxes: Mailboxes::default(),
            pools: Pools::new(thread_limits),
            jobs: Jobs::default(),
            tasks: Rc::new(Tasks::new(driver.waker())),
            cooperator: OnceCell::new(),
            dispatch: Dispatch::new(driver.clock()),
            loop_side: LoopSide::new(began, driver.clock()),
            driver: RefCell::new(driver),
            table: RefCell::new(Table::default()),
            timers: RefCell::new(Timers::new()),
            queued: RefCell::default(),
            line: RefCell::default(),
            lost: RefCell::default(),
            life: Life::default(),
            watches: Watches::default(),
            scratch: RefCell::new(Scratch::default()),
            buffer: Cell::new(None),
            turning: Cell::new(false),
            running: Cell::new(false),
            handles_signals: Cell::new(true),
        })
    }

    // For sources: their tokens and their turn.

    /// A token for a source that is about to be made.
    pub(crate) fn reserve(&self) -> Token {
        // Apart from `insert`, because a socket is registered under its token before its source is made of it.
        self.table.borrow_mut().reserve()
    }

    /// Gives a source its reserved token. While the loop drains, it is stopped at the end of the turn.
    pub(crate) fn insert(&self, token: Token, source: Box<dyn Source>) {
        self.put(token, source);
        self.note_begun(token);
    }

    /// Ends what a token names, whether it is in the table, out of it, or was never put there.
    pub(crate) fn remove(&self, token: Token) {
        let source = self.table.borrow_mut().remove(token);
        drop(source); // outside the borrow: it may own values whose drop calls the loop
    }

    /// Whether the token is still taken, even if its source is out of the table.
    pub(crate) fn contains(&self, token: Token) -> bool {
        self.table.borrow_mut().contains(token)
    }

    /// Lets a source have another turn, without an event. The source itself calls this, and only once.
    #[inline]
    pub(crate) fn line_up(&self, token: Token) {
        self.line.borrow_mut().push_back(token);
    }

    /// As if an event had come for a source for which none will. Does nothing while it is out.
    pub(crate) fn wake(&self, token: Token) {
        let gets_in_line = match self.table.borrow_mut().peek(token) {
            Some(source) => source.note(Readiness::READABLE),
            None => false,
        };
        if gets_in_line {
            self.line_up(token);
        }
    }

    /// A source has ended: at the end of the turn its token is freed, and [`Source::lost`] called.
    pub(crate) fn lose(&self, token: Token) {
        // Noted only: this may be inside a callback, and `connection_lost` would be a second one in it.
        self.lost.borrow_mut().push(token);
    }

    /// Sets a source's one timer, or moves it there if it is set.
    pub(crate) fn arm(&self, timer: &mut Option<TimerId>, token: Token, deadline: Nanos) {
        let mut timers = self.timers.borrow_mut();
        let is_moved = timer
            .as_mut()
            .is_some_and(|timer| timers.reset(timer, deadline));
        if !is_moved {
            *timer = Some(timers.insert(deadline, Due::Source(token)));
        }
    }

    /// As [`arm`](Self::arm), but leaves a timer alone that fires earlier: it will look again then,
    /// which costs less than to move it each time that its deadline moves into the future.
    pub(crate) fn arm_earlier(&self, timer: &mut Option<TimerId>, token: Token, deadline: Nanos) {
        let set = timer.and_then(|timer| self.timers.borrow_mut().deadline(timer));
        if set.is_none_or(|set| deadline < set) {
            self.arm(timer, token, deadline);
        }
    }

    pub(crate) fn disarm(&self, timer: &mut Option<TimerId>) {
        if let Some(timer) = timer.take() {
            self.timers.borrow_mut().remove(timer);
        }
    }

    /// What makes sockets. Not to be held while a consumer's code runs.
    pub(crate) fn driver(&self) -> RefMut<'_, Box<dyn Driver>> {
        self.driver.borrow_mut()
    }

    #[inline]
    pub(crate) fn loop_side(&self) -> &Rc<LoopSide> {
        &self.loop_side
    }

    #[inline]
    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Notifies the observers. `event` is only made when there are any.
    #[inline]
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        self.dispatch.observe(event);
    }

    /// When the turn's wait ended, which is the time for all that comes from the peers.
    #[inline]
    pub(crate) fn turn_time(&self) -> Instant {
        self.loop_side.turn_time()
    }
}

/// For the handle: the other parts of the loop.
impl Engine {
    pub(crate) fn tasks(&self) -> &Rc<Tasks> {
        &self.tasks
    }

    pub(crate) fn cooperator(&self) -> &OnceCell<Rc<Cooperator>> {
        &self.cooperator
    }

    pub(crate) fn triggers(&self) -> &Triggers {
        &self.life.triggers
    }

    pub(crate) fn handle_signals(&self, handle: bool) {
        self.handles_signals.set(handle);
    }

    /// Does work on a thread of the pool for jobs, and fires with what it returns.
    pub(crate) fn defer_to_thread<T, F>(&self, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let remote = self.thread_queue.remote();
        self.jobs.begin(&self.pools.jobs, remote, work)
    }

    /// As [`defer_to_thread`](Self::defer_to_thread), on the threads for files.
    #[cfg(all(feature = "http", unix))]
    pub(crate) fn defer_to_file_thread<T, F>(&self, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let remote = self.thread_queue.remote();
        self.jobs.begin(&self.pools.files, remote, work)
    }

    /// Calls from other threads.
    pub(crate) fn thread_queue(&self) -> &ThreadQueue<Self> {
        &self.thread_queue
    }

    pub(crate) fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }
}

impl Drop for Engine {
    /// Transports that are kept somewhere are those of lost connections from now on, and none of
    /// them keeps a call that will not be made, which may keep it in turn.
    fn drop(&mut self) {
        for token in self.table.get_mut().tokens() {
            // As in a turn: out of the table, since what the source drops may ask the engine for something.
            let source = self.table.get_mut().take(token);
            if let Some(mut source) = source {
                source.stop(Stop::Gone, self);
                self.put(token, source);
            }
        }
        self.loop_side.close(); // last: what was stopped just now has asked for service
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("sources", &self.table.borrow().len())
            .field("timers", &self.timers.borrow().len())
            .finish_non_exhaustive()
    }
}
