//! The failures that rest in Deferreds.

use std::cell::RefCell;
use std::rc::Weak;

use super::failure::{Failure, Record};

thread_local! {
    static RESTS: RefCell<Vec<Weak<Record>>> = const { RefCell::new(Vec::new()) };
}

/// Puts a failure on the list of those that rest.
pub(super) fn note_that_one_rests(record: Weak<Record>) {
    // At the end of a thread nothing can ask for the list any more.
    let _ = RESTS.try_with(|rests| {
        let mut rests = rests.borrow_mut();
        if rests.len() == rests.capacity() {
            rests.retain(|rest| rest.strong_count() > 0);
            // Room for as many again, so that the next search is far away.
            let living = rests.len();
            rests.reserve(living);
        }
        rests.push(record);
    });
}

/// The failures that Deferreds of this thread hold and that have been neither handled nor dropped.
///
/// They are not lost, only waiting; but at the end of a program each is one that a report at the
/// drop will never show. [`Failure::made`] and [`Failure::origin`] tell where to look.
#[must_use]
pub fn held_failures() -> Vec<Failure> {
    RESTS.with_borrow(|rests| {
        let held = rests.iter().filter_map(Weak::upgrade);
        held.filter(|record| record.rests())
            .map(Failure::of)
            .collect()
    })
}
