//! Work on threads, and the reactor's other Deferreds: time that passes, and the whole run.
//!
//! A job is in two halves, since a Deferred may not leave its thread:
//!
//! ```text
//! the loop                                     a thread of a pool
//! Job in the table: ticket, how to fire        closure: the work, where its result goes
//!        │ cancel, grace over: take it back ─────> while it waits
//!        │                                          │ done: the result is put into `Made`
//!        └──────── fire <── queue of the loop <─────┘
//! ```

use std::cell::{OnceCell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::contained::{Contained, contain};
use crate::deferred::{Clock, Deferred, Failure, Panicked, Resolver};
use crate::delayed_call::DelayedCall;
use crate::engine::table::{Table, Token};
use crate::engine::thread_pool::{ThreadPool, Ticket};
use crate::observe::{Callback, Cause};
use crate::reactor::Reactor;
use crate::reason::Reason;

/// The jobs that were given to threads and whose Deferreds have not fired.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<Table<Job>>);

/// The loop's half of a job. The other half is the closure in the pool; neither has the other, since
/// a Deferred may not leave its thread.
struct Job {
    /// Takes the other half back until it begins.
    ticket: Ticket,
    /// Fires the Deferred: with what the thread has made, or with this failure.
    end: Box<dyn FnOnce(Result<(), Failure>)>,
}

/// Where a thread puts what it has made, for the loop to take: the value, or what its panic said. A
/// place that both halves of a job know by its type, so that nothing has to be cast.
type Made<T> = Arc<Mutex<Option<Contained<Result<T, Panicked>>>>>;

/// What fires the Deferred of a job: with what the thread has made, or with a failure before it began.
fn end_of_job<T>(resolver: Resolver<T>, made: Made<T>) -> impl FnOnce(Result<(), Failure>) {
    move |ended| {
        if let Err(failure) = ended {
            return resolver.errback(failure);
        }
        let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = made.expect("it is put there before the end is queued");
        resolver.fire(result.into_inner().map_err(Failure::from));
    }
}

impl Jobs {
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Clock for Reactor {
    fn schedule(&self, delay: Duration, call: Box<dyn FnOnce()>) -> Box<dyn FnOnce()> {
        let call = self.call_later(delay, call);
        Box::new(move || {
            call.cancel(); // does nothing if it was made
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
    /// The pool has at most eight threads, unless [`ThreadLimits`](crate::ThreadLimits) say
    /// otherwise; other work waits for one of them, and begins in the order in which it was given. The
    /// Deferred fires on the loop's thread, in the order in which work is done. While work is to be
    /// done, [`run`](Self::run) does not return for want of anything to wait for, and a shutdown waits
    /// for it.
    ///
    /// Work that has not begun is not done when its Deferred is cancelled, when the grace of a shutdown
    /// is over, which fails it with [`Reason::Shutdown`], or when the loop is gone. Work that has begun
    /// goes on, and its result is dropped. When as much work waits as the limits allow, or when no
    /// thread can be started, the Deferred fails at once with
    /// [`ThreadPoolError`](crate::ThreadPoolError), and `work` is dropped. It is never done on the
    /// loop's thread.
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
        self.defer_to(&self.0.pools.jobs, work)
    }

    /// As [`defer_to_thread`](Self::defer_to_thread), on the threads for files.
    #[track_caller]
    pub(crate) fn defer_to_file_thread<T, F>(&self, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.defer_to(&self.0.pools.files, work)
    }

    #[track_caller]
    fn defer_to<T, F>(&self, pool: &ThreadPool, work: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let token = self.0.jobs.0.borrow_mut().reserve();
        let made = Made::<T>::default();
        let to_fill = Arc::clone(&made);
        // Keeps the loop running until the job has ended.
        let remote = self.remote();
        let given = pool.give(Box::new(move || {
            let result = Contained::new(contain(work));
            *to_fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            remote.end_job(move |reactor| reactor.end_job(token, Ok(())));
        }));
        // The job may be done by now, but its end waits for this thread.
        let ticket = match given {
            Ok(ticket) => ticket,
            Err(error) => {
                self.0.jobs.0.borrow_mut().remove(token);
                return Deferred::fail(error);
            }
        };
        let (resolver, deferred) = Deferred::pending();
        let weak = self.downgrade();
        resolver.on_cancel(move || {
            if let Some(reactor) = weak.upgrade() {
                // Dropping the resolver leaves it to the cancelling how the Deferred fires.
                drop(reactor.take_back_job(token));
            }
        });
        let end = Box::new(end_of_job(resolver, made));
        let left_over = self.0.jobs.0.borrow_mut().put(token, Job { ticket, end });
        debug_assert!(left_over.is_none(), "the slot was reserved");
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

    /// Fires the Deferred of a job, unless that was taken back.
    fn end_job(&self, token: Token, ended: Result<(), Failure>) {
        let job = self.0.jobs.0.borrow_mut().remove(token);
        if let Some(job) = job {
            (job.end)(ended);
        }
    }

    /// Takes back a job whose work has not begun.
    fn take_back_job(&self, token: Token) -> Option<Job> {
        let mut jobs = self.0.jobs.0.borrow_mut();
        let work = jobs.peek(token)?.ticket.take_back()?;
        let job = jobs.remove(token);
        drop(jobs);
        self.drop_guarded(work);
        job
    }

    /// Takes back all work that has not begun: the loop stops, and waits for it no longer.
    pub(crate) fn give_up_jobs(&self) {
        let tokens = self.0.jobs.0.borrow().tokens();
        let callback = || Callback {
            cause: Cause::DeferredFired,
            connection: None,
            name: "defer_to_thread",
            place: None,
        };
        for token in tokens {
            if let Some(job) = self.take_back_job(token) {
                let failure = Failure::from(Reason::Shutdown);
                // A Deferred keeps the panics of its callbacks to itself.
                let _ = self.0.dispatch.call(callback, || (job.end)(Err(failure)));
            }
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
