//! Servers: a port that accepts connections and gives each a protocol.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::arrival::{Arrival, Lobby, Progress, SharedLobby};
use super::cannot_listen::CannotListen;
use super::connection::Connection;
use super::factories::{SharedFactory, build_protocol, shared};
use super::seats::Seats;
use crate::address::{Address, UnixAddress};
#[cfg(unix)]
use crate::adopted::AdoptedListener;
use crate::driver::{Driver, ListenOptions, Listener, Readiness, Stream};
use crate::engine::budget::ACCEPT;
use crate::engine::table::Token;
use crate::engine::timers::TimerId;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::factory::Factory;
use crate::limits::Limits;
use crate::proxy_protocol::ProxyProtocol;
use crate::report;
use crate::time::Instant;
use crate::transport::{LocalEnd, Transport};

/// How many connections one port accepts in a turn, so that a storm of them leaves time for the
/// connections that there are.
const ACCEPTS_A_TURN: usize = 64;

/// How long a port waits that could not accept, for want of file descriptors for example: ten tries a
/// second cost little, and a client hardly notices the delay.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often it is logged, at most, that a port has all the connections that it may have: one that
/// goes and one that comes would be a line each.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// How many connections a port may have by default. Three quarters of the descriptors
/// leave some for other ports, files and connections of the program's own, also where it has few.
fn share(descriptors: usize) -> usize {
    (descriptors - descriptors / 4).max(1)
}

/// A port in the loop's hands.
struct Port {
    token: Token,
    listener: Box<dyn Listener>,
    factory: SharedFactory,
    limits: Rc<Limits>,
    local: Rc<LocalEnd>,
    seats: Rc<Seats>,
    /// Where its connections wait for a PROXY header, if they begin with one.
    lobby: SharedLobby,
    /// When it was last logged that all seats are taken.
    logged_at: Option<Instant>,
    /// Since when `accept` has failed without a success between; logged once.
    failing: Option<Instant>,
    /// Set while it backs off. Until then no event makes it try.
    timer: Option<TimerId>,
    /// It is in line to accept.
    in_line: bool,
}

/// Listens at the first of the addresses where that is possible.
pub(crate) fn listen(
    engine: &Rc<Engine>,
    address: impl ToSocketAddrs + fmt::Debug,
    options: ListenOptions,
    factory: impl Factory,
) -> Result<ListeningPort, CannotListen> {
    let name = format!("{address:?}");
    let addresses = match address.to_socket_addrs() {
        Ok(addresses) => addresses.map(Address::from).collect(),
        Err(error) => return Err(CannotListen::at(name, error)),
    };
    listen_at_first(engine, name, addresses, options, factory)
}

/// Listens at a UNIX socket.
pub(crate) fn listen_unix(
    engine: &Rc<Engine>,
    address: UnixAddress,
    options: ListenOptions,
    factory: impl Factory,
) -> Result<ListeningPort, CannotListen> {
    let address = Address::Unix(address);
    let name = address.to_string();
    listen_at_first(engine, name, vec![address], options, factory)
}

fn listen_at_first(
    engine: &Rc<Engine>,
    name: String,
    addresses: Vec<Address>,
    options: ListenOptions,
    factory: impl Factory,
) -> Result<ListeningPort, CannotListen> {
    let limits = limits_of(&factory, &name)?;
    let options = ListenOptions {
        keepalive: limits.keepalive,
        ..options
    };
    let factory = shared(factory);
    let mut failed = CannotListen::at(name, io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        let factory = Rc::clone(&factory);
        let listening = Port::begin(engine, factory, &limits, |driver, token| {
            driver.listen(&address, &options, token)
        });
        match listening {
            Ok(port) => return Ok(port),
            Err(error) => failed = CannotListen::at(address.to_string(), error),
        }
    }
    Err(failed)
}

/// Accepts at a socket that listens already.
#[cfg(unix)]
pub(crate) fn adopt(
    engine: &Rc<Engine>,
    listener: AdoptedListener,
    factory: impl Factory,
) -> Result<ListeningPort, CannotListen> {
    let name = || "a socket from outside".to_owned();
    let limits = limits_of(&factory, &name())?;
    let factory = shared(factory);
    let listening = Port::begin(engine, factory, &limits, |driver, token| {
        driver.adopt_listener(listener, limits.keepalive, token)
    });
    listening.map_err(|error| CannotListen::at(name(), error))
}

