//! The reactor's own Deferreds: time that passes, work on other threads, connections, the whole run.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::contained::contain;
use crate::deferred::{Clock, Deferred, Failure, Panicked, Resolver};
use crate::delayed_call::DelayedCall;
use crate::engine::table::{Table, Token};
use crate::engine::thread_pool::Ticket;
use crate::observe::{Callback, Cause};
use crate::reactor::Reactor;
use crate::reason::Reason;

/// What a thread has made, on its way to who knows its type.
type Made = Box<dyn Any + Send>;

/// Work that was given to the pool, and whose result is waited for.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<Table<Job>>);

struct Job {
    /// By which it is taken back, once it was given to the pool.
    ticket: Option<Ticket>,
    /// Fires the Deferred.
    done: Box<dyn FnOnce(Result<Made, Failure>)>,
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
    /// The pool has at most eight threads, or as many as
    /// [`suggest_thread_pool_size`](Self::suggest_thread_pool_size) says; more work waits for one of
    /// them. The Deferred fires on the loop's thread, in the order in which work is done. While work is
    /// to be done, [`run`](Self::run) does not return for want of anything to wait for, and a shutdown
    /// waits for it.
    ///
    /// Work that has not begun is not done when its Deferred is cancelled, when the grace of a shutdown
    /// is over, which fails it with [`Reason::Shutdown`], or when the loop is gone. Work that has begun
    /// goes on, and its result is dropped.
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
        let weak = self.downgrade();
        let cell: Rc<Cell<Option<Token>>> = Rc::default();
        let of_job = Rc::clone(&cell);
        resolver.on_cancel(move || {
            if let (Some(reactor), Some(job)) = (weak.upgrade(), of_job.get()) {
                // Dropping the resolver leaves it to the cancelling how the Deferred fires.
                drop(reactor.take_back_job(job));
            }
        });
        let job = self.add_job(resolver);
        cell.set(Some(job));
        let remote = self.remote();
        let ticket = self.0.thread_queue.pool().give(Box::new(move || {
            let made: Made = Box::new(contain(work).map_err(Panicked::saying));
            // It fails when the loop is gone, and nobody waits.
            let _ = remote.call_from_thread(move |reactor| reactor.job_done(job, made));
        }));
        if let Some(job) = self.0.jobs.0.borrow_mut().peek(job) {
            job.ticket = Some(ticket);
        }
        deferred
    }

    /// Sets how many threads at most do the work of [`defer_to_thread`](Self::defer_to_thread). When
    /// there are more, those that are too many end when they have done what they are at. Names are
    /// looked up on other threads.
    ///
    /// # Panics
    ///
    /// When `size` is zero.
    pub fn suggest_thread_pool_size(&self, size: usize) {
        assert!(size > 0, "a pool without threads does no work");
        self.0.thread_queue.pool().set_size(size);
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
        let done = move |made: Result<Made, Failure>| match made.map(Made::downcast) {
            Ok(Ok(made)) => {
                let made: Result<T, Panicked> = *made;
                resolver.fire(made.map_err(Failure::from));
            }
            // A job's work makes what its Deferred is fired with.
            Ok(Err(_)) => {}
            Err(failure) => resolver.errback(failure),
        };
        let mut jobs = self.0.jobs.0.borrow_mut();
        let token = jobs.reserve();
        let job = Job {
            ticket: None,
            done: Box::new(done),
        };
        let left_over = jobs.put(token, job);
        debug_assert!(left_over.is_none(), "the slot was reserved");
        token
    }

    fn job_done(&self, job: Token, made: Made) {
        let job = self.0.jobs.0.borrow_mut().remove(job);
        if let Some(job) = job {
            (job.done)(Ok(made));
        }
    }

    /// Takes back a job whose work has not begun.
    fn take_back_job(&self, token: Token) -> Option<Job> {
        let mut jobs = self.0.jobs.0.borrow_mut();
        let ticket = jobs.peek(token)?.ticket?;
        let work = self.0.thread_queue.pool().take_back(ticket)?;
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
                let _ = self.0.dispatch.call(callback, || (job.done)(Err(failure)));
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
