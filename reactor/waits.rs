//! Threads that wait for what the loop does, and how none of them waits for ever.
//!
//! A thread that waits is noted here by what it waits for, an [`Answer`]. A stop that is complete, and a
//! loop that is gone, end all waits that are left: the thread that runs the loop may be about to join
//! those that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};

/// Why a wait ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The loop has stopped.
    Stopped,
    /// The loop is gone.
    Gone,
}

/// The waits for one loop.
pub(crate) struct Waits {
    /// The loop's own, which must not wait for itself.
    thread: ThreadId,
    state: Mutex<State>,
    /// Whether `ended` is set, so that a turn after which nothing has ended takes no lock.
    has_ended: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Set between a stop and the next run: what is begun then would not end.
    ended: Option<Ended>,
    waiting: Vec<Weak<dyn End>>,
}

/// Something that is waited for, of any type.
trait End: Send + Sync {
    fn end(&self, ended: Ended);
}

impl Waits {
    /// Those for a loop of this thread.
    pub(crate) fn new() -> Self {
        Self {
            thread: thread::current().id(),
            state: Mutex::default(),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Whether this is the loop's thread.
    pub(crate) fn is_on_loop_thread(&self) -> bool {
        thread::current().id() == self.thread
    }

    /// Something to wait for, unless the loop has stopped.
    pub(crate) fn begin<T: Send + 'static>(&self) -> Result<Arc<Answer<T>>, Ended> {
        let answer = Arc::new(Answer {
            given: Mutex::new(None),
            changed: Condvar::new(),
        });
        let noted: Weak<dyn End> = Arc::downgrade(&answer) as Weak<dyn End>;
        let mut state = self.state();
        if let Some(ended) = state.ended {
            return Err(ended);
        }
        if state.waiting.len() == state.waiting.capacity() {
            // Those that are over make room before there is more of it.
            state.waiting.retain(|wait| wait.strong_count() > 0);
        }
        state.waiting.push(noted);
        Ok(answer)
    }

    /// The loop runs, perhaps again.
    pub(crate) fn allow(&self) {
        if self.has_ended.swap(false, Ordering::SeqCst) {
            self.state().ended = None;
        }
    }

    /// Ends all waits, and those that are begun from now on.
    pub(crate) fn end_all(&self, ended: Ended) {
        let mut state = self.state();
        state.ended = Some(ended);
        self.has_ended.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for wait in waiting {
            if let Some(wait) = wait.upgrade() {
                wait.end(ended);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread waits for. The first that is given counts.
pub(crate) struct Answer<T> {
    given: Mutex<Option<Result<T, Ended>>>,
    changed: Condvar,
}

impl<T> Answer<T> {
    /// Gives the answer. One that came too late is handed back.
    pub(crate) fn give(&self, answer: T) -> Option<T> {
        let mut given = self.given();
        if given.is_some() {
            return Some(answer);
        }
        *given = Some(Ok(answer));
        self.changed.notify_one();
        None
    }

    /// Whether an answer was given, or the wait has ended without one.
    pub(crate) fn is_given(&self) -> bool {
        self.given().is_some()
    }

    /// Waits for it. To be called once.
    pub(crate) fn wait(&self) -> Result<T, Ended> {
        let mut given = self.given();
        loop {
            // `Gone` stays behind, so that an answer which comes after this one is late.
            if let Some(answer) = given.take() {
                *given = Some(Err(Ended::Gone));
                return answer;
            }
            given = self
                .changed
                .wait(given)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn given(&self) -> MutexGuard<'_, Option<Result<T, Ended>>> {
        // Nothing that panics runs under this lock.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> End for Answer<T> {
    fn end(&self, ended: Ended) {
        let mut given = self.given();
        if given.is_none() {
            *given = Some(Err(ended));
            self.changed.notify_one();
        }
    }
}
