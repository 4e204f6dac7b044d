//! The layers of a connection, in the loop's hands: where its bytes pass through them.
//!
//! ```text
//!   socket ─▶ layers ─▶ kept ─▶ protocol         kept: while reading is paused
//!   socket ◀─ wire ◀─── layers ◀─ unsent         wire: what layers made and the socket has not taken
//! ```

use super::Connection;
use crate::contained::Contained;
use crate::engine::Engine;
use crate::engine::budget::HANDSHAKE;
use crate::engine::timers::Nanos;
use crate::layer::Layer;
use crate::layers::Layers;
use crate::observe::{Callback, Cause};
use crate::reason::Reason;
use crate::transport::{NewLayer, Service, Transport};

impl Connection {
    /// Pushes what the connection begins with, the lowest layer first, before its protocol can push any. What is
    /// written in `connection_made` passes them, and they start when that has returned, so that a connection
    /// which it aborts says nothing.
    pub(super) fn push_all(transport: &Transport, layers: Vec<Contained<Box<dyn Layer>>>) {
        for layer in layers {
            transport.push(layer, b"");
        }
    }

    /// What the socket may be handed now.
    #[inline]
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
    /// bytes that they hold may have caused, until there is something for the protocol. A handshake goes
    /// on, since it has a deadline, and the pause is not the peer's.
    pub(super) fn layers_wait(&self) -> bool {
        self.layered.as_ref().is_some_and(|l| {
            (l.layers.held() > 0 || l.layers.are_shaking_hands()) && !l.keeps_bytes()
        })
    }

    /// As [`go_on`](Self::go_on), before each read, where nearly always there is nothing to do.
    #[inline]
    pub(super) fn go_on_if_asked(&mut self, engine: &Engine) {
        if self.transport.may_go_on() {
            self.go_on(engine);
        }
    }

    /// Before bytes are read or sent: puts layers in place that were pushed, and, unless reading is
    /// paused, goes on with what they have made of what they were given. What these callbacks push
    /// is in place afterwards, too.
    #[inline(never)]
    pub(super) fn go_on(&mut self, engine: &Engine) {
        loop {
            self.tell_resumed(engine);
            if self.transport.has_new_layers() {
                self.put_layers(engine);
            }
            // Before what was kept, which may have come in the same read as the end of a handshake.
            if !self.tell_news(engine) && !self.deliver_kept(engine) {
                return self.end_if_layers_have_ended(engine);
            }
        }
    }

    #[cold]
    fn put_layers(&mut self, engine: &Engine) {
        for new in self.transport.new_layers() {
            self.put_layer(engine, new);
        }
    }

    fn put_layer(&mut self, engine: &Engine, new: NewLayer) {
        let mut wire = Vec::new();
        let now = engine.loop_side().turn_nanos();
        self.transport.need(Service::Layered);
        let layered = self.layered.get_or_insert_default();
        layered.has_looked = false;
        // What has passed the layers below and was not delivered comes behind what was.
        let mut received = new.received;
        received.append(&mut layered.kept);
        let mut kept = Vec::new();
        let result = call_layer(engine, &self.transport, || {
            // Written before the push, so it passes the layers below the new one only.
            layered.layers.send(&new.unsent, &mut wire)?;
            layered.layers.push(new.layer, now, &mut wire)?;
            layered
                .layers
                .receive_at_top(&received, &mut kept, &mut wire)
        });
        layered.kept = kept;
        self.append_to_wire(&wire);
        self.end_if_failed(result, &wire);
    }

    /// Bytes came from the socket: layers make something of them for the wire and for the protocol.
    #[inline(never)]
    pub(super) fn receive_through_layers(&mut self, engine: &Engine, data: &[u8]) {
        if self.transport.has_read_end() {
            return; // it has ended in a layer, whatever comes behind that
        }
        if !self.transport.is_open() && self.held() == 0 {
            return; // what comes is needed only where it lets layers send what they hold
        }
        let Some(layered) = &mut self.layered else {
            return;
        };
        let (mut up, mut wire) = (Vec::new(), Vec::new());
        let result = call_layer(engine, &self.transport, || {
            layered.layers.receive(data, &mut up, &mut wire)
        });
        self.append_to_wire(&wire);
        if up.is_empty() && !wire.is_empty() {
            engine.loop_side().budget.charge(HANDSHAKE);
        }
        if !up.is_empty() {
            // Bytes that mean nothing above, half a record or a handshake, keep no connection alive.
            self.transport.note_activity();
        }
        match &mut self.layered {
            Some(layered) if layered.layers.has_news() => {
                layered.kept.extend(up);
                self.go_on(engine); // which passes the news on first, and then what is kept
            }
            _ if up.is_empty() || !self.transport.is_open() => {}
            Some(layered) if !self.transport.is_reading() => layered.kept.extend(up),
            _ => self.deliver(engine, &up),
        }
        self.end_if_failed(result, &wire);
        self.end_if_layers_have_ended(engine);
    }

    /// Passes on what layers have negotiated, and notifies the protocol of each handshake that is done.
    /// Returns whether one was.
    fn tell_news(&mut self, engine: &Engine) -> bool {
        let news = match &mut self.layered {
            Some(layered) if layered.layers.has_news() => layered.layers.take_news(),
            _ => return false,
        };
        // All of it first: a protocol may ask for what another layer knows.
        self.transport.note_negotiated(news.negotiated);
        for _ in 0..news.done {
            if self.transport.is_open() {
                self.call(engine, Cause::HandshakeDone, |protocol, transport| {
                    protocol.handshake_done(transport);
                });
            }
        }
        news.done > 0
    }

