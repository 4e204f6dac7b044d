//! SIGINT and SIGTERM: the first one asks the loop to shut down, a second SIGINT ends the process.
//!
//! While a loop runs, the handlers only write a byte into a pipe that the loop waits for. A second
//! SIGINT that comes while the first is being worked off has its default action at once, from the
//! handler itself, so it works even when a callback never returns. When no loop runs, both signals
//! do what they did before a loop took them for the first time:
//!
//! ```text
//!   found         while a loop runs                             before and after
//!   default       stops it, and a second SIGINT is the default  default
//!   ignored       ignored                                       ignored
//!   handled       the program's handler, and stops it           the program's handler
//! ```
//!
//! A shell ignores SIGINT for a job in the background of a script, and `nohup` or `trap ''` may
//! ignore others, because the signal is not meant for the job.
//!
//! What is found is read from `/proc`, since to ask `sigaction` takes `unsafe`, in every crate that
//! has it, and this library has none. Where there is no `/proc`, as on macOS and the BSDs, both
//! signals count as having their default action; there, and for handlers that are set later,
//! `handle_signals(false)` leaves them alone.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook_mio::v1_0;

use crate::driver::Signal;

const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Signal handlers belong to the process, and so does what is known of them.
static HANDLERS: Mutex<Handlers> = Mutex::new(Handlers {
    loops: 0,
    has_default: [None, None],
});

struct Handlers {
    /// How many loops take signals.
    loops: usize,
    /// Of each signal that a loop has taken, whether it has its default action now. This library's
    /// handlers stay installed from then on.
    has_default: [Option<Arc<AtomicBool>>; SIGNALS.len()],
}

impl Handlers {
    /// Finds out which signals a loop may take, and installs what those need that are taken for
    /// the first time.
    fn taken(&mut self) -> io::Result<Vec<i32>> {
        // Before anything is installed, which would be found as a handler of the program.
        let found = Found::now();
        let mut taken = Vec::new();
        for (signal, has_default) in SIGNALS.into_iter().zip(&mut self.has_default) {
            if found.is_ignored(signal) {
                continue;
            }
            if has_default.is_none() {
                *has_default = Some(install(signal, found.is_handled(signal))?);
            }
            taken.push(signal);
        }
        Ok(taken)
    }

    /// One loop more, or less, takes signals.
    fn count(&mut self, change: impl FnOnce(usize) -> usize) {
        self.loops = change(self.loops);
        for has_default in self.has_default.iter().flatten() {
            // Read by a handler, on whichever thread the signal arrives.
            has_default.store(self.loops == 0, Ordering::SeqCst);
        }
    }
}

/// Gives a signal its default action whenever the flag is set. A handler that the program has is
/// called in any case, and decides instead.
fn install(signal: i32, is_handled: bool) -> io::Result<Arc<AtomicBool>> {
    let has_default = Arc::new(AtomicBool::new(true));
    if is_handled {
        return Ok(has_default);
    }
    flag::register_conditional_default(signal, Arc::clone(&has_default))?;
    if signal == SIGINT {
        // Runs after the line above has looked, so it is the next SIGINT that it arms.
        flag::register(signal, Arc::clone(&has_default))?;
    }
    Ok(has_default)
}

/// What the process does with its signals, as two sets: bit 0 is signal 1.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    ignored: u128,
    handled: u128,
}

impl Found {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::in_status(&status)
    }

    /// Reads what `proc_pid_status(5)` describes. What is not there is empty.
    fn in_status(status: &str) -> Self {
        let set = |name: &str| {
            let mut lines = status.lines();
            let digits = lines.find_map(|line| line.strip_prefix(name))?;
            u128::from_str_radix(digits.trim(), 16).ok()
        };
        Self {
            ignored: set("SigIgn:").unwrap_or_default(),
            handled: set("SigCgt:").unwrap_or_default(),
        }
    }

    fn is_ignored(&self, signal: i32) -> bool {
        self.ignored >> (signal - 1) & 1 == 1
    }

    fn is_handled(&self, signal: i32) -> bool {
        self.handled >> (signal - 1) & 1 == 1
    }
}

/// The signals of one loop, while it runs.
pub(crate) struct Signals(v1_0::Signals);

impl Signals {
    pub(crate) fn take() -> io::Result<Self> {
        let mut handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
        let signals = v1_0::Signals::new(handlers.taken()?)?;
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
        let mut handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.count(|loops| loops - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_and_handled_is_in_the_status_of_the_process() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000002\n\
                      SigCgt:\t0000000000004000\nCapInh:\t0000000000000000\n";
        let found = Found::in_status(status);
        assert!(found.is_ignored(SIGINT) && !found.is_handled(SIGINT));
        assert!(!found.is_ignored(SIGTERM) && found.is_handled(SIGTERM));
    }

    #[test]
    fn what_the_system_does_not_tell_has_its_default_action() {
        for status in ["", "Name:\tcat\n", "SigIgn:\nSigCgt:\tmany\n"] {
            assert_eq!(Found::in_status(status), Found::default(), "{status:?}");
        }
    }
}
