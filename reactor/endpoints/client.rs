//! Places to connect to: their kinds, and what all of them have.

use std::fmt;
use std::sync::Arc;

use super::description::Arguments;
use super::layered::{MakeLayer, WithLayers};
use super::mistake::Misplaced;
#[cfg(not(all(feature = "tls", feature = "process", unix)))]
use super::mistake::Mistake;
#[cfg(all(feature = "process", unix))]
use super::process::ProcessClient;
use super::tcp::TcpClient;
#[cfg(feature = "tls")]
use super::tls::TlsClient;
use super::unix::UnixClient;
use crate::factory::Factory;
use crate::layer::Layer;
use crate::reactor::Reactor;
use crate::sources::attempt::{self, Connector};
use crate::transport::Directions;

/// Reads the arguments of one kind.
type Read = fn(Arguments) -> Result<Client, Misplaced>;

pub(super) const CLIENTS: &[(&str, Read)] = &[
    ("tcp", |arguments| {
        TcpClient::new(arguments).map(Client::Tcp)
    }),
    ("unix", |arguments| {
        UnixClient::new(arguments).map(Client::Unix)
    }),
    ("tls", client_of_tls),
    ("ssl", client_of_tls),
    ("process", process),
    ("stdio", |arguments| {
        arguments.none().map(|()| Client::Stdio)
    }),
];

#[cfg(feature = "tls")]
fn client_of_tls(arguments: Arguments) -> Result<Client, Misplaced> {
    TlsClient::new(arguments).map(|tls| Client::Tls(Box::new(tls)))
}

#[cfg(not(feature = "tls"))]
fn client_of_tls(_: Arguments) -> Result<Client, Misplaced> {
    Err((0, Mistake::NeedsFeature { feature: "tls" }))
}

#[cfg(all(feature = "process", unix))]
fn process(arguments: Arguments) -> Result<Client, Misplaced> {
    ProcessClient::new(arguments).map(Client::Process)
}

#[cfg(not(all(feature = "process", unix)))]
fn process(_: Arguments) -> Result<Client, Misplaced> {
    let feature = "process";
    Err((0, Mistake::NeedsFeature { feature }))
}

/// A place to connect to; see [`client_from_string`](super::client_from_string). Shown, it is a string that means the same, and two that are
/// shown alike are equal.
#[derive(Clone)]
pub struct ClientEndpoint {
    pub(super) place: Client,
    pub(super) layers: Vec<MakeLayer>,
    pub(super) written: Option<Arc<str>>,
}

#[derive(Clone)]
pub(super) enum Client {
    Tcp(TcpClient),
    Unix(UnixClient),
    #[cfg(feature = "tls")]
    Tls(Box<TlsClient>),
    #[cfg(all(feature = "process", unix))]
    Process(ProcessClient),
    Stdio,
}

impl ClientEndpoint {
    /// Connects there, and gives the connection a protocol of `factory`. May be called again, for
    /// another connection.
    ///
    /// A timeout and a keepalive of the endpoint take the place of those in the factory's
    /// [`Limits`](crate::Limits).
    pub fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let factory = WithLayers::new(factory, &self.layers);
        match &self.place {
            Client::Tcp(tcp) => tcp.connect(reactor, factory),
            Client::Unix(unix) => unix.connect(reactor, factory),
            #[cfg(feature = "tls")]
            Client::Tls(tls) => tls.connect(reactor, factory),
            #[cfg(all(feature = "process", unix))]
            Client::Process(process) => process.connect(reactor, factory),
            Client::Stdio => {
                let name = self.to_string();
                attempt::connect_opened(&reactor.0, name, factory, |driver, token| {
                    let (stream, early) = driver.stdio(token)?;
                    Ok((stream, early, Directions::Apart))
                })
            }
        }
    }

    /// Puts a layer around each connection, above those that there are: for a
    /// [prefix of the program's own](super::register_client).
    #[must_use]
    pub fn with_layer<L: Layer>(mut self, make: impl Fn() -> L + Send + Sync + 'static) -> Self {
        self.layers.push(Arc::new(move || Box::new(make())));
        self
    }
}

impl fmt::Display for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(written) = &self.written {
            return f.write_str(written);
        }
        match &self.place {
            Client::Tcp(tcp) => tcp.fmt(f),
            Client::Unix(unix) => unix.fmt(f),
            #[cfg(feature = "tls")]
            Client::Tls(tls) => tls.fmt(f),
            #[cfg(all(feature = "process", unix))]
            Client::Process(process) => process.fmt(f),
            Client::Stdio => f.write_str("stdio:"),
        }
    }
}

impl PartialEq for ClientEndpoint {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ClientEndpoint {}

impl fmt::Debug for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientEndpoint")
            .field(&self.to_string())
            .finish()
    }
}
