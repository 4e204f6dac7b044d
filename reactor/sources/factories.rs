//! Factories in the loop's hands: shared, and asked for protocols.

use std::cell::RefCell;
use std::rc::Rc;

use crate::address::Address;
use crate::contained::Contained;
use crate::engine::Engine;
use crate::factory::{AnyFactory, Built, Factory};
use crate::observe::{Callback, Cause};

/// A factory, which several attempts to connect may share.
pub(super) type SharedFactory = Rc<RefCell<Contained<Box<dyn AnyFactory>>>>;

/// A factory that the attempts and the connections of a port share.
pub(super) fn shared(factory: impl Factory) -> SharedFactory {
    Rc::new(RefCell::new(Contained::new(Box::new(factory))))
}

/// Asks a factory, which may refuse; a panic refuses too.
pub(super) fn build_protocol(
    engine: &Engine,
    factory: &SharedFactory,
    peer: &Address,
) -> Option<Built> {
    let name = factory.borrow().name();
    let callback = || Callback {
        cause: Cause::BuildProtocol,
        connection: None,
        name,
        place: None,
    };
    // Nothing else borrows a factory while it builds: callbacks never nest.
    let built = engine
        .dispatch()
        .call(callback, || factory.borrow_mut().build(peer));
    built.ok().flatten()
}
