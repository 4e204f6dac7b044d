//! What a canceller may return.

use super::failure::Failure;
use super::sealed;

/// What a canceller may return: nothing, or the result that the Deferred is to be fired with.
#[diagnostic::on_unimplemented(
    message = "what is done on cancelling may not return `{Self}`",
    note = "return nothing, or the `Result<{T}, Failure>` to fire the Deferred with"
)]
pub trait CancelOutcome<T>: sealed::CancelOutcome<T> {
    /// The result to fire the Deferred with, if there is one.
    fn into_result(self) -> Option<Result<T, Failure>>;
}

impl<T> sealed::CancelOutcome<T> for () {}
impl<T> sealed::CancelOutcome<T> for Result<T, Failure> {}
impl<T> sealed::CancelOutcome<T> for Option<Result<T, Failure>> {}

impl<T> CancelOutcome<T> for () {
    fn into_result(self) -> Option<Result<T, Failure>> {
        None
    }
}

impl<T> CancelOutcome<T> for Result<T, Failure> {
    fn into_result(self) -> Option<Self> {
        Some(self)
    }
}

impl<T> CancelOutcome<T> for Option<Result<T, Failure>> {
    fn into_result(self) -> Self {
        self
    }
}
