//! Traits that only this crate implements, so that the public ones above them may get more methods.
#![expect(
    unnameable_types,
    reason = "that no other crate can name them is what seals the others"
)]

pub trait Outcome {}
pub trait IntoFailure {}
pub trait CancelOutcome<T> {}
