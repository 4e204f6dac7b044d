//! Watching for unhandled failures in a test.

use std::cell::RefCell;
use std::rc::Rc;

use super::failure::Failure;
use super::hook::{UnhandledHook, on_unhandled_failure};

/// Collects the unhandled failures of a test and fails it when some are left at its end.
///
/// # Panics
///
/// Its drop panics if there were unhandled failures that [`take`](Self::take) did not fetch,
/// unless the thread is panicking already.
///
/// # Examples
///
/// ```
/// use reactor::deferred::{Deferred, Failure, UnhandledFailures};
///
/// let unhandled = UnhandledFailures::watch();
/// drop(Deferred::<u32>::fail(Failure::message("nobody listens")));
/// assert_eq!(unhandled.take()[0].to_string(), "nobody listens");
/// ```
#[derive(Debug)]
pub struct UnhandledFailures {
    seen: Rc<RefCell<Vec<Failure>>>,
    _hook: UnhandledHook,
}

impl UnhandledFailures {
    /// Starts to collect the unhandled failures of this thread.
    #[must_use = "it watches only as long as it lives"]
    pub fn watch() -> Self {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&seen);
        Self {
            seen,
            _hook: on_unhandled_failure(move |failure| sink.borrow_mut().push(failure.clone())),
        }
    }

    /// The unhandled failures since the start or the last call. A test that expects them may drop
    /// what this returns.
    pub fn take(&self) -> Vec<Failure> {
        self.seen.take()
    }
}

impl Drop for UnhandledFailures {
    fn drop(&mut self) {
        let left = self.take();
        assert!(
            left.is_empty() || std::thread::panicking(),
            "failures that nobody handled: {left:#?}"
        );
    }
}
