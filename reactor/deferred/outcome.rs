//! What a callback may return: a result, a Deferred that has to be waited for, or nothing.
//!
//! There is exactly one implementation for `Result`, and only that lets the compiler find the
//! error type of a closure that uses `?` and ends in `Ok(x)`: no annotation is needed.

use super::chain::Deferred;
use super::failure::Failure;
use super::loan::Carried;
use super::{Location, sealed};

/// What a callback may return.
///
/// | a callback returns | what the chain goes on with |
/// | --- | --- |
/// | `Ok(value)` | the next callback, with the value |
/// | `Err(failure)`, mostly by `?` | the next errback |
/// | a `Deferred<U>` | whatever that is fired with, when it is |
/// | nothing | the next callback, with `()` |
///
/// A plain value is not among them: `Ok(value)` says that the callback cannot tell a failure from
/// a value by chance, and [`Deferred::map`] is there for functions that cannot fail.
#[diagnostic::on_unimplemented(
    message = "a callback may not return `{Self}`",
    label = "returned by a callback of a Deferred",
    note = "return `Ok(value)`, or `Err(failure)` by `?`, or a `Deferred`, or nothing",
    note = "for a function that returns a plain value use `map` instead of `add_callback`",
    note = "a `Result` must have the error `Failure`; `?` turns any error into one"
)]
pub trait Outcome: sealed::Outcome {
    /// The type of the value that the next callback gets.
    type Output: 'static;

    /// The outcome as a Deferred, which may be fired already.
    fn into_deferred(self) -> Deferred<Self::Output>;
}

impl<T> sealed::Outcome for Result<T, Failure> {}
impl<T> sealed::Outcome for Deferred<T> {}
impl sealed::Outcome for () {}

impl<T: 'static> Outcome for Result<T, Failure> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn into_deferred(self) -> Deferred<T> {
        Deferred::fired(self.map(Carried::given), Location::caller())
    }
}

impl<T: 'static> Outcome for Deferred<T> {
    type Output = T;

    #[inline]
    fn into_deferred(self) -> Self {
        self
    }
}

impl Outcome for () {
    type Output = ();

    #[inline]
    #[track_caller]
    fn into_deferred(self) -> Deferred<()> {
        Deferred::fired(Ok(Carried::given(())), Location::caller())
    }
}

/// What an errback of a `Deferred<T>` may return: a `T` in place of the failure, or nothing.
///
/// An errback stands beside values that do not need it, so what it returns must fit them. One that
/// returns nothing, as an errback that logs does, makes a `Deferred<()>`: there is no value to go
/// on with in one of the two cases, so there is none in both.
#[diagnostic::on_unimplemented(
    message = "an errback of a `Deferred<{T}>` may not return `{Self}`",
    label = "returned by an errback of a `Deferred<{T}>`",
    note = "the value passes over the errback, so this must give a `{T}` too: return \
            `Ok(value)`, `Err(failure)`, a `Deferred<{T}>`, or nothing",
    note = "to make another type of either, use `add_callbacks`"
)]
pub trait Recovery<T>: Outcome {
    /// What a value becomes that passes over the errback.
    #[doc(hidden)]
    fn pass(value: Carried<T>) -> Carried<Self::Output>;
}

impl<T: 'static> Recovery<T> for Result<T, Failure> {
    #[inline]
    fn pass(value: Carried<T>) -> Carried<T> {
        value
    }
}

impl<T: 'static> Recovery<T> for Deferred<T> {
    #[inline]
    fn pass(value: Carried<T>) -> Carried<T> {
        value
    }
}

impl<T> Recovery<T> for () {
    #[inline]
    fn pass(value: Carried<T>) -> Carried<()> {
        // Taken and not only dropped: a value that passes here is used up, and would go back to its
        // queue otherwise.
        drop(value.take());
        Carried::given(())
    }
}
