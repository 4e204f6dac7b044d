//! What an attempt to connect shares with its connectors, the handles of the program.
//!
//! ```text
//!   Connecting ──▶ Established ──▶ Over(Ok)
//!       │   protocol is   │  connection_made has returned, or it is Over(Err)
//!       │     built       ▼
//!       ├──────────────▶ Over(Err)
//!       └──▶ GivenUp ──────▲   in the next turn: no callback starts inside another one
//! ```
//!
//! An attempt may be given up in any callback, also in those that belong to it, so how far it has
//! come is not in the loop's table, where it is not found while it is being served.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::deferred::{Deferred, Failure, Resolver};
use crate::engine::Engine;
use crate::engine::table::Token;
use crate::handle::Handle;
use crate::reason::Reason;
use crate::transport::Transport;

/// How far an attempt has come.
pub(super) enum Stage {
    /// Addresses are looked up or tried, or the factory is asked for a protocol.
    Connecting,
    /// It was cancelled. In the next turn its sockets are closed, and the Deferreds of its outcome fire.
    GivenUp,
    /// `connection_made` is being called.
    Established(Transport),
    Over(Result<Transport, Reason>),
}

/// An attempt as its connectors see it.
pub(super) struct Progress {
    pub(super) stage: Stage,
    /// The Deferreds of the outcome.
    waiting: Vec<Resolver<Transport>>,
    /// How many of them still want it.
    wanted_by: usize,
}

impl Progress {
    fn end(&mut self, outcome: Result<Transport, Reason>) -> Vec<Resolver<Transport>> {
        self.stage = Stage::Over(outcome);
        std::mem::take(&mut self.waiting)
    }
}

/// The attempt's own hold on its progress: when it is dropped, no Deferred waits for it any more.
pub(super) struct Owned(Rc<RefCell<Progress>>);

impl Owned {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Progress {
            stage: Stage::Connecting,
            waiting: Vec::new(),
            wanted_by: 0,
        })))
    }

    pub(super) fn connector(&self, engine: Weak<Engine>, token: Token) -> Connector {
        Connector {
            engine,
            token,
            progress: Rc::clone(&self.0),
        }
    }

    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.0.borrow().stage, Stage::GivenUp)
    }

    pub(super) fn established(&self, transport: Transport) {
        self.0.borrow_mut().stage = Stage::Established(transport);
    }

    /// Notes the end. Returns the Deferreds that wait for it.
    pub(super) fn end(&self, outcome: Result<Transport, Reason>) -> Vec<Resolver<Transport>> {
        self.0.borrow_mut().end(outcome)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // The resolvers' own drops run callbacks of a consumer, outside the borrow.
        let waiting = std::mem::take(&mut self.0.borrow_mut().waiting);
        drop(waiting);
    }
}

/// Notes that the attempt was cancelled. Returns whether it was still under way.
fn give_up(progress: &RefCell<Progress>) -> bool {
    let stage = &mut progress.borrow_mut().stage;
    let is_connecting = matches!(stage, Stage::Connecting);
    if is_connecting {
        *stage = Stage::GivenUp;
    }
    is_connecting
}

/// The connection, unless it has been dropped already.
pub(super) fn outcome(transport: Transport) -> Result<Transport, Reason> {
    match transport.state().is_over() {
        true => Err(transport.reason()),
        false => Ok(transport), // also when it closes: what was written still goes out
    }
}

/// An attempt to connect, which may be given up. Dropping it does not.
#[derive(Clone)]
pub struct Connector {
    engine: Weak<Engine>,
    pub(super) token: Token,
    progress: Rc<RefCell<Progress>>,
}

impl Connector {
    /// Gives the attempt up. The factory's `connection_failed` is called with [`Reason::Cancelled`],
    /// and it builds no protocol; one that it is building at that moment is dropped.
    ///
    /// Returns whether it did so: false, and nothing is done, when the connection is established or the
    /// attempt has failed or was given up before.
    pub fn cancel(&self) -> bool {
        let engine = self.engine.upgrade().filter(|_| give_up(&self.progress));
        if let Some(engine) = &engine {
            engine.wake(self.token);
        }
        engine.is_some()
    }

