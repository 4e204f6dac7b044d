//! What a program has set for the signals that it watches.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use crate::contained::Contained;
use crate::driver::Signal;
use crate::engine::dispatch::Dispatch;
use crate::observe::{Callback, Cause};

type Call = Contained<Box<dyn FnMut()>>;

/// One function for one signal.
pub(crate) struct Watch {
    pub(crate) signal: Signal,
    /// Out of it while it runs.
    call: RefCell<Option<Call>>,
    is_set: Cell<bool>,
    name: &'static str,
    place: &'static Location<'static>,
}

/// The functions that are set, in the order in which they were.
#[derive(Default)]
pub(crate) struct Watches(RefCell<Vec<Rc<Watch>>>);

impl Watches {
    pub(crate) fn add<F: FnMut() + 'static>(
        &self,
        signal: Signal,
        f: F,
        place: &'static Location<'static>,
    ) -> Rc<Watch> {
        let watch = Rc::new(Watch {
            signal,
            call: RefCell::new(Some(Contained::new(Box::new(f)))),
            is_set: Cell::new(true),
            name: std::any::type_name::<F>(),
            place,
        });
        self.0.borrow_mut().push(Rc::clone(&watch));
        watch
    }

    /// Returns whether it was set, and is not any more.
    pub(crate) fn remove(&self, watch: &Rc<Watch>) -> bool {
        if !watch.is_set.replace(false) {
            return false;
        }
        self.0.borrow_mut().retain(|set| !Rc::ptr_eq(set, watch));
        let call = watch.call.take();
        drop(call); // outside the borrows: it is a consumer's
        true
    }

    pub(crate) fn has(&self, signal: Signal) -> bool {
        self.0.borrow().iter().any(|watch| watch.signal == signal)
    }

    /// A copy, so that nothing is borrowed while these are called.
    fn of(&self, signal: Signal) -> Vec<Rc<Watch>> {
        let set = self.0.borrow();
        let of_signal = set.iter().filter(|watch| watch.signal == signal);
        of_signal.cloned().collect()
    }

    /// Calls what is set for a signal now; what these calls set waits for the next one.
    pub(crate) fn call(&self, signal: Signal, dispatch: &Dispatch) {
        for watch in self.of(signal) {
            watch.call(dispatch);
        }
    }
}

impl Watch {
    fn call(&self, dispatch: &Dispatch) {
        // Nothing is there if another call has just cancelled it.
        let Some(mut call) = self.call.take() else {
            return;
        };
        let callback = || Callback {
            cause: Cause::Signal,
            connection: None,
            name: self.name,
            place: Some(self.place),
        };
        // A panic was logged. The function stays: the next signal may find it able.
        let _ = dispatch.call(callback, &mut *call);
        if self.is_set.get() {
            self.call.replace(Some(call));
        }
    }
}
