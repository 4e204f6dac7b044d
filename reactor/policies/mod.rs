//! Policies: factories around a factory that makes the protocols, which limit connections, wrap protocols,
//! slow bytes down, or log them.
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

mod networks;
mod throttling;
mod traffic;
mod wrapping;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use self::networks::{Counts, ip_of};
use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::reason::Reason;

pub use self::networks::{FilterNetworks, LimitConnectionsByNetwork};
pub use self::throttling::Throttling;
pub use self::traffic::{Logged, LoggedFactory, TrafficLog};
pub use self::wrapping::{ProtocolWrapper, Wrapped, WrappingFactory};

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
        Some(Permit(Rc::clone(connections)))
    }
}

/// A factory with a limit on the number of connections that one peer has at the same time. One more
/// is closed at once, and the wrapped factory is not asked for it.
///
/// A peer is an IP address; an IPv4 address that comes in an IPv6 one is the same peer. A client of IPv6
/// has many addresses, and is bounded by [`LimitConnectionsByNetwork`]. A peer without an IP address is not
/// limited.
pub struct LimitConnectionsByPeer<F> {
    factory: F,
    connections: Counts,
}

impl<F: Factory> LimitConnectionsByPeer<F> {
    /// At most `limit` connections of each peer with protocols of `factory`.
    pub fn new(factory: F, limit: usize) -> Self {
        Self {
            factory,
            connections: Counts::new(limit),
        }
    }
}

/// The right to have one connection, until it is dropped.
struct Permit(Rc<Cell<usize>>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
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
        let Some(ip) = ip_of(address) else {
            return Some(self.factory.build_protocol(address)?.into_accepted());
        };
        let permit = self.connections.permit(ip.into())?;
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
            .field("limit", &self.connections.limit)
            .field("peers", &self.connections.networks())
            .finish_non_exhaustive()
    }
}
