//! A pool of threads for work that blocks, with a queue in front of it.
//!
//! Threads are started when there is work for them, and end when there has been none for a while.
//! Work begins in the order in which it was given. Until it begins, its [`Ticket`] takes it back:
//!
//! ```text
//! give -> waits (at most `limit`) -> a thread takes the oldest -> done
//!              └-> take_back
//! ```
//!
//! Invariant: while work waits, there is a thread that will take it. So the work for which the first
//! thread cannot be started is refused. It is not done on the thread that gave it: that is the
//! loop's, and work may wait for the loop.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::contained::{Contained, contain};

/// A thread that has had nothing to do for this long ends. Starting another one takes some ten
/// microseconds, so this is only about memory.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) type Work = Contained<Box<dyn FnOnce() + Send>>;

/// Why work was not given to a thread. It was not called, and is dropped.
///
/// [`Reactor::defer_to_thread`](crate::Reactor::defer_to_thread) fails with it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ThreadPoolError {
    /// As many jobs wait for a thread as
    /// [`ThreadLimits::waiting_jobs`](crate::ThreadLimits::waiting_jobs) allows.
    QueueFull,
    /// The pool has no thread, and the operating system cannot start one.
    CannotStartThread(io::Error),
}

impl fmt::Display for ThreadPoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many jobs are waiting for a thread",
            Self::CannotStartThread(_) => "cannot start a thread",
        })
    }
}

impl Error for ThreadPoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::QueueFull => None,
            Self::CannotStartThread(error) => Some(error),
        }
    }
}

/// A bounded number of threads, and the work that waits for one of them. A clone is the same pool.
#[derive(Clone)]
pub(crate) struct ThreadPool(Arc<Shared>);

/// Work that was given to a pool, and can be taken back until it begins.
pub(crate) struct Ticket {
    pool: ThreadPool,
    number: u64,
}

struct Shared {
    /// The name of its threads.
    name: &'static str,
    /// Starts a thread; a field, so that a test can let it fail.
    start: fn(&Arc<Self>) -> io::Result<()>,
    queue: Mutex<Queue>,
    /// There is work, or there are too many threads.
    changed: Condvar,
}

struct Queue {
    /// What has not begun, by the number of its ticket. Numbers grow, so the first is the oldest,
    /// and taking one back from the middle costs no search.
    waiting: BTreeMap<u64, Work>,
    last_number: u64,
    /// How much may wait, besides what an idle thread is about to take.
    limit: usize,
    /// The largest number of threads.
    size: usize,
    threads: usize,
    /// The threads that do no work, including those that were started and have not looked yet.
    idle: usize,
}

impl Queue {
    /// Whether one more piece of work may wait.
    fn has_room(&self) -> bool {
        // Work for an idle thread, or for one that may still be started, hardly waits: without this,
        // a limit of zero would refuse everything.
        let free = self.idle + self.size.saturating_sub(self.threads);
        self.waiting.len() < self.limit.saturating_add(free)
    }

