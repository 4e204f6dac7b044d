//! Where an unhandled failure is reported: to the log, and to the hook that was set for it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::failure::Failure;
use crate::contained::{Panicked, contain};
use crate::report;
use crate::visible::visible;

/// The target of these log lines, for which filters may have been set: where failures become
/// unhandled, and not this file.
const TARGET: &str = "reactor::deferred::unhandled";

/// Logs a failure that can no longer be handled and calls the hook. It is printed if there is
/// neither a logger nor a hook.
pub(super) fn report(failure: &Failure) {
    // At the end of a thread there may be no hook any more.
    let hook = HOOK.try_with(|hook| hook.borrow().clone()).ok().flatten();
    if let Some(hook) = hook {
        log::error!(target: TARGET, "unhandled failure in a Deferred: {failure:?}");
        if let Err(Panicked(said)) = contain(|| hook(failure)) {
            let said = visible(&said);
            log::error!(target: TARGET, "the hook for unhandled failures panicked: {said}");
        }
        return;
    }
    failure.report(
        TARGET,
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
}

/// Calls `hook` for every failure of this thread that was not handled, besides logging it, until
/// the returned value is dropped. Then the hook before is in force again.
///
/// The hook runs inside the drop of a Deferred: it may use other Deferreds, and a panic in it is only
/// logged.
/// A test that shall fail for such a failure uses [`UnhandledFailures`](super::UnhandledFailures).
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
