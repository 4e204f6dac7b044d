//! The layers that a prefix of a program's own puts around connections.

use std::sync::Arc;

use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::{AcceptedBy, Factory};
use crate::layer::Layer;
use crate::limits::Limits;
use crate::reason::Reason;

/// Makes a layer for each connection.
pub(super) type MakeLayer = Arc<dyn Fn() -> Box<dyn Layer> + Send + Sync>;

/// A factory with the layers of an endpoint.
pub(super) struct WithLayers<F> {
    factory: F,
    layers: Vec<MakeLayer>,
}

impl<F> WithLayers<F> {
    pub(super) fn new(factory: F, layers: &[MakeLayer]) -> Self {
        Self {
            factory,
            layers: layers.to_vec(),
        }
    }
}

impl<F: Factory> Factory for WithLayers<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let mut accepted = self.factory.build_protocol(address)?.into_accepted();
        // Each goes below those that are there, so the last one, which is above the others, comes first.
        for make in self.layers.iter().rev() {
            accepted = accepted.with_boxed_layer(make());
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