    /// The outcome as a Deferred: the connection's transport, after `connection_made`, or the
    /// [`Reason`] why there is no connection. One that `connection_made` has aborted counts as a
    /// failure. When the attempt is over, the Deferred has fired already, and has failed if the
    /// connection is lost by now.
    ///
    /// Asking for it silences [`Factory::connection_failed`](crate::Factory::connection_failed), also
    /// when the Deferred is dropped: a failure is reported once, and then it is the Deferred's.
    ///
    /// Cancelling the Deferred gives the attempt up; if it was asked for several times, when all of
    /// them are cancelled. Cancelling while `connection_made` runs aborts the connection.
    ///
    /// ```
    /// # use reactor::{Protocol, Reactor, Reason, Transport};
    /// # struct Silent;
    /// # impl Protocol for Silent { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_tcp("127.0.0.1:0", |_| Silent)?;
    /// let address = port.local_addr().socket_addr().expect("a TCP port");
    /// let connected = reactor
    ///     .connect_tcp("127.0.0.1", address.port(), |_| Silent)
    ///     .connected();
    /// let transport = reactor.run_until(connected).unwrap();
    /// assert!(transport.is_open());
    /// assert_eq!(transport.peer_addr(), port.local_addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn connected(&self) -> Deferred<Transport> {
        let (resolver, deferred) = Deferred::pending();
        if self.engine.upgrade().is_none() {
            return deferred; // its resolver is dropped here: it fails as abandoned
        }
        let over = match &self.progress.borrow().stage {
            Stage::Over(outcome) => Some(outcome.clone()),
            Stage::Connecting | Stage::GivenUp | Stage::Established(_) => None,
        };
        if let Some(over) = over {
            resolver.fire(over.and_then(outcome).map_err(Failure::from));
            return deferred;
        }
        // Weak, because the progress holds the resolver, which holds this.
        let (engine, token) = (self.engine.clone(), self.token);
        let progress = Rc::downgrade(&self.progress);
        resolver.on_cancel(move || withdraw(engine.upgrade(), token, &progress));
        let mut progress = self.progress.borrow_mut();
        progress.wanted_by += 1;
        progress.waiting.push(resolver);
        drop(progress);
        deferred
    }

    /// As [`connected`](Self::connected), with a handle of the connection's protocol, of type `P`, in place of
    /// its transport, which [`Handle::transport`] has.
    ///
    /// The connector does not know which protocols its factory makes: a call through a handle of another
    /// type is not made, and logged as an error. [`Reactor::connect_protocol`](crate::Reactor::connect_protocol)
    /// knows.
    #[track_caller]
    pub fn protocol<P: 'static>(&self) -> Deferred<Handle<P>> {
        self.connected().map(|transport| transport.handle())
    }

    /// Whether the attempt has neither succeeded nor failed nor been given up. It has succeeded
    /// when its protocol is built.
    #[must_use]
    pub fn is_connecting(&self) -> bool {
        let is_connecting = matches!(self.progress.borrow().stage, Stage::Connecting);
        is_connecting && self.engine.upgrade().is_some()
    }
}

/// One of the Deferreds of the outcome was cancelled.
fn withdraw(engine: Option<Rc<Engine>>, token: Token, progress: &Weak<RefCell<Progress>>) {
    let (Some(engine), Some(progress)) = (engine, progress.upgrade()) else {
        return;
    };
    let mut shared = progress.borrow_mut();
    shared.wanted_by -= 1;
    if shared.wanted_by > 0 {
        return;
    }
    if let Stage::Established(transport) = &shared.stage {
        transport.fail_connection(Reason::Cancelled);
    }
    drop(shared);
    if give_up(&progress) {
        engine.wake(token);
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.progress.borrow().stage {
            Stage::Connecting => "connecting".to_owned(),
            Stage::GivenUp => "given up".to_owned(),
            Stage::Established(_) | Stage::Over(Ok(_)) => "connected".to_owned(),
            Stage::Over(Err(reason)) => reason.to_string(),
        };
        f.debug_struct("Connector").field("stage", &stage).finish()
    }
}
