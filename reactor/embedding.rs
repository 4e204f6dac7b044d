//! The reactor and other loops: it inside one of them, and one of them, or any descriptor, inside it.
//!
//! ```text
//!   the other loop:  poll descriptor(), for at most timeout()  ──▶  turn(Some(ZERO))  ──▶ again
//!   this one:        add_source(the other's descriptor, …)     ──▶  it dispatches, without sleep
//! ```

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
#[cfg(unix)]
use std::panic::Location;
use std::time::Duration;

use crate::engine::running::RunError;
use crate::reactor::Reactor;
#[cfg(unix)]
use crate::sources::foreign;

#[cfg(unix)]
pub use crate::sources::foreign::{CannotWatch, ForeignSource, Interest, SourceEvent};

/// For a program that has a loop of its own.
impl Reactor {
    /// Makes one turn, for a program that has a loop of its own. It sleeps until something is ready
    /// or due, at most for `timeout`; `None` is for as long as there is anything to wait for.
    /// Signals are left to the caller, and so is the end: no trigger of the startup is called, and
    /// nothing stops for want of anything to wait for. A [`stop`](Self::stop) goes on in the turns that
    /// follow it, and is complete when [`is_stopping`](Self::is_stopping) returns `false` again.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        self.0.turn(timeout)
    }

    /// How long a [`turn`](Self::turn) would sleep now, if nothing became ready: not at all when calls are
    /// queued, tasks woken or bytes to be sent, otherwise until the next timer is due. `None` is for ever.
    ///
    /// Another loop asks this before each of its own sleeps: timers and queued calls are the loop's own
    /// affair, of which its [`descriptor`](Self::descriptor) knows nothing, and any of the program's code
    /// may have set one since.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout()
    }
}

/// Descriptors, from and to: `sources/foreign.rs`.
#[cfg(unix)]
impl Reactor {
    /// Watches a descriptor of the program's own, and calls `callback` whenever it is ready: see
    /// [`ForeignSource`].
    ///
    /// # Errors
    ///
    /// When the operating system cannot watch it, as a file on a disk, or one that the loop watches
    /// already; and in a simulation, which has no descriptors. It comes back in the error.
    #[track_caller]
    pub fn add_source<F: AsFd + 'static>(
        &self,
        descriptor: F,
        interest: Interest,
        callback: impl FnMut(&ForeignSource<F>, &mut F, SourceEvent) + 'static,
    ) -> Result<ForeignSource<F>, CannotWatch<F>> {
        foreign::add(&self.0, descriptor, interest, callback, Location::caller())
    }

    /// A descriptor that is readable while a socket or another source of the loop is ready, or another
    /// thread has called it: another loop polls it, and makes a [`turn`](Self::turn) when it is readable or
    /// when the [`timeout`](Self::timeout) is over. It is for nothing else, and has to be polled by level,
    /// since a turn may leave some of what is ready to the next one.
    ///
    /// Each call makes another descriptor of the same poll, for the caller to own and close. When the loop
    /// is gone it is not readable any more.
    ///
    /// ```
    /// use std::time::Duration;
    /// use reactor::Reactor;
    /// use reactor::embedding::Interest;
    ///
    /// let inner = Reactor::new()?;
    /// inner.call_later(Duration::from_millis(1), || println!("inside"));
    ///
    /// let outer = Reactor::new()?; // stands for any loop
    /// let turn = inner.clone();
    /// let polled = outer.add_source(inner.descriptor()?, Interest::Readable, move |_, _, _| {
    ///     turn.turn(Some(Duration::ZERO)).expect("is not inside another turn");
    /// })?;
    /// while let Some(timeout) = inner.timeout() {
    ///     outer.turn(Some(timeout))?;
    ///     inner.turn(Some(Duration::ZERO))?; // what is due
    /// }
    /// # polled.remove();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the process may have no more descriptors, and in a simulation, which has none.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.driver().descriptor()
    }
}
