//! What a transport has of the layers of its connection: what goes there, and what has come back.

use std::any::Any;
use std::rc::Rc;

use crate::contained::Contained;
use crate::layer::Layer;

/// What a transport has of the layers of its connection.
#[derive(Default)]
pub(super) struct Layering {
    /// Those that were pushed and not put in place yet.
    pub(super) new: Vec<NewLayer>,
    /// What they have negotiated, the lowest layer first. A consumer's, so its drop may panic.
    pub(super) negotiated: Vec<Contained<Rc<dyn Any>>>,
}

/// A layer on its way between socket and protocol.
pub(crate) struct NewLayer {
    pub(crate) layer: Contained<Box<dyn Layer>>,
    /// What was written before the layer was pushed, to be sent without it.
    pub(crate) unsent: Vec<u8>,
    /// What was received already and has to pass through it.
    pub(crate) received: Vec<u8>,
}
