//! Jobs: work on threads, and the Deferreds of its results.
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

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contained::{Contained, contain, drop_contained};
use crate::deferred::{Deferred, Failure, Panicked, Resolver};
use crate::engine::dispatch::Dispatch;
use crate::engine::table::{Table, Token};
use crate::engine::thread_pool::{ThreadPool, Ticket};
use crate::engine::threads::Remote;
use crate::observe::{Callback, Cause};
use crate::reason::Reason;

/// The jobs that were given to threads and whose Deferreds have not fired.
#[derive(Default)]
pub(super) struct Jobs(Rc<RefCell<Table<Job>>>);

/// The loop's half of a job. The other half is the closure in the pool; neither has the other, since
/// a Deferred may not leave its thread.
struct Job {
    /// Takes the other half back until it begins.
    ticket: Ticket,
    /// Fires the Deferred: with what the thread has made, or with this failure.
    end: Box<dyn FnOnce(Result<(), Failure>)>,
}

/// Where a thread puts what it has made, for the loop to take: the value, or its panic. A
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
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Does work on a thread of a pool, and fires with what it returns. `remote` keeps the loop
    /// running until the job has ended.
    pub(super) fn begin<L: 'static, T, F>(
        &self,
        pool: &ThreadPool,
        remote: Remote<L>,
        work: F,
    ) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let token = self.0.borrow_mut().reserve();
        let made = Made::<T>::default();
        let to_fill = Arc::clone(&made);
        let given = pool.give(Box::new(move || {
            let result = Contained::new(contain(work));
            *to_fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            remote.end_job(token);
        }));
        // The job may be done by now, but its end waits for this thread.
        let ticket = match given {
            Ok(ticket) => ticket,
            Err(error) => {
                self.0.borrow_mut().remove(token);
                return Deferred::fail(error);
            }
        };
        let (resolver, deferred) = Deferred::pending();
        let jobs = Rc::downgrade(&self.0);
        resolver.on_cancel(move || {
            if let Some(jobs) = jobs.upgrade() {
                // Dropping the resolver leaves it to the cancelling how the Deferred fires.
                drop(take_back(&jobs, token));
            }
        });
        let end = Box::new(end_of_job(resolver, made));
        let left_over = self.0.borrow_mut().put(token, Job { ticket, end });
        debug_assert!(left_over.is_none(), "the slot was reserved");
        deferred
    }

    /// Fires the Deferred of a job whose work is done, unless it was taken back.
    pub(super) fn end(&self, token: Token) {
        let job = self.0.borrow_mut().remove(token);
        if let Some(job) = job {
            (job.end)(Ok(()));
        }
    }

    /// Takes back all work that has not begun: the loop stops, and waits for it no longer.
    pub(super) fn give_up(&self, dispatch: &Dispatch) {
        let tokens = self.0.borrow().tokens();
        for token in tokens {
            if let Some(job) = take_back(&self.0, token) {
                let failure = Failure::from(Reason::Shutdown);
                // A Deferred keeps the panics of its callbacks to itself.
                let _ = dispatch.call(job_callback, || (job.end)(Err(failure)));
            }
        }
    }
}

/// The callbacks of a job's Deferred, for observers.
pub(super) fn job_callback() -> Callback {
    Callback {
        cause: Cause::DeferredFired,
        connection: None,
        name: "defer_to_thread",
        place: None,
    }
}

/// Takes back a job whose work has not begun.
fn take_back(jobs: &RefCell<Table<Job>>, token: Token) -> Option<Job> {
    let mut jobs = jobs.borrow_mut();
    let work = jobs.peek(token)?.ticket.take_back()?;
    let job = jobs.remove(token);
    drop(jobs);
    drop_contained(work);
    job
}
