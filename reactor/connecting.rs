//! Clients: an attempt to connect, over all addresses of a host.
//!
//! ```text
//! connect_tcp -> find addresses (on another thread) -> try the first -> ... -> try the last
//!                                                        └─ connection_made     └─ connection_failed
//! ```
//!
//! Each address gets an equal share of the time that is left, so that one that swallows packets
//! does not use up the time of those behind it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::connection::Connection;
use crate::deferred::{Deferred, Failure, Resolver};
use crate::delayed_call::Due;
use crate::driver::{Ready, Resolution, Stream};
use crate::limits::Limits;
use crate::listening::SharedFactory;
use crate::observer::{Callback, Cause};
use crate::protocol::Factory;
use crate::reactor::{Occupant, Reactor, WeakReactor};
use crate::reason::Reason;
use crate::table::Token;
use crate::timers::TimerId;
use crate::transport::Transport;

/// An attempt in the loop's hands.
pub(crate) struct Attempt {
    token: Token,
    host: String,
    factory: SharedFactory,
    limits: Rc<Limits>,
    /// When everything has taken too long.
    deadline: Instant,
    timer: Option<TimerId>,
    /// Addresses that were not tried yet.
    addresses: VecDeque<SocketAddr>,
    stream: Option<Box<dyn Stream>>,
    /// What the events of that stream have said.
    seen: Option<Ready>,
    /// Why the address before failed.
    last_error: Reason,
    /// Who waits for the outcome.
    waiting: Vec<Resolver<Transport>>,
}

impl Attempt {
    /// Remembers what an event said, for the connection that it may become.
    pub(crate) fn note_ready(&mut self, event: Ready) {
        match &mut self.seen {
            Some(seen) => seen.add(event),
            None => self.seen = Some(event),
        }
    }
}

impl Reactor {
    /// Connects to a TCP port, and gives the connection a protocol of `factory`.
    ///
    /// `host` is an address or a name, which is looked up on another thread. All its addresses are
    /// tried, one after the other, within [`Limits::connect`]. When none can be connected, the
    /// factory hears `connection_failed`; nothing is called before this method has returned.
    #[must_use = "dropping the connector is fine, but say so: `let _ = …`, or keep it to cancel"]
    pub fn connect_tcp(&self, host: &str, port: u16, factory: impl Factory) -> Connector {
        let connector = self.begin_attempt(host, port, factory);
        self.find_addresses(connector.token, host, port);
        connector
    }

    /// An attempt that is known to fail. It does so as others do, not before this has returned.
    #[cfg(feature = "tls")]
    pub(crate) fn connect_in_vain(
        &self,
        host: &str,
        port: u16,
        factory: impl Factory,
        error: io::Error,
    ) -> Connector {
        let connector = self.begin_attempt(host, port, factory);
        let (weak, token) = (self.downgrade(), connector.token);
        self.call_soon(move || {
            if let Some(reactor) = weak.upgrade() {
                reactor.addresses_found(token, Err(error));
            }
        });
        connector
    }

    fn begin_attempt(&self, host: &str, port: u16, factory: impl Factory) -> Connector {
        let limits = Rc::new(factory.limits());
        let token = self.0.table.borrow_mut().reserve();
        let now = self.now();
        let deadline = now
            .checked_add(limits.connect)
            .unwrap_or(now + Duration::from_secs(1 << 30));
        let due = Due::Attempt(token);
        let timer = self.0.timers.borrow_mut().insert(self.nanos(deadline), due);
        let attempt = Attempt {
            token,
            host: format!("{host}:{port}"),
            factory: Rc::new(RefCell::new(Box::new(factory))),
            limits,
            deadline,
            timer: Some(timer),
            addresses: VecDeque::new(),
            stream: None,
            seen: None,
            last_error: Reason::ConnectTimeout,
            waiting: Vec::new(),
        };
        self.put(token, Occupant::Attempt(Box::new(attempt)));
        self.note_begun(token);
        Connector {
            reactor: self.downgrade(),
            token,
        }
    }

    fn find_addresses(&self, token: Token, host: &str, port: u16) {
        if let Ok(address) = host.parse::<IpAddr>() {
            let weak = self.downgrade();
            return self.call_soon(move || {
                let Some(reactor) = weak.upgrade() else {
                    return;
                };
                reactor.addresses_found(token, Ok(vec![SocketAddr::new(address, port)]));
            });
        }
        let resolution = self.0.driver.borrow_mut().resolve(host, port);
        match resolution {
            Resolution::Known(result) => {
                let weak = self.downgrade();
                self.call_soon(move || {
                    let Some(reactor) = weak.upgrade() else {
                        return;
                    };
                    reactor.addresses_found(token, result);
                });
            }
            Resolution::Ask(ask) => {
                let remote = self.remote();
                self.0.thread_queue.in_pool(move || {
                    let result = ask();
                    let call = move |reactor: &Self| reactor.addresses_found(token, result);
                    // It fails when nobody is left who wants to know.
                    let _ = remote.call_from_thread(call);
                });
            }
        }
    }

