//! The reactor inside another loop: what that calls.

use std::time::Duration;

use crate::engine::running::RunError;
use crate::reactor::Reactor;

/// For a program that has a loop of its own.
impl Reactor {
    /// Makes one turn, for a program that has a loop of its own. It sleeps until something is ready
    /// or due, at most for `timeout`; `None` is for as long as there is anything to wait for.
    /// Signals are left to the caller, and so is the end: no trigger of the startup is called, and
    /// nothing stops for want of anything to wait for. A [`stop`](Self::stop) goes on in the turns that
    /// follow it, and is complete when [`is_stopping`](Self::is_stopping) returns `false` again.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.0.turn(timeout)
    }
}
