//! The one sort of error that an errback knows how to handle, out of a failure.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::failure::Failure;

impl Failure {
    /// The error if it is an `E`, and otherwise the failure itself, unchanged.
    ///
    /// With `?` an errback handles what it knows and hands on the rest:
    /// `failure.trap::<TimedOut>()?;`.
    ///
    /// # Errors
    ///
    /// The failure, when its error is not an `E`.
    pub fn trap<E: Error + 'static>(self) -> Result<Trapped<E>, Self> {
        if self.check::<E>().is_none() {
            return Err(self);
        }
        Ok(Trapped {
            failure: self,
            error: PhantomData,
        })
    }
}

/// A failure whose error is known to be an `E`: what [`Failure::trap`] caught.
///
/// Dereferences to the error.
pub struct Trapped<E> {
    failure: Failure,
    error: PhantomData<E>,
}

impl<E> Trapped<E> {
    /// The failure again, to hand it on after all.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl<E: Error + 'static> Deref for Trapped<E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.failure.check().expect("trap has checked the type")
    }
}

impl<E> fmt::Debug for Trapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.failure, f)
    }
}

impl<E> fmt::Display for Trapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.failure, f)
    }
}
