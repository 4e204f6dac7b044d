//! Running: turn after turn, until a stop is complete or nothing is left to wait for.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::Engine;
use crate::deferred::{Deferred, Failure};
use crate::lifecycle::{Phase, SystemEvent};

/// While it exists, the loop runs.
struct Running<'a>(&'a Engine);

impl Engine {
    pub(crate) fn run(self: &Rc<Self>) -> Result<(), RunError> {
        let running = self.begin_run()?;
        while !self.has_stopped() {
            // Not a `return`: a loop with nothing left ends by the same stop, so that the triggers of
            // the shutdown are called whatever ended it.
            if !self.has_something_to_wait_for() {
                self.shutdown(self.life.limits.get().grace);
            }
            self.make_turn(None)?;
        }
        drop(running);
        Ok(())
    }

    /// Runs the loop until a Deferred fires. One that does not is cancelled.
    pub(crate) fn run_until<T: 'static>(
        self: &Rc<Self>,
        deferred: Deferred<T>,
    ) -> Result<T, Failure> {
        let deferred = match deferred.into_result() {
            Ok(result) => return result,
            Err(pending) => pending,
        };
        let canceller = deferred.canceller();
        let result = Rc::new(RefCell::new(None));
        let (to_set, engine) = (Rc::clone(&result), Rc::downgrade(self));
        deferred.add_both(move |fired| {
            to_set.replace(Some(fired));
            if let Some(engine) = engine.upgrade() {
                // So that the turn which is under way does not sleep.
                engine.call_soon(|| (), Location::caller());
            }
        });
        // A borrow for the question only: the callback above sets it in the middle of a turn.
        let run = self.run_while(|| result.borrow().is_none());
        if let Some(result) = result.take() {
            return result;
        }
        canceller.cancel();
        run?;
        result.take().unwrap_or_else(|| Err(StoppedBefore.into()))
    }

    /// Runs the loop while `is_wanted` and something is left to wait for, and leaves it as it is
    /// then. A stop that was requested is carried out first.
    pub(crate) fn run_while(self: &Rc<Self>, is_wanted: impl Fn() -> bool) -> Result<(), RunError> {
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

    /// Makes one turn for a program that has a loop of its own.
    pub(crate) fn turn(self: &Rc<Self>, timeout: Option<Duration>) -> Result<(), RunError> {
        if self.turning.get() || self.is_running() {
            return Err(RunError::AlreadyRunning);
        }
        self.thread_queue.waits().allow();
        self.make_turn(timeout)
    }

    fn begin_run(&self) -> Result<Running<'_>, RunError> {
        if self.turning.get() || self.running.replace(true) {
            return Err(RunError::AlreadyRunning);
        }
        // From here on an early return takes the flag back, and the handlers, in the drop.
        let running = Running(self);
        self.thread_queue.waits().allow();
        // Before the triggers, so that a SIGINT during a slow startup is an orderly stop already.
        if self.handles_signals.get() {
            let mut driver = self.driver.borrow_mut();
            driver.take_signals(true).map_err(RunError::Driver)?;
        }
        for phase in [Phase::Before, Phase::During, Phase::After] {
            self.life
                .triggers
                .call(&self.dispatch, SystemEvent::Startup, phase);
        }
        Ok(running)
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Whether the next turn has something to do and does not sleep.
    pub(crate) fn is_busy(&self) -> bool {
        self.has_something_to_wait_for() && self.sleep_at_most(None, None) == Some(Duration::ZERO)
    }

    /// How long the next turn would sleep; `None` is until something is ready. Not zero for want of
    /// anything to wait for: whoever asks is a loop of its own, which would spin.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let timeout = self.sleep_at_most(Some(Duration::MAX), None);
        timeout.filter(|timeout| *timeout < Duration::MAX)
    }

    pub(crate) fn has_something_to_wait_for(&self) -> bool {
        self.table.borrow().len() > 0
            || self.timers.borrow().len() > 0
            || !self.queued.borrow().is_empty()
            || !self.loop_side.is_empty()
            || self.tasks.len() > 0
            || self.thread_queue.has_remotes()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Self(engine) = self;
        engine.running.set(false);
        if engine.has_stopped() {
            engine.end_stop();
        }
        if let Err(error) = engine.driver.borrow_mut().take_signals(false) {
            log::warn!("signal handlers cannot be taken back: {error}");
        }
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

/// The loop stopped, or had nothing left to wait for, before a Deferred fired, and the Deferred did
/// not fire when it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedBefore;

impl fmt::Display for StoppedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor stopped before the Deferred fired")
    }
}

impl std::error::Error for StoppedBefore {}
