//! A policy that gives connections throttles: one for each, one for all.

use std::fmt;

use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::throttle::{Rates, Throttle};
use crate::weak_reactor::WeakReactor;

/// A factory whose connections receive and send so many bytes a second at most: each of them, all together,
/// or both. What that means for a connection is with [`Throttle`].
///
/// ```
/// use reactor::policies::Throttling;
/// use reactor::{Rates, Reactor};
/// # use reactor::{Protocol, Transport};
/// # struct Files;
/// # impl Protocol for Files { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let factory = Throttling::new(|_| Files, &reactor)
///     .each(Rates::default().sending(100_000))
///     .together(Rates::default().sending(10_000_000).receiving(1_000_000));
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Deadlines for what a peer sends, such as the least rate of a body's bytes in
/// [`HttpLimits`](crate::http::HttpLimits), have to leave room for a throttle that receives less.
pub struct Throttling<F> {
    factory: F,
    reactor: WeakReactor,
    each: Option<Rates>,
    together: Option<Throttle>,
}

impl<F: Factory> Throttling<F> {
    /// Protocols of `factory`, for connections of `reactor`. Nothing is slowed down until
    /// [`each`](Self::each) or [`together`](Self::together) says so.
    pub fn new(factory: F, reactor: &Reactor) -> Self {
        Self {
            factory,
            reactor: reactor.downgrade(),
            each: None,
            together: None,
        }
    }

    /// The rates of each connection.
    #[must_use]
    pub fn each(mut self, rates: Rates) -> Self {
        self.each = Some(rates);
        self
    }

    /// The rates of all connections together.
    #[must_use]
    pub fn together(mut self, rates: Rates) -> Self {
        let reactor = self.reactor.upgrade();
        self.together = reactor.map(|reactor| reactor.throttle(rates));
        self
    }
}

impl<F: Factory> Factory for Throttling<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let mut accepted = self.factory.build_protocol(address)?.into_accepted();
        if let (Some(rates), Some(reactor)) = (&self.each, self.reactor.upgrade()) {
            accepted = accepted.with_throttle(&reactor.throttle(rates.clone()));
        }
        if let Some(together) = &self.together {
            accepted = accepted.with_throttle(together);
        }
        Some(accepted)
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

impl<F> fmt::Debug for Throttling<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttling")
            .field("each", &self.each)
            .field("together", &self.together)
            .finish_non_exhaustive()
    }
}
