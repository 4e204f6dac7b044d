//! SIGINT and SIGTERM: the first one asks the loop to shut down, a second SIGINT ends the process.
//!
//! While a loop runs, the handlers only write a byte into a pipe that the loop waits for. A second
//! SIGINT that comes while the first is being worked off has its default action at once, from the
//! handler itself, so it works even when a callback never returns. When no loop runs, both signals
//! have their default action, as if this library were not there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook_mio::v1_0;

use crate::driver::Signal;

/// Signal handlers belong to the process, and so does this, the crate's only static.
static HANDLERS: OnceLock<io::Result<Handlers>> = OnceLock::new();

struct Handlers {
    /// Whether SIGINT has its default action.
    interrupt: Arc<AtomicBool>,
    /// Whether SIGTERM has its default action.
    terminate: Arc<AtomicBool>,
    /// How many loops take signals.
    loops: Mutex<usize>,
}

impl Handlers {
    /// Installs the handlers, once for the process.
    fn install() -> io::Result<Self> {
        let interrupt = Arc::new(AtomicBool::new(true));
        let terminate = Arc::new(AtomicBool::new(true));
        flag::register_conditional_default(SIGINT, Arc::clone(&interrupt))?;
        // Runs after the line above has looked, so it is the next SIGINT that it arms.
        flag::register(SIGINT, Arc::clone(&interrupt))?;
        flag::register_conditional_default(SIGTERM, Arc::clone(&terminate))?;
        Ok(Self {
            interrupt,
            terminate,
            loops: Mutex::new(0),
        })
    }

    fn installed() -> io::Result<&'static Self> {
        let handlers = HANDLERS.get_or_init(Self::install).as_ref();
        handlers.map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    /// One loop more, or less, takes signals.
    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut loops = self.loops.lock().expect("nothing panics while it counts");
        *loops = change(*loops);
        self.interrupt.store(*loops == 0, Ordering::SeqCst);
        self.terminate.store(*loops == 0, Ordering::SeqCst);
    }
}

/// The signals of one loop, while it runs.
pub(crate) struct Signals(v1_0::Signals);

impl Signals {
    pub(crate) fn take() -> io::Result<Self> {
        let handlers = Handlers::installed()?;
        let signals = v1_0::Signals::new([SIGINT, SIGTERM])?;
        handlers.count(|loops| loops + 1);
        Ok(Self(signals))
    }

    /// What the poll waits for.
    pub(crate) fn source(&mut self) -> &mut v1_0::Signals {
        &mut self.0
    }

    pub(crate) fn pending(&mut self) -> Vec<Signal> {
        let signal = |number| {
            if number == SIGINT {
                Signal::Interrupt
            } else {
                Signal::Terminate
            }
        };
        self.0.pending().map(signal).collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if let Ok(handlers) = Handlers::installed() {
            handlers.count(|loops| loops - 1);
        }
    }
}
