//! What a chain can be failed with.

use std::error::Error;

use super::failure::Failure;
use super::sealed;

/// What a chain can be failed with: any error, or a [`Failure`] that is there already.
///
/// `Into<Failure>` would say the same, but would lose the place: `Into::into` does not pass on who
/// called it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error, so a Deferred cannot fail with it",
    label = "neither a `std::error::Error` nor a `Failure`",
    note = "for a mere text there is `Failure::message(\"…\")`"
)]
pub trait IntoFailure: sealed::IntoFailure {
    /// The failure; its origin is the caller's place if it is made only now.
    #[track_caller]
    fn into_failure(self) -> Failure;
}

impl sealed::IntoFailure for Failure {}
impl<E: Error + 'static> sealed::IntoFailure for E {}

impl IntoFailure for Failure {
    fn into_failure(self) -> Self {
        self
    }
}

impl<E: Error + 'static> IntoFailure for E {
    #[track_caller]
    fn into_failure(self) -> Failure {
        Failure::new(self)
    }
}
