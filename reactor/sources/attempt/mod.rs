//! Clients: an attempt to connect, over all addresses of a host.
//!
//! ```text
//! connect_tcp -> find addresses (on another thread) -> try the first
//!                                 after 250 ms, or when one fails: the next, beside the others
//!                                                        └─ connection_made, connection_failed
//! ```
//!
//! The first address that is connected wins, and the others are given up: "Happy Eyeballs", RFC
//! 8305. So an address that swallows packets costs a quarter of a second, and no more.

mod addresses;
mod connector;
mod trial;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::addresses::interleaved;
use self::connector::{Owned, outcome};
use self::trial::Trial;
use crate::address::Address;
use crate::deferred::{Failure, Resolver};
use crate::delayed_call::Due;
use crate::driver::{Ready, Resolution};
use crate::engine::table::Token;
use crate::engine::threads::Lookup;
use crate::engine::timers::TimerId;
use crate::limits::Limits;
use crate::observe::{Callback, Cause};
use crate::protocol::{AnyProtocol, Factory};
use crate::reactor::{Occupant, Reactor};
use crate::reason::Reason;
use crate::sources::connection::Connection;
use crate::sources::port::{SharedFactory, shared};
use crate::transport::Transport;

pub use self::connector::Connector;

/// An attempt in the loop's hands.
pub(crate) struct Attempt {
    token: Token,
    host: String,
    factory: SharedFactory,
    limits: Rc<Limits>,
    /// When everything has taken too long.
    deadline: Instant,
    /// When the next address is due, or everything has taken too long.
    timer: Option<TimerId>,
    /// The question for addresses, for as long as somebody wants the answer.
    lookup: Option<Lookup>,
    /// Addresses that were not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Those that are being tried, the oldest first.
    trials: Vec<Trial>,
    /// Why the address before failed.
    last_error: Reason,
    progress: Owned,
}

impl Attempt {
    /// How many slots of the table it has.
    pub(crate) fn slots(&self) -> usize {
        1 + self.trials.len()
    }

    /// Remembers what an event said of one of the addresses.
    pub(crate) fn note_ready(&mut self, event: Ready) {
        let mut trials = self.trials.iter_mut();
        if let Some(trial) = trials.find(|trial| trial.token == event.token) {
            match &mut trial.seen {
                Some(seen) => seen.add(event),
                None => trial.seen = Some(event),
            }
        }
    }
}

