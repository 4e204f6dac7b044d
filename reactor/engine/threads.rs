//! Calls from other threads: the one handle of the loop that they may hold, and the queue behind it.
//!
//! ```text
//! other threads                         the loop's thread
//! call_from_thread ─> [ the queue ] ─> one turn calls what was queued before it began
//! the end of a job ─>       │
//!                    waker, once for the first
//! ```
//!
//! The queue is bounded, and nothing ever waits for room in it: a thread that did could hold what
//! the loop waits for. What is over the limit is refused, and comes back in the error. The ends of
//! jobs are not counted. There are as many as jobs that were taken, which are bounded themselves,
//! and one that was refused would be a Deferred that never fires.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contained::Contained;
use crate::driver::Wake;
use crate::engine::thread_pool::{ThreadPool, ThreadPoolError, Ticket};
use crate::reactor::Reactor;

type ThreadCall = Contained<Box<dyn FnOnce(&Reactor) + Send>>;

/// A call that another thread has queued.
pub(crate) struct QueuedThreadCall {
    pub(crate) call: ThreadCall,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
    /// Whether it counts against the limit.
    is_counted: bool,
}

/// The loop's end of the queue.
pub(crate) struct ThreadQueue(Arc<Shared>);

struct Shared {
    /// `None` when the loop is gone.
    queue: Mutex<Option<Queue>>,
    /// Whether there are calls, so that a turn without any takes no lock, and so that the loop is
    /// woken once for many calls.
    pending: AtomicBool,
    remotes: AtomicUsize,
    waker: Arc<dyn Wake>,
}

struct Queue {
    /// One queue for calls and ends of jobs, so that what work has queued is called before the
    /// Deferred of that work fires.
    calls: VecDeque<QueuedThreadCall>,
    /// How many of them count against the limit.
    counted: usize,
    limit: usize,
}

/// A name that is being looked up. When it is dropped, the name leaves the queue.
pub(crate) struct Lookup(Ticket);

impl Drop for Lookup {
    fn drop(&mut self) {
        drop(self.0.take_back());
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Option<Queue>> {
        // Nothing that panics runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a call and wakes the loop, unless the queue is full or the loop is gone.
    #[track_caller]
    fn call<F>(&self, f: F, is_counted: bool) -> Result<(), CallFromThreadError<F>>
    where
        F: FnOnce(&Reactor) + Send + 'static,
    {
        let mut guard = self.queue();
        let Some(queue) = guard.as_mut() else {
            return Err(CallFromThreadError::ReactorGone(f));
        };
        if is_counted && queue.counted >= queue.limit {
            return Err(CallFromThreadError::QueueFull(f));
        }
        queue.counted += usize::from(is_counted);
        queue.calls.push_back(QueuedThreadCall {
            call: Contained::new(Box::new(f)),
            name: std::any::type_name::<F>(),
            place: Location::caller(),
            is_counted,
        });
        // Set under the lock: otherwise the loop could take the call first and find the flag set
        // afterwards, with nothing queued, and never sleep again.
        let is_first = !self.pending.swap(true, Ordering::SeqCst);
        drop(guard);
        if is_first {
            self.waker.wake();
        }
        Ok(())
    }
}

impl ThreadQueue {
    pub(crate) fn new(waker: Arc<dyn Wake>, limit: usize) -> Self {
        let queue = Queue {
            calls: VecDeque::new(),
            counted: 0,
            limit,
        };
        Self(Arc::new(Shared {
            queue: Mutex::new(Some(queue)),
            pending: AtomicBool::new(false),
            remotes: AtomicUsize::new(0),
            waker,
        }))
    }

    pub(crate) fn remote(&self) -> RemoteReactor {
        self.0.remotes.fetch_add(1, Ordering::SeqCst);
        RemoteReactor(Arc::clone(&self.0))
    }

    /// How many calls may be queued from now on. Those that are queued stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        if let Some(queue) = self.0.queue().as_mut() {
            queue.limit = limit;
        }
    }

