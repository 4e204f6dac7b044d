//! A loop's cooperator: how long computations are given to it, and how it comes to its slices.

use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::cooperator::{CooperativeTask, Cooperator};
use crate::deferred::{Deferred, Outcome};
use crate::engine::Engine;

/// Begins a task of the loop's cooperator.
pub(crate) fn cooperate<I>(
    engine: &Rc<Engine>,
    iterator: I,
    place: &'static Location<'static>,
) -> CooperativeTask
where
    I: Iterator + 'static,
    I::Item: Outcome<Output = ()>,
{
    let weak = Rc::downgrade(engine);
    let request = move |place| request_slice(&weak, place);
    let cooperator = engine.cooperator();
    let cooperator = cooperator.get_or_init(|| Cooperator::new(request));
    cooperator.begin(iterator, place)
}

/// A Deferred that the end of a task fires, and that cancels it.
pub(crate) fn coiterate(task: CooperativeTask) -> Deferred<()> {
    let (resolver, deferred) = Deferred::pending();
    let done = task.when_done();
    resolver.on_cancel(move || {
        task.cancel();
    });
    done.add_both(move |result| resolver.fire(result));
    deferred
}

/// Has a slice run in the next turn. Returns false when the loop is gone.
fn request_slice(engine: &Weak<Engine>, place: &'static Location<'static>) -> bool {
    let Some(engine) = engine.upgrade() else {
        return false;
    };
    let weak = Rc::downgrade(&engine);
    let slice = move || {
        if let Some(engine) = weak.upgrade()
            && let Some(cooperator) = engine.cooperator().get()
        {
            cooperator.run_slice(engine.loop_side());
        }
    };
    engine.call_soon(slice, place);
    true
}
