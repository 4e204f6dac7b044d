//! The one handle of a loop that other threads may hold.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::threads::{BoxedCall, Refused, Remote};
use crate::reactor::Reactor;
use crate::waits::Waits;

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
#[derive(Clone)]
pub struct RemoteReactor(Remote<Engine>);

impl RemoteReactor {
    pub(crate) fn new(remote: Remote<Engine>) -> Self {
        Self(remote)
    }

    /// The threads that wait for this loop.
    pub(crate) fn waits(&self) -> &Waits {
        self.0.waits()
    }

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
        // Boxed behind the check of the queue: a closure that is refused is returned as it came.
        let boxed =
            |f: F| -> BoxedCall<Engine> { Box::new(|engine| f(&Reactor(Rc::clone(engine)))) };
        let queued = self.0.call(f, Location::caller(), boxed);
        queued.map_err(|refused| match refused {
            Refused::QueueFull(f) => CallFromThreadError::QueueFull(f),
            Refused::LoopGone(f) => CallFromThreadError::ReactorGone(f),
        })
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
