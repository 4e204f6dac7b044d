//! The reactor's own Deferreds: time that passes, work on other threads, connections, the whole run.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::deferred::{Clock, Deferred, Failure, Panicked, Resolver};
use crate::delayed_call::DelayedCall;
use crate::reactor::Reactor;
use crate::table::{Table, Token};

/// What a thread has made, on its way to who knows its type.
type Made = Box<dyn Any + Send>;

/// Work that was given to the pool, and whose result is waited for.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<Table<Job>>);

/// Fires the Deferred of some work.
type Job = Box<dyn FnOnce(Made)>;

impl Jobs {
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Clock for Reactor {
    fn schedule(&self, delay: Duration, call: Box<dyn FnOnce()>) -> Box<dyn FnOnce()> {
        let call = self.call_later(delay, call);
        Box::new(move || {
            // It fails when the call was made already, and then there is nothing to take back.
            let _ = call.cancel();
        })
    }
}

impl Reactor {
    /// A Deferred that fires after `delay`. Cancelling it cancels the call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let tea = reactor.defer_later(Duration::from_millis(1)).map(|()| "tea is ready");
    /// assert_eq!(reactor.run_until(tea).unwrap(), "tea is ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn defer_later(&self, delay: Duration) -> Deferred<()> {
        let (resolver, deferred) = Deferred::pending();
        let call: Rc<OnceCell<DelayedCall>> = Rc::default();
        let to_cancel = Rc::clone(&call);
        resolver.on_cancel(move || {
            // It was set before anybody could cancel, and it has not been made.
            let _ = to_cancel.get().map(DelayedCall::cancel);
        });
        // Fails only when it is set already.
        let _ = call.set(self.call_later(delay, move || resolver.callback(())));
        deferred
    }

    /// Does work that blocks, or that takes long, on a thread of the reactor's pool, and fires with
    /// what it returns. A panic makes it fail with [`Panicked`].
    ///
    /// The pool has at most eight threads; more work waits for one of them. The Deferred fires on
    /// the loop's thread, in the order in which work is done. While work is to be done,
    /// [`run`](Self::run) does not return for want of anything to wait for, and a shutdown waits for
    /// it, within its grace. Cancelled work that has not begun is not done, and the result of work
    /// that has is dropped.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let lines = reactor
    ///     .defer_to_thread(|| std::fs::read_to_string("Cargo.toml"))
    ///     .add_callback(|text| Ok(text?.lines().count()));
    /// assert!(reactor.run_until(lines).unwrap() > 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn defer_to_thread<T, F>(&self, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (resolver, deferred) = Deferred::pending();
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let cancel = Arc::clone(&is_cancelled);
        resolver.on_cancel(move || cancel.store(true, Ordering::SeqCst));
        let job = self.add_job(resolver);
        let remote = self.remote();
        self.0.thread_queue.in_pool(move || {
            let made = match is_cancelled.load(Ordering::SeqCst) {
                true => None,
                false => Some(catch_unwind(AssertUnwindSafe(work))),
            };
            let made = made.map(|made| made.map_err(|payload| Panicked::new(payload.as_ref())));
            let made: Made = Box::new(made);
            // It fails when the loop is gone, and nobody waits.
            let _ = remote.call_from_thread(move |reactor| reactor.job_done(job, made));
        });
        deferred
    }

    /// Runs the loop until the Deferred fires, and returns the result. Of a Deferred that is fired
    /// already the result is returned at once.
    ///
    /// The loop only pauses, at the end of the turn in which the Deferred fires: connections, ports,
    /// timers and tasks are still there, and go on in the next [`run`](Self::run), `run_until` or
    /// [`turn`](Self::turn). No trigger of the shutdown is called. A program that is done ends in the
    /// orderly way by a stop, which sends what was written last and closes what is open:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let first = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 1))?;
    /// let second = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 2))?;
    /// assert_eq!(first + second, 3);
    /// reactor.stop();
    /// reactor.run()?; // carries the stop out
    /// # Ok::<(), reactor::Failure>(())
    /// ```
    ///
    /// When the loop is asked to stop before, by [`stop`](Self::stop) or by a signal, it does so, with
    /// all that belongs to a stop. Then, or when nothing is left to wait for, or when the loop cannot
    /// run, a Deferred that has not fired is cancelled, and what it makes of that is returned.
    ///
    /// # Errors
    ///
    /// The Deferred's own failure; the [`RunError`](crate::RunError) of a loop that cannot run; or
    /// [`StoppedBefore`] when the Deferred did not even fire when it was cancelled.
    pub fn run_until<T: 'static>(&self, deferred: Deferred<T>) -> Result<T, Failure> {
        let deferred = match deferred.into_result() {
            Ok(result) => return result,
            Err(pending) => pending,
        };
        let canceller = deferred.canceller();
        let result = Rc::new(RefCell::new(None));
        let (to_set, reactor) = (Rc::clone(&result), self.downgrade());
        deferred.add_both(move |fired| {
            to_set.replace(Some(fired));
            if let Some(reactor) = reactor.upgrade() {
                reactor.call_soon(|| ()); // so that the turn which is under way does not sleep
            }
        });
        let run = self.run_while(|| result.borrow().is_none());
        if let Some(result) = result.take() {
            return result;
        }
        canceller.cancel();
        run?;
        result.take().unwrap_or_else(|| Err(StoppedBefore.into()))
    }

    fn add_job<T: Send + 'static>(&self, resolver: Resolver<T>) -> Token {
        let done = move |made: Made| {
            // The thread made what this job's work returns, or nothing if it was cancelled.
            if let Ok(Some(made)) = made.downcast::<Option<Result<T, Panicked>>>().map(|m| *m) {
                resolver.fire(made.map_err(Failure::from));
            }
        };
        let mut jobs = self.0.jobs.0.borrow_mut();
        let job = jobs.reserve();
        let left_over = jobs.put(job, Box::new(done));
        debug_assert!(left_over.is_none(), "the slot was reserved");
        job
    }

    fn job_done(&self, job: Token, made: Made) {
        let done = self.0.jobs.0.borrow_mut().remove(job);
        if let Some(done) = done {
            done(made);
        }
    }
}

/// The loop stopped, or had nothing left to wait for, before a Deferred fired, and the Deferred did
/// not fire when it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedBefore;

impl fmt::Display for StoppedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor stopped before the Deferred fired")
    }
}

impl Error for StoppedBefore {}
