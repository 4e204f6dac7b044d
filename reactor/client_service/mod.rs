//! Clients that come back: one connection kept up, for as long as the program wants it.
//!
//! ```text
//!   start ──▶ connect ──▶ prepare ──▶ connected ──▶ lost ─┐
//!                ▲  │ fails   │ fails                     │
//!                │  ▼         ▼                           │
//!                └─ wait ◀────────────────────────────────┘      stop, at any moment
//! ```
//!
//! | file | what is in it |
//! | --- | --- |
//! | `state` | the states, and what moves a service from one to the next: one table |
//! | `service` | what has to be done then |
//! | `attempt` | one attempt, from its beginning to a connection that is prepared |
//! | `run` | what it knows of its run |
//! | `waiters` | those who wait for a connection |
//! | `outage` | one log line when a connection is lost, and one when it is back |
//! | `backoff` | how long to wait before the next attempt |
//! | `connect` | what a client connects to |
//! | `factory` | the factory of one attempt |

mod attempt;
mod backoff;
mod connect;
mod factory;
mod outage;
mod run;
mod service;
mod state;
mod waiters;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use self::service::Service;
use self::state::Event;
use crate::accepted::IntoAccepted;
use crate::deferred::{Deferred, Outcome};
use crate::factory::Factory;
use crate::handle::Handle;
use crate::protocol::Protocol;
use crate::reactor::Reactor;

pub use self::backoff::Backoff;
pub use self::connect::Connect;
pub use self::factory::ClientFactory;

/// A connection that is kept up: when it is lost, or cannot be made, the service connects again after a
/// while.
///
/// ```
/// use reactor::testing::Simulation;
/// use reactor::{ClientService, Protocol, Transport};
///
/// struct Bot;
///
/// impl Protocol for Bot {
///     fn connection_made(&mut self, transport: &Transport) {
///         transport.write(b"hello, it is me again\n");
///     }
///
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// let simulation = Simulation::new();
/// let reactor = simulation.reactor();
/// let chat = reactor::endpoints::client_from_string("tcp:10.0.0.1:1400")?;
/// let service = ClientService::new(&reactor, chat, |_| Bot);
/// service.start();
/// simulation.run_for(std::time::Duration::from_secs(5)); // nothing listens there
///
/// let server = simulation.listen("10.0.0.1:1400");
/// simulation.run_for(std::time::Duration::from_secs(60));
/// let peer = server.accept().expect("it has come back");
/// assert_eq!(peer.read(), b"hello, it is me again\n");
///
/// service.stop();
/// simulation.run_until_idle();
/// assert!(peer.has_ended());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The factory is asked for a protocol for each connection. Its
/// [`connection_failed`](Factory::connection_failed) is not called: an attempt that fails is a matter of the
/// service, which logs one line when it has lost the connection, or cannot make the first one, and one when it
/// is there again, however often it tries in between.
///
/// This is a handle, and clones are the same service. Dropping them does not stop it: once started it goes on
/// for as long as the loop runs, and keeps [`run`](Reactor::run) from returning. A stop of the loop stops it
/// too, when it closes connections, which is after its lame-duck time: nothing waits for an attempt or for a
/// timer, and the connection is closed by [`shutdown_requested`](Protocol::shutdown_requested) as every other
/// one. A factory that keeps a handle of its
/// own service keeps it in memory for ever.
pub struct ClientService<P: 'static>(Rc<Service<P>>);

/// How it is made. To be called before the first [`start`](ClientService::start).
impl<P: Protocol> ClientService<P> {
    /// A service that connects to `endpoint`, a [`ClientEndpoint`](crate::endpoints::ClientEndpoint) or a
    /// closure: see [`Connect`]. It does nothing before it is [started](Self::start).
    ///
    /// The factory's limits hold for each connection, except that a factory without
    /// [`keepalive`](crate::Limits::keepalive) gets one of two minutes: see [`keepalive`](Self::keepalive).
    pub fn new<F>(reactor: &Reactor, endpoint: impl Connect<P> + 'static, mut factory: F) -> Self
    where
        F: Factory<Protocol: IntoAccepted<Protocol = P>>,
    {
        let limits = factory.limits();
        let build = move |address: &_| {
            let built = factory.build_protocol(address);
            built.map(IntoAccepted::into_accepted)
        };
        let service = Service::new(reactor, Box::new(endpoint), Box::new(build), limits);
        Self(Rc::new(service))
    }

    /// How long it waits before it connects again.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.0.options.borrow_mut().backoff = backoff;
        self
    }

