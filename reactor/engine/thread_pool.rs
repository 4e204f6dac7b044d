//! Threads for work that blocks. They are made when there is work for them, and end when there has
//! been none for long.
//!
//! Work stays in the queue, with a ticket, until a thread begins it. Whoever gave it may take it back
//! until then.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::contained::{Contained, contain};

/// A thread that has had nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) type Work = Contained<Box<dyn FnOnce() + Send>>;

/// By this, work is taken back that was given to a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

/// At most so many threads, and the work that waits for one of them.
#[derive(Clone)]
pub(crate) struct ThreadPool(Arc<Shared>);

struct Shared {
    /// The name of its threads.
    name: &'static str,
    queue: Mutex<Queue>,
    /// There is work, or there are too many threads.
    changed: Condvar,
}

struct Queue {
    /// What has not begun, by ticket, which is the order in which it came.
    work: BTreeMap<u64, Work>,
    last_ticket: u64,
    /// The largest number of threads.
    size: usize,
    threads: usize,
    /// The threads that do no work, those included that were made a moment ago.
    idle: usize,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that panics runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadPool {
    pub(crate) fn new(name: &'static str, size: usize) -> Self {
        let queue = Queue {
            work: BTreeMap::new(),
            last_ticket: 0,
            size,
            threads: 0,
            idle: 0,
        };
        Self(Arc::new(Shared {
            name,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
        }))
    }

    /// Does `work` on a thread, when it is its turn.
    pub(crate) fn give(&self, work: Box<dyn FnOnce() + Send>) -> Ticket {
        let mut queue = self.0.queue();
        queue.last_ticket += 1;
        let ticket = queue.last_ticket;
        queue.work.insert(ticket, Contained::new(work));
        self.0.changed.notify_one();
        self.make_threads(queue);
        Ticket(ticket)
    }

    /// Takes back work that has not begun, or nothing. It is the caller's to drop.
    pub(crate) fn take_back(&self, ticket: Ticket) -> Option<Work> {
        self.0.queue().work.remove(&ticket.0)
    }

    /// Allows at most so many threads from now on. Those that are too many end when they have done
    /// their work.
    pub(crate) fn set_size(&self, size: usize) {
        let mut queue = self.0.queue();
        queue.size = size;
        self.0.changed.notify_all();
        self.make_threads(queue);
    }

    /// Takes back everything that has not begun, and lets the threads end.
    pub(crate) fn close(&self) -> impl Iterator<Item = Work> + use<> {
        let mut queue = self.0.queue();
        queue.size = 0;
        self.0.changed.notify_all();
        std::mem::take(&mut queue.work).into_values()
    }

    fn make_threads(&self, mut queue: MutexGuard<'_, Queue>) {
        while queue.work.len() > queue.idle && queue.threads < queue.size {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name(shared.name.to_owned());
            match thread.spawn(move || work_off(&shared)) {
                Ok(_) => {
                    queue.threads += 1;
                    queue.idle += 1;
                }
                Err(error) if queue.threads > 0 => {
                    return log::warn!("one thread less for work that blocks: {error}");
                }
                Err(error) => {
                    log::error!("work that blocks is done on the loop's thread: {error}");
                    let all = std::mem::take(&mut queue.work);
                    drop(queue);
                    return all.into_values().for_each(do_work);
                }
            }
        }
    }
}

/// The work reports its panics itself; this keeps the thread.
fn do_work(work: Work) {
    let _ = contain(|| work.into_inner()());
}

/// What a thread does, which begins as an idle one.
fn work_off(shared: &Shared) {
    let mut queue = shared.queue();
    while queue.threads <= queue.size {
        if let Some((_, work)) = queue.work.pop_first() {
            queue.idle -= 1;
            drop(queue);
            do_work(work);
            queue = shared.queue();
            queue.idle += 1;
            continue;
        }
        let waited = shared.changed.wait_timeout(queue, IDLE);
        let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        if timeout.timed_out() && queue.work.is_empty() {
            break;
        }
    }
    queue.threads -= 1;
    queue.idle -= 1;
    // It may have been woken for work that another one is to do now.
    shared.changed.notify_one();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_is_taken_back_until_it_has_begun() {
        let pool = ThreadPool::new("test", 1);
        let (begun, has_begun) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let first = pool.give(Box::new(move || {
            begun.send(1).expect("the test waits");
            goes_on.recv().expect("the test lets it go on");
        }));
        let (done, is_done) = mpsc::channel();
        let [second, _] = [2, 3].map(|n| {
            let done = done.clone();
            pool.give(Box::new(move || done.send(n).expect("the test waits")))
        });
        has_begun.recv().expect("it begins");
        assert!(pool.take_back(first).is_none());
        assert!(pool.take_back(second).is_some());
        assert!(pool.take_back(second).is_none());
        go_on.send(()).expect("it waits");
        drop(done);
        assert_eq!(is_done.into_iter().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_pool_that_is_closed_begins_nothing() {
        let pool = ThreadPool::new("test", 1);
        let (go_on, goes_on) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        pool.give(Box::new(move || {
            begun.send(()).expect("the test waits");
            goes_on.recv().expect_err("the test drops its end");
        }));
        has_begun.recv().expect("it begins");
        let (done, is_done) = mpsc::channel::<()>();
        pool.give(Box::new(move || done.send(()).expect("it is not done")));
        assert_eq!(pool.close().count(), 1);
        drop(go_on);
        assert!(is_done.recv().is_err(), "it was dropped");
    }
}
