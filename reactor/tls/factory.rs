//! A factory around another one that puts a layer of TLS below each protocol.

use super::layer::TlsLayer;
use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::limits::Limits;
use crate::reason::Reason;

/// A factory with a source of layers. Without a layer there is no connection, so that nothing is sent
/// in the clear by mistake.
pub(super) struct TlsFactory<F, L> {
    factory: F,
    layer: L,
}

impl<F: Factory, L: FnMut() -> Option<TlsLayer>> TlsFactory<F, L> {
    pub(super) fn new(factory: F, layer: L) -> Self {
        Self { factory, layer }
    }
}

impl<F: Factory, L: FnMut() -> Option<TlsLayer> + 'static> Factory for TlsFactory<F, L> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        // The layer comes second: making one costs several allocations and random bytes, which a
        // connection that a policy inside refuses, one of a flood, should not.
        let accepted = self.factory.build_protocol(address)?.into_accepted();
        Some(accepted.with_layer((self.layer)()?))
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}
