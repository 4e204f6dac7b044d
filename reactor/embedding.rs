//! The reactor and other loops: it inside one of them, and one of them, or any descriptor, inside it.
//!
//! ```text
//!   the other loop:  poll descriptor(), for at most timeout()  ──▶  turn(Some(ZERO))  ──▶ again
//!   this one:        add_source(the other's descriptor, …)     ──▶  it dispatches, without sleep
//! ```
//!
//! A program that has a loop of its own makes the reactor's turns, by
//! [`Reactor::turn`](crate::Reactor::turn). How a stop goes on in them is in
//! [`lifecycle`](crate::lifecycle#stopping).
//!
//! The [`descriptor`](crate::Reactor::descriptor) is readable while a socket or another source of the loop is
//! ready, or another thread has called it: the other loop polls it, and makes a turn when it is readable or when
//! the [`timeout`](crate::Reactor::timeout) is over. It is for nothing else, and has to be polled by level, since
//! a turn may leave some of what is ready to the next one. When the loop is gone it is not readable any more.
//!
//! The other loop asks for the timeout before each of its own sleeps: timers and queued calls are the loop's own
//! affair, of which its descriptor knows nothing, and any of the program's code may have set one since.
//!
//! ```
//! use std::time::Duration;
//! use reactor::Reactor;
//! use reactor::embedding::Interest;
//!
//! let inner = Reactor::new()?;
//! inner.call_later(Duration::from_millis(1), || println!("inside"));
//!
//! let outer = Reactor::new()?; // stands for any loop
//! let turn = inner.clone();
//! let polled = outer.add_source(inner.descriptor()?, Interest::Readable, move |_, _, _| {
//!     turn.turn(Some(Duration::ZERO)).expect("is not inside another turn");
//! })?;
//! while let Some(timeout) = inner.timeout() {
//!     outer.turn(Some(timeout))?;
//!     inner.turn(Some(Duration::ZERO))?; // what is due
//! }
//! # polled.remove();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(unix)]
pub use crate::sources::foreign::{CannotWatch, ForeignSource, Interest, SourceEvent};
