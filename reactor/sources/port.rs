//! Servers: a port that accepts connections and gives each a protocol.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::contained::Contained;
use crate::delayed_call::Due;
use crate::driver::{Listener, Stream};
use crate::engine::budget::ACCEPT;
use crate::engine::table::Token;
use crate::limits::Limits;
use crate::observe::{Callback, Cause};
use crate::protocol::{AnyFactory, AnyProtocol, Factory};
use crate::reactor::{Occupant, Reactor, WeakReactor};
use crate::report;
use crate::sources::connection::Connection;
use crate::transport::Transport;

/// How many connections one port accepts in a turn, so that a storm of them leaves time for those
/// who are connected already.
const ACCEPTS_A_TURN: usize = 64;

/// How long a port waits that could not accept, for want of file descriptors for example.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often it is logged, at most, that a port has all the connections that it may have: one that
/// goes and one that comes would be a line each.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How many connections a port may have when nobody has said so. Three quarters of the descriptors
/// leave some for other ports, files and connections of the program's own, also where it has few.
fn share(descriptors: usize) -> usize {
    (descriptors - descriptors / 4).max(1)
}

/// A port in the loop's hands.
pub(crate) struct Port {
    token: Token,
    listener: Box<dyn Listener>,
    factory: SharedFactory,
    limits: Rc<Limits>,
    local: Rc<Address>,
    /// How many of its connections are not lost.
    connections: usize,
    /// How many it may have.
    most: usize,
    /// When it was logged that it has so many.
    told_at: Option<Instant>,
    /// Since when `accept` has failed without a success between; logged once.
    failing: Option<Instant>,
    /// A timer will try again, and until then no event makes it try.
    backs_off: bool,
    /// It is in line to accept.
    in_line: bool,
}

impl Port {
    /// Whether to get in line, once.
    pub(crate) fn gets_in_line(&mut self) -> bool {
        !std::mem::replace(&mut self.in_line, true)
    }
}

/// A factory, which several attempts to connect may share.
pub(crate) type SharedFactory = Rc<RefCell<Contained<Box<dyn AnyFactory>>>>;

/// A factory that the attempts and the connections of a port share.
pub(crate) fn shared(factory: impl Factory) -> SharedFactory {
    Rc::new(RefCell::new(Contained::new(Box::new(factory))))
}

impl Reactor {
    /// Listens at a TCP address, and gives each connection a protocol of `factory`. Port 0 lets the
    /// operating system choose; [`ListeningPort::local_addr`] tells what it chose.
    ///
    /// An address is for its own family: `0.0.0.0` is every IPv4 address of this machine and `::`
    /// every IPv6 address, and who wants both listens at both, on the same port if need be. So the
    /// IPv4 address of a peer is always one, and never `::ffff:127.0.0.1`.
    ///
    /// A host name is looked up at once, which blocks. Of its addresses the first is taken that
    /// can be listened at.
    ///
    /// ```
    /// # use reactor::{Protocol, Reactor, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_tcp("127.0.0.1:0", |_| Echo)?;
    /// println!("listening at {}", port.local_addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the address is none, is in use, or is not for this user or this machine.
    pub fn listen_tcp(
        &self,
        address: impl ToSocketAddrs + fmt::Debug,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let cannot = |address, source| CannotListen { address, source };
        let addresses = address
            .to_socket_addrs()
            .map_err(|error| cannot(format!("{address:?}"), error))?;
        let limits = Rc::new(factory.limits().in_order());
        if let Some(mistake) = limits.mistake_to_listen() {
            return Err(cannot(format!("{address:?}"), io::Error::other(mistake)));
        }
        let factory: SharedFactory = shared(factory);
        let mut failed = cannot(
            format!("{address:?}"),
            io::ErrorKind::AddrNotAvailable.into(),
        );
        for address in addresses {
            match self.listen(address.into(), Rc::clone(&factory), Rc::clone(&limits)) {
                Ok(port) => return Ok(port),
                Err(error) => failed = cannot(address.to_string(), error),
            }
        }
        Err(failed)
    }

