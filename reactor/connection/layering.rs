//! The layers of a connection, in the loop's hands: where its bytes pass through them.

use crate::connection::Connection;
use crate::layer::Layers;
use crate::observer::{Callback, Cause, Panicked};
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::transport::Transport;
use crate::unsent::Unsent;

/// The layers, and what they have made for the socket.
#[derive(Default)]
pub(crate) struct Layered {
    pub(crate) layers: Layers,
    pub(crate) wire: Unsent,
}

impl Reactor {
    pub(super) fn put_layers(&self, connection: &mut Connection) {
        for new in connection.transport.new_layers() {
            let mut wire = Vec::new();
            let layered = connection.layered.get_or_insert_default();
            let result = self.call_layer(&connection.transport, || {
                layered.layers.send(new.unsent, &mut wire)?;
                layered.layers.push(new.layer, &mut wire)?;
                if new.received.is_empty() {
                    return Ok(Vec::new());
                }
                layered.layers.receive_at_top(&new.received, &mut wire)
            });
            self.layers_received(connection, result, &wire);
        }
    }

    /// Layers have made something of what was received: bytes for the wire and for the protocol.
    pub(super) fn layers_received(
        &self,
        connection: &mut Connection,
        result: Result<Vec<u8>, Reason>,
        wire: &[u8],
    ) {
        self.append_to_wire(connection, wire);
        match result {
            Err(reason) => connection.fail(reason),
            Ok(data) if data.is_empty() => {}
            Ok(data) => self.deliver(connection, &data),
        }
    }

    pub(super) fn send_through_layers(&self, connection: &mut Connection) {
        let data = connection
            .transport
            .with_unsent(|unsent| unsent.take(&self.0.requests.blocks));
        if data.is_empty() {
            return;
        }
        self.through_layers(connection, |layers, wire| layers.send(data, wire));
    }

    pub(super) fn finish_layers(&self, connection: &mut Connection) {
        if connection.layered.is_some() {
            self.through_layers(connection, |layers, wire| layers.finish(wire));
            self.flush(connection);
        }
    }

    fn through_layers(
        &self,
        connection: &mut Connection,
        f: impl FnOnce(&mut Layers, &mut Vec<u8>) -> Result<(), Reason>,
    ) {
        let Some(layered) = &mut connection.layered else {
            return;
        };
        let mut wire = Vec::new();
        let result = self.call_layer(&connection.transport, || f(&mut layered.layers, &mut wire));
        self.append_to_wire(connection, &wire);
        if let Err(reason) = result {
            connection.fail(reason);
        }
    }

    fn append_to_wire(&self, connection: &mut Connection, bytes: &[u8]) {
        let Some(layered) = &mut connection.layered else {
            return;
        };
        layered.wire.push_copy(bytes);
        connection.transport.set_below(layered.wire.len());
        if !bytes.is_empty() {
            connection.transport.ask();
        }
    }

    pub(crate) fn call_layer<R>(
        &self,
        transport: &Transport,
        f: impl FnOnce() -> Result<R, Reason>,
    ) -> Result<R, Reason> {
        let callback = || Callback {
            cause: Cause::Layer,
            connection: Some(transport.id()),
            name: "a layer",
            place: None,
        };
        let panicked = |Panicked(message)| Reason::Panicked {
            callback: Cause::Layer.name(),
            message,
        };
        self.0.dispatch.call(callback, f).map_err(panicked)?
    }
}
