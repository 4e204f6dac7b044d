//! Where a loop stands between its start and the end of a stop.

use std::cell::{Cell, RefCell};

use super::table::Token;
use super::timers::TimerId;
use super::triggers::Triggers;
use crate::lifecycle::StopLimits;

/// Where a loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It runs, or may.
    Up,
    /// It was asked to stop; nothing is done yet.
    Asked,
    /// It waits for the triggers "before", and for the end of the lame-duck time.
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

/// Where a loop stands, and what is to be called when that changes.
pub(super) struct Life {
    pub(super) stage: Cell<Stage>,
    pub(super) limits: Cell<StopLimits>,
    /// Until when ports still accept.
    pub(super) lame_duck: Cell<Option<TimerId>>,
    pub(super) grace: Cell<Option<TimerId>>,
    pub(super) grace_is_over: Cell<bool>,
    /// Whether a second signal has come, so that the grace is not made longer any more.
    pub(super) ends_at_once: Cell<bool>,
    pub(super) triggers: Triggers,
    /// What was begun while the loop drains, and is still to be stopped.
    pub(super) latecomers: RefCell<Vec<Token>>,
    /// Whether an attempt to connect is being failed by the stop. One that is begun then belongs to a
    /// consumer that retries when an attempt fails. To fail each of its retries would be a loop without
    /// sleep, so the new attempt is left alone, and the stop does not wait for it.
    pub(super) fails_attempt: Cell<bool>,
    /// Whether there are such attempts.
    pub(super) has_persistent: Cell<bool>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Up),
            limits: Cell::default(),
            lame_duck: Cell::new(None),
            grace: Cell::new(None),
            grace_is_over: Cell::new(false),
            ends_at_once: Cell::new(false),
            triggers: Triggers::default(),
            latecomers: RefCell::default(),
            fails_attempt: Cell::new(false),
            has_persistent: Cell::new(false),
        }
    }
}
