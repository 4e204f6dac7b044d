//! Layers on their way from a factory or a protocol to the connection, which puts them in place when
//! it is served; and on the way back what they have negotiated with the peer.

use std::any::Any;
use std::rc::Rc;

use super::Transport;
use super::layering::{Layering, NewLayer};
use crate::contained::Contained;
use crate::layer::Layer;

impl Transport {
    /// Puts a layer between the socket and what is above it now, for example TLS.
    ///
    /// What was written before goes out without it. `received` is what came from the socket already
    /// and has to pass through the layer: the bytes behind the line that asked for it. Does nothing
    /// once the end of the connection was asked for.
    pub fn push_layer(&self, layer: impl Layer, received: &[u8]) {
        self.push(Contained::new(Box::new(layer)), received);
    }

    /// What the layers of this connection have [negotiated](Layer::negotiated) with the peer, by its type;
    /// of several of the same type what the topmost layer has. `None` before that layer is ready. Still
    /// known after the connection was lost.
    #[must_use]
    pub fn negotiated<T: Any>(&self) -> Option<Rc<T>> {
        let relations = self.0.relations.borrow();
        let all = &relations.as_ref()?.layering.as_ref()?.negotiated;
        all.iter()
            .rev()
            .find_map(|one| Rc::clone(one).downcast().ok())
    }

    pub(crate) fn note_negotiated(&self, negotiated: Vec<Rc<dyn Any>>) {
        let negotiated = negotiated.into_iter().map(Contained::new);
        self.layering(|layering| layering.negotiated.extend(negotiated));
    }

    /// As [`push_layer`](Self::push_layer), which takes a layer of any type.
    pub(crate) fn push(&self, layer: Contained<Box<dyn Layer>>, received: &[u8]) {
        if !self.is_open() {
            return;
        }
        // Taken out now, because what is written from here on passes through the layer.
        let unsent = self.0.unsent.borrow_mut().take(&self.0.loop_side.blocks);
        // Still unsent for limits and marks, as the bytes in layers are.
        self.0.below.set(self.0.below.get() + unsent.len());
        let received = received.to_vec();
        let layer = NewLayer {
            layer,
            unsent,
            received,
        };
        self.layering(|layering| layering.new.push(layer));
        self.ask_for_more();
    }

    pub(crate) fn has_new_layers(&self) -> bool {
        let relations = self.0.relations.borrow();
        let layering = relations.as_ref().and_then(|r| r.layering.as_ref());
        layering.is_some_and(|layering| !layering.new.is_empty())
    }

    pub(crate) fn new_layers(&self) -> Vec<NewLayer> {
        let mut relations = self.0.relations.borrow_mut();
        let layering = relations.as_mut().and_then(|r| r.layering.as_mut());
        layering.map_or_else(Vec::new, |layering| std::mem::take(&mut layering.new))
    }

    fn layering<R>(&self, f: impl FnOnce(&mut Layering) -> R) -> R {
        self.relations(|relations| f(relations.layering.get_or_insert_default()))
    }

    /// Of what a connection has that is lost, keeps what `connection_lost` may ask for.
    pub(super) fn keep_negotiated(&self, layering: Option<Box<Layering>>) {
        let negotiated = layering.map_or_else(Vec::new, |layering| layering.negotiated);
        if !negotiated.is_empty() {
            self.layering(|layering| layering.negotiated = negotiated);
        }
    }
}
