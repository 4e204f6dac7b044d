//! Stopping: in stages, each of which waits for the one before, and within a grace.
//!
//! ```text
//! stop ─▶ triggers "before" ─▶ ports closed, shutdown_requested, triggers "during"
//!      ─▶ connections drain and threads end ─▶ triggers "after" ─▶ run returns
//! ```
//!
//! A trigger may return a Deferred, which its stage waits for. When the grace is over nothing is
//! waited for any more: connections that are left are aborted.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use crate::deferred::{Deferred, Outcome};
use crate::delayed_call::Due;
use crate::driver::Signal;
use crate::observer::{Callback, Cause};
use crate::reactor::{Occupant, Reactor, RunError, as_nanos};
use crate::reason::Reason;
use crate::timers::TimerId;

/// The grace of [`Reactor::stop`] and of a signal.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(3);

/// An event of a loop's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemEvent {
    /// `run` begins.
    Startup,
    /// The loop stops.
    Shutdown,
}

/// When a trigger is called, relative to what the loop itself does for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before anything is done: ports are open, and connections know nothing.
    Before,
    /// Ports are closed, and connections were asked to end.
    During,
    /// All connections are lost.
    After,
}

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
    /// The grace is over.
    Aborting,
    /// It waits for the triggers "after".
    Finishing,
    /// `run` returns.
    Stopped,
}

struct Trigger {
    phase: Phase,
    event: SystemEvent,
    call: Box<dyn FnOnce() -> Deferred<()>>,
    name: &'static str,
    place: &'static Location<'static>,
}

