//! Stopping: in stages, each of which waits for the one before, and within a grace.
//!
//! ```text
//! stop ─▶ triggers "before" ─▶ ports closed, shutdown_requested ─▶ triggers "during"
//!      ─▶ connections drain, until the grace is over: then they are aborted
//!      ─▶ triggers "after" ─▶ run returns
//! ```

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::time::Duration;

use crate::delayed_call::{Due, NamedCall};
use crate::driver::Signal;
use crate::observer::Cause;
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
    /// It waits for its connections.
    Draining,
    /// The grace is over.
    Aborting,
    /// `run` returns.
    Stopped,
}

struct Trigger {
    phase: Phase,
    event: SystemEvent,
    call: Box<dyn NamedCall>,
    place: &'static Location<'static>,
}

/// Where a loop stands, and who wants to know when that changes.
pub(crate) struct Life {
    stage: Cell<Stage>,
    running: Cell<bool>,
    grace: Cell<Option<TimerId>>,
    triggers: RefCell<Vec<Trigger>>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Up),
            running: Cell::new(false),
            grace: Cell::new(None),
            triggers: RefCell::default(),
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
    /// order in which they were added.
    #[track_caller]
    pub fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        f: impl FnOnce() + 'static,
    ) {
        let trigger = Trigger {
            phase,
            event,
            call: Box::new(f),
            place: Location::caller(),
        };
        self.0.life.triggers.borrow_mut().push(trigger);
    }

    pub(crate) fn begin_run(&self) -> Result<Running<'_>, RunError> {
        if self.is_turning() || self.0.life.running.replace(true) {
            return Err(RunError::AlreadyRunning);
        }
        self.0.life.stage.set(Stage::Up);
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

    pub(crate) fn has_stopped(&self) -> bool {
        self.0.life.stage.get() == Stage::Stopped
    }

    /// Whether there is something to do for a stop before the loop may sleep.
    pub(crate) fn stops_at_once(&self) -> bool {
        match self.0.life.stage.get() {
            Stage::Asked | Stage::Aborting => true,
            Stage::Draining => self.0.table.borrow().len() == 0,
            Stage::Up | Stage::Stopped => false,
        }
    }

    /// The end of each turn: goes as far towards the stop as it can.
    pub(crate) fn go_on_stopping(&self) {
        if self.0.life.stage.get() == Stage::Asked {
            self.0.life.stage.set(Stage::Draining);
            self.begin_draining();
        }
        if self.0.life.stage.get() == Stage::Aborting {
            self.abort_all();
        }
        if self.has_drained() {
            self.call_triggers(SystemEvent::Shutdown, Phase::After);
            self.0.life.stage.set(Stage::Stopped);
        }
    }

    /// Whether nothing is left to wait for. Attempts to connect that are begun again and again do
    /// not hold up an abort.
    fn has_drained(&self) -> bool {
        let mut table = self.0.table.borrow_mut();
        match self.0.life.stage.get() {
            Stage::Draining => table.len() == 0,
            Stage::Aborting => {
                let mut left = table.tokens().into_iter();
                left.all(|token| matches!(table.peek(token), None | Some(Occupant::Attempt(_))))
            }
            Stage::Up | Stage::Asked | Stage::Stopped => false,
        }
    }

    pub(crate) fn grace_is_over(&self) {
        self.0.life.grace.set(None);
        if matches!(self.0.life.stage.get(), Stage::Asked | Stage::Draining) {
            self.0.life.stage.set(Stage::Aborting);
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
        self.call_triggers(SystemEvent::Shutdown, Phase::Before);
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
            self.put(token, Occupant::Connection(connection));
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
            self.call_named(Cause::SystemEvent, trigger.call, trigger.place);
        }
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
