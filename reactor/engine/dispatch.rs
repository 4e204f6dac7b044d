//! The one dispatch point: every call of a consumer's code goes through [`Dispatch::call`].
//!
//! The guard against panics, the name in log lines, the time that a callback took and the
//! [`Observer`] live here and nowhere else. Without an observer the clock is not read and no event
//! is made.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use crate::contained::{Panicked, contain, drop_contained};
use crate::driver::Clock;
use crate::observe::{Callback, Event, Observer};
use crate::visible::visible;

/// Calls consumers' code, guarded and observed.
pub(crate) struct Dispatch {
    /// The reactor's time, which is a virtual one in a simulation.
    clock: Clock,
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// Whether there are observers, so that looking costs one load.
    observed: Cell<bool>,
}

impl Dispatch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            observers: RefCell::default(),
            observed: Cell::new(false),
        }
    }

    /// Calls `f`. A panic is caught and logged under the callback's name. `callback` is only made
    /// when somebody wants to know.
    #[inline]
    pub(crate) fn call<R>(
        &self,
        callback: impl Fn() -> Callback,
        f: impl FnOnce() -> R,
    ) -> Result<R, String> {
        self.call_on(&mut (), |()| callback(), |()| f())
    }

    /// As [`call`](Self::call), of a `target` that knows its own name, which is not asked for
    /// otherwise.
    #[inline(always)]
    pub(crate) fn call_on<T: ?Sized, R>(
        &self,
        target: &mut T,
        callback: impl Fn(&T) -> Callback,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R, String> {
        let began = self.observed.get().then(|| self.began(&callback(target)));
        let result = contain(|| f(target));
        if let Some(began) = began {
            self.ended(&callback(target), began, result.is_err());
        }
        match result {
            Ok(value) => Ok(value),
            Err(Panicked(said)) => Err(panicked(&callback(target), said)),
        }
    }

    /// Tells the observers. `event` is only made when there are any.
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.observed.get() {
            self.tell((self.clock)(), &event());
        }
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observed.get()
    }

    pub(crate) fn add_observer(&self, observer: Rc<dyn Observer>) {
        self.observers.borrow_mut().push(observer);
        self.observed.set(true);
    }

    pub(crate) fn remove_observer(&self, observer: &Rc<dyn Observer>) {
        let mut observers = self.observers.borrow_mut();
        let all = std::mem::take(&mut *observers).into_iter();
        let (gone, kept) = all.partition(|other| Rc::ptr_eq(other, observer));
        *observers = kept;
        self.observed.set(!observers.is_empty());
        drop(observers);
        let gone: Vec<_> = gone;
        gone.into_iter().for_each(drop_contained);
    }

    #[cold]
    fn began(&self, callback: &Callback) -> Instant {
        let now = (self.clock)();
        self.tell(now, &Event::CallbackBegan(callback));
        now
    }

    #[cold]
    fn ended(&self, callback: &Callback, began: Instant, panicked: bool) {
        let now = (self.clock)();
        let event = Event::CallbackEnded {
            callback,
            took: now - began,
            panicked,
        };
        self.tell(now, &event);
    }

    #[cold]
    fn tell(&self, now: Instant, event: &Event<'_>) {
        let observers = self.observers.borrow().clone();
        for observer in observers {
            if let Err(Panicked(said)) = contain(|| observer.event(now, event)) {
                let said = visible(&said);
                log::error!("an observer panicked and is detached: {said}");
                self.remove_observer(&observer);
            }
            if Rc::strong_count(&observer) == 1 {
                drop_contained(observer); // it was detached meanwhile
            }
        }
    }
}

/// Observers are not [`Contained`](crate::contained::Contained), because they are cloned for each event.
impl Drop for Dispatch {
    fn drop(&mut self) {
        self.observers.take().into_iter().for_each(drop_contained);
    }
}

#[cold]
fn panicked(callback: &Callback, said: String) -> String {
    log::error!("{callback} panicked: {}", visible(&said));
    said
}
