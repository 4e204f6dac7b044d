//! Calls from other threads: the queue behind the one handle of the loop that they may hold.
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
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contained::Contained;
use crate::driver::Wake;
use crate::engine::table::Token;
use crate::engine::thread_pool::{ThreadPool, ThreadPoolError, Ticket};
use crate::waits::{Ended, Waits};

/// What another thread has queued for the loop, which is an `L`.
pub(crate) enum FromThread<L> {
    /// A call of `call_from_thread`.
    Call {
        call: ThreadCall<L>,
        name: &'static str,
        place: &'static Location<'static>,
    },
    /// The work of a job is done.
    JobEnded(Token),
    /// Something was found for a source.
    Wake(Token),
    /// Something has come for a mailbox.
    Mail(Token),
}

/// A call that travels to the loop's thread.
pub(crate) type BoxedCall<L> = Box<dyn FnOnce(&Rc<L>) + Send>;

type ThreadCall<L> = Contained<BoxedCall<L>>;

/// Queues that something has come for a mailbox, and wakes the loop. It does not keep the loop running.
pub(crate) type Bell = Box<dyn Fn() + Send + Sync>;

/// The loop's end of the queue.
pub(crate) struct ThreadQueue<L>(Arc<Shared<L>>);

struct Shared<L> {
    /// `None` when the loop is gone.
    queue: Mutex<Option<Queue<L>>>,
    /// Whether there are calls, so that a turn without any takes no lock, and so that the loop is
    /// woken once for many calls.
    pending: AtomicBool,
    remotes: AtomicUsize,
    waker: Arc<dyn Wake>,
    /// Threads that wait for a call of theirs.
    waits: Waits,
}

struct Queue<L> {
    /// One queue for calls and ends of jobs, so that what work has queued is called before the
    /// Deferred of that work fires.
    all: VecDeque<FromThread<L>>,
    /// How many of them are calls, which count against the limit.
    calls: usize,
    limit: usize,
}

/// A name that is being looked up. When it is dropped, the name leaves the queue.
pub(crate) struct Lookup(Ticket);

impl Drop for Lookup {
    fn drop(&mut self) {
        drop(self.0.take_back());
    }
}

impl<L> Shared<L> {
    fn queue(&self) -> MutexGuard<'_, Option<Queue<L>>> {
        // Nothing that panics runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a call, unless the queue is full or the loop is gone. `f` comes back then. `boxed` makes
    /// of it what the loop can call.
    fn call<F>(
        &self,
        f: F,
        place: &'static Location<'static>,
        boxed: impl FnOnce(F) -> BoxedCall<L>,
    ) -> Result<(), Refused<F>> {
        let mut guard = self.queue();
        let Some(queue) = guard.as_mut() else {
            return Err(Refused::LoopGone(f));
        };
        if queue.calls >= queue.limit {
            return Err(Refused::QueueFull(f));
        }
        queue.calls += 1;
        queue.all.push_back(FromThread::Call {
            call: Contained::new(boxed(f)),
            name: std::any::type_name::<F>(),
            place,
        });
        self.wake(guard);
        Ok(())
    }

    /// Queues what does not count against the limit. Does nothing when the loop is gone, and with it
    /// the receiver.
    fn push(&self, news: FromThread<L>) {
        let mut guard = self.queue();
        if let Some(queue) = guard.as_mut() {
            queue.all.push_back(news);
            self.wake(guard);
        }
    }

    /// Wakes the loop for the first of what is queued.
    fn wake(&self, guard: MutexGuard<'_, Option<Queue<L>>>) {
        // Set under the lock: otherwise the loop could take the call first and find the flag set
        // afterwards, with nothing queued, and never sleep again.
        let is_first = !self.pending.swap(true, Ordering::SeqCst);
        drop(guard);
        if is_first {
            self.waker.wake();
        }
    }
}

/// Why a call was not queued, and the call.
pub(crate) enum Refused<F> {
    QueueFull(F),
    LoopGone(F),
}

impl<L> ThreadQueue<L> {
    pub(crate) fn new(waker: Arc<dyn Wake>, limit: usize) -> Self {
        let queue = Queue {
            all: VecDeque::new(),
            calls: 0,
            limit,
        };
        Self(Arc::new(Shared {
            queue: Mutex::new(Some(queue)),
            pending: AtomicBool::new(false),
            remotes: AtomicUsize::new(0),
            waker,
            waits: Waits::new(),
        }))
    }

