//! The start and the stop of a loop, as a program takes part in them.
//!
//! A program takes part by a trigger, a function that
//! [`Reactor::add_system_event_trigger`](crate::Reactor::add_system_event_trigger) is given together
//! with a [`Phase`] and a [`SystemEvent`]:
//!
//! ```text
//!  run() ─▶ Startup: Before, During, After ─▶ the loop runs ─▶ stop(), a signal, nothing left to wait for
//!                                                                       │
//!           ┌───────────────────────────────────────────────────────────┘
//!           ▼
//!    Shutdown, Before       ports are open, connections do not know yet
//!    (ports are closed, protocols are called with shutdown_requested)
//!    Shutdown, During       waits for connections, and for work on threads
//!    Shutdown, After        all connections are lost
//!           │
//!           └─▶ run() returns
//! ```
//!
//! The triggers of a shutdown may return a Deferred, which the next step waits for, within the
//! grace of the stop.

/// An event of a loop's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemEvent {
    /// `run` begins.
    Startup,
    /// The loop stops.
    Shutdown,
}

/// When a trigger is called, relative to what the loop itself does for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before anything is done: ports are open, and connections know nothing.
    Before,
    /// Ports are closed, and connections were asked to end.
    During,
    /// All connections are lost.
    After,
}