    fn listen(
        &self,
        address: Address,
        factory: SharedFactory,
        limits: Rc<Limits>,
    ) -> io::Result<ListeningPort> {
        let token = self.0.table.borrow_mut().reserve();
        let mut driver = self.0.driver.borrow_mut();
        let listener = driver.listen(&address, limits.keepalive, token);
        let most = limits
            .connections
            .unwrap_or(share(driver.descriptor_limit()));
        drop(driver);
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (local, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                self.0.table.borrow_mut().remove(token);
                return Err(error);
            }
        };
        let local = Rc::new(local);
        let port = Port {
            token,
            listener,
            factory,
            limits,
            local: Rc::clone(&local),
            connections: 0,
            most,
            told_at: None,
            failing: None,
            backs_off: false,
            in_line: false,
        };
        self.put(token, Occupant::Port(Box::new(port)));
        self.note_begun(token);
        Ok(ListeningPort {
            reactor: self.downgrade(),
            token,
            local,
        })
    }

    /// Accepts what is there: because it is the port's turn, or because something has come. One that
    /// is in line accepts when it is its turn.
    pub(crate) fn accept(&self, port: &mut Port, something_came: bool) {
        if something_came && port.in_line {
            return;
        }
        port.in_line = false;
        if port.backs_off {
            return;
        }
        for _ in 0..ACCEPTS_A_TURN {
            if !self.0.table.borrow_mut().contains(port.token) {
                return; // a callback has stopped it
            }
            if port.connections >= port.most {
                return self.tell_full(port); // it goes on when one is lost
            }
            let token = self.0.table.borrow_mut().reserve();
            let accepted = port.listener.accept(token);
            self.0.requests.budget.charge(ACCEPT);
            let Err(error) =
                accepted.map(|(stream, peer)| self.accepted(port, token, stream, peer))
            else {
                continue;
            };
            self.0.table.borrow_mut().remove(token);
            match error.kind() {
                io::ErrorKind::WouldBlock => return self.has_accepted_all(port),
                // The peer went away before it was its turn.
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                _ => return self.back_off(port, &error),
            }
        }
        // No event will come for those who are still waiting.
        port.in_line = true;
        self.0.ready.borrow_mut().push_back(port.token);
    }

    fn accepted(&self, port: &mut Port, token: Token, stream: Box<dyn Stream>, peer: Address) {
        // A socket that is bound to every address has another one for each connection.
        let local = match port.local.socket_addr() {
            Some(address) if address.ip().is_unspecified() => stream
                .local_addr()
                .map_or_else(|_| Rc::clone(&port.local), Rc::new),
            _ => Rc::clone(&port.local),
        };
        let Some(protocol) = self.build_protocol(&port.factory, &peer) else {
            self.0.table.borrow_mut().remove(token);
            return;
        };
        let transport = Transport::new(token, &self.0.requests, &port.limits, peer, local);
        let mut connection = Connection::new(stream, transport, protocol);
        connection.port = Some(port.token);
        port.connections += 1;
        self.connection_made(connection);
    }

    /// One of a port's connections is lost, and its descriptor is free. If others wait for that, no
    /// event will come for them.
    pub(crate) fn has_left_port(&self, token: Token) {
        if let Some(Occupant::Port(port)) = self.0.table.borrow_mut().peek(token) {
            let was_full = port.connections >= port.most;
            port.connections -= 1;
            if was_full && port.gets_in_line() {
                self.0.ready.borrow_mut().push_back(token);
            }
        }
    }

    fn tell_full(&self, port: &mut Port) {
        let now = self.0.requests.turn_time();
        if port
            .told_at
            .is_none_or(|told_at| now >= told_at + TELL_AGAIN)
        {
            let (local, count) = (&port.local, port.connections);
            log::warn!("{local} has {count} connections, and may have no more: who comes waits");
            port.told_at = Some(now);
        }
    }

    /// Nobody waits any more: if that is news, it is worth a line. A port that accepts one and
    /// fails at the next has not recovered.
    fn has_accepted_all(&self, port: &mut Port) {
        if let Some(since) = port.failing.take() {
            let seconds = (self.0.requests.turn_time() - since).as_secs_f32();
            log::info!(
                "{} has accepted all who waited, after {seconds:.1} s",
                port.local
            );
        }
    }

    /// No edge comes when file descriptors are free again, and trying at once would spin.
    fn back_off(&self, port: &mut Port, error: &io::Error) {
        let now = self.0.requests.turn_time();
        if port.failing.is_none() {
            let local = &port.local;
            report::error(
                module_path!(),
                format_args!("{local} cannot accept a connection, and tries again: {error}"),
            );
            port.failing = Some(now);
        }
        port.backs_off = true;
        let deadline = self.nanos(now + BACK_OFF);
        self.0
            .timers
            .borrow_mut()
            .insert(deadline, Due::Port(port.token));
    }

    /// A port that could not accept tries again.
    pub(crate) fn port_timer(&self, token: Token) {
        if let Some(Occupant::Port(port)) = self.0.table.borrow_mut().peek(token) {
            port.backs_off = false;
            if port.gets_in_line() {
                self.0.ready.borrow_mut().push_back(token);
            }
        }
    }

    /// Asks a factory, which may refuse; a panic refuses too.
    pub(crate) fn build_protocol(
        &self,
        factory: &SharedFactory,
        peer: &Address,
    ) -> Option<Box<dyn AnyProtocol>> {
        let name = factory.borrow().name();
        let callback = || Callback {
            cause: Cause::BuildProtocol,
            connection: None,
            name,
            place: None,
        };
        // Nothing else borrows a factory while it builds: callbacks never nest.
        self.0
            .dispatch
            .call(callback, || factory.borrow_mut().build(peer))
            .ok()
            .flatten()
    }

    pub(crate) fn stop_listening(&self, token: Token) {
        let port = self.0.table.borrow_mut().remove(token);
        self.drop_guarded(port);
    }

    /// Whether a token is that of a port.
    pub(crate) fn is_port(&self, token: Token) -> bool {
        matches!(
            self.0.table.borrow_mut().peek(token),
            Some(Occupant::Port(_))
        )
    }
}