    /// An end of the queue for another thread.
    pub(crate) fn remote(&self) -> Remote<L> {
        self.0.remotes.fetch_add(1, Ordering::SeqCst);
        Remote(Arc::clone(&self.0))
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
        self.0.queue().as_ref().map_or(0, |queue| queue.all.len())
    }

    /// Takes the call that was queued first.
    pub(crate) fn next(&self) -> Option<FromThread<L>> {
        let mut guard = self.0.queue();
        let queue = guard.as_mut()?;
        let next = queue.all.pop_front();
        if let Some(FromThread::Call { .. }) = next {
            queue.calls -= 1;
        }
        if queue.all.is_empty() {
            // Under the lock, under which it is set.
            self.0.pending.store(false, Ordering::SeqCst);
        }
        next
    }

    /// What wakes the loop for a mailbox.
    pub(crate) fn bell(&self, mailbox: Token) -> Bell
    where
        L: 'static,
    {
        let shared = Arc::clone(&self.0);
        Box::new(move || shared.push(FromThread::Mail(mailbox)))
    }

    /// Queues the rest of a mailbox behind what else has come. The loop's own thread calls this, and
    /// needs no waking.
    pub(crate) fn queue_again(&self, mailbox: Token) {
        if let Some(queue) = self.0.queue().as_mut() {
            queue.all.push_back(FromThread::Mail(mailbox));
            self.0.pending.store(true, Ordering::SeqCst);
        }
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Calls `ask` on a thread of `names`, and then wakes the source that wants to know. This does not
    /// keep the loop running, as a [`Remote`] does: the source does.
    pub(crate) fn look_up(
        &self,
        names: &ThreadPool,
        ask: impl FnOnce() + Send + 'static,
        source: Token,
    ) -> Result<Lookup, ThreadPoolError>
    where
        L: 'static,
    {
        let shared = Arc::clone(&self.0);
        let ticket = names.give(Box::new(move || {
            ask();
            shared.push(FromThread::Wake(source));
        }))?;
        Ok(Lookup(ticket))
    }
}

impl<L> Drop for ThreadQueue<L> {
    /// What is queued is dropped without being called. A thread that waits for its call, on a
    /// channel whose sender the call holds, sees the channel closed.
    fn drop(&mut self) {
        let queue = self.0.queue().take();
        // After the lock: a drop is a consumer's code, which may try to queue another call.
        drop(queue);
        self.0.waits.end_all(Ended::Gone);
    }
}

/// The queue's end for other threads. While one exists, the loop does not return for want of anything
/// to wait for.
pub(crate) struct Remote<L>(Arc<Shared<L>>);

impl<L> Remote<L> {
    /// Queues a call, of which `boxed` makes one that the loop can make.
    pub(crate) fn call<F>(
        &self,
        f: F,
        place: &'static Location<'static>,
        boxed: impl FnOnce(F) -> BoxedCall<L>,
    ) -> Result<(), Refused<F>> {
        self.0.call(f, place, boxed)
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Queues the end of a job. There are as many as jobs that were taken, which are bounded
    /// themselves, and one that was refused would be a Deferred that never fires.
    pub(crate) fn end_job(&self, job: Token) {
        self.0.push(FromThread::JobEnded(job));
    }
}

impl<L> Clone for Remote<L> {
    fn clone(&self) -> Self {
        self.0.remotes.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl<L> Drop for Remote<L> {
    fn drop(&mut self) {
        if self.0.remotes.fetch_sub(1, Ordering::SeqCst) == 1 {
            // The loop may sleep for nothing else, and has to notice that it is done.
            self.0.waker.wake();
        }
    }
}

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
        let threads = ThreadQueue::<()>::new(Arc::new(NoLoop), 1);
        let remote = threads.remote();
        let (called, has_called) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let caller = std::thread::spawn(move || {
            for _ in 0..10_000 {
                let call = |_: &Rc<()>| ();
                let queued = remote.call(call, Location::caller(), |call| Box::new(call));
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
        let threads = ThreadQueue::<()>::new(Arc::new(NoLoop), 0);
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
                .look_up(&names, ask, Token::from_u64(1))
                .expect("there is room")
        });
        for _ in &under_way {
            assert_eq!(is_asked.recv(), Ok("under way"));
        }
        let look_up = |name: &'static str| {
            let asked = asked.clone();
            let ask = move || asked.send(name).expect("the test waits");
            threads.look_up(&names, ask, Token::from_u64(1))
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
