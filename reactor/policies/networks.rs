//! Policies by network: how many connections each may have, and which may connect at all.
//!
//! One client of IPv6 has a network of its own, of 64 bits at least, and may take another address of it for
//! each connection. So a limit for each address does not bound it, and one for each network does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::network::Network;
use crate::reason::Reason;

/// A factory with a limit on the number of connections that one network has at the same time. One more is
/// closed at once, and the wrapped factory is not asked for it.
///
/// A network is an IPv4 address, or the first 64 bits of an IPv6 address, unless
/// [`prefixes`](Self::prefixes) says otherwise. A peer without an IP address is not limited.
///
/// ```
/// use reactor::policies::LimitConnectionsByNetwork;
/// # use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// reactor.listen_tcp("127.0.0.1:0", LimitConnectionsByNetwork::new(|_| Echo, 10))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LimitConnectionsByNetwork<F> {
    factory: F,
    prefixes: (u8, u8),
    connections: Counts,
}

impl<F: Factory> LimitConnectionsByNetwork<F> {
    /// At most `limit` connections of each network with protocols of `factory`.
    pub fn new(factory: F, limit: usize) -> Self {
        Self {
            factory,
            prefixes: (32, 64),
            connections: Counts::new(limit),
        }
    }

    /// Counts as one network the addresses that have their first `ipv4`, or `ipv6`, bits in common. By
    /// default it is 32 and 64. More bits than an address has are all of them.
    #[must_use]
    pub fn prefixes(mut self, ipv4: u8, ipv6: u8) -> Self {
        self.prefixes = (ipv4, ipv6);
        self
    }
}

impl<F: Factory> Factory for LimitConnectionsByNetwork<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let (ipv4, ipv6) = self.prefixes;
        let Some(ip) = ip_of(address) else {
            return Some(self.factory.build_protocol(address)?.into_accepted());
        };
        let permit = self.connections.permit(Network::of(ip, ipv4, ipv6))?;
        let accepted = self.factory.build_protocol(address)?.into_accepted();
        Some(accepted.with_permit(permit))
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

/// The IP address of a peer. What has none comes from this machine, and nothing in it tells one peer from
/// another.
pub(super) fn ip_of(address: &Address) -> Option<IpAddr> {
    Some(address.socket_addr()?.ip())
}

/// How many connections each network has, and how many it may have.
pub(super) struct Counts {
    pub(super) limit: usize,
    /// Shared with the permits, which may outlive the port and its factory.
    connections: Rc<RefCell<HashMap<Network, usize>>>,
}

impl Counts {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            connections: Rc::default(),
        }
    }

    /// Takes one more for a network, until the permit is dropped. Returns `None` when it has them all.
    pub(super) fn permit(&self, network: Network) -> Option<Permit> {
        let mut connections = self.connections.borrow_mut();
        let count = connections.get(&network).copied().unwrap_or(0);
        if count >= self.limit {
            // At no higher level: whoever connects again and again would decide how long the log gets.
            log::debug!("{network} is refused: it has {} connections", self.limit);
            return None;
        }
        connections.insert(network, count + 1);
        Some(Permit {
            connections: Rc::clone(&self.connections),
            network,
        })
    }

    /// How many networks have connections.
    pub(super) fn networks(&self) -> usize {
        self.connections.borrow().len()
    }
}

/// The right of a network to one connection, until it is dropped.
pub(super) struct Permit {
    connections: Rc<RefCell<HashMap<Network, usize>>>,
    network: Network,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut connections = self.connections.borrow_mut();
        match connections.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            // An entry for each network that was ever here would be memory that grows with them.
            Some(_) | None => drop(connections.remove(&self.network)),
        }
    }
}

/// A factory for peers of some networks only. Others are closed at once, and the wrapped factory is not asked
/// for them.
///
/// A peer is refused when it is in a [denied](Self::deny) network, and, if any network is
/// [allowed](Self::allow), when it is in none of those. So a network may be allowed except for a part of it.
/// A peer without an IP address comes from this machine, and is not refused.
///
/// Each connection is compared with each network until one decides, which is made for tens of them.
///
/// ```
/// use reactor::policies::FilterNetworks;
/// # use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let factory = FilterNetworks::new(|_| Echo)
///     .allow(["10.0.0.0/8".parse()?, "fd00::/8".parse()?])
///     .deny(["10.6.6.0/24".parse()?]);
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FilterNetworks<F> {
    factory: F,
    allowed: Vec<Network>,
    denied: Vec<Network>,
}

impl<F: Factory> FilterNetworks<F> {
    /// Every peer, until networks are allowed or denied.
    pub fn new(factory: F) -> Self {
        Self {
            factory,
            allowed: Vec::new(),
            denied: Vec::new(),
        }
    }

    /// Accepts peers of these networks, beside those that were allowed before, and of no others.
    #[must_use]
    pub fn allow(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// Refuses peers of these networks too, whatever is allowed.
    #[must_use]
    pub fn deny(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.denied.extend(networks);
        self
    }

    fn accepts(&self, ip: IpAddr) -> bool {
        let has = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        !has(&self.denied) && (self.allowed.is_empty() || has(&self.allowed))
    }
}

impl<F: Factory> Factory for FilterNetworks<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        if ip_of(address).is_some_and(|ip| !self.accepts(ip)) {
            log::debug!("{address} is refused: its network is not allowed");
            return None;
        }
        self.factory.build_protocol(address)
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

impl<F> fmt::Debug for LimitConnectionsByNetwork<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitConnectionsByNetwork")
            .field("limit", &self.connections.limit)
            .field("prefixes", &self.prefixes)
            .field("networks", &self.connections.networks())
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FilterNetworks<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterNetworks")
            .field("allowed", &self.allowed)
            .field("denied", &self.denied)
            .finish_non_exhaustive()
    }
}
