//! A call on the loop whose result a thread waits for: Twisted's `blockingCallFromThread`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::contained::{Panicked, contain, drop_contained};
use crate::deferred::TaskOutcome;
use crate::reactor::Reactor;
use crate::remote_reactor::{CallFromThreadError, RemoteReactor};
use crate::visible::visible;
use crate::waits::{Answer, Ended};

type Answered<T> = Result<T, BlockingCallError>;

impl RemoteReactor {
    /// Calls `f` on the loop's thread and waits for its result; when that is a
    /// [`Deferred`](crate::Deferred), for what it fires with.
    ///
    /// `f` returns what a callback may return: `Ok(value)`, `Err(failure)`, a Deferred, or nothing. Only the
    /// value comes to this thread, so only it has to be `Send`. A [`Failure`](crate::Failure) is not, and of
    /// it comes the text; a program that wants to tell failures apart makes values of them in `f`.
    ///
    /// The thread waits as long as the loop takes, also while the loop does not run yet, or pauses behind a
    /// [`run_until`](Reactor::run_until). It does not wait for ever: when the loop has stopped, or is gone, that is the error, and `f` is not called if it was not
    /// before. A time limit is one of the Deferred, by [`add_timeout`](crate::Deferred::add_timeout).
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// use reactor::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let remote = reactor.remote();
    /// let thread = thread::spawn(move || {
    ///     remote.blocking_call_from_thread(|reactor| {
    ///         reactor.defer_later(Duration::from_millis(1)).map(|()| "tea")
    ///     })
    /// });
    /// reactor.run()?;
    /// assert_eq!(thread.join().expect("it ends")?, "tea");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When this is the loop's own thread, which would wait for itself; when the queue of the loop is full,
    /// when the loop has stopped or is gone, when `f` panics, and when it fails.
    #[track_caller]
    pub fn blocking_call_from_thread<F, R>(&self, f: F) -> Result<R::Output, BlockingCallError>
    where
        F: FnOnce(&Reactor) -> R + Send + 'static,
        R: TaskOutcome,
        R::Output: Send,
    {
        let waits = self.waits();
        if waits.is_on_loop_thread() {
            return Err(BlockingCallError::OnLoopThread);
        }
        let answer = waits.begin::<Answered<R::Output>>()?;
        let to_give = Giver(Arc::clone(&answer));
        let call = move |reactor: &Reactor| {
            if to_give.0.is_given() {
                return; // the loop has stopped since, and runs again
            }
            match contain(|| f(reactor)) {
                Ok(outcome) => {
                    outcome.into_deferred().add_both(move |result| {
                        let failed = |failure| BlockingCallError::Failed(format!("{failure}"));
                        to_give.give(result.map_err(failed));
                    });
                }
                Err(Panicked(said)) => to_give.give(Err(BlockingCallError::Panicked(said))),
            }
        };
        if let Err(CallFromThreadError::QueueFull(call)) = self.call_from_thread(call) {
            drop_contained(call);
            return Err(BlockingCallError::QueueFull);
        }
        answer.wait()?
    }
}

/// Gives the answer, or says that none will come: it is dropped with a call that is not made.
struct Giver<T: Send>(Arc<Answer<Answered<T>>>);

impl<T: Send> Giver<T> {
    fn give(&self, answer: Answered<T>) {
        if let Some(too_late) = self.0.give(answer) {
            drop_contained(too_late); // a consumer's value
        }
    }
}

impl<T: Send> Drop for Giver<T> {
    fn drop(&mut self) {
        self.give(Err(BlockingCallError::ReactorGone));
    }
}

/// Why [`RemoteReactor::blocking_call_from_thread`] has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockingCallError {
    /// It was called on the loop's own thread, which cannot wait for itself.
    OnLoopThread,
    /// As many calls wait for the loop as
    /// [`ThreadLimits::waiting_calls`](crate::ThreadLimits::waiting_calls) allows.
    QueueFull,
    /// The loop has stopped, before the function was called or before its Deferred fired.
    Stopped,
    /// The loop is gone.
    ReactorGone,
    /// The function panicked, with this message.
    Panicked(String),
    /// The function failed, or its Deferred: the text of the failure.
    Failed(String),
}

impl From<Ended> for BlockingCallError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Stopped => Self::Stopped,
            Ended::Gone => Self::ReactorGone,
        }
    }
}

impl fmt::Display for BlockingCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnLoopThread => {
                f.write_str("the thread of the reactor cannot wait for a call of its own")
            }
            Self::QueueFull => f.write_str("too many calls are waiting for the reactor"),
            Self::Stopped => f.write_str("the reactor has stopped"),
            Self::ReactorGone => f.write_str("the reactor is gone"),
            Self::Panicked(said) => write!(f, "the call panicked: {}", visible(said)),
            Self::Failed(said) => f.write_str(said),
        }
    }
}

impl Error for BlockingCallError {}
