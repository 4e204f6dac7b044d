//! Endpoints: places to listen at and to connect to, in words that fit on a command line.
//!
//! ```text
//! tcp:1400                                 listen on port 1400, on every IPv4 address
//! tcp:port=1400:interface=127.0.0.1        … on this one only; arguments may have names
//! tcp6:1400                                … on every IPv6 address
//! tcp:1400:keepalive=120                   a peer that is unreachable for two minutes is lost
//! unix:/run/chat.sock:mode=660             a UNIX socket, for this user and this group
//! tls:443:cert.pem:key.pem                 TLS, with this certificate and its key
//! systemd:name=chat                        what systemd has opened
//! haproxy:trust=10.0.0.0/8:tcp:1400        clients come through a proxy in that network
//! tcp:example.com:80:timeout=5             connect to port 80 of a host, within five seconds
//! tls:example.com:443                      … and speak TLS with it
//! ```
//!
//! An endpoint is its kind and arguments, with colons between them. An argument has a name or the
//! meaning of its place, in the order of the lists below; all but the first ones may be left out.
//!
//! | kind | to listen | to connect |
//! | --- | --- | --- |
//! | `tcp` | `port`, `interface`, `keepalive`, `backlog`, `reuse_port` | `host`, `port`, `timeout`, `bind_address`, `keepalive` |
//! | `tcp6` | the same | |
//! | `unix` | `address`, `mode`, `backlog` | `address`, `timeout` |
//! | `tls`, `ssl` | `port`, `certificate`, `key`, `interface`, `keepalive`, `backlog`, `reuse_port`, `client_ca`, `alpn` | `host`, `port`, `timeout`, `bind_address`, `keepalive`, `ca`, `certificate`, `key`, `alpn` |
//! | `systemd` | `index`, or `name` | |
//! | `fd` | `number` | |
//! | `process` | | a program and its arguments: `process:/usr/bin/sort:-r` |
//! | `stdio` | none | none |
//! | `haproxy` | `trust=…` and `timeout=…`, then the endpoint that the proxy connects to | |
//!
//! Without an interface it is every IPv4 address, or with `tcp6` every IPv6 address, and both
//! may have the same port. An interface is an address or a name of this machine.
//!
//! A backslash takes the special meaning from the colon, equals sign or backslash behind it: `\:\:1` is an
//! argument. The timeout and the keepalive are numbers of seconds, which take the place of
//! [`connect`](crate::Limits::connect) and [`keepalive`](crate::Limits::keepalive) of the factory's limits; zero
//! would be no time at all, and is a mistake. `backlog` is how many clients may wait to be accepted, 4,096 by
//! default, which the system may limit further. With `reuse_port=yes` several processes listen at one port, and
//! the system divides the clients among them. `bind_address` is the address of this machine that a client
//! connects from. `mode` is that of the file of a socket, in octal digits.
//!
//! Certificates and keys are files in the PEM format, and read when the string is: one that cannot be used is a
//! mistake in the string. `client_ca` has clients show a certificate that one of those authorities has signed;
//! `ca` trusts those in place of the system's; `alpn` is a list with commas. `tls` needs the feature `tls`, and
//! `systemd` and `fd` the feature `descriptors`, and `process` the feature `process`. `unix` and `stdio` are there on Unix only.
//!
//! `stdio` is the standard input and output as the one connection of a server, as inetd starts them, or of a
//! client.
//!
//! [`register_server`] and [`register_client`] add prefixes of a program's own.

mod client;
mod description;
#[cfg(all(feature = "descriptors", unix))]
mod descriptors;
mod haproxy;
#[cfg(all(feature = "descriptors", unix))]
mod inherited;
mod layered;
mod mistake;
#[cfg(all(feature = "process", unix))]
mod process;
mod registry;
mod server;
mod suggestion;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod unix;

use std::str::FromStr;

use self::client::CLIENTS;
use self::description::{Arguments, Description, segment};
use self::haproxy::Haproxy;
use self::mistake::Misplaced;
use self::registry::{own_client, own_clients, own_server, own_servers};
use self::server::{HAPROXY, SERVERS};
use self::suggestion::Place;

pub use self::client::ClientEndpoint;
pub use self::mistake::{BadEndpoint, Mistake};
pub use self::registry::{BadPrefix, register_client, register_server};
pub use self::server::ServerEndpoint;

/// The kinds of one direction: each has a prefix and a way to read its arguments.
type Kinds<E> = &'static [(&'static str, fn(Arguments) -> Result<E, Misplaced>)];

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
    read_server(endpoint, 0).map_err(|(at, mistake)| {
        let suggestion = Place::parse(endpoint).map(|place| place.to_listen());
        BadEndpoint::new(endpoint, at, mistake, suggestion)
    })
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
    read_client(endpoint).map_err(|(at, mistake)| {
        let suggestion = Place::parse(endpoint).map(|place| place.to_connect());
        BadEndpoint::new(endpoint, at, mistake, suggestion)
    })
}

/// Reads the endpoint that begins at `at`.
fn read_server(whole: &str, at: usize) -> Result<ServerEndpoint, Misplaced> {
    let text = &whole[at..];
    let (kind, colon) = segment(text);
    if kind == HAPROXY {
        let behind = (at + colon + 1).min(whole.len());
        let (haproxy, next) = Haproxy::parse(whole, behind)?;
        let endpoint = read_server(whole, next)?;
        return match endpoint.haproxy {
            None => Ok(ServerEndpoint {
                haproxy: Some(haproxy),
                ..endpoint
            }),
            Some(_) => Err((next, Mistake::Twice { name: HAPROXY })),
        };
    }
    if let Some(read) = own_server(&kind) {
        let behind = (colon + 1).min(text.len());
        let endpoint = read(&text[behind..]).map_err(|error| own(at + behind, &*error))?;
        return Ok(ServerEndpoint {
            written: Some(text.into()),
            ..endpoint
        });
    }
    let others = || [vec![HAPROXY.to_owned()], own_servers()].concat();
    let place = read(text, SERVERS, others).map_err(|(place, mistake)| (at + place, mistake))?;
    Ok(ServerEndpoint {
        place,
        haproxy: None,
        layers: Vec::new(),
        written: None,
    })
}

fn read_client(text: &str) -> Result<ClientEndpoint, Misplaced> {
    let (kind, colon) = segment(text);
    if let Some(read) = own_client(&kind) {
        let behind = (colon + 1).min(text.len());
        let endpoint = read(&text[behind..]).map_err(|error| own(behind, &*error))?;
        return Ok(ClientEndpoint {
            written: Some(text.into()),
            ..endpoint
        });
    }
    Ok(ClientEndpoint {
        place: read(text, CLIENTS, own_clients)?,
        layers: Vec::new(),
        written: None,
    })
}

/// What is wrong behind a prefix of the program's own. Where, only its own code knows.
fn own(at: usize, error: &dyn std::error::Error) -> Misplaced {
    (at, Mistake::Unusable(error.to_string()))
}

fn read<E>(
    text: &str,
    kinds: Kinds<E>,
    others: impl FnOnce() -> Vec<String>,
) -> Result<E, Misplaced> {
    let Description { kind, arguments } = Description::parse(text)?;
    if let Some((_, read)) = kinds.iter().find(|(name, _)| *name == kind) {
        return read(arguments);
    }
    let mut expected: Vec<String> = kinds.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.extend(others());
    Err((0, Mistake::UnknownKind { kind, expected }))
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
