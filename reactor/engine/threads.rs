//! Other threads: the one handle of the loop that they may hold, and what the loop has done on
//! threads of its own. Names are looked up on other threads than those for work that blocks, so
//! that no client waits for a connection because files are read.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contained::Contained;
use crate::driver::Wake;
use crate::engine::thread_pool::{ThreadPool, Ticket};
use crate::reactor::Reactor;

/// At most so many threads do work that blocks, unless the program says otherwise.
const POOL_SIZE: usize = 8;

/// At most so many names are looked up at a time.
const LOOKUPS: usize = 8;

type ThreadCall = Contained<Box<dyn FnOnce(&Reactor) + Send>>;

/// A call that another thread has queued.
pub(crate) struct QueuedThreadCall {
    pub(crate) call: ThreadCall,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
}

/// The loop's end: calls that other threads have queued, and its own threads.
pub(crate) struct ThreadQueue {
    shared: Arc<Shared>,
    /// For work that blocks.
    pool: ThreadPool,
    /// For names.
    names: ThreadPool,
}

/// A name that is looked up. When nobody wants it any more, it leaves the queue.
pub(crate) struct Lookup {
    names: ThreadPool,
    ticket: Ticket,
}

impl Drop for Lookup {
    fn drop(&mut self) {
        drop(self.names.take_back(self.ticket));
    }
}

struct Shared {
    /// `None` when the loop is gone.
    calls: Mutex<Option<VecDeque<QueuedThreadCall>>>,
    /// Whether there are calls, so that a turn without any takes no lock, and so that the loop is
    /// woken once for many calls.
    pending: AtomicBool,
    remotes: AtomicUsize,
    waker: Arc<dyn Wake>,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Option<VecDeque<QueuedThreadCall>>> {
        // Nothing that panics runs under this lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a call and wakes the loop, unless that is gone.
    #[track_caller]
    fn call<F>(&self, f: F) -> Result<(), ReactorGone<F>>
    where
        F: FnOnce(&Reactor) + Send + 'static,
    {
        let mut calls = self.calls();
        let Some(calls_of_loop) = calls.as_mut() else {
            return Err(ReactorGone(f));
        };
        let (name, place) = (std::any::type_name::<F>(), Location::caller());
        calls_of_loop.push_back(QueuedThreadCall {
            call: Contained::new(Box::new(f)),
            name,
            place,
        });
        // Said before the lock is free: otherwise the loop might take the call first, and then hear
        // of one that is not there, and never sleep again.
        let is_first = !self.pending.swap(true, Ordering::SeqCst);
        drop(calls);
        if is_first {
            self.waker.wake();
        }
        Ok(())
    }
}

impl ThreadQueue {
    pub(crate) fn new(waker: Arc<dyn Wake>) -> Self {
        let shared = Shared {
            calls: Mutex::new(Some(VecDeque::new())),
            pending: AtomicBool::new(false),
            remotes: AtomicUsize::new(0),
            waker,
        };
        Self {
            shared: Arc::new(shared),
            pool: ThreadPool::new("reactor-pool", POOL_SIZE),
            names: ThreadPool::new("reactor-names", LOOKUPS),
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

    /// Whether calls are queued.
    pub(crate) fn has_calls(&self) -> bool {
        self.shared.pending.load(Ordering::SeqCst)
    }

    /// How many calls are queued.
    pub(crate) fn len(&self) -> usize {
        if !self.has_calls() {
            return 0;
        }
        self.shared.calls().as_ref().map_or(0, VecDeque::len)
    }

    /// The call that was queued first.
    pub(crate) fn next(&self) -> Option<QueuedThreadCall> {
        let mut calls = self.shared.calls();
        let next = calls.as_mut().and_then(VecDeque::pop_front);
        if calls.as_ref().is_none_or(VecDeque::is_empty) {
            // Whoever queues another says so while it has this lock.
            self.shared.pending.store(false, Ordering::SeqCst);
        }
        next
    }

    /// The threads for work that blocks.
    pub(crate) fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// Asks for something on a thread for names, and tells the loop the answer. Does not keep the
    /// loop running, as a [`RemoteReactor`] does: whoever wants the answer does.
    pub(crate) fn look_up<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> T + Send + 'static,
        found: impl FnOnce(&Reactor, T) + Send + 'static,
    ) -> Lookup {
        let shared = Arc::clone(&self.shared);
        let ticket = self.names.give(Box::new(move || {
            let answer = ask();
            // It fails when nobody is left who wants to know.
            let _ = shared.call(move |reactor| found(reactor, answer));
        }));
        Lookup {
            names: self.names.clone(),
            ticket,
        }
    }
}

impl Drop for ThreadQueue {
    /// What other threads have queued is not called, and what has not begun is not done any more.
    fn drop(&mut self) {
        let calls = self.shared.calls().take();
        let work: Vec<_> = self.pool.close().chain(self.names.close()).collect();
        drop((calls, work));
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
        self.shared.call(f)
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct NoLoop;

    impl Wake for NoLoop {
        fn wake(&self) {}
    }

    #[test]
    fn a_queue_that_is_empty_does_not_say_that_there_are_calls() {
        let threads = ThreadQueue::new(Arc::new(NoLoop));
        let remote = threads.remote();
        let (called, has_called) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let caller = std::thread::spawn(move || {
            for _ in 0..10_000 {
                let queued = remote.call_from_thread(|_| ());
                assert!(queued.is_ok());
                called.send(()).expect("the test waits");
                goes_on.recv().expect("the test goes on");
            }
        });
        for round in 0..10_000 {
            while threads.next().is_none() {}
            has_called.recv().expect("the call was queued");
            assert!(!threads.has_calls(), "{round}");
            go_on.send(()).expect("the thread waits");
        }
        caller.join().expect("the thread ends");
    }

    #[test]
    fn names_do_not_wait_for_work_and_leave_the_queue_when_nobody_wants_them() {
        let threads = ThreadQueue::new(Arc::new(NoLoop));
        let (go_on, goes_on) = mpsc::channel::<()>();
        let goes_on = Arc::new(Mutex::new(goes_on));
        for _ in 0..POOL_SIZE {
            let goes_on = Arc::clone(&goes_on);
            let wait = move || drop(goes_on.lock().map(|goes_on| goes_on.recv()));
            threads.pool().give(Box::new(wait));
        }
        let (asked, is_asked) = mpsc::channel();
        let under_way = [(); LOOKUPS].map(|()| {
            let (asked, goes_on) = (asked.clone(), Arc::clone(&goes_on));
            let ask = move || {
                asked.send("under way").expect("the test waits");
                drop(goes_on.lock().map(|goes_on| goes_on.recv()));
            };
            threads.look_up(ask, |_, ()| ())
        });
        for _ in &under_way {
            assert_eq!(is_asked.recv(), Ok("under way"));
        }
        let [unwanted, wanted] = ["unwanted", "wanted"].map(|name| {
            let asked = asked.clone();
            let ask = move || asked.send(name).expect("the test waits");
            threads.look_up(ask, |_, ()| ())
        });
        assert!(
            !threads.has_remotes(),
            "none of them keeps the loop running"
        );
        drop((asked, unwanted));
        drop(go_on);
        assert_eq!(is_asked.into_iter().collect::<Vec<_>>(), ["wanted"]);
        drop(wanted);
    }
}
