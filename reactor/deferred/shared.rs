//! One result for several who wait for it.
//!
//! A chain has one end, because each callback takes the value that the one before has left. Several
//! ends have to be asked for, and then each gets an `Rc` of the same value.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::cancel::Canceller;
use super::chain::Deferred;
use super::failure::Failure;
use super::loan::{Carried, Passing};
use super::unhandled::Unhandled;
use super::wait_list::WaitList;
use super::{Location, Place};

impl<T: 'static> Deferred<T> {
    /// Makes a handle that gives out any number of Deferreds for this one result.
    #[must_use = "the result is lost with the Deferred"]
    #[track_caller]
    pub fn shared(self) -> Shared<T> {
        let state = Rc::new(SharedState {
            result: RefCell::new(None),
            waiting: WaitList::new(),
            canceller: self.canceller(),
            made: Location::caller(),
        });
        let fires = Rc::clone(&state);
        self.end(move |result| fires.fire(result), Location::caller());
        Shared { state }
    }
}

/// A result that several wait for. A clone is another handle of the same.
///
/// If the result is a failure every Deferred gets it, and each is to handle it. If none was asked for
/// a Deferred, it is reported when the last handle is dropped.
pub struct Shared<T: 'static> {
    state: Rc<SharedState<T>>,
}

struct SharedState<T: 'static> {
    result: RefCell<Option<Seen<T>>>,
    waiting: WaitList<Rc<T>>,
    canceller: Canceller,
    made: Place,
}

/// The result, and whether anybody has asked for it.
enum Seen<T> {
    Value(Rc<T>),
    Failure(Failure),
    /// A result that nobody has asked for: a value that may be on loan, or a failure.
    ByNobody(Result<Carried<T>, Unhandled>),
}

impl<T: 'static> Shared<T> {
    /// A Deferred for the result, fired already if the result is there.
    ///
    /// Those who wait get it in the order in which they asked. Cancelling one of them does not
    /// cancel what they wait for.
    #[must_use = "the result is lost with the Deferred"]
    #[track_caller]
    pub fn deferred(&self) -> Deferred<Rc<T>> {
        match self.state.read() {
            Some(result) => Deferred::from_result(result),
            None => self.state.waiting.wait(),
        }
    }

    /// Cancels what they all wait for. Returns whether there was anything to cancel, as
    /// [`Deferred::cancel`] does.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.state.canceller.cancel()
    }
}

impl<T: 'static> SharedState<T> {
    /// Keeps the result, and fires those who wait in the order of arrival.
    fn fire(&self, result: Passing<T>) {
        let result = result.map_err(|failure| Unhandled::resting(failure, self.made));
        *self.result.borrow_mut() = Some(Seen::ByNobody(result));
        // One by one, because a callback may cancel another one's waiting.
        while let Some(resolver) = self.waiting.next() {
            let result = self.read().expect("it was set above and stays");
            resolver.fire(result);
        }
    }

    fn read(&self) -> Option<Result<Rc<T>, Failure>> {
        // Taken out and put back, because a loan is taken by value. No code of the consumer runs in
        // between: the value is moved and not dropped.
        let mut slot = self.result.borrow_mut();
        let (result, seen) = match slot.take()? {
            Seen::Value(value) => (Ok(Rc::clone(&value)), Seen::Value(value)),
            Seen::Failure(failure) => (Err(failure.clone()), Seen::Failure(failure)),
            Seen::ByNobody(Ok(value)) => {
                let value = Rc::new(value.take());
                (Ok(Rc::clone(&value)), Seen::Value(value))
            }
            Seen::ByNobody(Err(unseen)) => {
                let failure = unseen.take();
                (Err(failure.clone()), Seen::Failure(failure))
            }
        };
        *slot = Some(seen);
        Some(result)
    }
}

impl<T: 'static> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            state: Rc::clone(&self.state),
        }
    }
}

impl<T: 'static> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("fired", &self.state.result.borrow().is_some())
            .field("waiting", &self.state.waiting.len())
            .finish()
    }
}
