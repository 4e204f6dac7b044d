//! A factory and its protocols, with a layer of TLS under each.

use std::any::{Any, TypeId};

use super::layer::TlsLayer;
use crate::address::Address;
use crate::factory::Factory;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;

/// A factory with a source of layers. Without a layer there is no connection, so that nobody speaks
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
    type Protocol = Tls<F::Protocol>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let protocol = self.factory.build_protocol(address)?;
        let layer = Some((self.layer)()?);
        Some(Tls { protocol, layer })
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

/// A protocol that begins with a layer of TLS. It does what the wrapped protocol does, which a
/// [`Handle`](crate::Handle) of `P` reaches.
pub(super) struct Tls<P> {
    protocol: P,
    layer: Option<TlsLayer>,
}

impl<P: Protocol> Protocol for Tls<P> {
    fn connection_made(&mut self, transport: &Transport) {
        if let Some(layer) = self.layer.take() {
            transport.push_layer(layer, b"");
        }
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.protocol.read_closed(transport);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        self.protocol.writing_paused(transport);
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.protocol.writing_resumed(transport);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        self.protocol.reading_resumed(transport);
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.protocol.timed_out(transport);
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.protocol.shutdown_requested(transport);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.protocol.connection_lost(transport, reason);
    }

    fn part(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<P>() {
            Some(&mut self.protocol)
        } else {
            self.protocol.part(wanted)
        }
    }
}
