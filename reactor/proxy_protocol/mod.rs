//! The PROXY protocol: a proxy in front of a server writes down whose connection it passes on.
//!
//! ```text
//!   client 198.51.100.7 ──▶ HAProxy 10.0.0.2 ──▶ port 10.0.0.1:1400
//!                              "PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\n", then the client's bytes
//!
//!   accepted ─▶ trusted? ─▶ header (peeked at, then taken off the socket) ─▶ factory is asked with 198.51.100.7
//!                  └ no, or not within 3 s, or wrong: the connection ends, and no factory is asked
//! ```
//!
//! Without it every peer of a server behind a load balancer is the load balancer: limits by peer limit all
//! clients together, and logs name nobody. With it, [`Transport::peer_addr`](crate::Transport::peer_addr)
//! is the client, `local_addr` is where the client has connected to, and
//! [`Transport::proxied`](crate::Transport::proxied) has the rest.
//!
//! Whoever may write the header may claim to be anyone. So it is taken from trusted networks only, a port that expects
//! it serves no connection without it, and whether there is one is never guessed.
//!
//! ```
//! use reactor::proxy_protocol::ProxyProtocol;
//! # use reactor::{Protocol, Reactor, Transport};
//! # struct Echo;
//! # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
//!
//! let reactor = Reactor::new()?;
//! let port = reactor.listen_tcp("127.0.0.1:0", |_| Echo)?;
//! port.expect_proxy(ProxyProtocol::from_networks(["10.0.0.0/8".parse()?]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - `header`: both versions of the header, as one value. `text`: version 1. `binary`: version 2.
//! - `bad_header`: what is wrong with other bytes.
//! - `tlvs`: what a proxy adds to addresses. `proxied`: what a connection keeps of it.
//!
//! Source: <https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>.

mod bad_header;
mod binary;
mod header;
mod proxied;
mod text;
mod tlvs;

use std::time::Duration;

use crate::address::Address;
use crate::network::Network;

pub use self::bad_header::BadProxyHeader;
pub use self::header::Header;
pub use self::proxied::Proxied;
pub use self::tlvs::{TlsOfClient, Tlvs};

/// From whom a port takes PROXY headers, and for how long it waits for one.
///
/// Set by [`ListeningPort::expect_proxy`](crate::ListeningPort::expect_proxy). Versions 1 and 2 are both taken.
///
/// By default only proxies on this machine are trusted: those at a loopback address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    networks: Vec<Network>,
    timeout: Duration,
}

impl ProxyProtocol {
    /// The specification's "at least 3 seconds to cover a TCP retransmit".
    const TIMEOUT: Duration = Duration::from_secs(3);

    /// Takes headers from peers in these networks. Any other peer is disconnected when it is accepted, unless it
    /// connects over a UNIX socket: who may do that, the permissions of the socket decide.
    #[must_use]
    pub fn from_networks(networks: impl IntoIterator<Item = Network>) -> Self {
        Self {
            networks: networks.into_iter().collect(),
            timeout: Self::TIMEOUT,
        }
    }

    /// How long a proxy may take from the moment when its connection is accepted until its header is whole: by
    /// default 3 seconds. Zero is invalid: every connection is too late then.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    pub(crate) fn time_to_wait(&self) -> Duration {
        self.timeout
    }

    /// Whether headers are taken from this peer.
    #[must_use]
    pub fn trusts(&self, peer: &Address) -> bool {
        let ip = peer.socket_addr().map(|address| address.ip());
        ip.is_none_or(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }
}

impl Default for ProxyProtocol {
    fn default() -> Self {
        let loopback = [[127, 0, 0, 0].into(), std::net::Ipv6Addr::LOCALHOST.into()];
        Self::from_networks(loopback.map(|ip| Network::of(ip, 8, 128)))
    }
}
