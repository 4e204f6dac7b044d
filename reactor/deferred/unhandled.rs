//! Failures that were not handled: reported at once when their Deferred is dropped.
//!
//! While a failure rests in a Deferred it is wrapped in [`Unhandled`]. Whoever takes it out, a
//! callback or an `.await`, unwraps it; if the Deferred goes away first, the wrapper's `Drop`
//! reports it. So there is no collector to wait for, and no Deferred needs a `Drop` of its own.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use super::Place;
use super::failure::{Failure, Record};
use crate::contained::{Panicked, contain};
use crate::report;
use crate::visible::visible;

const EMPTY: &str = "`take` and `drop` empty it, and both are the end of it";

/// A failure that rests in a Deferred.
pub(super) struct Unhandled {
    failure: Option<Failure>,
}

impl Unhandled {
    #[inline]
    pub(super) fn new(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
        }
    }

    /// A failure that has not been asked for yet, at the end of the chain made at `made`.
    pub(super) fn resting(failure: Failure, made: Place) -> Self {
        let mut unhandled = Self::new(failure);
        unhandled.rest_in(made);
        unhandled
    }

    /// Notes that nothing will happen to the failure until it is taken out.
    pub(super) fn rest_in(&mut self, made: Place) {
        let failure = self.failure_mut();
        failure.in_chain(made);
        if let Some(record) = failure.rests_now() {
            note_that_one_rests(record);
        }
    }

    /// The failure, which the caller now answers for.
    pub(super) fn take(mut self) -> Failure {
        let failure = self.failure.take().expect(EMPTY);
        failure.rests_no_more();
        failure
    }

    pub(super) fn failure(&self) -> &Failure {
        self.failure.as_ref().expect(EMPTY)
    }

    pub(super) fn failure_mut(&mut self) -> &mut Failure {
        self.failure.as_mut().expect(EMPTY)
    }
}

impl Drop for Unhandled {
    fn drop(&mut self) {
        if let Some(failure) = self.failure.take() {
            // Before the hook is called, which may ask for the failures that are held.
            failure.rests_no_more();
            report(&failure);
        }
    }
}

/// Logs a failure that can no longer be handled and calls the hook. It is printed if there is
/// neither a logger nor a hook.
pub(super) fn report(failure: &Failure) {
    // At the end of a thread there may be no hook any more.
    let hook = HOOK.try_with(|hook| hook.borrow().clone()).ok().flatten();
    if let Some(hook) = hook {
        log::error!("unhandled failure in a Deferred: {failure:?}");
        if let Err(Panicked(said)) = contain(|| hook(failure)) {
            let said = visible(&said);
            log::error!("the hook for unhandled failures panicked: {said}");
        }
        return;
    }
    failure.report(
        module_path!(),
        format_args!("unhandled failure in a Deferred: {failure:?}"),
    );
}

impl Failure {
    /// Logs what it has brought about. Without a logger that is printed, unless it was a panic, which
    /// was printed when it happened.
    pub(crate) fn report(&self, target: &str, what: fmt::Arguments<'_>) {
        match self.check::<Panicked>() {
            Some(_) => log::error!(target: target, "{what}"),
            None => report::error(target, what),
        }
    }
}

type Hook = Rc<dyn Fn(&Failure)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static RESTS: RefCell<Vec<Weak<Record>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `hook` for every failure of this thread that was not handled, besides logging it, until
/// the returned value is dropped. Then the hook before is in force again.
///
/// The hook runs inside the drop of a Deferred: it may use other Deferreds, and a panic in it is only
/// logged.
/// A test that shall fail for such a failure uses [`UnhandledFailures`].
pub fn on_unhandled_failure(hook: impl Fn(&Failure) + 'static) -> UnhandledHook {
    let previous = HOOK.with(|slot| slot.replace(Some(Rc::new(hook))));
    UnhandledHook { previous }
}

/// Keeps a hook in force that [`on_unhandled_failure`] has set.
#[must_use = "the hook is in force only as long as this value lives"]
pub struct UnhandledHook {
    previous: Option<Hook>,
}

impl Drop for UnhandledHook {
    fn drop(&mut self) {
        let previous = self.previous.take();
        // At the end of a thread the slot may be gone, and the hook with it.
        let _ = HOOK.try_with(|slot| slot.replace(previous));
    }
}

impl fmt::Debug for UnhandledHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnhandledHook").finish()
    }
}

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

/// Puts a failure on the list of those that rest.
fn note_that_one_rests(record: Weak<Record>) {
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
