//! What opens a mailbox, and the senders of it that other threads hold.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::reactor::Reactor;
use crate::threads::mailbox::{Mail, NotTaken, open};

impl Reactor {
    /// Opens a mailbox: `f` is called on the loop's thread with each value that a thread sends.
    ///
    /// The values must be `Send`, and `f` need not be: it may have transports, groups and whatever else
    /// stays on this thread. It stays in the loop, so it has a [`WeakReactor`](crate::WeakReactor) and not
    /// a `Reactor`.
    ///
    /// `f` is called by the loop, between callbacks and never inside one, in the next turn after the
    /// value was sent. The values of one thread come in their order. A mailbox that has much is handed 128
    /// values at a time, and goes on behind what else waits for the loop. A value costs no allocation, and
    /// as many as are sent before the loop looks cost one wake.
    ///
    /// A mailbox does not keep the loop running, and a stop does not wait for it. Values that are there are
    /// delivered as long as the loop makes turns. What is sent while it does not run is delivered when it
    /// runs next.
    ///
    /// A mailbox ends, and `f` is dropped on this thread, when the last sender is dropped and all values
    /// were delivered; when `f` panics, which is logged, since it may be in the middle of what it had to do;
    /// and when the loop is gone. In the last two cases values that wait are dropped.
    ///
    /// As many values may wait as calls of other threads,
    /// [`ThreadLimits::waiting_calls`](crate::ThreadLimits::waiting_calls) at the time of this call;
    /// [`mailbox_with_capacity`](Self::mailbox_with_capacity) has another bound.
    ///
    /// ```
    /// use std::thread;
    ///
    /// use reactor::{Group, Reactor};
    ///
    /// let reactor = Reactor::new()?;
    /// let displays = Group::new();
    /// let all = displays.clone();
    /// let temperatures = reactor.mailbox(move |degrees: i32| {
    ///     all.write(format!("{degrees} degrees\n").as_bytes()); // on the loop's thread
    /// });
    /// thread::spawn(move || {
    ///     for degrees in [20, 21, 22] {
    ///         if temperatures.send(degrees).is_err() {
    ///             return; // the loop is gone, or very far behind
    ///         }
    ///     }
    /// });
    /// # reactor.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn mailbox<T, F>(&self, f: F) -> Sender<T>
    where
        T: Send + 'static,
        F: FnMut(T) + 'static,
    {
        self.mailbox_with_capacity(self.thread_limits().calls(), f)
    }

    /// As [`mailbox`](Self::mailbox), in which at most `capacity` values wait. With zero, none is taken.
    #[track_caller]
    pub fn mailbox_with_capacity<T, F>(&self, capacity: usize, f: F) -> Sender<T>
    where
        T: Send + 'static,
        F: FnMut(T) + 'static,
    {
        Sender(open(self, capacity, f, Location::caller()))
    }
}

/// Sends values to a [mailbox](Reactor::mailbox) from any thread. Clones send to the same mailbox.
pub struct Sender<T>(Arc<Mail<T>>);

impl<T> Sender<T> {
    /// Queues a value for the loop, and wakes the loop if it does not know of others yet. Returns at once;
    /// the function of the mailbox is never called from inside this method.
    ///
    /// # Errors
    ///
    /// When the mailbox is full, and when it has ended. The value comes back in the error.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value).map_err(|not_taken| match not_taken {
            NotTaken::Full(value) => SendError::Full(value),
            NotTaken::Closed(value) => SendError::Closed(value),
        })
    }

    /// Whether the mailbox has ended, so that nothing is taken any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Why the loop did not take what a thread sent, which is in it: a value, bytes or a function.
pub enum SendError<T> {
    /// As much waits for the loop, or for the peer, as may.
    Full(T),
    /// What it was sent to is gone: the mailbox, the connection, the loop.
    Closed(T),
}

impl<T> SendError<T> {
    /// What was not taken.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Whether it may be taken later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

// By hand: a value need not have `Debug`, and the errors have to be printed all the same.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "as much waits already as may",
            Self::Closed(_) => "what this was sent to is gone",
        })
    }
}

impl<T> Error for SendError<T> {}
