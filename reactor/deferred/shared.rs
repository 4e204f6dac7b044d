//! One result for several who wait for it.
//!
//! A chain has one end, because each callback takes the value that the one before has left. Several
//! ends have to be asked for, and then each gets an `Rc` of the same value.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::cancel::Canceller;
use super::chain::Deferred;
use super::failure::Failure;
use super::loan::{Carried, Passing};
use super::resolver::Resolver;
use super::unhandled::Unhandled;
use super::{Location, Place};

impl<T: 'static> Deferred<T> {
    /// Makes a handle that gives out any number of Deferreds for this one result.
    #[must_use = "nobody will see the result"]
    #[track_caller]
    pub fn shared(self) -> Shared<T> {
        let board = Rc::new(Board {
            result: RefCell::new(None),
            waiting: RefCell::default(),
            next_number: Cell::new(0),
            canceller: self.canceller(),
            made: Location::caller(),
        });
        let here = Rc::clone(&board);
        self.end(move |result| here.post(result), Location::caller());
        Shared { board }
    }
}

/// A result that several wait for. A clone is another handle of the same.
///
/// If the result is a failure everyone gets it, and each is to handle it. If nobody has asked for
/// a Deferred, it is reported when the last handle is dropped.
pub struct Shared<T: 'static> {
    board: Rc<Board<T>>,
}

struct Board<T: 'static> {
    result: RefCell<Option<Posted<T>>>,
    /// Those who wait, by the number that they drew.
    waiting: RefCell<BTreeMap<u64, Resolver<Rc<T>>>>,
    next_number: Cell<u64>,
    canceller: Canceller,
    made: Place,
}

enum Posted<T> {
    Value(Rc<T>),
    Failure(Failure),
    /// A result that nobody has asked for yet: a value that may be on loan, or a failure.
    Unseen(Result<Carried<T>, Unhandled>),
}

impl<T: 'static> Shared<T> {
    /// A Deferred for the result, fired already if the result is there.
    ///
    /// Those who wait get it in the order in which they asked. Cancelling one of them does not
    /// cancel what they wait for.
    #[must_use = "nobody will see the result"]
    #[track_caller]
    pub fn deferred(&self) -> Deferred<Rc<T>> {
        let board = &self.board;
        if let Some(result) = board.read() {
            return Deferred::from_result(result);
        }
        let (resolver, deferred) = Deferred::pending();
        let number = board.next_number.replace(board.next_number.get() + 1);
        let row = Rc::downgrade(board);
        resolver.on_cancel(move || {
            let resolver = row
                .upgrade()
                .and_then(|board| board.waiting.borrow_mut().remove(&number));
            drop(resolver);
        });
        board.waiting.borrow_mut().insert(number, resolver);
        deferred
    }

    /// Cancels what they all wait for.
    #[track_caller]
    pub fn cancel(&self) {
        self.board.canceller.cancel();
    }
}

impl<T: 'static> Board<T> {
    /// Puts the result up, and fires those who wait, first come first.
    fn post(&self, result: Passing<T>) {
        let result = result.map_err(|failure| Unhandled::resting(failure, self.made));
        *self.result.borrow_mut() = Some(Posted::Unseen(result));
        // One by one, because a callback may cancel another one's waiting.
        while let Some((_, resolver)) = self.next_waiting() {
            let result = self.read().expect("it was put up above and stays");
            resolver.fire(result);
        }
    }

    fn next_waiting(&self) -> Option<(u64, Resolver<Rc<T>>)> {
        self.waiting.borrow_mut().pop_first()
    }

    fn read(&self) -> Option<Result<Rc<T>, Failure>> {
        let mut posted = self.result.borrow_mut();
        let (result, seen) = match posted.take()? {
            Posted::Value(value) => (Ok(Rc::clone(&value)), Posted::Value(value)),
            Posted::Failure(failure) => (Err(failure.clone()), Posted::Failure(failure)),
            Posted::Unseen(Ok(value)) => {
                let value = Rc::new(value.take());
                (Ok(Rc::clone(&value)), Posted::Value(value))
            }
            Posted::Unseen(Err(unseen)) => {
                let failure = unseen.take();
                (Err(failure.clone()), Posted::Failure(failure))
            }
        };
        *posted = Some(seen);
        Some(result)
    }
}

impl<T: 'static> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            board: Rc::clone(&self.board),
        }
    }
}

impl<T: 'static> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("fired", &self.board.result.borrow().is_some())
            .field("waiting", &self.board.waiting.borrow().len())
            .finish()
    }
}