    fn addresses_found(&self, token: Token, result: io::Result<Vec<SocketAddr>>) {
        let Some(mut attempt) = self.take_attempt(token) else {
            return;
        };
        match result {
            Ok(addresses) if addresses.is_empty() => {
                attempt.last_error = Reason::from(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("{} has no address", attempt.host),
                ));
            }
            Ok(addresses) => attempt.addresses = addresses.into(),
            Err(error) => attempt.last_error = Reason::from(error),
        }
        self.try_next_address(attempt);
    }

    /// Begins with the next address, or ends the attempt when there is none.
    fn try_next_address(&self, mut attempt: Box<Attempt>) {
        (attempt.stream, attempt.seen) = (None, None);
        while let Some(address) = attempt.addresses.pop_front() {
            let stream = self
                .0
                .driver
                .borrow_mut()
                .connect(&address.into(), attempt.token);
            match stream {
                Ok(stream) => {
                    attempt.stream = Some(stream);
                    self.arm_attempt(&mut attempt);
                    return self.put(attempt.token, Occupant::Attempt(attempt));
                }
                Err(error) => attempt.last_error = Reason::from(error),
            }
        }
        self.attempt_failed(attempt);
    }

    /// Gives the address that is being tried its share of the time that is left.
    fn arm_attempt(&self, attempt: &mut Attempt) {
        let now = self.now();
        let left = attempt.deadline.saturating_duration_since(now);
        let share = left / (attempt.addresses.len() as u32 + 1);
        let deadline = self.nanos(now + share);
        let mut timers = self.0.timers.borrow_mut();
        match &mut attempt.timer {
            Some(timer) => {
                timers.reset(timer, deadline);
            }
            None => attempt.timer = Some(timers.insert(deadline, Due::Attempt(attempt.token))),
        }
    }

    /// The attempt's socket is ready: established or refused.
    pub(crate) fn attempt_ready(&self, mut attempt: Box<Attempt>) {
        let Some(stream) = &mut attempt.stream else {
            return self.put(attempt.token, Occupant::Attempt(attempt));
        };
        let established = match stream.take_error() {
            Ok(Some(error)) | Err(error) => Err(error),
            Ok(None) => stream.peer_addr(),
        };
        match established {
            Ok(peer) => self.attempt_succeeded(attempt, peer),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                self.put(attempt.token, Occupant::Attempt(attempt));
            }
            Err(error) => {
                attempt.last_error = Reason::from(error);
                self.try_next_address(attempt);
            }
        }
    }

    fn attempt_succeeded(&self, mut attempt: Box<Attempt>, peer: Address) {
        self.cancel_attempt_timer(&mut attempt);
        let Some(stream) = attempt.stream.take() else {
            return;
        };
        let local = stream.local_addr().unwrap_or_else(|_| peer.clone());
        let Some(protocol) = self.build_protocol(&attempt.factory, &peer) else {
            attempt.last_error = Reason::Refused;
            drop(stream);
            return self.attempt_failed(attempt);
        };
        let Attempt {
            token,
            limits,
            waiting,
            seen,
            factory,
            ..
        } = *attempt;
        self.drop_guarded(factory);
        let transport = Transport::new(token, &self.0.requests, &limits, peer, Rc::new(local));
        let mut connection = Connection::new(stream, transport.clone(), protocol);
        // The news that it is established may have come with bytes, and with the peer's end.
        let has_come = seen.is_some_and(|seen| connection.note_ready(seen));
        if has_come && connection.gets_in_line() {
            self.0.ready.borrow_mut().push_back(token);
        }
        self.note_begun(token);
        self.connection_made(connection);
        self.fire(waiting, &Ok(transport));
    }

    /// Tells those who wait for an attempt.
    fn fire(&self, waiting: Vec<Resolver<Transport>>, outcome: &Result<Transport, Reason>) {
        let callback = || Callback {
            cause: Cause::DeferredFired,
            connection: outcome.as_ref().ok().map(Transport::id),
            name: "connected",
            place: None,
        };
        for resolver in waiting {
            let outcome = outcome.clone().map_err(Failure::from);
            // A Deferred keeps the panics of its callbacks to itself.
            let _ = self.0.dispatch.call(callback, || resolver.fire(outcome));
        }
    }

    /// The share of the address that is being tried is over, or everything is.
    pub(crate) fn attempt_timer(&self, token: Token) {
        let Some(mut attempt) = self.take_attempt(token) else {
            return;
        };
        attempt.timer = None;
        attempt.last_error = Reason::ConnectTimeout;
        if self.0.requests.turn_time() >= attempt.deadline {
            attempt.addresses.clear();
        }
        self.try_next_address(attempt);
    }

    /// Ends an attempt for its consumer. The factory must not be called from inside the callback
    /// that cancels, so it is called in the next turn.
    pub(crate) fn cancel_attempt(&self, token: Token) {
        let Some(attempt) = self.take_attempt(token) else {
            return;
        };
        let attempt = given_up(attempt, Reason::Cancelled);
        let weak = self.downgrade();
        self.call_soon(move || {
            if let Some(reactor) = weak.upgrade() {
                reactor.attempt_failed(attempt);
            }
        });
    }

    /// Ends an attempt for the loop, which makes no callback meanwhile.
    pub(crate) fn fail_attempt(&self, token: Token, reason: Reason) {
        if let Some(attempt) = self.take_attempt(token) {
            self.attempt_failed(given_up(attempt, reason));
        }
    }

    fn attempt_failed(&self, mut attempt: Box<Attempt>) {
        self.cancel_attempt_timer(&mut attempt);
        let Attempt {
            token,
            factory,
            last_error,
            waiting,
            ..
        } = *attempt;
        self.0.table.borrow_mut().remove(token);
        if !waiting.is_empty() {
            self.drop_guarded(factory);
            return self.fire(waiting, &Err(last_error));
        }
        let name = factory.borrow().name();
        let callback = || Callback {
            cause: Cause::ConnectionFailed,
            connection: None,
            name,
            place: None,
        };
        // A panic was logged, and concerns nobody else.
        let _ = self
            .0
            .dispatch
            .call(callback, || factory.borrow_mut().failed(&last_error));
        self.drop_guarded(factory);
    }

    fn cancel_attempt_timer(&self, attempt: &mut Attempt) {
        if let Some(timer) = attempt.timer.take() {
            self.0.timers.borrow_mut().remove(timer);
        }
    }

    fn take_attempt(&self, token: Token) -> Option<Box<Attempt>> {
        match self.take(token)? {
            Occupant::Attempt(attempt) => Some(attempt),
            other => {
                self.put(token, other);
                None
            }
        }
    }
}

