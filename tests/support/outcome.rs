//! What a Deferred was fired with.

#![allow(unreachable_pub, reason = "each test has this module to itself")]

use std::cell::RefCell;
use std::rc::Rc;

use reactor::{Deferred, Failure};

/// What a Deferred was fired with, once it was.
pub fn outcome<T: 'static>(deferred: Deferred<T>) -> Rc<RefCell<Option<Result<T, Failure>>>> {
    let outcome = Rc::new(RefCell::new(None));
    let set = Rc::clone(&outcome);
    deferred.add_both(move |result| {
        set.replace(Some(result));
    });
    outcome
}

/// Whether it was fired with a failure of this type.
pub fn failed_with<E: std::error::Error + 'static>(
    outcome: &RefCell<Option<Result<impl Sized, Failure>>>,
) -> bool {
    let outcome = outcome.borrow();
    matches!(&*outcome, Some(Err(failure)) if failure.check::<E>().is_some())
}
