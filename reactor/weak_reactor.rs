//! A handle of a loop that does not keep it in memory.

use std::rc::{Rc, Weak};

use crate::engine::Engine;
use crate::reactor::Reactor;

/// A handle of a loop that does not keep it in memory.
///
/// The rule: what stays in the loop holds this, and what is called once may hold a [`Reactor`].
///
/// A factory, a protocol, a resource, an observer and the function of a `LoopingCall` stay: with a
/// [`Reactor`] in it, it and the loop keep each other for ever, its sockets open. They upgrade this
/// in their callbacks, where the loop is always there. The closure of a delayed call, a task and a
/// callback of a Deferred are gone when they are done, and so is what they hold.
#[derive(Clone, Debug)]
pub struct WeakReactor(Weak<Engine>);

impl WeakReactor {
    pub(crate) fn new(engine: &Rc<Engine>) -> Self {
        Self(Rc::downgrade(engine))
    }

    /// The loop, if it still exists.
    #[must_use]
    pub fn upgrade(&self) -> Option<Reactor> {
        self.0.upgrade().map(Reactor)
    }
}