    /// Whether another thread may still queue a call.
    pub(crate) fn has_remotes(&self) -> bool {
        // The call first, the handle afterwards is how a thread ends, so this order sees one of them.
        self.0.remotes.load(Ordering::SeqCst) > 0 || self.0.pending.load(Ordering::SeqCst)
    }

    /// Whether calls are queued.
    pub(crate) fn has_calls(&self) -> bool {
        self.0.pending.load(Ordering::SeqCst)
    }

    /// How many calls are queued.
    pub(crate) fn len(&self) -> usize {
        if !self.has_calls() {
            return 0;
        }
        self.0.queue().as_ref().map_or(0, |queue| queue.calls.len())
    }

    /// Takes the call that was queued first.
    pub(crate) fn next(&self) -> Option<QueuedThreadCall> {
        let mut guard = self.0.queue();
        let queue = guard.as_mut()?;
        let next = queue.calls.pop_front();
        let was_counted = next.as_ref().is_some_and(|call| call.is_counted);
        queue.counted -= usize::from(was_counted);
        if queue.calls.is_empty() {
            // Under the lock, under which it is set.
            self.0.pending.store(false, Ordering::SeqCst);
        }
        next
    }

    /// Calls `ask` on a thread of `names`, and `found` on the loop with its answer. This does not
    /// keep the loop running, as a [`RemoteReactor`] does: the attempt that wants the answer does.
    pub(crate) fn look_up<T: Send + 'static>(
        &self,
        names: &ThreadPool,
        ask: impl FnOnce() -> T + Send + 'static,
        found: impl FnOnce(&Reactor, T) + Send + 'static,
    ) -> Result<Lookup, ThreadPoolError> {
        let shared = Arc::clone(&self.0);
        let ticket = names.give(Box::new(move || {
            let answer = ask();
            // It fails when the loop is gone, and with it the attempt.
            let _ = shared.call(move |reactor| found(reactor, answer), false);
        }))?;
        Ok(Lookup(ticket))
    }
}