    /// Ends the connection if the handshake of a layer has taken too long.
    pub(super) fn end_late_handshake(&mut self, engine: &Engine, now: Nanos) {
        let Some(layered) = &mut self.layered else {
            return;
        };
        let result = call_layer(engine, &self.transport, || {
            layered.layers.end_late_handshake(now)
        });
        // At once: a peer that is late with its handshake would be late to read an alert, too.
        if let Err(reason) = result {
            self.fail(reason);
        }
    }

    /// The peer's stream has ended at the socket. Returns whether layers agree; otherwise the
    /// connection fails.
    pub(super) fn end_reading_of_layers(&mut self, engine: &Engine) -> bool {
        // After `lose_connection` only layers that hold bytes are notified; others cannot know what is
        // missing, since they were not handed what came after it.
        let are_notified = self.transport.is_open() || self.held() > 0;
        let Some(layered) = self.layered.as_mut().filter(|_| are_notified) else {
            return true;
        };
        let result = call_layer(engine, &self.transport, || layered.layers.read_closed());
        match result {
            Ok(()) => true,
            Err(reason) => {
                self.fail(reason);
                false
            }
        }
    }

    /// The end of the peer's stream inside the layers comes behind what they passed up before it.
    fn end_if_layers_have_ended(&mut self, engine: &Engine) {
        let Some(layered) = &self.layered else {
            return;
        };
        let waits = self.transport.is_open() && layered.keeps_bytes();
        if layered.layers.have_ended() && !waits {
            self.end_reading(engine);
        }
    }

    /// A layer that has failed ends the connection: after its last bytes, an alert for example, if it
    /// wrote some.
    fn end_if_failed(&mut self, result: Result<(), Reason>, last_words: &[u8]) {
        let Err(reason) = result else { return };
        // What it wrote may be held by a layer below.
        let has_written = !last_words.is_empty() || self.held() > 0;
        let can_be_sent = has_written && !self.transport.state().has_shut_write();
        if can_be_sent && !matches!(reason, Reason::Panicked { .. }) {
            self.transport.fail_after_flush(reason);
        } else {
            self.fail(reason);
        }
    }

    /// Delivers what was kept, unless reading is paused. Returns whether there was something.
    fn deliver_kept(&mut self, engine: &Engine) -> bool {
        let kept = match &mut self.layered {
            Some(layered) if self.transport.is_reading() => std::mem::take(&mut layered.kept),
            _ => return false,
        };
        if kept.is_empty() {
            return false;
        }
        self.deliver(engine, &kept);
        true
    }

    /// Passes what is unsent through the layers, and hands what they have made to the socket, in one
    /// call. Returns how much that took.
    pub(super) fn send_through_layers(&mut self, engine: &Engine) -> usize {
        let mut unsent = self.transport.unsent_bytes();
        let data = unsent.take(&engine.loop_side().blocks);
        drop(unsent);
        if !data.is_empty() {
            self.through_layers(engine, |layers, wire| layers.send(&data, wire));
        }
        self.send_wire(engine)
    }

    fn send_wire(&mut self, engine: &Engine) -> usize {
        let Some(layered) = &mut self.layered else {
            return 0;
        };
        let waiting = layered.wire.len();
        if waiting == 0 || self.transport.needs(Service::Full) {
            return 0;
        }
        let blocks = &engine.loop_side().blocks;
        let sent = self
            .transport
            .with_stream(|stream| layered.wire.send(blocks, |bytes| stream.write(bytes)));
        self.transport.set_below(layered.unsent());
        self.transport.note_sent(engine.dispatch(), sent, waiting)
    }

    /// Has layers write their last words, a goodbye of TLS for example, and sends those.
    pub(super) fn finish_layers(&mut self, engine: &Engine) {
        if self.layered.is_some() {
            self.through_layers(engine, |layers, wire| layers.finish(wire));
            self.flush(engine);
        }
    }

    fn through_layers(
        &mut self,
        engine: &Engine,
        f: impl FnOnce(&mut Layers, &mut Vec<u8>) -> Result<(), Reason>,
    ) {
        let Some(layered) = &mut self.layered else {
            return;
        };
        let mut wire = Vec::new();
        let result = call_layer(engine, &self.transport, || {
            f(&mut layered.layers, &mut wire)
        });
        self.append_to_wire(&wire);
        self.end_if_failed(result, &wire);
    }

    /// Appends what layers have made for the socket. What they write of their own accord is bounded as
    /// the protocol's writes are, by what the socket was offered and has left. What they held was counted
    /// when it was written. After the end of the stream it is dropped.
    fn append_to_wire(&mut self, bytes: &[u8]) {
        let Self {
            layered: Some(layered),
            transport,
            ..
        } = self
        else {
            return;
        };
        let limit = transport.limits().unsent;
        let held_before = transport.below().saturating_sub(layered.wire.len());
        let has_let_go = layered.layers.held() < held_before;
        let can_be_sent = !bytes.is_empty() && !transport.state().has_shut_write();
        let left = layered.wire.len().min(transport.left());
        if can_be_sent && left > limit && !has_let_go {
            return self.fail(Reason::UnsentOverflow { limit });
        }
        if can_be_sent {
            layered.wire.push_copy(bytes);
        }
        transport.set_below(layered.unsent());
        if can_be_sent || has_let_go {
            transport.ask();
        }
    }
}

fn call_layer<R>(
    engine: &Engine,
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
    engine.dispatch().call(callback, f).map_err(panicked)?
}