/// Where a loop stands, and who wants to know when that changes.
pub(crate) struct Life {
    stage: Cell<Stage>,
    running: Cell<bool>,
    grace: Cell<Option<TimerId>>,
    triggers: RefCell<Vec<Trigger>>,
    /// How many Deferreds that triggers of this run returned have not fired.
    waiting: RefCell<Rc<Cell<usize>>>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Up),
            running: Cell::new(false),
            grace: Cell::new(None),
            triggers: RefCell::default(),
            waiting: RefCell::default(),
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
    /// Does nothing when the loop does not run. A second call may shorten the grace, not
    /// lengthen it.
    ///
    /// The stages, each of which waits for the one before:
    ///
    /// ```text
    /// triggers "before" -> ports closed, shutdown_requested, triggers "during"
    ///                   -> connections drain and threads end -> triggers "after" -> run returns
    /// ```
    ///
    /// Delayed calls and tasks go on meanwhile and are not waited for.
    pub fn shutdown(&self, grace: Duration) {
        let life = &self.0.life;
        if !life.running.get() || life.stage.get() == Stage::Stopped {
            return;
        }
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

    /// Whether the loop was asked to stop, and [`run`](Self::run) has not returned yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.life.running.get() && self.0.life.stage.get() != Stage::Up
    }

    /// Calls `f` once, at the next event of this kind. Triggers of one phase are called in the
    /// order in which they were added. A stop waits, within its grace, for a Deferred that `f`
    /// returns; a failure is logged.
    #[track_caller]
    pub fn add_system_event_trigger<R>(
        &self,
        phase: Phase,
        event: SystemEvent,
        f: impl FnOnce() -> R + 'static,
    ) where
        R: Outcome<Output = ()>,
    {
        let trigger = Trigger {
            phase,
            event,
            name: std::any::type_name_of_val(&f),
            call: Box::new(move || f().into_deferred()),
            place: Location::caller(),
        };
        self.0.life.triggers.borrow_mut().push(trigger);
    }

    pub(crate) fn begin_run(&self) -> Result<Running<'_>, RunError> {
        if self.is_turning() || self.0.life.running.replace(true) {
            return Err(RunError::AlreadyRunning);
        }
        self.0.life.stage.set(Stage::Up);
        // What the run before did not wait for to its end is nothing that this one waits for.
        self.0.life.waiting.take();
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
            Stage::Draining => self.has_drained(),
            Stage::Up | Stage::Stopped => false,
        }
    }

    /// The end of each turn: goes as far towards the stop as it can.
    pub(crate) fn go_on_stopping(&self) {
        let stage = &self.0.life.stage;
        if stage.get() == Stage::Asked {
            stage.set(Stage::Preparing);
            self.call_triggers(SystemEvent::Shutdown, Phase::Before);
        }
        if stage.get() == Stage::Preparing && !self.waits_for_triggers() {
            stage.set(Stage::Draining);
            self.begin_draining();
        }
        if stage.get() == Stage::Aborting {
            self.abort_all();
        }
        if self.has_drained() {
            let is_forced = stage.replace(Stage::Finishing) == Stage::Aborting;
            self.call_triggers(SystemEvent::Shutdown, Phase::After);
            if is_forced {
                stage.set(Stage::Stopped);
            }
        }
        if stage.get() == Stage::Finishing && !self.waits_for_triggers() {
            stage.set(Stage::Stopped);
        }
    }

    fn waits_for_triggers(&self) -> bool {
        self.0.life.waiting.borrow().get() > 0
    }

    /// Whether nothing is left to wait for. Attempts to connect that are begun again and again do
    /// not hold up an abort.
    fn has_drained(&self) -> bool {
        let mut table = self.0.table.borrow_mut();
        match self.0.life.stage.get() {
            Stage::Draining => {
                table.len() == 0 && self.0.jobs.len() == 0 && !self.waits_for_triggers()
            }
            Stage::Aborting => {
                let mut left = table.tokens().into_iter();
                left.all(|token| matches!(table.peek(token), None | Some(Occupant::Attempt(_))))
            }
            Stage::Up | Stage::Asked | Stage::Preparing | Stage::Finishing | Stage::Stopped => {
                false
            }
        }
    }

    pub(crate) fn grace_is_over(&self) {
        self.0.life.grace.set(None);
        match self.0.life.stage.get() {
            Stage::Asked | Stage::Preparing | Stage::Draining => {
                self.0.life.stage.set(Stage::Aborting);
            }
            Stage::Finishing => self.0.life.stage.set(Stage::Stopped),
            Stage::Up | Stage::Aborting | Stage::Stopped => {}
        }
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
            if self.is_port(token) {
                self.stop_listening(token);
            }
            self.give_up_attempt(token, Reason::Shutdown);
            let Some(occupant) = self.take(token) else {
                continue;
            };
            let Occupant::Connection(mut connection) = occupant else {
                continue;
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
        self.call_triggers(SystemEvent::Shutdown, Phase::During);
    }

    fn abort_all(&self) {
        let tokens = self.0.table.borrow().tokens();
        for token in tokens {
            self.give_up_attempt(token, Reason::Shutdown);
            if self.is_port(token) {
                self.stop_listening(token);
            }
            let mut table = self.0.table.borrow_mut();
            if let Some(Occupant::Connection(connection)) = table.peek(token) {
                connection.transport.fail_connection(Reason::Shutdown);
            }
        }
    }

    fn call_triggers(&self, event: SystemEvent, phase: Phase) {
        loop {
            let mut triggers = self.0.life.triggers.borrow_mut();
            let next = triggers
                .iter()
                .position(|t| t.event == event && t.phase == phase);
            let Some(index) = next else { return };
            let trigger = triggers.remove(index);
            drop(triggers);
            self.call_trigger(trigger);
        }
    }

    fn call_trigger(&self, trigger: Trigger) {
        let callback = || Callback {
            cause: Cause::SystemEvent,
            connection: None,
            name: trigger.name,
            place: Some(trigger.place),
        };
        // A panic was logged, and concerns nobody else.
        let Ok(deferred) = self.0.dispatch.call(callback, trigger.call) else {
            return;
        };
        let waiting = Rc::clone(&self.0.life.waiting.borrow());
        waiting.set(waiting.get() + 1);
        let place = trigger.place;
        deferred.add_both(move |result| {
            waiting.set(waiting.get() - 1);
            if let Err(failure) = result {
                log::error!("the system event trigger set at {place} failed: {failure}");
            }
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Reactor(inner) = self.0;
        inner.life.running.set(false);
        inner.life.stage.set(Stage::Up);
        if let Some(timer) = inner.life.grace.take() {
            inner.timers.borrow_mut().remove(timer);
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
