//! Other threads: the one handle of the loop that they may hold, and a pool for work that blocks.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::driver::Wake;
use crate::reactor::Reactor;

/// At most so many threads do work that blocks; more work waits for one of them.
const POOL_SIZE: usize = 8;

/// A thread that has had nothing to do for this long ends.
const POOL_IDLE: Duration = Duration::from_secs(10);

type ThreadCall = Box<dyn FnOnce(&Reactor) + Send>;

/// A call that another thread has queued.
pub(crate) struct QueuedThreadCall {
    pub(crate) call: ThreadCall,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
}

/// The loop's end: calls that other threads have queued, and the pool.
pub(crate) struct ThreadQueue {
    shared: Arc<Shared>,
    pool: Pool,
}

struct Shared {
    /// `None` when the loop is gone.
    calls: Mutex<Option<Vec<QueuedThreadCall>>>,
    /// Whether there are calls, so that a turn without any takes no lock, and so that the loop is
    /// woken once for many calls.
    pending: AtomicBool,
    remotes: AtomicUsize,
    waker: Arc<dyn Wake>,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Option<Vec<QueuedThreadCall>>> {
        // Nothing that panics runs under this lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadQueue {
    pub(crate) fn new(waker: Arc<dyn Wake>) -> Self {
        let shared = Shared {
            calls: Mutex::new(Some(Vec::new())),
            pending: AtomicBool::new(false),
            remotes: AtomicUsize::new(0),
            waker,
        };
        Self {
            shared: Arc::new(shared),
            pool: Pool::default(),
        }
    }

    pub(crate) fn remote(&self) -> RemoteReactor {
        self.shared.remotes.fetch_add(1, Ordering::SeqCst);
        RemoteReactor {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Whether another thread may still queue a call.
    pub(crate) fn has_remotes(&self) -> bool {
        self.shared.remotes.load(Ordering::SeqCst) > 0 || self.shared.pending.load(Ordering::SeqCst)
    }

    /// The calls that were queued until now, in their order.
    pub(crate) fn take(&self) -> Vec<QueuedThreadCall> {
        if !self.shared.pending.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        self.shared
            .calls()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Does `work` on a thread of the pool.
    pub(crate) fn in_pool(&self, work: impl FnOnce() + Send + 'static) {
        self.pool.run(Box::new(work));
    }
}

impl Drop for ThreadQueue {
    fn drop(&mut self) {
        let calls = self.shared.calls().take();
        drop(calls);
    }
}

/// The handle of a loop that other threads may hold, clone and drop.
///
/// While one exists, the loop does not return for want of anything to wait for.
///
/// ```
/// use reactor::Reactor;
///
/// let reactor = Reactor::new()?;
/// let remote = reactor.remote();
/// std::thread::spawn(move || {
///     let answer = 6 * 7; // takes long
///     remote.call_from_thread(move |reactor| {
///         println!("{answer}");
///         reactor.stop();
///     })
/// });
/// reactor.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RemoteReactor {
    shared: Arc<Shared>,
}

impl RemoteReactor {
    /// Queues `f` for the next turn of the loop, and wakes it. Calls of one thread are made in
    /// their order.
    ///
    /// # Errors
    ///
    /// When the loop is gone; the closure comes back in the error.
    #[track_caller]
    pub fn call_from_thread<F>(&self, f: F) -> Result<(), ReactorGone<F>>
    where
        F: FnOnce(&Reactor) + Send + 'static,
    {
        let mut calls = self.shared.calls();
        let Some(calls_of_loop) = calls.as_mut() else {
            return Err(ReactorGone(f));
        };
        let (name, place) = (std::any::type_name::<F>(), Location::caller());
        calls_of_loop.push(QueuedThreadCall {
            call: Box::new(f),
            name,
            place,
        });
        drop(calls);
        if !self.shared.pending.swap(true, Ordering::SeqCst) {
            self.shared.waker.wake();
        }
        Ok(())
    }
}

impl Clone for RemoteReactor {
    fn clone(&self) -> Self {
        self.shared.remotes.fetch_add(1, Ordering::SeqCst);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for RemoteReactor {
    fn drop(&mut self) {
        if self.shared.remotes.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Perhaps the loop has waited for nothing else.
            self.shared.waker.wake();
        }
    }
}

impl fmt::Debug for RemoteReactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReactor").finish_non_exhaustive()
    }
}

/// The loop is gone, and here is the closure that it was given.
pub struct ReactorGone<F>(pub F);

impl<F> fmt::Debug for ReactorGone<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReactorGone")
    }
}

impl<F> fmt::Display for ReactorGone<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor is gone")
    }
}

impl<F> std::error::Error for ReactorGone<F> {}

type Work = Box<dyn FnOnce() + Send>;

/// Threads that are made when there is work for them, and end when there has been none for long.
#[derive(Default)]
struct Pool {
    queue: Arc<(Mutex<PoolQueue>, Condvar)>,
}

#[derive(Default)]
struct PoolQueue {
    work: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

impl Pool {
    fn run(&self, work: Work) {
        let (queue, condition) = &*self.queue;
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.work.push_back(work);
        if queue.work.len() <= queue.idle || queue.threads == POOL_SIZE {
            return condition.notify_one();
        }
        let for_thread = Arc::clone(&self.queue);
        let thread = thread::Builder::new().name("reactor-pool".to_owned());
        match thread.spawn(move || pool_thread(&for_thread)) {
            Ok(_) => queue.threads += 1,
            Err(error) if queue.threads > 0 => log::warn!("one thread less in the pool: {error}"),
            Err(error) => {
                log::error!("work that blocks is done on the loop's thread: {error}");
                let work = queue.work.pop_back();
                drop(queue);
                work.into_iter().for_each(|work| work());
            }
        }
    }
}

fn pool_thread(queue: &(Mutex<PoolQueue>, Condvar)) {
    let (queue, condition) = queue;
    let mut locked = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(work) = locked.work.pop_front() {
            drop(locked);
            // The work reports its panics itself; this keeps the thread.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            locked = queue.lock().unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        locked.idle += 1;
        let waited = condition.wait_timeout(locked, POOL_IDLE);
        let (waited, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        locked = waited;
        locked.idle -= 1;
        if timeout.timed_out() && locked.work.is_empty() {
            locked.threads -= 1;
            return;
        }
    }
}
