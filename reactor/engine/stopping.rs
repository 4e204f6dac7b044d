//! Stopping: in stages, each of which waits for the one before, and within a grace.
//!
//! ```text
//! stop ─▶ triggers "before" ─▶ ports closed, shutdown_requested, triggers "during"
//!      ─▶ connections drain and threads end ─▶ triggers "after" ─▶ run returns
//! ```
//!
//! A trigger may return a Deferred, which its stage waits for. When the grace is over nothing is
//! waited for any more: the stages that are left follow at once, and connections that are left are
//! aborted. Whatever makes the turns carries a stop out, `run` and `turn` alike: each turn ends by
//! going as far as it can.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::delayed_call::Due;
use crate::driver::Signal;
use crate::engine::table::Token;
use crate::engine::timers::TimerId;
use crate::engine::triggers::{Phase, SystemEvent, Triggers};
use crate::observe::Cause;
use crate::reactor::{Occupant, Reactor, RunError, as_nanos};
use crate::reason::Reason;

/// The grace of [`Reactor::stop`] and of a signal.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(3);

/// Where a loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It runs, or may.
    Up,
    /// It was asked to stop; nothing is done yet.
    Asked,
    /// It waits for the triggers "before".
    Preparing,
    /// It waits for its connections, for work on threads and for the triggers "during".
    Draining,
    /// The grace is over, and what is left is aborted.
    Aborting,
    /// It waits for the triggers "after".
    Finishing,
    /// The stop is complete, and `run` returns.
    Stopped,
}

/// Where a loop stands, and who wants to know when that changes.
pub(crate) struct Life {
    stage: Cell<Stage>,
    running: Cell<bool>,
    grace: Cell<Option<TimerId>>,
    grace_is_over: Cell<bool>,
    pub(crate) triggers: Triggers,
    /// What was begun while the loop drains, and is to be told.
    latecomers: RefCell<Vec<Token>>,
    /// Attempts of those who try again when they are told that the one before has failed. Telling
    /// them again and again would be a loop without sleep, so nothing waits for these.
    persistent: RefCell<Vec<Token>>,
    /// Whether an attempt is being failed by the stop.
    fails_attempt: Cell<bool>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Up),
            running: Cell::new(false),
            grace: Cell::new(None),
            grace_is_over: Cell::new(false),
            triggers: Triggers::default(),
            latecomers: RefCell::default(),
            persistent: RefCell::default(),
            fails_attempt: Cell::new(false),
        }
    }
}

/// While it exists, the loop runs.
pub(crate) struct Running<'a>(&'a Reactor);

impl Reactor {
    /// Stops the loop in an orderly way, with a grace of three seconds; see
    /// [`shutdown`](Self::shutdown).
    pub fn stop(&self) {
        self.shutdown(DEFAULT_GRACE);
    }

