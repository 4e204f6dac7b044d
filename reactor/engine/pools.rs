//! The threads of a reactor, in three pools.
//!
//! Each kind of work has threads of its own, so that none waits for another: eight jobs that take
//! minutes delay no attempt to connect and no file that a site serves, and a name server that does
//! not answer delays no job.
//!
//! | pool | for | of |
//! | --- | --- | --- |
//! | `reactor-pool` | what the program asks for | `Reactor::defer_to_thread` |
//! | `reactor-files` | opening and reading files | `http::Files` |
//! | `reactor-names` | host names | `Reactor::connect_tcp` |

use std::cell::Cell;

use crate::engine::thread_pool::ThreadPool;
use crate::engine::threads::ThreadQueue;

/// How many threads a reactor has, and how much may wait for them and for the loop.
///
/// Work of [`defer_to_thread`](crate::Reactor::defer_to_thread) waits for a free thread, and begins in the
/// order in which it was given. The Deferreds fire in the order in which work is done. While there is work to
/// be done, [`run`](crate::Reactor::run) does not return for want of anything to wait for, and a shutdown waits
/// for it.
///
/// Work that has not begun is not done when its Deferred is cancelled, when the grace of a shutdown
/// is over, which fails it with [`Reason::Shutdown`](crate::Reason::Shutdown), or when the loop is gone. Work that
/// has begun goes on, and its result is dropped. When as much work waits as the limits allow, or when no
/// thread can be started, the Deferred fails at once with [`ThreadPoolError`](crate::ThreadPoolError), and the
/// work is dropped. It is never done on the loop's thread.
///
/// The defaults are meant for production: eight threads of each kind, which are started when there
/// is work for them, and queues of 100,000. To change some of them:
///
/// ```
/// use reactor::{Reactor, ThreadLimits};
///
/// let reactor = Reactor::new()?;
/// reactor.set_thread_limits(ThreadLimits::new().threads(32).waiting_jobs(1000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "limits do nothing until they are set"]
pub struct ThreadLimits {
    threads: usize,
    file_threads: usize,
    name_threads: usize,
    waiting_jobs: usize,
    waiting_calls: usize,
}

impl ThreadLimits {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            // Enough to keep a database or a disk busy. Twisted has ten, libuv four.
            threads: 8,
            file_threads: 8,
            name_threads: 8,
            // Far more than any burst that a loop works off, and at about 100 bytes each, besides what
            // closures hold, 10 MB: a producer that is faster than the loop is found out before the
            // memory is full.
            waiting_jobs: 100_000,
            waiting_calls: 100_000,
        }
    }

    /// At most this many threads do the work of
    /// [`defer_to_thread`](crate::Reactor::defer_to_thread). Eight by default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = at_least_one(threads);
        self
    }

    /// At most this many threads open and read the files that `http::Files`
    /// serves. Eight by default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn file_threads(mut self, threads: usize) -> Self {
        self.file_threads = at_least_one(threads);
        self
    }

    /// At most this many threads look up host names for
    /// [`connect_tcp`](crate::Reactor::connect_tcp). Eight by default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn name_threads(mut self, threads: usize) -> Self {
        self.name_threads = at_least_one(threads);
        self
    }

    /// At most this much work of each kind waits for a thread. What is over it fails at once with
    /// [`ThreadPoolError::QueueFull`](crate::ThreadPoolError::QueueFull): the Deferred of
    /// [`defer_to_thread`](crate::Reactor::defer_to_thread), an attempt to connect, a file, which is
    /// answered with 503. With zero, work is only taken while a thread is free. 100,000 by default.
    pub fn waiting_jobs(mut self, jobs: usize) -> Self {
        self.waiting_jobs = jobs;
        self
    }

    /// At most this many calls of
    /// [`call_from_thread`](crate::RemoteReactor::call_from_thread) wait for the loop. What is over
    /// it comes back at once in
    /// [`CallFromThreadError::QueueFull`](crate::CallFromThreadError::QueueFull); with zero, that is
    /// every call. 100,000 by default.
    pub fn waiting_calls(mut self, calls: usize) -> Self {
        self.waiting_calls = calls;
        self
    }

    /// The limit of the queue towards the loop.
    pub(crate) fn calls(self) -> usize {
        self.waiting_calls
    }
}

impl Default for ThreadLimits {
    fn default() -> Self {
        Self::new()
    }
}

#[track_caller]
fn at_least_one(threads: usize) -> usize {
    assert!(threads > 0, "a pool without threads does no work");
    threads
}

/// The pools of one reactor. Their threads end with it, when they have done what they are at.
pub(crate) struct Pools {
    limits: Cell<ThreadLimits>,
    /// For the jobs of the program.
    pub(crate) jobs: ThreadPool,
    pub(crate) files: ThreadPool,
    pub(crate) names: ThreadPool,
}

impl Pools {
    pub(crate) fn new(limits: ThreadLimits) -> Self {
        let waiting = limits.waiting_jobs;
        Self {
            limits: Cell::new(limits),
            jobs: ThreadPool::new("reactor-pool", limits.threads, waiting),
            files: ThreadPool::new("reactor-files", limits.file_threads, waiting),
            names: ThreadPool::new("reactor-names", limits.name_threads, waiting),
        }
    }

    pub(crate) fn set_limits<L>(&self, limits: ThreadLimits, calls: &ThreadQueue<L>) {
        self.limits.set(limits);
        let waiting = limits.waiting_jobs;
        self.jobs.set_limits(limits.threads, waiting);
        self.files.set_limits(limits.file_threads, waiting);
        self.names.set_limits(limits.name_threads, waiting);
        calls.set_limit(limits.waiting_calls);
    }
}

impl Drop for Pools {
    /// What has not begun is dropped, without being called.
    fn drop(&mut self) {
        // All are closed before any closure is dropped, which is a consumer's code.
        let (jobs, files, names) = (self.jobs.close(), self.files.close(), self.names.close());
        jobs.chain(files).chain(names).for_each(drop);
    }
}

impl Pools {
    pub(crate) fn limits(&self) -> ThreadLimits {
        self.limits.get()
    }
}

#[cfg(all(feature = "os", unix))]
#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::engine::pools::ThreadLimits;
    use crate::protocol::Protocol;
    use crate::reactor::Reactor;
    use crate::transport::Transport;

    struct Silent;

    impl Protocol for Silent {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }

    #[test]
    fn a_name_that_no_thread_is_free_for_is_a_failed_attempt() {
        let reactor = Reactor::new().expect("a loop");
        reactor.set_thread_limits(ThreadLimits::new().name_threads(1).waiting_jobs(0));
        let (go_on, goes_on) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let busy = reactor.0.pools().names.give(Box::new(move || {
            begun.send(()).expect("the test waits");
            goes_on.recv().expect_err("the test drops its end");
        }));
        assert!(busy.is_ok());
        begins.recv().expect("it begins");
        let connected = reactor.connect_tcp("localhost", 9, |_| Silent).connected();
        let failure = reactor.run_until(connected).expect_err("no thread is free");
        let said = failure.to_string();
        assert!(
            said.contains("too many jobs are waiting for a thread"),
            "{said}"
        );
        drop(go_on);
    }
}
