//! How a result runs down a chain: in a loop, never by recursion.
//!
//! A link that has its result hands it to the next one, which calls its callback and is returned,
//! to be the next to hand on. So a chain of a million callbacks needs the stack of one:
//!
//! ```text
//! while let Some(link) = next { next = link.run(chain) }
//! ```
//!
//! What remains is a callback that fires another chain, or adds a callback to a Deferred that is
//! fired already, and so runs one inside itself. That happens at once, as one expects, but only
//! [`DEEPEST`] levels deep: then it is put off until the innermost callback has returned. A loop
//! written as a function that returns a Deferred of itself therefore runs in constant memory.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::node::Root;
use crate::contained::{Panicked, contain};
use crate::visible::visible;

/// How many callbacks may run inside one another before the next has to wait.
///
/// In a debug build a level takes 1 to 4 KiB of stack, and a test's thread has 2 MiB.
pub(super) const DEEPEST: usize = 64;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Whether `PUT_OFF` holds something. Apart, because it is asked after every callback.
    static ANY_PUT_OFF: Cell<bool> = const { Cell::new(false) };
    static PUT_OFF: RefCell<VecDeque<Rc<dyn Root>>> = const { RefCell::new(VecDeque::new()) };
}

/// Whether a callback may run at once.
#[inline]
pub(super) fn may_nest() -> bool {
    DEPTH.get() < DEEPEST
}

/// Runs a chain whose source has a result, and all that can run because of that: now, or when the
/// innermost callback that is running has returned.
pub(super) fn run(source: Rc<dyn Root>) {
    if may_nest() {
        nest(|| run_down(source));
    } else {
        put_off(source);
    }
}

/// Calls `callbacks` one level deeper, and then what was put off meanwhile.
#[inline]
pub(super) fn nest<R>(callbacks: impl FnOnce() -> R) -> R {
    let _level = Level::enter();
    let returned = callbacks();
    // At this depth again, since the callbacks above have returned: what was put off puts off
    // nothing itself unless it goes as deep.
    if ANY_PUT_OFF.get() {
        run_put_off();
    }
    returned
}

/// Callbacks keep their panics to themselves. What is left is a waker, or the drop of a value for
/// which nobody came, and who fires has nothing to do with either.
fn run_down(source: Rc<dyn Root>) {
    // One guard for the whole way down and none for each link: a callback has its own, in `step`.
    let run = || {
        let mut chain = Rc::clone(&source);
        let mut next = source.run(&mut chain);
        while let Some(link) = next {
            next = link.run(&mut chain);
        }
    };
    if let Err(Panicked(said)) = contain(run) {
        let said = visible(&said);
        log::error!("what a Deferred was fired with panicked: {said}");
    }
}

fn put_off(source: Rc<dyn Root>) {
    // Without the queue the thread is at its end and `source` is dropped: nobody is left to tell.
    if PUT_OFF.try_with(|queue| queue.borrow_mut().push_back(source)) == Ok(()) {
        ANY_PUT_OFF.set(true);
    }
}

#[cold]
fn run_put_off() {
    let take = || PUT_OFF.try_with(|queue| queue.borrow_mut().pop_front());
    while let Ok(Some(source)) = take() {
        run_down(source);
    }
    ANY_PUT_OFF.set(false);
}

/// One level of callbacks inside callbacks; left by `Drop`, because a destructor may panic.
struct Level;

impl Level {
    #[inline]
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
