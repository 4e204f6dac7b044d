//! The one dispatch point: every call of a consumer's code goes through [`Dispatch::call`].
//!
//! The name in log lines, the time that a callback took and the [`Observer`] live here and nowhere else;
//! the guard against panics is [`contain`]. Without an observer no clock is read and no event is made.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::contained::{Panicked, contain, drop_contained};
use crate::driver::Clock;
use crate::observe::{Callback, Event, Observer};
use crate::time::Instant;
use crate::visible::visible;

type Observers = Rc<Vec<Rc<dyn Observer>>>;

/// Drops the observers, if no other call uses the list. Each by itself, since the drop of any may panic.
fn let_go(observers: Observers) {
    let gone = Rc::into_inner(observers).unwrap_or_default();
    gone.into_iter().for_each(drop_contained);
}

/// Calls consumers' code, guarded and observed.
pub(crate) struct Dispatch {
    /// The reactor's time, which is a virtual one in a simulation.
    clock: Clock,
    /// Shared with the events that are being told, so that one of them may attach and detach observers
    /// without a copy for each event.
    observers: RefCell<Observers>,
    /// Whether there are observers, so that looking costs one load.
    observed: Cell<bool>,
    /// When the clock was last read for an observer.
    last_reading: Cell<Option<Instant>>,
}

impl Dispatch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            observers: RefCell::default(),
            observed: Cell::new(false),
            last_reading: Cell::new(None),
        }
    }

    /// Calls `f`. A panic is caught and logged under the callback's name. `callback` is only made
    /// when an observer or the log needs it.
    #[inline]
    pub(crate) fn call<R>(
        &self,
        callback: impl Fn() -> Callback,
        f: impl FnOnce() -> R,
    ) -> Result<R, String> {
        self.call_on(&mut (), |()| callback(), |()| f())
    }

    /// As [`call`](Self::call), of a `target` that is asked for its name only where that is needed.
    #[inline(always)]
    pub(crate) fn call_on<T: ?Sized, R>(
        &self,
        target: &mut T,
        callback: impl Fn(&T) -> Callback,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R, String> {
        let seen = self.observed.get().then(|| {
            let callback = callback(target);
            (self.began(&callback), callback)
        });
        let result = contain(|| f(target));
        if let Some((began, callback)) = seen {
            self.ended(&callback, began, result.is_err());
        }
        match result {
            Ok(value) => Ok(value),
            Err(Panicked(said)) => Err(panicked(&callback(target), said)),
        }
    }

    /// Notifies the observers. `event` is only made when there are any.
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.observed.get() {
            self.notify(self.read_clock(), &event());
        }
    }

    /// As [`observe`](Self::observe), of what the loop does between callbacks. It takes no time worth a
    /// reading of the clock, of which there are two for each callback, so it has the time of the last.
    #[inline]
    pub(crate) fn observe_between<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.observed.get() {
            self.notify(
                self.last_reading.get().unwrap_or_else(|| self.read_clock()),
                &event(),
            );
        }
    }

    #[cold]
    fn read_clock(&self) -> Instant {
        let now = (self.clock)();
        self.last_reading.set(Some(now));
        now
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observed.get()
    }

    pub(crate) fn add_observer(&self, observer: Rc<dyn Observer>) {
        let mut observers = (**self.observers.borrow()).clone();
        observers.push(observer);
        self.set_observers(observers);
    }

    pub(crate) fn remove_observer(&self, observer: &Rc<dyn Observer>) {
        let mut observers = (**self.observers.borrow()).clone();
        observers.retain(|other| !Rc::ptr_eq(other, observer));
        self.set_observers(observers);
    }

    fn set_observers(&self, observers: Vec<Rc<dyn Observer>>) {
        self.observed.set(!observers.is_empty());
        let before = self.observers.replace(Rc::new(observers));
        let_go(before); // outside the borrow: its drop may attach another observer
    }

    #[cold]
    fn began(&self, callback: &Callback) -> Instant {
        let now = self.read_clock();
        self.notify(now, &Event::CallbackBegan(callback));
        now
    }

    #[cold]
    fn ended(&self, callback: &Callback, began: Instant, panicked: bool) {
        let now = self.read_clock();
        let event = Event::CallbackEnded {
            callback,
            took: now - began,
            panicked,
        };
        self.notify(now, &event);
    }

    #[cold]
    fn notify(&self, now: Instant, event: &Event<'_>) {
        let observers = Rc::clone(&self.observers.borrow());
        for observer in &*observers {
            if let Err(Panicked(said)) = contain(|| observer.event(now, event)) {
                let said = visible(&said);
                log::error!("an observer panicked and is detached: {said}");
                self.remove_observer(observer);
            }
        }
        let_go(observers); // one of them may have been detached by the event
    }
}

/// Observers are not [`Contained`](crate::contained::Contained), because they are cloned for each event.
impl Drop for Dispatch {
    fn drop(&mut self) {
        let_go(self.observers.take());
    }
}

#[cold]
fn panicked(callback: &Callback, said: String) -> String {
    log::error!("{callback} panicked: {}", visible(&said));
    said
}
