//! What a connection keeps of the PROXY header that it began with.

use super::tlvs::Tlvs;
use crate::address::Address;

/// A connection that a proxy passes on: the proxy's side of it. See
/// [`Transport::proxied`](crate::Transport::proxied).
///
/// The client is the transport's [`peer_addr`](crate::Transport::peer_addr), and where it has connected to is
/// the [`local_addr`](crate::Transport::local_addr).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    proxy: Address,
    accepted_at: Address,
    tlvs: Tlvs,
}

impl Proxied {
    pub(crate) fn new(proxy: Address, accepted_at: Address, tlvs: Tlvs) -> Self {
        Self {
            proxy,
            accepted_at,
            tlvs,
        }
    }

    /// The proxy: the peer of the socket.
    #[must_use]
    pub fn proxy_addr(&self) -> &Address {
        &self.proxy
    }

    /// This side's end of the socket, where the proxy has connected to.
    #[must_use]
    pub fn socket_addr(&self) -> &Address {
        &self.accepted_at
    }

    /// What the proxy says besides.
    #[must_use]
    pub fn tlvs(&self) -> &Tlvs {
        &self.tlvs
    }
}
