//! One layer in its place, and how far its handshake is.

use std::any::Any;
use std::rc::Rc;

use crate::contained::Contained;
use crate::layer::Layer;

pub(super) struct Stage {
    pub(super) layer: Contained<Box<dyn Layer>>,
    handshake: Handshake,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Handshake {
    Done,
    /// It is not done, and may take until then, in nanoseconds of the loop.
    Until(Option<u64>),
}

/// What the loop has not passed on of layers that have become ready.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) negotiated: Vec<Rc<dyn Any>>,
    /// How many handshakes were done.
    pub(crate) done: usize,
}

impl Stage {
    pub(super) fn new(layer: Contained<Box<dyn Layer>>) -> Self {
        let handshake = Handshake::Done;
        Self { layer, handshake }
    }

    /// The layer has started. Returns whether it is in a handshake; one that is ready at once has none,
    /// though it may know something.
    pub(super) fn begin(&mut self, now: u64, news: &mut News) -> bool {
        if self.layer.is_ready() {
            news.negotiated.extend(self.layer.negotiated());
            return false;
        }
        // A time that is too long to count is never over.
        let time = self.layer.handshake_timeout();
        let nanos = time.and_then(|time| u64::try_from(time.as_nanos()).ok());
        self.handshake = Handshake::Until(nanos.and_then(|nanos| now.checked_add(nanos)));
        true
    }

    /// The layer was called. Returns whether it is still in its handshake.
    pub(super) fn go_on(&mut self, news: &mut News) -> bool {
        if self.handshake == Handshake::Done {
            return false;
        }
        if !self.layer.is_ready() {
            return true;
        }
        self.handshake = Handshake::Done;
        news.negotiated.extend(self.layer.negotiated());
        news.done += 1;
        false
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.handshake {
            Handshake::Done => None,
            Handshake::Until(deadline) => deadline,
        }
    }
}