impl Drop for ThreadQueue {
    /// What is queued is dropped without being called. A thread that waits for its call, on a
    /// channel whose sender the call holds, sees the channel closed.
    fn drop(&mut self) {
        let queue = self.0.queue().take();
        // After the lock: a drop is a consumer's code, which may try to queue another call.
        drop(queue);
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
pub struct RemoteReactor(Arc<Shared>);

impl RemoteReactor {
    /// Queues `f` for the next turn of the loop, and wakes the loop. Returns at once; `f` is called
    /// on the loop's thread, never from inside this method, also when the loop's own thread calls
    /// it.
    ///
    /// The calls of one thread are made in the order in which they were queued. Those of a job of
    /// [`defer_to_thread`](Reactor::defer_to_thread) are made before its Deferred fires. A call
    /// that is queued while the loop does not run is made when it runs next. One that is queued when
    /// the last [`Reactor`] is dropped is dropped, on the loop's thread.
    ///
    /// # Errors
    ///
    /// When [`ThreadLimits::waiting_calls`](crate::ThreadLimits::waiting_calls) calls are queued
    /// already, and when the loop is gone. The closure comes back in the error.
    ///
    /// A thread that is faster than the loop should wait for the loop, as it would for a full
    /// channel. It can wait for its own call, since that is either made or dropped:
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// # use reactor::{Reactor, RemoteReactor};
    /// fn sum_on_loop(remote: &RemoteReactor, numbers: Vec<u64>) -> Option<u64> {
    ///     let (answer, answered) = mpsc::channel();
    ///     let call = move |_: &Reactor| _ = answer.send(numbers.iter().sum());
    ///     remote.call_from_thread(call).ok()?;
    ///     answered.recv().ok() // an error when the loop is gone before the call is made
    /// }
    /// # let reactor = Reactor::new()?;
    /// # let remote = reactor.remote();
    /// # let thread = std::thread::spawn(move || sum_on_loop(&remote, vec![1, 2]));
    /// # reactor.run()?;
    /// # assert_eq!(thread.join().ok(), Some(Some(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call_from_thread<F>(&self, f: F) -> Result<(), CallFromThreadError<F>>
    where
        F: FnOnce(&Reactor) + Send + 'static,
    {
        self.0.call(f, true)
    }

    /// Queues the end of a job, which does not count against the limit.
    pub(crate) fn end_job(&self, f: impl FnOnce(&Reactor) + Send + 'static) {
        // It fails when the loop is gone, and with it the Deferred.
        let _ = self.0.call(f, false);
    }
}

impl Clone for RemoteReactor {
    fn clone(&self) -> Self {
        self.0.remotes.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for RemoteReactor {
    fn drop(&mut self) {
        if self.0.remotes.fetch_sub(1, Ordering::SeqCst) == 1 {
            // The loop may sleep for nothing else, and has to notice that it is done.
            self.0.waker.wake();
        }
    }
}

impl fmt::Debug for RemoteReactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReactor").finish_non_exhaustive()
    }
}

/// Why [`RemoteReactor::call_from_thread`] did not queue a call. The closure is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CallFromThreadError<F> {
    /// As many calls are queued as
    /// [`ThreadLimits::waiting_calls`](crate::ThreadLimits::waiting_calls) allows. There is room
    /// again when the loop has made some of them.
    QueueFull(F),
    /// The last [`Reactor`] of the loop was dropped.
    ReactorGone(F),
}

impl<F> CallFromThreadError<F> {
    /// The closure that was not queued.
    pub fn into_inner(self) -> F {
        match self {
            Self::QueueFull(f) | Self::ReactorGone(f) => f,
        }
    }
}

// By hand: a closure has no `Debug`, and the errors have to be printed all the same.
impl<F> fmt::Debug for CallFromThreadError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull(_) => "QueueFull",
            Self::ReactorGone(_) => "ReactorGone",
        })
    }
}

impl<F> fmt::Display for CallFromThreadError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull(_) => "too many calls are waiting for the reactor",
            Self::ReactorGone(_) => "the reactor is gone",
        })
    }
}

impl<F> Error for CallFromThreadError<F> {}

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
        let threads = ThreadQueue::new(Arc::new(NoLoop), 1);
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
    fn names_leave_their_queue_when_nobody_wants_them_and_do_not_keep_the_loop_running() {
        let threads = ThreadQueue::new(Arc::new(NoLoop), 0);
        let names = ThreadPool::new("test", 2, 2);
        let (go_on, goes_on) = mpsc::channel::<()>();
        let goes_on = Arc::new(Mutex::new(goes_on));
        let (asked, is_asked) = mpsc::channel();
        let under_way = [(); 2].map(|()| {
            let (asked, goes_on) = (asked.clone(), Arc::clone(&goes_on));
            let ask = move || {
                asked.send("under way").expect("the test waits");
                drop(goes_on.lock().map(|goes_on| goes_on.recv()));
            };
            threads
                .look_up(&names, ask, |_, ()| ())
                .expect("there is room")
        });
        for _ in &under_way {
            assert_eq!(is_asked.recv(), Ok("under way"));
        }
        let look_up = |name: &'static str| {
            let asked = asked.clone();
            let ask = move || asked.send(name).expect("the test waits");
            threads.look_up(&names, ask, |_, ()| ())
        };
        let [unwanted, wanted] = ["unwanted", "wanted"].map(look_up);
        assert!(matches!(
            look_up("too many"),
            Err(ThreadPoolError::QueueFull)
        ));
        assert!(
            !threads.has_remotes(),
            "none of them keeps the loop running"
        );
        drop(unwanted);
        drop((asked, go_on));
        assert_eq!(is_asked.into_iter().collect::<Vec<_>>(), ["wanted"]);
        drop(wanted);
        assert!(
            threads.has_calls(),
            "an answer is queued whatever the limit is"
        );
    }
}
