//! The layers of a connection, in the loop's hands: where its bytes pass through them.

use crate::engine::budget::HANDSHAKE;
use crate::layer::Layers;
use crate::observe::{Callback, Cause};
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::sources::connection::Connection;
use crate::transport::{Closing, NewLayer, Sending, Transport};
use crate::unsent::Unsent;

/// The layers, and what they have made for the socket.
#[derive(Default)]
pub(crate) struct Layered {
    pub(crate) layers: Layers,
    pub(crate) wire: Unsent,
    /// What has passed up and was not delivered: while reading was paused, or before every layer
    /// was in place that was pushed.
    kept: Vec<u8>,
}

impl Layered {
    pub(super) fn keeps_bytes(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What the layers have taken and the socket has not.
    pub(super) fn unsent(&self) -> usize {
        self.wire.len() + self.layers.held()
    }
}

impl Connection {
    /// What the socket may be handed now.
    pub(super) fn waiting(&self) -> usize {
        match &self.layered {
            Some(layered) => layered.wire.len(),
            None => self.transport.unsent_bytes().len(),
        }
    }

    /// How many bytes layers hold until the peer has sent something.
    pub(super) fn held(&self) -> usize {
        self.layered.as_ref().map_or(0, |l| l.layers.held())
    }

    /// Whether layers wait for what comes. They are handed it also in a pause of reading, which the
    /// bytes that they hold may have caused, until there is something for the protocol.
    pub(super) fn layers_wait(&self) -> bool {
        self.layered
            .as_ref()
            .is_some_and(|l| l.layers.held() > 0 && !l.keeps_bytes())
    }
}

impl Reactor {
    /// As [`go_on`](Self::go_on), before each read, where nearly always there is nothing to do.
    #[inline]
    pub(super) fn go_on_if_asked(&self, connection: &mut Connection) {
        if connection.transport.asks_for_more() || connection.layered.is_some() {
            self.go_on(connection);
        }
    }

    /// Before bytes are read or sent: puts layers in place that were pushed, and, unless reading is
    /// paused, goes on with what they have made of what they were given. What these callbacks push
    /// is in place afterwards, too.
    #[inline(never)]
    pub(super) fn go_on(&self, connection: &mut Connection) {
        loop {
            self.tell_resumed(connection);
            let new = connection.transport.new_layers();
            new.into_iter()
                .for_each(|new| self.put_layer(connection, new));
            if !self.deliver_kept(connection) {
                return self.end_if_layers_have_ended(connection);
            }
        }
    }

    fn put_layer(&self, connection: &mut Connection, new: NewLayer) {
        let mut wire = Vec::new();
        let layered = connection.layered.get_or_insert_default();
        // What has passed the layers below and was not delivered comes behind what was.
        let mut received = new.received;
        received.append(&mut layered.kept);
        let mut kept = Vec::new();
        let result = self.call_layer(&connection.transport, || {
            layered.layers.send(&new.unsent, &mut wire)?;
            layered.layers.push(new.layer, &mut wire)?;
            layered
                .layers
                .receive_at_top(&received, &mut kept, &mut wire)
        });
        layered.kept = kept;
        self.append_to_wire(connection, &wire);
        self.end_if_failed(connection, result, &wire);
    }

    /// Bytes came from the socket: layers make something of them for the wire and for the protocol.
    #[inline(never)]
    pub(super) fn receive_through_layers(&self, connection: &mut Connection, data: &[u8]) {
        let Some(layered) = &mut connection.layered else {
            return;
        };
        let (mut up, mut wire) = (Vec::new(), Vec::new());
        let result = self.call_layer(&connection.transport, || {
            layered.layers.receive(data, &mut up, &mut wire)
        });
        self.append_to_wire(connection, &wire);
        if up.is_empty() && !wire.is_empty() {
            self.0.requests.budget.charge(HANDSHAKE);
        }
        if !up.is_empty() {
            // Bytes that mean nothing above, half a record or a handshake, keep no connection alive.
            connection.transport.note_activity();
        }
        match &mut connection.layered {
            _ if up.is_empty() || connection.transport.closing() != Closing::No => {}
            Some(layered) if !connection.transport.is_reading() => layered.kept.extend(up),
            _ => self.deliver(connection, &up),
        }
        self.end_if_failed(connection, result, &wire);
        self.end_if_layers_have_ended(connection);
    }

    /// The end of the peer's stream inside the layers comes behind what they passed up before it.
    fn end_if_layers_have_ended(&self, connection: &mut Connection) {
        let Some(layered) = &connection.layered else {
            return;
        };
        let waits = connection.transport.is_open() && layered.keeps_bytes();
        if layered.layers.have_ended() && !waits {
            self.read_ended(connection);
        }
    }

    /// A layer that has failed ends the connection: when the peer has got what layers said at that,
    /// if they said something.
    fn end_if_failed(&self, connection: &mut Connection, result: Result<(), Reason>, said: &[u8]) {
        let Err(reason) = result else { return };
        // What it said may be held by a layer below.
        let has_spoken = !said.is_empty() || connection.held() > 0;
        let is_heard = has_spoken && connection.transport.sending() != Sending::Shut;
        if is_heard && !matches!(reason, Reason::Panicked { .. }) {
            connection.transport.fail_after_flush(reason);
        } else {
            connection.fail(reason);
        }
    }

    /// Delivers what was kept, unless reading is paused. Returns whether there was something.
    fn deliver_kept(&self, connection: &mut Connection) -> bool {
        let kept = match &mut connection.layered {
            Some(layered) if connection.transport.is_reading() => std::mem::take(&mut layered.kept),
            _ => return false,
        };
        if kept.is_empty() {
            return false;
        }
        self.deliver(connection, &kept);
        true
    }

    pub(super) fn send_through_layers(&self, connection: &mut Connection) {
        let mut unsent = connection.transport.unsent_bytes();
        let data = unsent.take(&self.0.requests.blocks);
        drop(unsent);
        if data.is_empty() {
            return;
        }
        self.through_layers(connection, |layers, wire| layers.send(&data, wire));
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
        self.end_if_failed(connection, result, &wire);
    }

    /// What layers say of their own accord is bounded as what the protocol writes is, by what the
    /// socket was offered and has left, and nobody hears it after the end of the stream. What they held
    /// was counted when it was written.
    fn append_to_wire(&self, connection: &mut Connection, bytes: &[u8]) {
        let Connection {
            layered: Some(layered),
            transport,
            ..
        } = connection
        else {
            return;
        };
        let limit = transport.limits().unsent;
        let held_before = transport.below().saturating_sub(layered.wire.len());
        let has_let_go = layered.layers.held() < held_before;
        let is_heard = !bytes.is_empty() && transport.sending() != Sending::Shut;
        let left = layered.wire.len().min(transport.left());
        if is_heard && left > limit && !has_let_go {
            return connection.fail(Reason::UnsentOverflow { limit });
        }
        if is_heard {
            layered.wire.push_copy(bytes);
        }
        transport.set_below(layered.unsent());
        if is_heard || has_let_go {
            transport.ask();
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
        let panicked = |message| Reason::Panicked {
            callback: Cause::Layer.name(),
            message,
        };
        self.0.dispatch.call(callback, f).map_err(panicked)?
    }
}
