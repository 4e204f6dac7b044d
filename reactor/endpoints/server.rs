//! Places to listen at: their kinds, and what all of them have.

use std::fmt;
use std::sync::Arc;

use super::description::Arguments;
use super::haproxy::Haproxy;
#[cfg(all(feature = "descriptors", unix))]
use super::inherited::Inherited;
use super::layered::{MakeLayer, WithLayers};
use super::mistake::Misplaced;
#[cfg(not(all(feature = "tls", feature = "descriptors", unix)))]
use super::mistake::Mistake;
use super::tcp::TcpServer;
#[cfg(feature = "tls")]
use super::tls::TlsServer;
use super::unix::UnixServer;
use crate::address::Address;
use crate::factory::Factory;
use crate::layer::Layer;
use crate::reactor::Reactor;
use crate::sources::beginning;
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::ListeningPort;

/// Reads the arguments of one kind.
type Read = fn(Arguments) -> Result<Server, Misplaced>;

/// A new kind of transport is a line here, and what the compiler then asks for.
pub(super) const SERVERS: &[(&str, Read)] = &[
    ("tcp", |arguments| {
        TcpServer::new(arguments, false).map(Server::Tcp)
    }),
    ("tcp6", |arguments| {
        TcpServer::new(arguments, true).map(Server::Tcp)
    }),
    ("unix", |arguments| {
        UnixServer::new(arguments).map(Server::Unix)
    }),
    ("tls", server_of_tls),
    ("ssl", server_of_tls),
    ("systemd", systemd),
    ("fd", descriptor),
    ("stdio", |arguments| {
        arguments.none().map(|()| Server::Stdio)
    }),
];

/// What goes before the endpoint of a server, and is followed by that.
pub(super) const HAPROXY: &str = "haproxy";

#[cfg(feature = "tls")]
fn server_of_tls(arguments: Arguments) -> Result<Server, Misplaced> {
    TlsServer::new(arguments).map(|tls| Server::Tls(Box::new(tls)))
}

#[cfg(not(feature = "tls"))]
fn server_of_tls(_: Arguments) -> Result<Server, Misplaced> {
    Err((0, Mistake::NeedsFeature { feature: "tls" }))
}

#[cfg(all(feature = "descriptors", unix))]
fn systemd(arguments: Arguments) -> Result<Server, Misplaced> {
    Inherited::systemd(arguments).map(Server::Inherited)
}

#[cfg(all(feature = "descriptors", unix))]
fn descriptor(arguments: Arguments) -> Result<Server, Misplaced> {
    Inherited::descriptor(arguments).map(Server::Inherited)
}

#[cfg(not(all(feature = "descriptors", unix)))]
fn systemd(_: Arguments) -> Result<Server, Misplaced> {
    let feature = "descriptors";
    Err((0, Mistake::NeedsFeature { feature }))
}

#[cfg(not(all(feature = "descriptors", unix)))]
fn descriptor(_: Arguments) -> Result<Server, Misplaced> {
    let feature = "descriptors";
    Err((0, Mistake::NeedsFeature { feature }))
}

/// A place to listen at; see [`server_from_string`](super::server_from_string). Shown, it is a string that means the same, and two that are
/// shown alike are equal.
#[derive(Clone)]
pub struct ServerEndpoint {
    pub(super) place: Server,
    pub(super) haproxy: Option<Haproxy>,
    pub(super) layers: Vec<MakeLayer>,
    /// The string, where a prefix of the program's own has read it.
    pub(super) written: Option<Arc<str>>,
}

#[derive(Clone)]
pub(super) enum Server {
    Tcp(TcpServer),
    Unix(UnixServer),
    #[cfg(feature = "tls")]
    Tls(Box<TlsServer>),
    #[cfg(all(feature = "descriptors", unix))]
    Inherited(Inherited),
    Stdio,
}

impl ServerEndpoint {
    /// Listens there, and gives each connection a protocol of `factory`. May be called again,
    /// after the port was closed for example.
    ///
    /// A keepalive of the endpoint takes the place of the one in the factory's
    /// [`Limits`](crate::Limits).
    ///
    /// The standard input is one connection, which is there at once; its port listens no more.
    ///
    /// # Errors
    ///
    /// When the place is in use, or is not for this user or this machine.
    pub fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let factory = WithLayers::new(factory, &self.layers);
        let port = match &self.place {
            Server::Tcp(tcp) => tcp.listen(reactor, factory),
            Server::Unix(unix) => unix.listen(reactor, factory),
            #[cfg(feature = "tls")]
            Server::Tls(tls) => tls.listen(reactor, factory),
            #[cfg(all(feature = "descriptors", unix))]
            Server::Inherited(inherited) => inherited.listen(reactor, factory),
            Server::Stdio => match beginning::stdio(&reactor.0, factory) {
                Ok(_) => Ok(ListeningPort::of_one(&reactor.0, Address::Stdio)),
                Err(error) => Err(CannotListen::at(self.to_string(), error)),
            },
        }?;
        if let Some(haproxy) = &self.haproxy {
            port.expect_proxy(haproxy.protocol());
        }
        Ok(port)
    }

    /// Puts a layer around each connection, above those that there are: for a
    /// [prefix of the program's own](super::register_server).
    #[must_use]
    pub fn with_layer<L: Layer>(mut self, make: impl Fn() -> L + Send + Sync + 'static) -> Self {
        self.layers.push(Arc::new(move || Box::new(make())));
        self
    }

    /// The certificates of a `tls` endpoint, to be [reloaded](crate::tls::TlsServerConfig::reload).
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn tls(&self) -> Option<&crate::tls::TlsServerConfig> {
        match &self.place {
            Server::Tls(tls) => Some(tls.config()),
            _ => None,
        }
    }
}

impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(haproxy) = &self.haproxy {
            haproxy.fmt(f)?;
        }
        if let Some(written) = &self.written {
            return f.write_str(written);
        }
        match &self.place {
            Server::Tcp(tcp) => tcp.fmt(f),
            Server::Unix(unix) => unix.fmt(f),
            #[cfg(feature = "tls")]
            Server::Tls(tls) => tls.fmt(f),
            #[cfg(all(feature = "descriptors", unix))]
            Server::Inherited(inherited) => inherited.fmt(f),
            Server::Stdio => f.write_str("stdio:"),
        }
    }
}

impl PartialEq for ServerEndpoint {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ServerEndpoint {}

impl fmt::Debug for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerEndpoint")
            .field(&self.to_string())
            .finish()
    }
}
