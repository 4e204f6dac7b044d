//! Signals: two stop the loop, and others call what the program has set for them.

use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::Engine;
use crate::driver::Signal;
use crate::signals::Watch;

impl Engine {
    /// Calls `f` at each signal of this kind. Also how a source of children would watch theirs.
    pub(crate) fn watch_signal(
        &self,
        signal: Signal,
        f: impl FnMut() + 'static,
        place: &'static Location<'static>,
    ) -> io::Result<Rc<Watch>> {
        self.driver.borrow_mut().watch_signal(signal, true)?;
        Ok(self.watches.add(signal, f, place))
    }

    /// Returns whether it was set.
    pub(crate) fn forget_signal(&self, watch: &Rc<Watch>) -> bool {
        let was_set = self.watches.remove(watch);
        if was_set && !self.watches.has(watch.signal) {
            let mut driver = self.driver.borrow_mut();
            if let Err(error) = driver.watch_signal(watch.signal, false) {
                log::warn!("{} cannot be given back: {error}", watch.signal.name());
            }
        }
        was_set
    }

    /// SIGINT and SIGTERM ask for an orderly stop; a SIGTERM while one is under way ends it at once.
    /// (A second SIGINT ends the process, and never comes here.)
    pub(super) fn signalled(&self, signal: Signal) {
        if !Signal::THAT_STOP.contains(&signal) {
            return self.watches.call(signal, &self.dispatch);
        }
        let again = self.is_stopping();
        log::info!(
            "{} {}",
            signal.name(),
            if again {
                "ends the stop"
            } else {
                "stops the loop"
            }
        );
        if again {
            self.shutdown(Duration::ZERO);
            // From here on a callback that asks for a longer grace comes too late.
            self.life.ends_at_once.set(true);
        } else {
            self.stop();
        }
    }
}