    /// Stops the loop: from the end of this turn on no connection is accepted, every protocol hears
    /// `shutdown_requested`, what is buffered is sent, and [`run`](Self::run) returns when all
    /// connections are lost. Those that are left when the grace is over are aborted, with
    /// [`Reason::Shutdown`].
    ///
    /// A second call may shorten the grace, not lengthen it. The grace counts from the call.
    ///
    /// The stages, each of which waits for the one before:
    ///
    /// ```text
    /// triggers "before" -> ports closed, shutdown_requested, triggers "during"
    ///                   -> connections drain and threads end -> triggers "after" -> run returns
    /// ```
    ///
    /// Delayed calls and tasks go on meanwhile and are not waited for. A port that is opened while
    /// connections drain is closed at the end of the turn, and an attempt to connect that is begun
    /// then fails with [`Reason::Shutdown`]: whoever says goodbye to others does it in a trigger
    /// "before".
    ///
    /// A loop that does not run is stopped by what makes its next turns. A stop before
    /// [`run`](Self::run) lets it call the triggers of the startup, carry the stop out, and return.
    /// In a program that calls [`turn`](Self::turn), the stop goes on in the turns that follow, and
    /// is complete when [`is_stopping`](Self::is_stopping) says `false` again:
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
        let life = &self.0.life;
        if life.stage.get() == Stage::Up {
            life.stage.set(Stage::Asked);
        }
        let deadline = self.nanos(self.now()).saturating_add(as_nanos(grace));
        let mut timers = self.0.timers.borrow_mut();
        match life.grace.get() {
            Some(mut timer) if timers.deadline(timer).is_some_and(|set| deadline < set) => {
                timers.reset(&mut timer, deadline);
                life.grace.set(Some(timer));
            }
            Some(_) => {}
            None => life.grace.set(Some(timers.insert(deadline, Due::Grace))),
        }
    }

    /// Whether the loop was asked to stop, and the stop is not complete yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.life.stage.get() != Stage::Up
    }

    pub(crate) fn begin_run(&self) -> Result<Running<'_>, RunError> {
        if self.is_turning() || self.0.life.running.replace(true) {
            return Err(RunError::AlreadyRunning);
        }
        let running = Running(self);
        if self.takes_signals() {
            self.0
                .driver
                .borrow_mut()
                .take_signals(true)
                .map_err(RunError::Driver)?;
        }
        for phase in [Phase::Before, Phase::During, Phase::After] {
            self.call_triggers(SystemEvent::Startup, phase);
        }
        Ok(running)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.0.life.running.get()
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.0.life.stage.get() == Stage::Stopped
    }

    /// Whether there is something to do for a stop before the loop may sleep.
    pub(crate) fn stops_at_once(&self) -> bool {
        match self.0.life.stage.get() {
            Stage::Asked | Stage::Aborting => true,
            Stage::Preparing | Stage::Finishing => !self.waits_for_triggers(),
            Stage::Draining => self.has_latecomers() || self.has_drained(),
            Stage::Up | Stage::Stopped => false,
        }
    }

    /// The end of each turn: goes as far towards the stop as it can.
    pub(crate) fn go_on_stopping(&self) {
        let Life {
            stage,
            grace_is_over,
            ..
        } = &self.0.life;
        if stage.get() == Stage::Asked {
            stage.set(Stage::Preparing);
            self.call_triggers(SystemEvent::Shutdown, Phase::Before);
        }
        if stage.get() == Stage::Preparing && !self.waits_for_triggers() {
            stage.set(Stage::Draining);
            self.begin_draining();
        }
        if stage.get() == Stage::Draining {
            self.tell_latecomers();
        }
        if stage.get() == Stage::Draining && grace_is_over.get() {
            stage.set(Stage::Aborting);
        }
        if stage.get() == Stage::Aborting {
            self.abort_all();
        }
        if self.has_drained() {
            stage.set(Stage::Finishing);
            self.call_triggers(SystemEvent::Shutdown, Phase::After);
        }
        if stage.get() == Stage::Finishing && !self.waits_for_triggers() {
            self.give_up_jobs();
            stage.set(Stage::Stopped);
            if !self.is_running() {
                self.end_stop();
            }
        }
    }

    /// A complete stop leaves nothing behind: the loop may be used again.
    fn end_stop(&self) {
        let life = &self.0.life;
        life.stage.set(Stage::Up);
        life.grace_is_over.set(false);
        if let Some(timer) = life.grace.take() {
            self.0.timers.borrow_mut().remove(timer);
        }
        life.triggers.give_up_waiting();
        life.latecomers.take();
        life.persistent.take();
    }

    fn waits_for_triggers(&self) -> bool {
        self.0.life.triggers.are_waited_for() && !self.0.life.grace_is_over.get()
    }

    /// Whether nothing is left to wait for.
    fn has_drained(&self) -> bool {
        let mut table = self.0.table.borrow_mut();
        match self.0.life.stage.get() {
            Stage::Draining => {
                let persistent = self.0.life.persistent.borrow();
                let slots = |token: &Token| match table.peek(*token) {
                    Some(Occupant::Attempt(attempt)) => attempt.slots(),
                    _ => 0,
                };
                let left: usize = persistent.iter().map(slots).sum();
                left == table.len() && self.0.jobs.len() == 0 && !self.waits_for_triggers()
            }
            // Attempts that are begun again and again do not hold up an abort either.
            Stage::Aborting => {
                let mut left = table.tokens().into_iter();
                left.all(|token| {
                    let left = table.peek(token);
                    matches!(left, None | Some(Occupant::Attempt(_) | Occupant::Trial(_)))
                })
            }
            Stage::Up | Stage::Asked | Stage::Preparing | Stage::Finishing | Stage::Stopped => {
                false
            }
        }
    }

    pub(crate) fn grace_is_over(&self) {
        self.0.life.grace.set(None);
        self.0.life.grace_is_over.set(true);
    }

    /// SIGINT and SIGTERM ask for an orderly stop; while one is under way, they end it at once.
    pub(crate) fn signalled(&self, signal: Signal) {
        let again = self.is_stopping();
        log::info!(
            "{} {}",
            signal.name(),
            if again {
                "ends the stop"
            } else {
                "stops the loop"
            }
        );
        self.shutdown(if again { Duration::ZERO } else { DEFAULT_GRACE });
    }

    fn begin_draining(&self) {
        let tokens = self.0.table.borrow().tokens();
        for token in tokens {
            self.request_shutdown(token);
        }
        self.call_triggers(SystemEvent::Shutdown, Phase::During);
    }

    /// Remembers a port, an attempt or a connection that was begun too late to be told with the
    /// others.
    pub(crate) fn note_begun(&self, token: Token) {
        let life = &self.0.life;
        if life.stage.get() != Stage::Draining {
            return;
        }
        let list = match life.fails_attempt.get() {
            true => &life.persistent,
            false => &life.latecomers,
        };
        list.borrow_mut().push(token);
    }

    fn has_latecomers(&self) -> bool {
        !self.0.life.latecomers.borrow().is_empty()
    }

    /// What those who are told begin in turn is told at the end of the next turn.
    fn tell_latecomers(&self) {
        for token in self.0.life.latecomers.take() {
            self.request_shutdown(token);
        }
    }

    /// Closes a port, gives an attempt up, or asks a connection to end.
    fn request_shutdown(&self, token: Token) {
        if self.is_port(token) {
            self.stop_listening(token);
        }
        self.0.life.fails_attempt.set(true);
        self.fail_attempt(token, Reason::Shutdown);
        self.0.life.fails_attempt.set(false);
        let Some(occupant) = self.take(token) else {
            return;
        };
        let Occupant::Connection(mut connection) = occupant else {
            return self.put(token, occupant);
        };
        self.call(
            &mut connection,
            Cause::ShutdownRequested,
            |protocol, transport| {
                protocol.shutdown_requested(transport);
            },
        );
        self.put_connection(connection);
    }

    fn abort_all(&self) {
        self.give_up_jobs();
        let tokens = self.0.table.borrow().tokens();
        for token in tokens {
            self.fail_attempt(token, Reason::Shutdown);
            if self.is_port(token) {
                self.stop_listening(token);
            }
            let mut table = self.0.table.borrow_mut();
            if let Some(Occupant::Connection(connection)) = table.peek(token) {
                connection.transport.fail_connection(Reason::Shutdown);
            }
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Reactor(inner) = self.0;
        inner.life.running.set(false);
        if self.0.has_stopped() {
            self.0.end_stop();
        }
        if let Err(error) = inner.driver.borrow_mut().take_signals(false) {
            log::warn!("signal handlers cannot be taken back: {error}");
        }
    }
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}
