//! What a task may end with.

use super::outcome::Outcome;

/// What a task may end with: what a callback may return.
///
/// A trait of its own, so that a forgotten `Ok` is an error about tasks and not about callbacks.
#[diagnostic::on_unimplemented(
    message = "a task may not end with `{Self}`",
    label = "what this `async` block or function ends with",
    note = "end it with `Ok(value)`: then `spawn` returns a `Deferred` of the value",
    note = "before that, `?` hands on any error: a `Result` must have the error `Failure`",
    note = "it may also end with nothing, or with a `Deferred` to wait for"
)]
pub trait TaskOutcome: Outcome {}

#[diagnostic::do_not_recommend]
impl<R: Outcome> TaskOutcome for R {}
