//! What a signal does: SIGINT and SIGTERM ask a running loop to shut down, a second SIGINT ends the process,
//! and others call what the program has set for them.
//!
//! The handlers only write a byte into a pipe that the loop waits for. A second
//! SIGINT that comes while the first is being worked off has its default action at once, from the
//! handler itself, so it works even when a callback never returns. When no loop takes a signal, it
//! does what it did before a loop took it for the first time:
//!
//! ```text
//!   found         INT, TERM, while a loop runs                  others, while a loop watches   otherwise
//!   default       stops it, and a second SIGINT is the default  calls what is set              default
//!   ignored       ignored                                       calls what is set              ignored
//!   handled       the program's handler, and stops it           the program's handler, and so  the program's handler
//! ```
//!
//! A shell ignores SIGINT for a job in the background of a script, and `nohup` or `trap ''` may
//! ignore others, because the signal is not meant for the job. That holds for what a loop takes by
//! itself. A signal that the program watches is meant for it, whoever has started it.
//!
//! What is found is read from `/proc`, since to ask `sigaction` takes `unsafe`, in every crate that
//! has it, and this library has none. Where there is no `/proc`, as on macOS and the BSDs, all
//! signals count as having their default action; there, and for handlers that are set later,
//! `handle_signals(false)` leaves SIGINT and SIGTERM alone.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::flag;
use signal_hook_mio::v1_0;

use crate::driver::Signal;

const SIGNALS: [(Signal, i32); 7] = [
    (Signal::Interrupt, SIGINT),
    (Signal::Terminate, SIGTERM),
    (Signal::Hup, SIGHUP),
    (Signal::Usr1, SIGUSR1),
    (Signal::Usr2, SIGUSR2),
    (Signal::Winch, SIGWINCH),
    (Signal::Child, SIGCHLD),
];

fn number(signal: Signal) -> i32 {
    SIGNALS[signal as usize].1
}

/// Signal handlers belong to the process, and so does what is known of them.
static HANDLERS: Mutex<[Handler; SIGNALS.len()]> =
    Mutex::new([const { Handler::NONE }; SIGNALS.len()]);

fn handlers() -> MutexGuard<'static, [Handler; SIGNALS.len()]> {
    HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of one signal.
struct Handler {
    /// How many loops take it.
    takers: usize,
    /// Whether it has its default action now, if a loop has ever taken it. This library's handler
    /// stays installed from then on.
    has_default: Option<Arc<AtomicBool>>,
}

impl Handler {
    const NONE: Self = Self {
        takers: 0,
        has_default: None,
    };

    /// Installs what the signal needs if it is taken for the first time.
    fn prepare(&mut self, signal: i32, found: &Found) -> io::Result<()> {
        if self.has_default.is_none() {
            // One that was ignored has no action when no loop takes it, as one that is handled.
            let keeps = found.is_handled(signal) || found.is_ignored(signal);
            self.has_default = Some(install(signal, keeps)?);
        }
        Ok(())
    }

    /// One loop more, or less, takes the signal.
    fn count(&mut self, change: impl FnOnce(usize) -> usize) {
        self.takers = change(self.takers);
        if let Some(has_default) = &self.has_default {
            // Read by a handler, on whichever thread the signal arrives.
            has_default.store(self.takers == 0, Ordering::SeqCst);
        }
    }
}

/// Gives a signal its default action whenever the flag is set, unless the program keeps what it does with it: a
/// handler is called in any case, and what ignores does so.
fn install(signal: i32, keeps: bool) -> io::Result<Arc<AtomicBool>> {
    let has_default = Arc::new(AtomicBool::new(true));
    if keeps {
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

/// Signals that one loop takes.
pub(crate) struct Signals {
    pipe: v1_0::Signals,
    taken: Vec<Signal>,
}

impl Signals {
    /// Takes these signals, except those that are ignored.
    pub(crate) fn take(which: &[Signal]) -> io::Result<Self> {
        // Before anything is installed, which would be found as a handler of the program.
        let found = Found::now();
        let is_meant = |signal: &Signal| !found.is_ignored(number(*signal));
        let mut handlers = handlers();
        let taken: Vec<Signal> = which.iter().copied().filter(is_meant).collect();
        for signal in &taken {
            handlers[*signal as usize].prepare(number(*signal), &found)?;
        }
        let pipe = v1_0::Signals::new(taken.iter().map(|signal| number(*signal)))?;
        for signal in &taken {
            handlers[*signal as usize].count(|takers| takers + 1);
        }
        Ok(Self { pipe, taken })
    }

    /// Takes one more, also if it is ignored. Does nothing if it is taken.
    pub(crate) fn add(&mut self, signal: Signal) -> io::Result<()> {
        if self.taken.contains(&signal) {
            return Ok(());
        }
        let found = Found::now();
        let handler = &mut handlers()[signal as usize];
        handler.prepare(number(signal), &found)?;
        // Before it loses its default action, so that none is lost in between.
        self.pipe.add_signal(number(signal))?;
        handler.count(|takers| takers + 1);
        self.taken.push(signal);
        Ok(())
    }

    /// Takes one no more. It may still wake the loop, which finds nothing then.
    pub(crate) fn remove(&mut self, signal: Signal) {
        let before = self.taken.len();
        self.taken.retain(|taken| *taken != signal);
        if self.taken.len() < before {
            handlers()[signal as usize].count(|takers| takers - 1);
        }
    }

    /// What the poll waits for.
    pub(crate) fn source(&mut self) -> &mut v1_0::Signals {
        &mut self.pipe
    }

    pub(crate) fn pending(&mut self) -> Vec<Signal> {
        let came: Vec<i32> = self.pipe.pending().collect();
        let taken = self.taken.iter().copied();
        taken
            .filter(|signal| came.contains(&number(*signal)))
            .collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut handlers = handlers();
        for signal in &self.taken {
            handlers[*signal as usize].count(|takers| takers - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_own_place() {
        for (place, (signal, _)) in SIGNALS.into_iter().enumerate() {
            assert_eq!(signal as usize, place);
        }
    }

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