fn limits_of(factory: &impl Factory, name: &str) -> Result<Rc<Limits>, CannotListen> {
    let limits = factory.limits().in_order();
    match limits.mistake_to_listen() {
        Some(mistake) => Err(CannotListen::at(name.to_owned(), io::Error::other(mistake))),
        None => Ok(Rc::new(limits)),
    }
}

impl Port {
    fn begin(
        engine: &Rc<Engine>,
        factory: SharedFactory,
        limits: &Rc<Limits>,
        open: impl FnOnce(&mut dyn Driver, Token) -> io::Result<Box<dyn Listener>>,
    ) -> io::Result<ListeningPort> {
        let token = engine.reserve();
        let mut driver = engine.driver();
        let listener = open(&mut **driver, token);
        let most = limits
            .connections
            .unwrap_or(share(driver.descriptor_limit()));
        drop(driver);
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (local, listener) = bound.inspect_err(|_| engine.remove(token))?;
        let local = Rc::new(LocalEnd::from(local));
        let lobby = SharedLobby::default();
        let port = Self {
            token,
            listener,
            factory,
            limits: Rc::clone(limits),
            local: Rc::clone(&local),
            seats: Seats::new(token, most),
            lobby: Rc::clone(&lobby),
            logged_at: None,
            failing: None,
            timer: None,
            in_line: false,
        };
        engine.insert(token, Box::new(port));
        let engine = Rc::downgrade(engine);
        Ok(ListeningPort {
            engine,
            token,
            local,
            lobby,
        })
    }

    /// Accepts what is there.
    fn accept_all(&mut self, engine: &Engine) {
        for _ in 0..ACCEPTS_A_TURN {
            if !engine.contains(self.token) {
                return; // a callback has stopped it
            }
            if self.seats.are_taken() {
                return self.warn_full(engine); // it goes on when one is lost
            }
            // Before there is a connection, since the socket is registered under it in the same step.
            let token = engine.reserve();
            let accepted = self.listener.accept(token);
            engine.loop_side().budget.charge(ACCEPT);
            let Err(error) =
                accepted.map(|(stream, peer)| self.accepted(engine, token, stream, peer))
            else {
                continue;
            };
            engine.remove(token);
            match error.kind() {
                io::ErrorKind::WouldBlock => return self.note_recovered(engine),
                // The peer went away before it was accepted.
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                _ => return self.back_off(engine, &error),
            }
        }
        // No event will come for the clients that are still waiting.
        self.in_line = true;
        engine.line_up(self.token);
    }

    fn accepted(&self, engine: &Engine, token: Token, stream: Box<dyn Stream>, peer: Address) {
        // A socket that is bound to every address has another one for each connection.
        let local = match self.local.address.socket_addr() {
            Some(address) if address.ip().is_unspecified() => stream
                .local_addr()
                .map_or_else(|_| Rc::clone(&self.local), |at| Rc::new(at.into())),
            _ => Rc::clone(&self.local),
        };
        // Behind a proxy the factory is asked when it is known whose connection it is.
        let lobby = self.lobby.borrow().clone();
        if let Some(lobby) = lobby {
            let arrival = Arrival {
                token,
                stream: Some(stream),
                peer,
                local,
                lobby,
                factory: Rc::clone(&self.factory),
                limits: Rc::clone(&self.limits),
                progress: Progress::default(),
            };
            return arrival.begin(engine, &self.seats);
        }
        let Some(built) = build_protocol(engine, &self.factory, &peer) else {
            return engine.remove(token);
        };
        let transport =
            Transport::new(stream, token, engine.loop_side(), &self.limits, peer, local);
        let seat = Some(self.seats.take());
        Connection::new(transport, built, seat).made(engine);
        engine.note_begun(token);
    }

