//! TLS: a [layer](crate::Layer) for bytes that nothing between the two ends can read or change.
//!
//! ```text
//!   protocol
//!      │ write, lose_connection    ▲ data_received, read_closed
//!      ▼                           │
//!   TlsLayer:  hold until the handshake is done, encrypt, decrypt, close_notify
//!      │                           ▲
//!      ▼                           │
//!   socket
//! ```
//!
//! It needs the feature `tls`. What TLS is made of is `rustls`, with the cryptography of `ring`.
//!
//! [`Reactor::connect_tls`](crate::Reactor::connect_tls) and
//! [`Reactor::listen_tls`](crate::Reactor::listen_tls) put the layer in place before `connection_made` is
//! called; a factory of one's own does so by [`Accepted::with_layer`](crate::Accepted::with_layer), and a protocol that begins in the clear, as STARTTLS does, pushes it with
//! [`Transport::push_layer`](crate::Transport::push_layer). The protocol does not wait for the
//! handshake: what it writes meanwhile is held, counts as unsent, and is sent afterwards, also when
//! it has asked to lose the connection in between. Nothing is delivered before the peer's certificate is
//! accepted. [`handshake_done`](crate::Protocol::handshake_done) is called when it is, and from then on
//! [`Transport::tls`](crate::Transport::tls) has what was agreed on.
//!
//! A handshake may take [ten seconds](HANDSHAKE_TIMEOUT), on either side and also when the layer was
//! pushed, or as long as `with_handshake_timeout` of its configuration says.
//!
//! ```
//! use reactor::testing::Simulation;
//! use reactor::tls::{TlsClientConfig, TlsServerConfig};
//! use reactor::{Protocol, Transport};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! # let (chain, key, root) = (
//! #     include_bytes!("../../tests/support/tls/server.pem"),
//! #     include_bytes!("../../tests/support/tls/server.key"),
//! #     include_bytes!("../../tests/support/tls/ca.pem"),
//! # );
//! let simulation = Simulation::new();
//! let reactor = simulation.reactor();
//! let server = TlsServerConfig::from_pem(chain, key)?;
//! reactor.listen_tls("10.0.0.1:7", &server, |_| Echo)?;
//!
//! let client = TlsClientConfig::with_root_pem(root)?; // or with_system_roots()
//! let connector = reactor.connect_tls("10.0.0.1", 7, &client, |_| Echo);
//! # let connected = connector.connected();
//! # simulation.run_until_idle();
//! # assert!(connected.into_result().is_ok_and(|outcome| outcome.is_ok_and(|t| t.is_open())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a server shows, by name, whom it accepts, and how it is given new certificates while it runs is in
//! [`TlsServerConfig`]; the guide has a chapter with all of it.
//!
//! How a stream ends:
//!
//! | the peer | what is called |
//! | --- | --- |
//! | says `close_notify` | `read_closed`, and the reason is a clean one |
//! | closes without it | `connection_lost` at once, with an [`io::Error`] of the kind `UnexpectedEof` |
//! | closes before the handshake is done | the same, with [`TlsError::ClosedInHandshake`] inside |
//! | does not go on with the handshake | `connection_lost` with [`TlsError::HandshakeTimedOut`] inside |
//! | has no certificate that is accepted | `connection_lost` with [`TlsError::Certificate`] inside |
//!
//! An attacker between the two ends can close a connection, but cannot send `close_notify`. So a
//! stream that ends without it may have been cut off. Many peers omit it all the same. All that
//! came before has been delivered by then, so a protocol that knows by itself where a message ends
//! need not mind; for one whose message ends with the stream, the reason says that it is not whole.

mod client;
mod error;
mod factory;
mod identity;
mod info;
mod key_log;
mod layer;
mod names;
mod pem;
mod server;

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::rc::Rc;

use crate::driver::ListenOptions;
use crate::engine::Engine;
use crate::factory::Factory;
use crate::sources::attempt::{self, Connector};
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::{self, ListeningPort};

use self::factory::TlsFactory;

pub use self::client::TlsClientConfig;
pub use self::error::{PemPart, TlsError};
pub use self::identity::TlsIdentity;
pub use self::info::{TlsInfo, TlsVersion};
pub use self::layer::{HANDSHAKE_TIMEOUT, TlsLayer};
pub use self::pem::Pem;
pub use self::server::TlsServerConfig;

/// What [`Reactor::connect_tls`](crate::Reactor::connect_tls) does.
pub(crate) fn connect(
    engine: &Rc<Engine>,
    host: &str,
    port: u16,
    bind_address: Option<IpAddr>,
    tls: &TlsClientConfig,
    factory: impl Factory,
) -> Connector {
    match tls.layer(host) {
        Ok(layer) => {
            let mut layer = Some(layer);
            let factory = TlsFactory::new(factory, move || layer.take());
            attempt::connect(engine, host, port, bind_address, factory)
        }
        Err(error) => {
            let name = format!("{host}:{port}");
            attempt::connect_failing(engine, name, factory, io::Error::from(error))
        }
    }
}

/// What [`Reactor::listen_tls`](crate::Reactor::listen_tls) does.
pub(crate) fn listen(
    engine: &Rc<Engine>,
    address: impl ToSocketAddrs + fmt::Debug,
    options: ListenOptions,
    tls: &TlsServerConfig,
    factory: impl Factory,
) -> Result<ListeningPort, CannotListen> {
    let tls = tls.clone();
    port::listen(
        engine,
        address,
        options,
        TlsFactory::new(factory, move || Some(tls.layer())),
    )
}

/// The programs of the chapter on TLS are compiled.
#[cfg(all(doctest, feature = "http", feature = "os"))]
#[doc = include_str!("../../docs/guide/tls.md")]
mod guide {}
