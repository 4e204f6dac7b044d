//! A panic in a consumer's code goes no further than the call that it happened in.
//!
//! A consumer's code does not only run where it is called: the drop of what it gave to the loop, a
//! closure, a protocol, a future, even the payload of a panic, may panic too, wherever that happens
//! to be dropped. A panic that left the loop would end it for all connections, and a second one in what a
//! first one drops ends the process. So whatever the loop keeps of a consumer's is [`Contained`],
//! and whatever it calls is called by [`contain`].

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::visible::visible;

const EMPTY: &str = "only `into_inner` and dropping take the value out";

/// Calls `f`. If it panics, the panic is returned.
///
/// What `f` had hold of is dropped by the unwinding: nothing is left in between that could be seen
/// broken, except what the consumer shares with others.
#[inline(always)]
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    // `map_err` would move what was returned once more.
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(returned) => Ok(returned),
        Err(payload) => Err(Panicked(said_by(payload))),
    }
}

/// Drops a consumer's value. If that panics, it is logged, and affects nothing else.
pub(crate) fn drop_contained<T>(value: T) {
    if let Err(Panicked(said)) = contain(|| drop(value)) {
        let (name, said) = (type_name::<T>(), visible(&said));
        log::error!("drop of {name} panicked: {said}");
    }
}

/// The message of a panic. Its payload, which may be any value of a consumer's, is dropped.
#[cold]
fn said_by(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let said = text
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned());
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Its drop may panic in turn, and so on: this one is leaked.
        std::mem::forget(another);
    }
    said
}

/// A callback panicked, or work on another thread. The place of its
/// [`Failure`](crate::deferred::Failure) is where the callback was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(pub(crate) String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl Error for Panicked {}

/// A value of a consumer's in the loop's hands, which may be dropped anywhere.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// The value, for a caller that calls it or drops it with care.
    #[inline]
    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect(EMPTY)
    }
}

impl<T> Drop for Contained<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_contained(value);
        }
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect(EMPTY)
    }
}

impl<T> DerefMut for Contained<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(EMPTY)
    }
}

impl<T> fmt::Debug for Contained<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contained").finish_non_exhaustive()
    }
}
