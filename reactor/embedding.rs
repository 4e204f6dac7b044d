//! The reactor and other loops: it inside one of them, and one of them, or any descriptor, inside it.
//!
//! ```text
//!   the other loop:  poll an Embedded, for at most its timeout()  ──▶  its turn()  ──▶  again
//!   this one:        add_source(the other's descriptor, …)        ──▶  it dispatches, without sleep
//! ```
//!
//! A program whose own loop does not sleep, as that of a game, makes the reactor's turns by
//! [`Reactor::turn`](crate::Reactor::turn). One that sleeps in a poll gives that an [`Embedded`]. How a stop
//! goes on in such turns is in [`lifecycle`](crate::lifecycle#stopping).
//!
//! ```
//! use std::rc::Rc;
//! use std::time::Duration;
//! use reactor::Reactor;
//! use reactor::embedding::Interest;
//!
//! let inner = Reactor::new()?;
//! inner.call_later(Duration::from_millis(1), || println!("inside"));
//!
//! let outer = Reactor::new()?; // stands for any loop that polls what is `AsFd`
//! let embedded = Rc::new(inner.embed()?);
//! let polled = outer.add_source(Rc::clone(&embedded), Interest::Readable, |_, inner, _| {
//!     inner.turn().expect("is not inside another turn"); // what is ready
//! })?;
//! while let Some(timeout) = embedded.timeout() {
//!     outer.turn(Some(timeout))?;
//!     embedded.turn()?; // what is due
//! }
//! # polled.remove();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::running::RunError;

pub use crate::adopted::{AdoptedListener, AdoptedStream};
pub use crate::sources::foreign::{CannotWatch, ForeignSource, Interest, SourceEvent};

/// A loop as another one sees it: what that polls, for how long, and what it calls then.
///
/// [`Reactor::embed`](crate::Reactor::embed) makes it. It keeps the loop, as a
/// [`Reactor`](crate::Reactor) does, and may be made as often as one likes.
///
/// The descriptor, by [`AsFd`] or [`AsRawFd`], is readable while a socket or another source of the loop is
/// ready, or another thread has called it. It is for nothing else than to be polled, and that by level,
/// since a turn may leave some of what is ready to the next one. Timers and queued calls are the loop's own
/// affair, of which the descriptor knows nothing: they are what [`timeout`](Self::timeout) is for.
///
/// A reactor itself is not `AsFd`, since one of a simulation has no descriptor to lend.
pub struct Embedded {
    engine: Rc<Engine>,
    /// Another descriptor of the driver's poll: the driver's own cannot be lent, being in a cell.
    poll: OwnedFd,
}

impl Embedded {
    pub(crate) fn new(engine: &Rc<Engine>) -> io::Result<Self> {
        let poll = engine.driver().descriptor()?;
        Ok(Self {
            engine: Rc::clone(engine),
            poll,
        })
    }

    /// How long the other loop may sleep, whatever its poll says, before it makes a
    /// [`turn`](Self::turn): as [`Reactor::timeout`](crate::Reactor::timeout). `None` is for ever.
    ///
    /// The other loop asks before each of its sleeps, since any of the program's code may have set a timer or
    /// queued a call.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.engine.timeout()
    }

    /// Makes one turn without sleep: when the descriptor is readable, and when the timeout is over. A turn for
    /// which there is nothing to do does no harm. Otherwise it is as
    /// [`Reactor::turn`](crate::Reactor::turn).
    ///
    /// # Errors
    ///
    /// As [`Reactor::run`](crate::Reactor::run).
    pub fn turn(&self) -> Result<(), RunError> {
        self.engine.turn(Some(Duration::ZERO))
    }
}

impl AsFd for Embedded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

impl AsRawFd for Embedded {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("reactor", &self.engine)
            .field("poll", &self.poll)
            .finish()
    }
}