/// An attempt without what it has begun, and with the reason why.
fn given_up(mut attempt: Box<Attempt>, reason: Reason) -> Box<Attempt> {
    attempt.addresses.clear();
    attempt.stream = None;
    attempt.last_error = reason;
    attempt
}

/// An attempt to connect, which may be given up. Dropping it does not.
#[derive(Clone, Debug)]
pub struct Connector {
    reactor: WeakReactor,
    token: Token,
}

impl Connector {
    /// Gives the attempt up. The factory hears `connection_failed` with [`Reason::Cancelled`], and
    /// builds no protocol. Does nothing when the attempt has succeeded or failed already.
    pub fn cancel(&self) {
        if let Some(reactor) = self.reactor.upgrade() {
            reactor.cancel_attempt(self.token);
        }
    }

    /// The outcome as a Deferred: the connection's transport, after `connection_made`, or the
    /// [`Reason`] why there is none, which the factory does not hear then. Cancelling the Deferred
    /// gives the attempt up.
    ///
    /// Ask before the loop goes on: of an attempt that is over the Deferred fails.
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
    /// assert_eq!(transport.peer_addr(), port.local_addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn connected(&self) -> Deferred<Transport> {
        let (resolver, deferred) = Deferred::pending();
        let Some(reactor) = self.reactor.upgrade() else {
            return deferred; // its resolver is dropped here: it fails as abandoned
        };
        let mut table = reactor.0.table.borrow_mut();
        if let Some(Occupant::Attempt(attempt)) = table.peek(self.token) {
            let this = self.clone();
            resolver.on_cancel(move || this.cancel());
            attempt.waiting.push(resolver);
        } else {
            drop(table);
            resolver.errback(Reason::Error(Rc::new(io::ErrorKind::NotConnected.into())));
        }
        deferred
    }

    /// Whether the attempt has neither succeeded nor failed nor been given up.
    #[must_use]
    pub fn is_connecting(&self) -> bool {
        let Some(reactor) = self.reactor.upgrade() else {
            return false;
        };
        let mut table = reactor.0.table.borrow_mut();
        matches!(table.peek(self.token), Some(Occupant::Attempt(_)))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attempt to connect to {}", self.host)
    }
}