    fn check(&self) {
        debug_assert!(self.idle <= self.threads, "an idle thread is a thread");
        debug_assert!(
            self.waiting.is_empty() || self.threads > 0,
            "work waits that no thread will take"
        );
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that panics runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadPool {
    pub(crate) fn new(name: &'static str, size: usize, limit: usize) -> Self {
        Self::with_start(name, size, limit, start_thread)
    }

    fn with_start(
        name: &'static str,
        size: usize,
        limit: usize,
        start: fn(&Arc<Shared>) -> io::Result<()>,
    ) -> Self {
        let queue = Queue {
            waiting: BTreeMap::new(),
            last_number: 0,
            limit,
            size,
            threads: 0,
            idle: 0,
        };
        Self(Arc::new(Shared {
            name,
            start,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
        }))
    }

    /// Does `work` on a thread, after what was given before. On failure it is dropped.
    pub(crate) fn give(&self, work: Box<dyn FnOnce() + Send>) -> Result<Ticket, ThreadPoolError> {
        let work = Contained::new(work);
        let mut queue = self.0.queue();
        if !queue.has_room() {
            // A drop is a consumer's code, which may give work: never under the lock.
            drop(queue);
            drop(work);
            return Err(ThreadPoolError::QueueFull);
        }
        queue.last_number += 1;
        let number = queue.last_number;
        queue.waiting.insert(number, work);
        let started = self.start_threads(&mut queue);
        let refused = match queue.threads {
            0 => queue.waiting.remove(&number),
            _ => None,
        };
        queue.check();
        drop(queue);
        self.0.changed.notify_one();
        match started {
            Err(error) if refused.is_some() => {
                return Err(ThreadPoolError::CannotStartThread(error));
            }
            // The threads that there are will do it, later.
            Err(error) => log::warn!("cannot start another thread of {}: {error}", self.0.name),
            Ok(()) => {}
        }
        Ok(Ticket {
            pool: self.clone(),
            number,
        })
    }

    /// Allows `size` threads and `limit` waiting pieces of work from now on. Surplus threads end when
    /// they have done what they are at; surplus work stays.
    pub(crate) fn set_limits(&self, size: usize, limit: usize) {
        let mut queue = self.0.queue();
        queue.size = size;
        queue.limit = limit;
        let started = self.start_threads(&mut queue);
        queue.check();
        drop(queue);
        self.0.changed.notify_all();
        if let Err(error) = started {
            log::warn!("cannot start another thread of {}: {error}", self.0.name);
        }
    }

    /// Takes back everything that has not begun, and lets the threads end. They are not joined: one
    /// whose work waits for the loop would keep the loop's thread for ever.
    pub(crate) fn close(&self) -> impl Iterator<Item = Work> + use<> {
        let mut queue = self.0.queue();
        queue.size = 0;
        self.0.changed.notify_all();
        std::mem::take(&mut queue.waiting).into_values()
    }

    /// Starts the threads that the waiting work lacks, as far as the size allows.
    fn start_threads(&self, queue: &mut Queue) -> io::Result<()> {
        while queue.waiting.len() > queue.idle && queue.threads < queue.size {
            (self.0.start)(&self.0)?;
            queue.threads += 1;
            queue.idle += 1;
        }
        Ok(())
    }
}

impl Ticket {
    /// The work, unless it has begun. It is the caller's to drop.
    pub(crate) fn take_back(&self) -> Option<Work> {
        self.pool.0.queue().waiting.remove(&self.number)
    }
}

/// The thread waits for the lock, which its starter has, until it is counted.
fn start_thread(shared: &Arc<Shared>) -> io::Result<()> {
    let thread = thread::Builder::new().name(shared.name.to_owned());
    let shared = Arc::clone(shared);
    thread.spawn(move || work_off(&shared)).map(drop)
}

/// What a thread does, which begins as an idle one.
fn work_off(shared: &Shared) {
    let mut queue = shared.queue();
    while queue.threads <= queue.size {
        if let Some((_, work)) = queue.waiting.pop_first() {
            queue.idle -= 1;
            drop(queue);
            // The work reports its panics itself; this keeps the thread.
            let _ = contain(|| work.into_inner()());
            queue = shared.queue();
            queue.idle += 1;
            continue;
        }
        let waited = shared.changed.wait_timeout(queue, IDLE);
        let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        if timeout.timed_out() && queue.waiting.is_empty() {
            break;
        }
    }
    queue.threads -= 1;
    queue.idle -= 1;
    queue.check();
    // A surplus thread may have taken the call that was to wake one that stays.
    shared.changed.notify_one();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn give(pool: &ThreadPool, work: impl FnOnce() + Send + 'static) -> Ticket {
        pool.give(Box::new(work)).expect("there is room")
    }

    /// Keeps one thread busy from now on until the sender is dropped.
    fn keep_busy(pool: &ThreadPool) -> mpsc::Sender<()> {
        let (go_on, goes_on) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        give(pool, move || {
            begun.send(()).expect("the test waits");
            goes_on.recv().expect_err("the test drops its end");
        });
        has_begun.recv().expect("it begins");
        go_on
    }

    #[test]
    fn work_is_taken_back_until_it_has_begun() {
        let pool = ThreadPool::new("test", 1, 2);
        let (begun, has_begun) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let first = give(&pool, move || {
            begun.send(1).expect("the test waits");
            goes_on.recv().expect("the test lets it go on");
        });
        has_begun.recv().expect("it begins");
        let (done, is_done) = mpsc::channel();
        let [second, _] = [2, 3].map(|n| {
            let done = done.clone();
            give(&pool, move || done.send(n).expect("the test waits"))
        });
        assert!(first.take_back().is_none());
        assert!(second.take_back().is_some());
        assert!(second.take_back().is_none());
        go_on.send(()).expect("it waits");
        drop(done);
        assert_eq!(is_done.into_iter().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_pool_that_is_closed_begins_nothing() {
        let pool = ThreadPool::new("test", 1, 1);
        let go_on = keep_busy(&pool);
        let (done, is_done) = mpsc::channel::<()>();
        give(&pool, move || done.send(()).expect("it is not done"));
        assert_eq!(pool.close().count(), 1);
        drop(go_on);
        assert!(is_done.recv().is_err(), "it was dropped");
    }

    #[test]
    fn what_is_over_the_limit_is_refused_and_dropped() {
        let pool = ThreadPool::new("test", 1, 2);
        let go_on = keep_busy(&pool);
        let (done, is_done) = mpsc::channel();
        for n in 0..2 {
            let done = done.clone();
            give(&pool, move || done.send(n).expect("the test waits"));
        }
        let refused = pool.give(Box::new(move || done.send(2).expect("it is not done")));
        assert!(matches!(refused, Err(ThreadPoolError::QueueFull)));
        drop(go_on);
        assert_eq!(is_done.into_iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn with_a_limit_of_zero_work_is_taken_while_a_thread_is_free() {
        let pool = ThreadPool::new("test", 2, 0);
        let busy = [keep_busy(&pool), keep_busy(&pool)];
        assert!(pool.give(Box::new(|| ())).is_err());
        pool.set_limits(3, 0);
        drop((keep_busy(&pool), busy));
    }

    #[test]
    fn all_work_is_done_once_while_the_size_changes() {
        let pool = ThreadPool::new("test", 1, 100_000);
        let (done, is_done) = mpsc::channel();
        for n in 0..10_000 {
            let done = done.clone();
            give(&pool, move || done.send(n).expect("the test waits"));
            if n % 100 == 0 {
                pool.set_limits(1 + n / 100 % 7, 100_000);
            }
        }
        drop(done);
        let mut all: Vec<_> = is_done.into_iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn work_is_refused_when_no_thread_can_be_started_and_waits_when_there_is_one() {
        let broken: fn(&Arc<Shared>) -> io::Result<()> =
            |_| Err(io::Error::other("no thread is left"));
        let pool = ThreadPool::with_start("test", 4, 4, broken);
        let (done, is_done) = mpsc::channel::<()>();
        let refused = pool.give(Box::new(move || done.send(()).expect("it is not done")));
        let Err(error) = refused else {
            panic!("it was taken");
        };
        assert_eq!(error.to_string(), "cannot start a thread");
        let source = error.source().expect("the system's error");
        assert_eq!(source.to_string(), "no thread is left");
        assert!(is_done.recv().is_err(), "it was dropped");

        static HAS_STARTED: AtomicBool = AtomicBool::new(false);
        let only_one: fn(&Arc<Shared>) -> io::Result<()> =
            |shared| match HAS_STARTED.swap(true, Ordering::SeqCst) {
                false => start_thread(shared),
                true => Err(io::Error::other("no thread is left")),
            };
        let pool = ThreadPool::with_start("test", 4, 4, only_one);
        let go_on = keep_busy(&pool);
        let (done, is_done) = mpsc::channel();
        give(&pool, move || done.send(()).expect("the test waits"));
        drop(go_on);
        assert_eq!(is_done.recv(), Ok(()));
    }
}
