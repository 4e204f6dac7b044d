//! Triggers: what a consumer wants to be called at the events of a loop's life.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use crate::contained::Contained;
use crate::deferred::{Deferred, Outcome};
use crate::engine::dispatch::Dispatch;
use crate::lifecycle::{Phase, SystemEvent};
use crate::observe::{Callback, Cause};

/// The triggers that were not called yet, and those whose Deferreds are waited for.
#[derive(Default)]
pub(crate) struct Triggers {
    last_id: Cell<u64>,
    set: RefCell<Vec<Trigger>>,
    /// How many Deferreds that triggers of this stop returned have not fired.
    waiting: RefCell<Rc<Cell<usize>>>,
}

impl Triggers {
    pub(crate) fn are_waited_for(&self) -> bool {
        self.waited_for() > 0
    }

    pub(super) fn waited_for(&self) -> usize {
        self.waiting.borrow().get()
    }

    /// Forgets the Deferreds that the stop before its grace ended did not wait for.
    pub(crate) fn give_up_waiting(&self) {
        // A new counter, since those Deferreds still fire some day and would count the next stop's down.
        self.waiting.take();
    }
}

struct Trigger {
    id: u64,
    phase: Phase,
    event: SystemEvent,
    call: Contained<Box<dyn FnOnce() -> Deferred<()>>>,
    name: &'static str,
    place: &'static Location<'static>,
}

impl Triggers {
    /// Sets a trigger. Returns by what it may be removed again.
    pub(crate) fn add<R>(
        &self,
        phase: Phase,
        event: SystemEvent,
        f: impl FnOnce() -> R + 'static,
        place: &'static Location<'static>,
    ) -> u64
    where
        R: Outcome<Output = ()>,
    {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let trigger = Trigger {
            id,
            phase,
            event,
            name: std::any::type_name_of_val(&f),
            call: Contained::new(Box::new(move || f().into_deferred())),
            place,
        };
        self.set.borrow_mut().push(trigger);
        id
    }

    /// Removes a trigger, by what `add` returned. Does nothing when it was called.
    pub(crate) fn remove(&self, id: u64) {
        let at = self.set.borrow().iter().position(|set| set.id == id);
        let removed = at.map(|at| self.set.borrow_mut().remove(at));
        drop(removed); // what it holds, outside the borrow
    }

    /// Calls the triggers of an event, those that they set included.
    pub(super) fn call(&self, dispatch: &Dispatch, event: SystemEvent, phase: Phase) {
        // Searched again after each: a trigger may add others. There are a handful, so O(n²) is fine.
        loop {
            let mut triggers = self.set.borrow_mut();
            let next = triggers
                .iter()
                .position(|t| t.event == event && t.phase == phase);
            let Some(index) = next else { return };
            let trigger = triggers.remove(index);
            drop(triggers);
            self.call_one(dispatch, trigger);
        }
    }

    fn call_one(&self, dispatch: &Dispatch, trigger: Trigger) {
        let callback = || Callback {
            cause: Cause::SystemEvent,
            connection: None,
            name: trigger.name,
            place: Some(trigger.place),
        };
        // A panic was logged, and affects nothing else.
        let Ok(deferred) = dispatch.call(callback, trigger.call.into_inner()) else {
            return;
        };
        let waiting = match trigger.event {
            SystemEvent::Shutdown => Rc::clone(&self.waiting.borrow()),
            // Nothing waits for the startup, a stop least of all.
            SystemEvent::Startup => Rc::default(),
        };
        waiting.set(waiting.get() + 1);
        let place = trigger.place;
        deferred.add_both(move |result| {
            waiting.set(waiting.get() - 1);
            if let Err(failure) = result {
                failure.report(
                    module_path!(),
                    format_args!("the system event trigger set at {place} failed: {failure}"),
                );
            }
        });
    }
}
