//! A networking engine in the manner of Twisted: an event loop, protocols, transports and Deferreds.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

// What a consumer implements, and what it is given.
mod protocol;

mod transport;

mod handle;

mod group;

mod reason;

mod address;

mod limits;

mod layer;

// Bytes into messages.
pub mod framing;

// Names for places to listen and to connect.
pub mod endpoints;

// Factories that say no.
pub mod policies;

// Results that are not there yet.
pub mod deferred;

// The loop: who runs next.
mod reactor;

mod delayed_call;

mod timers;

mod shutdown;

mod threads;

mod tasks;

mod deferring;

mod looping_call;

mod observer;

// Connections in the loop's hands.
mod connection;

mod listening;

mod connecting;

// What those are made of.
mod unsent;

mod requests;

mod table;

// Where readiness, bytes and time come from.
mod driver;

mod tcp;

mod signals;

// What consumers use to test their protocols.
pub mod testing;

pub use address::Address;
pub use connecting::Connector;
pub use deferred::{Deferred, Failure, Resolver};
pub use deferring::StoppedBefore;
pub use delayed_call::{DelayedCall, DelayedCallError};
pub use group::Group;
pub use handle::Handle;
pub use layer::Layer;
pub use limits::Limits;
pub use listening::{CannotListen, ListeningPort};
pub use looping_call::LoopingCall;
pub use observer::{Callback, Cause, Event, Observer};
pub use protocol::{Factory, Protocol, WithLimits};
pub use reactor::{Reactor, RunError, WeakReactor};
pub use reason::Reason;
pub use shutdown::{Phase, SystemEvent};
pub use threads::{ReactorGone, RemoteReactor};
pub use transport::{ConnectionId, Transport};

/// The guide, whose programs are tests.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../docs/guide/events.md")]
    mod events {}

    #[doc = include_str!("../docs/guide/reactor.md")]
    mod reactor {}

    #[doc = include_str!("../docs/guide/protocols.md")]
    mod protocols {}
}
