//! Policies: factories that limit connections, around a factory that makes the protocols.
//!
//! ```text
//!   a peer connects ──▶ policy: is there room? ──▶ factory ──▶ protocol, with its permit
//!                          └ no: the connection is closed            │
//!                                      permit given back ◀── lost ───┘
//! ```
//!
//! A policy gives each connection a permit, which the connection keeps and which is given back when
//! it is dropped. So it is given back once, however the connection ends: also when a callback
//! panics, or when the factory refuses a connection that the policy would allow.
//!
//! Policies wrap each other, and what the wrapped factory refuses stays refused:
//!
//! ```
//! use reactor::policies::{LimitConnectionsByPeer, LimitTotalConnections};
//! # use reactor::{Protocol, Reactor, Transport};
//! # struct Echo;
//! # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
//! let reactor = Reactor::new()?;
//! let factory = LimitConnectionsByPeer::new(|_| Echo, 10);
//! reactor.listen_tcp("127.0.0.1:0", LimitTotalConnections::new(factory, 1_000))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::reason::Reason;

/// A factory with a limit on the number of connections that there are at the same time. One more is
/// closed at once, and the wrapped factory is not asked for it.
pub struct LimitTotalConnections<F> {
    factory: F,
    limit: usize,
    /// Shared with the permits, which may outlive the port and its factory.
    connections: Rc<Cell<usize>>,
}

impl<F: Factory> LimitTotalConnections<F> {
    /// At most `limit` connections with protocols of `factory`.
    pub fn new(factory: F, limit: usize) -> Self {
        Self {
            factory,
            limit,
            connections: Rc::default(),
        }
    }

    fn permit(&self) -> Option<Permit> {
        let connections = &self.connections;
        if connections.get() >= self.limit {
            return None;
        }
        connections.set(connections.get() + 1);
        Some(Permit::Total(Rc::clone(connections)))
    }
}

/// A factory with a limit on the number of connections that one peer has at the same time. One more
/// is closed at once, and the wrapped factory is not asked for it.
///
/// A peer is an IP address; an IPv4 address that comes in an IPv6 one is the same peer. A peer
/// without an IP address is not limited.
pub struct LimitConnectionsByPeer<F> {
    factory: F,
    limit: usize,
    connections: Rc<RefCell<HashMap<IpAddr, usize>>>,
}

impl<F: Factory> LimitConnectionsByPeer<F> {
    /// At most `limit` connections of each peer with protocols of `factory`.
    pub fn new(factory: F, limit: usize) -> Self {
        Self {
            factory,
            limit,
            connections: Rc::default(),
        }
    }

    fn permit(&self, address: &Address) -> Option<Permit> {
        let Some(address) = address.socket_addr() else {
            // What has no IP address comes from this machine, and nothing in it tells one peer from another.
            return Some(Permit::Unlimited);
        };
        // Otherwise a peer would have its number twice, at a port for both families.
        let peer = address.ip().to_canonical();
        let mut connections = self.connections.borrow_mut();
        let count = connections.get(&peer).copied().unwrap_or(0);
        if count >= self.limit {
            return None;
        }
        connections.insert(peer, count + 1);
        Some(Permit::OfPeer(Rc::clone(&self.connections), peer))
    }
}

/// The right to have one connection, until it is dropped.
enum Permit {
    Unlimited,
    Total(Rc<Cell<usize>>),
    OfPeer(Rc<RefCell<HashMap<IpAddr, usize>>>, IpAddr),
}

impl Drop for Permit {
    fn drop(&mut self) {
        match self {
            Self::Unlimited => {}
            Self::Total(connections) => connections.set(connections.get() - 1),
            Self::OfPeer(connections, peer) => {
                let mut connections = connections.borrow_mut();
                match connections.get_mut(peer) {
                    Some(count) if *count > 1 => *count -= 1,
                    // An entry for each peer that was ever here would be memory that grows with them.
                    Some(_) | None => drop(connections.remove(peer)),
                }
            }
        }
    }
}

impl<F: Factory> Factory for LimitTotalConnections<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        // Before the wrapped factory is asked, so that a flood costs no more than this.
        let Some(permit) = self.permit() else {
            // At no higher level: whoever connects again and again would decide how long the log gets.
            log::debug!("{address} is refused: there are {} connections", self.limit);
            return None;
        };
        // A factory that refuses, or panics, drops the permit on the way.
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

impl<F: Factory> Factory for LimitConnectionsByPeer<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let Some(permit) = self.permit(address) else {
            log::debug!("{address} is refused: it has {} connections", self.limit);
            return None;
        };
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

impl<F> fmt::Debug for LimitTotalConnections<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitTotalConnections")
            .field("limit", &self.limit)
            .field("connections", &self.connections.get())
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for LimitConnectionsByPeer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitConnectionsByPeer")
            .field("limit", &self.limit)
            .field("peers", &self.connections.borrow().len())
            .finish_non_exhaustive()
    }
}
