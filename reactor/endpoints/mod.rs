//! Endpoints: places to listen at and to connect to, in words that fit on a command line.
//!
//! ```text
//! tcp:1400                                 listen on port 1400, on every IPv4 address
//! tcp:port=1400:interface=127.0.0.1        … on this one only; arguments may have names
//! tcp:1400:interface=\:\:1                 a colon in an argument is escaped
//! tcp:1400:keepalive=120                   a peer that is unreachable for two minutes is lost
//! tcp:example.com:80:timeout=5             connect to port 80 of a host, within five seconds
//! ```
//!
//! An endpoint is its kind and arguments, with colons between them. An argument has a name or the
//! meaning of its place, in the order of the lists below.
//!
//! | kind | to listen | to connect |
//! | --- | --- | --- |
//! | `tcp` | `port`, and perhaps `interface`, `keepalive` | `host`, `port`, and perhaps `timeout` |
//!
//! Without an interface it is every IPv4 address; `interface=\:\:` is every IPv6 address, and both
//! may have the same port.
//!
//! A backslash takes the special meaning from the colon, equals sign or backslash behind it. The
//! interface is an address or a name of this machine. The timeout and the keepalive are numbers of
//! seconds, which take the place of [`connect`](crate::Limits::connect) and
//! [`keepalive`](crate::Limits::keepalive) of the factory's limits; zero would be no time at all, and
//! is a mistake.
//!
//! Of the arguments that Twisted knows, `backlog` and `bindAddress` are not supported: they are
//! mistakes here, rather than ignored.

mod description;
mod mistake;
mod suggestion;
mod tcp;

use std::fmt;
use std::str::FromStr;

use self::description::{Arguments, Description};
use self::mistake::Misplaced;
use self::suggestion::Place;
use self::tcp::{TcpClient, TcpServer};
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::attempt::Connector;
use crate::sources::port::{CannotListen, ListeningPort};

pub use self::mistake::{BadEndpoint, Mistake};

/// The kinds of one direction: each has a prefix and a way to read its arguments.
type Kinds<E> = &'static [(&'static str, fn(Arguments) -> Result<E, Misplaced>)];

/// A new kind of transport is a line here, and what the compiler then asks for.
const SERVERS: Kinds<Server> = &[("tcp", |arguments| {
    TcpServer::new(arguments).map(Server::Tcp)
})];

const CLIENTS: Kinds<Client> = &[("tcp", |arguments| {
    TcpClient::new(arguments).map(Client::Tcp)
})];

/// A place to listen at, from a string: `tcp:1400`.
///
/// ```
/// use reactor::endpoints::server_from_string;
/// # use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let endpoint = server_from_string("tcp:0:interface=127.0.0.1")?;
/// let port = endpoint.listen(&reactor, |_| Echo)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the string is not a valid endpoint. The error says what was expected, and where.
pub fn server_from_string(endpoint: &str) -> Result<ServerEndpoint, BadEndpoint> {
    read(endpoint, SERVERS, |place| place.to_listen()).map(ServerEndpoint)
}

/// A place to connect to, from a string: `tcp:example.com:80`.
///
/// ```
/// use reactor::endpoints::client_from_string;
/// # use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let endpoint = client_from_string("tcp:127.0.0.1:1400:timeout=5")?;
/// let connector = endpoint.connect(&reactor, |_| Echo);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the string is not a valid endpoint. The error says what was expected, and where.
pub fn client_from_string(endpoint: &str) -> Result<ClientEndpoint, BadEndpoint> {
    read(endpoint, CLIENTS, |place| place.to_connect()).map(ClientEndpoint)
}

fn read<E>(
    endpoint: &str,
    kinds: Kinds<E>,
    written: fn(&Place<'_>) -> String,
) -> Result<E, BadEndpoint> {
    let read = || {
        let Description { kind, arguments } = Description::parse(endpoint)?;
        let Some((_, read)) = kinds.iter().find(|(name, _)| *name == kind) else {
            let expected = kinds.iter().map(|(name, _)| *name).collect();
            return Err((0, Mistake::UnknownKind { kind, expected }));
        };
        read(arguments)
    };
    read().map_err(|(at, mistake)| {
        let suggestion = Place::parse(endpoint).map(|place| written(&place));
        BadEndpoint::new(endpoint, at, mistake, suggestion)
    })
}

/// A place to listen at; see [`server_from_string`]. Shown, it is a string that means the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEndpoint(Server);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Server {
    Tcp(TcpServer),
}

impl ServerEndpoint {
    /// Listens there, and gives each connection a protocol of `factory`. May be called again,
    /// after the port was closed for example.
    ///
    /// A keepalive of the endpoint takes the place of the one in the factory's
    /// [`Limits`](crate::Limits).
    ///
    /// # Errors
    ///
    /// When the place is in use, or is not for this user or this machine.
    pub fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        match &self.0 {
            Server::Tcp(tcp) => tcp.listen(reactor, factory),
        }
    }
}

/// A place to connect to; see [`client_from_string`]. Shown, it is a string that means the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEndpoint(Client);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Client {
    Tcp(TcpClient),
}

impl ClientEndpoint {
    /// Connects there, and gives the connection a protocol of `factory`. May be called again, for
    /// another connection.
    ///
    /// A timeout of the endpoint takes the place of the one in the factory's
    /// [`Limits`](crate::Limits).
    pub fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        match &self.0 {
            Client::Tcp(tcp) => tcp.connect(reactor, factory),
        }
    }
}

impl FromStr for ServerEndpoint {
    type Err = BadEndpoint;

    fn from_str(endpoint: &str) -> Result<Self, BadEndpoint> {
        server_from_string(endpoint)
    }
}

impl FromStr for ClientEndpoint {
    type Err = BadEndpoint;

    fn from_str(endpoint: &str) -> Result<Self, BadEndpoint> {
        client_from_string(endpoint)
    }
}

impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Server::Tcp(tcp) => tcp.fmt(f),
        }
    }
}

impl fmt::Display for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Client::Tcp(tcp) => tcp.fmt(f),
        }
    }
}