    /// Gives up when so many attempts have failed one after the other: those who wait, and the Deferred of
    /// [`start`](Self::start), fail with the last failure, and the service is stopped. Zero counts as one. A
    /// connection that is prepared begins the count anew. By default it never gives up.
    #[must_use]
    pub fn fail_after(self, failures: u32) -> Self {
        self.0.options.borrow_mut().fail_after = Some(failures.max(1));
        self
    }

    /// How long the server may be silent before its system is asked whether it is still there, in place of
    /// the factory's [`Limits::keepalive`](crate::Limits::keepalive); `None` never asks.
    ///
    /// By default it is two minutes, and not never as for other connections: a service whose server has lost
    /// its network would otherwise wait for ever for a message on a connection that is none, and never
    /// come back.
    #[must_use]
    pub fn keepalive(self, time: impl Into<Option<Duration>>) -> Self {
        let mut options = self.0.options.borrow_mut();
        options.limits = options.limits.clone().keepalive(time);
        drop(options);
        self
    }

    /// Calls `prepare` with each new connection, after `connection_made`: to log in, for example. The
    /// connection counts as connected when the Deferred that it returns has fired.
    ///
    /// If that fails, the connection is aborted, and the attempt has failed with its failure. If the
    /// connection is lost before, or the service is stopped, the Deferred is cancelled. There is no time
    /// limit but one that it has itself: [`Deferred::add_timeout`].
    #[must_use]
    pub fn prepare<R>(self, mut prepare: impl FnMut(Handle<P>) -> R + 'static) -> Self
    where
        R: Outcome<Output = ()>,
    {
        let prepare = move |handle| prepare(handle).into_deferred();
        self.0.options.borrow_mut().prepare = Some(Box::new(prepare));
        self
    }
}

/// How it is used.
impl<P: Protocol> ClientService<P> {
    /// Begins to connect. Nothing is called before this has returned. Does nothing but return a Deferred
    /// when it runs. While it stops, it is started again as soon as the old connection is gone.
    ///
    /// The Deferred fires when the service is stopped, and fails with the last failure when it
    /// [gives up](Self::fail_after). Cancelling it does not stop the service.
    #[track_caller]
    pub fn start(&self) -> Deferred<()> {
        // Before the Deferred is kept: that is one of the run that begins here.
        self.0.on(Event::Start);
        self.0.ended()
    }

    /// Stops the service, at any moment: an attempt is given up, a connection closed with what was written,
    /// as by [`lose_connection`](crate::Transport::lose_connection). Those who wait for a connection fail
    /// with [`Cancelled`](crate::deferred::Cancelled). Does nothing when it does not run.
    ///
    /// The Deferred fires when nothing of it is left; with a peer that does not take what was written, that
    /// is after [`Limits::linger`](crate::Limits::linger) at the latest.
    #[track_caller]
    pub fn stop(&self) -> Deferred<()> {
        let stopped = self.0.ended();
        self.0.on(Event::Stop);
        stopped
    }

    /// A handle of the protocol, when there is a connection that is [prepared](Self::prepare), which may be
    /// now. Before the first start it waits for that; after a stop it fails with
    /// [`Cancelled`](crate::deferred::Cancelled).
    ///
    /// The handle is of this connection only. For a protocol inside another one, a receiver of lines for
    /// example, `handle.transport()?.handle()` gives a handle of the inner one.
    #[track_caller]
    pub fn when_connected(&self) -> Deferred<Handle<P>> {
        self.0.when_connected(None)
    }

    /// As [`when_connected`](Self::when_connected), except that it fails with the last failure when so many
    /// attempts have failed from now on. Zero counts as one. The service goes on.
    #[track_caller]
    pub fn when_connected_within(&self, failures: u32) -> Deferred<Handle<P>> {
        self.0.when_connected(Some(failures.max(1)))
    }

    /// Whether it was started, and neither stopped nor gave up since. It may well be between two connections.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.is_running()
    }
}

impl<P: 'static> Clone for ClientService<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P: 'static> fmt::Debug for ClientService<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The programs of the chapter on clients are compiled.
#[cfg(all(doctest, feature = "os"))]
#[doc = include_str!("../../docs/guide/clients.md")]
mod guide {}
