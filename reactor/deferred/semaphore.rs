//! A semaphore and a lock that are waited for with Deferreds.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::chain::{Deferred, maybe_deferred};
use super::outcome::Outcome;
use super::wait_list::WaitList;

/// Lets a limited number in at a time, in the order in which they came.
///
/// A clone is another handle of the same semaphore. Nobody has to remember to release: whoever
/// is let in gets a [`Permit`], and dropping that lets in the next.
#[derive(Clone)]
pub struct Semaphore {
    permits: Rc<Permits>,
}

struct Permits {
    /// None is free while anybody waits: one that is given back goes to the first who waits.
    free: Cell<usize>,
    waiting: WaitList<Permit>,
}

impl Semaphore {
    /// A semaphore that lets `permits` in at a time.
    ///
    /// # Panics
    ///
    /// If `permits` is 0: everyone would wait for ever.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        assert!(
            permits > 0,
            "a semaphore without permits never lets anyone in"
        );
        let permits = Permits {
            free: Cell::new(permits),
            waiting: WaitList::new(),
        };
        Self {
            permits: Rc::new(permits),
        }
    }

    /// Waits to be let in. Cancelling gives up the place in the list.
    #[must_use = "the permit is given back as soon as it is dropped"]
    #[track_caller]
    pub fn acquire(&self) -> Deferred<Permit> {
        let permits = &self.permits;
        if permits.free.get() == 0 {
            return permits.waiting.wait();
        }
        permits.free.set(permits.free.get() - 1);
        Deferred::succeed(Permit {
            permits: Rc::clone(permits),
        })
    }

    /// Waits to be let in, calls `function`, and leaves when what it returns has come.
    ///
    /// The permit is given back also when `function` panics or its Deferred fails or is cancelled.
    #[track_caller]
    pub fn run<R: Outcome>(&self, function: impl FnOnce() -> R + 'static) -> Deferred<R::Output> {
        self.acquire().add_callback(|permit| {
            // The permit is in a step that runs either way, and in a closure that is dropped if it never
            // runs: so it is given back whatever happens.
            maybe_deferred(function).add_both(|result| {
                drop(permit);
                result
            })
        })
    }

    /// How many could come in without waiting.
    #[must_use]
    pub fn free(&self) -> usize {
        self.permits.free.get()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.permits.waiting.len()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("free", &self.free())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// The right to be in. Dropping it lets in the next, inside the drop.
#[must_use = "a permit that is dropped is given back"]
pub struct Permit {
    permits: Rc<Permits>,
}

impl Permit {
    /// Gives the permit back. Dropping it does the same.
    pub fn release(self) {}
}

impl Drop for Permit {
    fn drop(&mut self) {
        let permits = &self.permits;
        match permits.waiting.next() {
            // Not made free in between, or one who asks meanwhile would be let in before the others.
            Some(resolver) => resolver.callback(Self {
                permits: Rc::clone(permits),
            }),
            None => permits.free.set(permits.free.get() + 1),
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Lets one in at a time: a [`Semaphore`] with a single permit.
///
/// For steps that must not be mixed up although each waits for something, such as a request and
/// its answer on one connection. It has nothing to do with threads.
#[derive(Clone, Debug)]
pub struct Lock {
    semaphore: Semaphore,
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

impl Lock {
    /// A lock that is not held.
    #[must_use]
    pub fn new() -> Self {
        Self {
            semaphore: Semaphore::new(1),
        }
    }

    /// Waits for the lock. Cancelling gives up the place in the list.
    #[must_use = "the lock is released as soon as the permit is dropped"]
    #[track_caller]
    pub fn acquire(&self) -> Deferred<Permit> {
        self.semaphore.acquire()
    }

    /// Waits for the lock, calls `function`, and releases the lock when what it returns has come,
    /// whatever that is.
    #[track_caller]
    pub fn run<R: Outcome>(&self, function: impl FnOnce() -> R + 'static) -> Deferred<R::Output> {
        self.semaphore.run(function)
    }

    /// Whether someone holds it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.semaphore.free() == 0
    }
}
