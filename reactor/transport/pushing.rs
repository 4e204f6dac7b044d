//! Layers on their way from a factory or a protocol to the connection, which puts them in place when
//! it is served.

use super::{NewLayer, Transport};
use crate::contained::Contained;
use crate::layer::Layer;

impl Transport {
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
        self.relations(|relations| relations.layers.push(layer));
        self.ask_for_more();
    }

    pub(crate) fn new_layers(&self) -> Vec<NewLayer> {
        match &mut *self.0.relations.borrow_mut() {
            Some(relations) => std::mem::take(&mut relations.layers),
            None => Vec::new(),
        }
    }
}
