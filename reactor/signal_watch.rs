//! A function that is called at each signal of a kind, as the program holds it.

use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::driver::Signal;
use crate::engine::Engine;
use crate::signals::Watch;

/// A function that [`Reactor::on_signal`](crate::Reactor::on_signal) has set. Dropping this handle does not
/// cancel it.
pub struct SignalWatch {
    engine: Weak<Engine>,
    watch: Weak<Watch>,
}

impl SignalWatch {
    pub(crate) fn set(
        engine: &Rc<Engine>,
        signal: Signal,
        f: impl FnMut() + 'static,
        place: &'static Location<'static>,
    ) -> io::Result<Self> {
        let watch = engine.watch_signal(signal, f, place)?;
        Ok(Self {
            engine: Rc::downgrade(engine),
            watch: Rc::downgrade(&watch),
        })
    }

    /// Cancels the function, which is dropped at once, or when it returns if it is being called. When it was
    /// the last one for its signal, the signal does again what it did before the first one was set.
    ///
    /// Returns whether it was set: false when it was cancelled before, or the loop is gone.
    pub fn cancel(&self) -> bool {
        let handles = (self.engine.upgrade(), self.watch.upgrade());
        let (Some(engine), Some(watch)) = handles else {
            return false;
        };
        engine.forget_signal(&watch)
    }
}

impl fmt::Debug for SignalWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = self.watch.upgrade().map(|watch| watch.signal.name());
        f.debug_struct("SignalWatch")
            .field("signal", &signal)
            .finish_non_exhaustive()
    }
}
