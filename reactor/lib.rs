//! A networking engine in the manner of Twisted: an event loop, protocols, transports and Deferreds.
//!
//! A [`Reactor`] is a loop on one thread. It sleeps until a socket is ready or a call is due, and
//! then calls the code that waits for it. What a program does with one connection is a [`Protocol`], a type
//! with a method for each event; what it does later is a function that is given to
//! [`call_later`](Reactor::call_later) or added to a [`Deferred`]. Callbacks never nest, and none
//! of them waits.
//!
//! ```
//! use reactor::{Protocol, Reactor, Transport};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! let reactor = Reactor::new()?;
//! let port = reactor.listen_tcp("127.0.0.1:0", |_| Echo)?;
//! println!("listening at {}", port.local_addr());
//! # port.stop_listening(); // so that the example ends
//! reactor.run()?; // until Ctrl-C
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to read next:
//!
//! - [`Protocol`] and [`Transport`]: the events of a connection, and what one may ask of it.
//! - [`datagram`]: UDP, with broadcast and multicast.
//! - [`framing`]: lines and messages in place of bytes. [`Group`]: one message to many.
//! - [`endpoints`]: `tcp:1400`, places to listen and to connect in words. [`policies`]: how many
//!   may connect.
//! - [`deferred`]: results that are not there yet, in callbacks or in `async` blocks, which
//!   [`Reactor::spawn`] runs.
//! - [`connection`]: connections that are awaited in place of called back.
//! - [`threads`]: what other threads may hold, and [`Reactor::defer_to_thread`]: work that blocks.
//! - [`embedding`]: other loops, and descriptors of the program's own.
//! - [`http`]: sites that answer requests, and an agent that asks others.
//! - [`lifecycle`]: start, stop and what is done around them. [`observe`]: what the loop does, as it
//!   does it. [`errors`]: every error type in one table.
//! - [`testing`]: the same code on a network in memory, with virtual time and seeded faults.
//! - `docs/guide/` teaches all of this in order, `docs/architecture.md` says how it is built, and
//!   `docs/from-twisted.md` has Twisted's names beside those of this crate.
//!
//! Features, the first two of which are on by default:
//!
//! - `os`: the operating system's sockets, readiness and signals, that is `Reactor::new`. Unix only. Without
//!   it a reactor is one of [`testing`], and the crate runs on `wasm32-unknown-unknown` as well, where
//!   `reactor::Instant` takes the place of `std::time::Instant`, for which there is no clock.
//! - `http`: `reactor::http`, sites and the agent.
//! - `tls`: `reactor::tls`, TLS for clients and servers, and `https` for the agent. Its documentation is
//!   part of this one when that is built by `cargo doc --features tls`.
//! - `futures-io`, `tokio-io`: the traits `AsyncRead` and `AsyncWrite` of these crates for a
//!   [`Connection`](connection::Connection).
//! - `idn`: URLs whose hosts are beyond ASCII. `tls` brings it along.
//!
//! What goes wrong is logged through the crate `log`, so a program installs a logger, `env_logger` for
//! example. In one that has none, unhandled failures and answers that fail are printed on the
//! standard error.
//!
//! Everything but [`RemoteReactor`] and what is in [`threads`] stays on the thread of its reactor, which the compiler sees to.
//! A panic in a callback ends the connection or the call that it belongs to, with a reason and a
//! line in the log, and nothing else; this needs `panic = "unwind"`, which is Cargo's default.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

#[cfg(all(feature = "os", not(unix)))]
compile_error!(
    "the feature `os` of the crate `reactor` supports Unix only: for this target, use \
     `default-features = false, features = [\"http\"]`, which leaves the simulated network"
);

// What a program implements.
mod accepted;
mod factory;
mod protocol;

// What it is given: a connection, and what it may ask of it.
mod group;
mod handle;
mod layer;
mod transport;

// What describes a connection, and what bounds it.
mod address;
#[cfg(unix)]
mod adopted;
mod connection_id;
mod limits;
mod network;
mod reason;
mod throttle;

// Datagrams.
pub mod datagram;

// From bytes to what they mean.
pub mod framing;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;

// Where to listen and to connect, how many may connect, and encryption.
mod client_service;
pub mod endpoints;
pub mod policies;
pub mod proxy_protocol;
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod tls;

// Results that are not there yet.
pub mod deferred;

// Connections that are awaited.
pub mod connection;

// The loop as a program holds it, and what it hands out.
mod cooperating;
mod cooperator;
mod delayed_call;
mod looping_call;
mod reactor;
mod remote_reactor;
mod signal_watch;
mod weak_reactor;

// What other threads may hold.
pub mod threads;

// Programs that it starts.
#[cfg(all(feature = "process", unix))]
#[cfg_attr(docsrs, doc(cfg(feature = "process")))]
pub mod process;

// Other loops, its start and stop, and what it does, for observers.
#[cfg(unix)]
pub mod embedding;
pub mod lifecycle;
pub mod observe;

// The loop itself: its turn, what it serves, and where readiness, bytes and time come from.
mod driver;
mod engine;
mod sources;

// What the above are made of.
mod contained;
mod layers;
mod report;
mod sealed;
mod signals;
mod time;
mod unsent;
mod visible;
mod waits;

// For programs' tests, and for their errors.
pub mod errors;
pub mod testing;

pub use accepted::{Accepted, IntoAccepted};
#[cfg(feature = "descriptors")]
pub use address::Credentials;
pub use address::{Address, BadAddress, UnixAddress};
pub use client_service::{Backoff, ClientFactory, ClientService, Connect};
pub use connection_id::ConnectionId;
pub use cooperator::CooperativeTask;
pub use deferred::{Deferred, Failure, Resolver};
pub use delayed_call::DelayedCall;
pub use engine::pools::ThreadLimits;
pub use engine::running::{RunError, StoppedBefore};
pub use engine::thread_pool::ThreadPoolError;
pub use factory::{AcceptedBy, Factory, WithLimits};
pub use group::Group;
pub use handle::Handle;
pub use layer::Layer;
pub use limits::Limits;
pub use looping_call::LoopingCall;
pub use network::{BadNetwork, Network};
pub use protocol::Protocol;
pub use reactor::Reactor;
pub use reason::Reason;
pub use remote_reactor::{CallFromThreadError, RemoteReactor};
pub use signal_watch::SignalWatch;
pub use sources::attempt::Connector;
pub use sources::cannot_listen::CannotListen;
pub use sources::port::ListeningPort;
pub use throttle::{Rates, Throttle};
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use time::Instant;
pub use transport::Transport;
pub use visible::{visible, visible_bytes};
pub use weak_reactor::WeakReactor;

/// The README, whose program is compiled.
#[cfg(all(doctest, feature = "os"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The guide, whose programs are tests.
#[cfg(all(doctest, feature = "http", feature = "os"))]
mod guide {
    #[doc = include_str!("../docs/guide/events.md")]
    mod events {}

    #[doc = include_str!("../docs/guide/reactor.md")]
    mod reactor {}

    #[doc = include_str!("../docs/guide/protocols.md")]
    mod protocols {}

    #[cfg(unix)]
    #[doc = include_str!("../docs/guide/places.md")]
    mod places {}

    #[doc = include_str!("../docs/guide/threads.md")]
    mod threads {}

    #[doc = include_str!("../docs/guide/async.md")]
    mod asynchronous {}
}