impl Reactor {
    /// Connects to a TCP port, and gives the connection a protocol of `factory`.
    ///
    /// `host` is an address or a name, which is looked up on another thread. All its addresses are
    /// tried within [`Limits::connect`], those of IPv6 and of IPv4 in turn: the next one when the one
    /// before has failed or has not answered for 250 ms, beside it. The first that is connected is
    /// taken, and the factory is asked for a protocol for this one only. When none can be connected,
    /// the factory hears `connection_failed`; nothing is called before this method has returned.
    pub fn connect_tcp(&self, host: &str, port: u16, factory: impl Factory) -> Connector {
        let limits = factory.limits().in_order();
        if let Some(mistake) = limits.mistake_to_connect() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, mistake);
            return self.connect_in_vain(host, port, factory, error);
        }
        let connector = self.begin_attempt(host, port, factory, limits);
        self.find_addresses(connector.token, host, port);
        connector
    }

    /// An attempt that is known to fail. It does so as others do, not before this has returned.
    pub(crate) fn connect_in_vain(
        &self,
        host: &str,
        port: u16,
        factory: impl Factory,
        error: io::Error,
    ) -> Connector {
        let connector = self.begin_attempt(host, port, factory, Limits::default());
        self.addresses_found_soon(connector.token, Err(error));
        connector
    }

    fn begin_attempt(
        &self,
        host: &str,
        port: u16,
        factory: impl Factory,
        limits: Limits,
    ) -> Connector {
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
            factory: shared(factory),
            limits: Rc::new(limits),
            deadline,
            timer: Some(timer),
            lookup: None,
            addresses: VecDeque::new(),
            trials: Vec::new(),
            last_error: Reason::ConnectTimeout,
            progress: Owned::new(),
        };
        let connector = attempt.progress.connector(self.downgrade(), token);
        self.put(token, Occupant::Attempt(Box::new(attempt)));
        self.note_begun(token);
        connector
    }

    fn find_addresses(&self, token: Token, host: &str, port: u16) {
        if let Ok(address) = host.parse::<IpAddr>() {
            let found = Ok(vec![SocketAddr::new(address, port)]);
            return self.addresses_found_soon(token, found);
        }
        let resolution = self.0.driver.borrow_mut().resolve(host, port);
        let ask = match resolution {
            Resolution::Known(result) => return self.addresses_found_soon(token, result),
            Resolution::Ask(ask) => ask,
        };
        let found = move |reactor: &Self, result| reactor.addresses_found(token, result);
        let names = &self.0.pools.names;
        match self.0.thread_queue.look_up(names, ask, found) {
            Ok(lookup) => {
                if let Some(Occupant::Attempt(attempt)) = self.0.table.borrow_mut().peek(token) {
                    attempt.lookup = Some(lookup);
                }
            }
            Err(error) => self.addresses_found_soon(token, Err(io::Error::other(error))),
        }
    }

    /// Goes on with what is known already, in the next turn: nothing is called before the method
    /// that begins the attempt has returned.
    fn addresses_found_soon(&self, token: Token, result: io::Result<Vec<SocketAddr>>) {
        let weak = self.downgrade();
        self.call_soon(move || {
            if let Some(reactor) = weak.upgrade() {
                reactor.addresses_found(token, result);
            }
        });
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
            Ok(addresses) => attempt.addresses = interleaved(addresses),
            Err(error) => attempt.last_error = Reason::from(error),
        }
        self.try_next_address(attempt);
    }

    /// One address is connected, and the others are given up.
    fn attempt_succeeded(
        &self,
        mut attempt: Box<Attempt>,
        token: Token,
        peer: Address,
        local: Address,
    ) {
        let mut trials = attempt.trials.iter();
        let Some(index) = trials.position(|trial| trial.token == token) else {
            return;
        };
        let trial = attempt.trials.remove(index);
        self.end_trials(&mut attempt);
        self.cancel_attempt_timer(&mut attempt);
        let protocol = self.build_protocol(&attempt.factory, &peer);
        let is_given_up = attempt.progress.is_given_up();
        match protocol {
            Some(protocol) if !is_given_up => {
                self.0.table.borrow_mut().remove(attempt.token);
                self.begin_connection(*attempt, trial, protocol, peer, local);
            }
            protocol => {
                drop(trial);
                self.0.table.borrow_mut().remove(token);
                self.drop_guarded(protocol);
                attempt.last_error = match is_given_up {
                    true => Reason::Cancelled,
                    false => Reason::Refused,
                };
                self.attempt_failed(attempt);
            }
        }
    }

    fn begin_connection(
        &self,
        attempt: Attempt,
        trial: Trial,
        protocol: Box<dyn AnyProtocol>,
        peer: Address,
        local: Address,
    ) {
        let Attempt {
            limits,
            factory,
            progress,
            ..
        } = attempt;
        let Trial {
            token,
            stream,
            seen,
        } = trial;
        // The connection takes over the slot of its address.
        let _ = self.take(token);
        self.drop_guarded(factory);
        let transport = Transport::new(token, &self.0.requests, &limits, peer, Rc::new(local));
        let mut connection = Connection::new(stream, transport.clone(), protocol);
        // The news that it is established may have come with bytes, and with the peer's end.
        let has_come = seen.is_some_and(|seen| connection.note_ready(seen));
        if has_come && connection.gets_in_line() {
            self.0.ready.borrow_mut().push_back(token);
        }
        self.note_begun(token);
        progress.established(transport.clone());
        self.connection_made(connection);
        let outcome = outcome(transport);
        self.fire(progress.end(outcome.clone()), &outcome);
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

    /// Ends an attempt that was given up. The factory must not be called from inside the callback
    /// that gives up, so it is called in the next turn.
    pub(super) fn end_attempt_soon(&self, token: Token) {
        let weak = self.downgrade();
        self.call_soon(move || {
            if let Some(reactor) = weak.upgrade() {
                reactor.fail_attempt(token, Reason::Cancelled);
            }
        });
    }

    /// Ends an attempt for the loop, which makes no callback meanwhile.
    pub(crate) fn fail_attempt(&self, token: Token, reason: Reason) {
        if let Some(mut attempt) = self.take_attempt_at_all(token) {
            attempt.last_error = match attempt.progress.is_given_up() {
                true => Reason::Cancelled,
                false => reason,
            };
            self.attempt_failed(attempt);
        }
    }

    fn attempt_failed(&self, mut attempt: Box<Attempt>) {
        self.end_trials(&mut attempt);
        self.cancel_attempt_timer(&mut attempt);
        let Attempt {
            token,
            factory,
            last_error,
            progress,
            ..
        } = *attempt;
        self.0.table.borrow_mut().remove(token);
        let outcome = Err(last_error);
        let waiting = progress.end(outcome.clone());
        if !waiting.is_empty() {
            self.drop_guarded(factory);
            return self.fire(waiting, &outcome);
        }
        let name = factory.borrow().name();
        let callback = || Callback {
            cause: Cause::ConnectionFailed,
            connection: None,
            name,
            place: None,
        };
        if let Err(reason) = &outcome {
            // A panic was logged, and concerns nobody else.
            let _ = self
                .0
                .dispatch
                .call(callback, || factory.borrow_mut().failed(reason));
        }
        self.drop_guarded(factory);
    }

    fn cancel_attempt_timer(&self, attempt: &mut Attempt) {
        if let Some(timer) = attempt.timer.take() {
            self.0.timers.borrow_mut().remove(timer);
        }
    }

    /// Takes an attempt out of the table, unless it was given up and only waits to hear so.
    fn take_attempt(&self, token: Token) -> Option<Box<Attempt>> {
        let attempt = self.take_attempt_at_all(token)?;
        if attempt.progress.is_given_up() {
            self.put(token, Occupant::Attempt(attempt));
            return None;
        }
        Some(attempt)
    }

    fn take_attempt_at_all(&self, token: Token) -> Option<Box<Attempt>> {
        match self.take(token)? {
            Occupant::Attempt(attempt) => Some(attempt),
            other => {
                self.put(token, other);
                None
            }
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attempt to connect to {}", self.host)
    }
}