/// A port that listens. Dropping this handle does not stop it.
#[derive(Clone, Debug)]
pub struct ListeningPort {
    reactor: WeakReactor,
    token: Token,
    local: Rc<Address>,
}

impl ListeningPort {
    /// Where it listens, with the port that the operating system chose.
    #[must_use]
    pub fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Accepts no more connections and frees the address. Connections that were accepted stay. The
    /// factory is dropped. Does nothing when it was called before, or the reactor was shut down.
    pub fn stop_listening(&self) {
        if let Some(reactor) = self.reactor.upgrade() {
            reactor.stop_listening(self.token);
        }
    }
}

/// Why it was not possible to listen at an address. Shown in either way, as `main` shows what it
/// returns, it is a sentence that says what to do.
pub struct CannotListen {
    address: String,
    source: io::Error,
}

impl CannotListen {
    /// The operating system's error.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)?;
        match advice(self.source.kind()) {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

fn advice(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::AddrInUse => Some(
            "another program, or another copy of this one, listens there: stop it, or take another port",
        ),
        io::ErrorKind::AddrNotAvailable => Some("this machine does not have that address"),
        io::ErrorKind::PermissionDenied => {
            Some("ports below 1024 are not for every user: take another port")
        }
        io::ErrorKind::InvalidInput => {
            Some("an address has a host and a port, as 127.0.0.1:1400 and [::1]:1400 do")
        }
        _ => None,
    }
}

impl fmt::Debug for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CannotListen {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