    fn warn_full(&mut self, engine: &Engine) {
        let now = engine.turn_time();
        if self
            .logged_at
            .is_none_or(|logged_at| now >= logged_at + LOG_AGAIN)
        {
            let (local, count) = (&self.local.address, self.seats.taken());
            log::warn!("{local} has {count} connections, its limit: new ones wait");
            self.logged_at = Some(now);
        }
    }

    /// The backlog is empty. A port that accepts one and fails at the next has not recovered.
    fn note_recovered(&mut self, engine: &Engine) {
        if let Some(since) = self.failing.take() {
            let seconds = (engine.turn_time() - since).as_secs_f32();
            let local = &self.local.address;
            log::info!("{local}: accepting again, backlog empty after {seconds:.1} s");
        }
    }

    /// No edge comes when file descriptors are free again, and trying at once would spin.
    fn back_off(&mut self, engine: &Engine, error: &io::Error) {
        let now = engine.turn_time();
        if self.failing.is_none() {
            let local = &self.local.address;
            report::error(
                module_path!(),
                format_args!("{local} cannot accept a connection, and tries again: {error}"),
            );
            self.failing = Some(now);
        }
        engine.arm(&mut self.timer, self.token, engine.nanos(now + BACK_OFF));
    }
}

impl Source for Port {
    fn note(&mut self, _: Readiness) -> bool {
        !std::mem::replace(&mut self.in_line, true)
    }

    fn ready(&mut self, _: Readiness, engine: &Engine, buffer: &mut ReadBuffer) {
        if !self.in_line {
            self.turn(engine, buffer);
        }
    }

    fn turn(&mut self, engine: &Engine, _: &mut ReadBuffer) {
        self.in_line = false;
        if self.timer.is_none() {
            self.accept_all(engine);
        }
    }

    /// It could not accept, and tries again.
    fn due(&mut self, engine: &Engine) {
        self.timer = None;
        if !std::mem::replace(&mut self.in_line, true) {
            engine.line_up(self.token);
        }
    }

    fn stop(&mut self, how: Stop, engine: &Engine) {
        // The system resets what is connected and not accepted when a port is closed.
        if matches!(how, Stop::Asked) && self.timer.is_none() {
            self.accept_all(engine);
        }
        if !matches!(how, Stop::Gone) {
            engine.remove(self.token); // it is out of the table, and dropped when it is put back
        }
    }
}

/// A port that listens. Dropping this handle does not stop it.
#[derive(Clone, Debug)]
pub struct ListeningPort {
    engine: Weak<Engine>,
    token: Token,
    local: Rc<LocalEnd>,
    lobby: SharedLobby,
}

impl ListeningPort {
    /// A port that has accepted its one connection, and listens no more: the standard input is such a place.
    pub(crate) fn of_one(engine: &Rc<Engine>, local: Address) -> Self {
        let token = engine.reserve();
        engine.remove(token);
        Self {
            engine: Rc::downgrade(engine),
            token,
            local: Rc::new(LocalEnd::from(local)),
            lobby: SharedLobby::default(),
        }
    }

    /// Where it listens, with the port that the operating system chose.
    #[must_use]
    pub fn local_addr(&self) -> &Address {
        &self.local.address
    }

    /// Expects connections that are accepted from now on to begin with a PROXY header, and takes the peer's address
    /// from it: see [`proxy_protocol`](crate::proxy_protocol).
    ///
    /// Called right after the port was opened, it is in time for all connections: none is accepted before the loop
    /// makes its next turn. Works for ports of every kind; where connections are encrypted, the header comes before
    /// the encryption. Another call changes who is trusted.
    ///
    /// A connection that waits for its header has a place among those of
    /// [`Limits::connections`](crate::Limits::connections). One that is refused is closed, and of these at most one a
    /// minute is logged as a warning.
    pub fn expect_proxy(&self, protocol: ProxyProtocol) {
        self.lobby.replace(Some(Rc::new(Lobby::new(protocol))));
    }

    /// Accepts no more connections and frees the address. Connections that were accepted stay. The
    /// factory is dropped, when those are gone that wait for a PROXY header. Does nothing when it was called before, or the reactor was shut down.
    pub fn stop_listening(&self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.remove(self.token);
        }
    }
}
