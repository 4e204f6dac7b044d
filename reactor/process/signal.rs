//! Signals that a child may be sent.

/// A signal to a child: see [`Process::signal`](crate::process::Process::signal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessSignal {
    /// SIGHUP: by custom, read the configuration again.
    Hup,
    /// SIGINT: as Ctrl-C.
    Int,
    /// SIGQUIT: ends, and leaves a core.
    Quit,
    /// SIGUSR1: what the child makes of it.
    Usr1,
    /// SIGUSR2: as SIGUSR1.
    Usr2,
    /// SIGTERM: asks it to end.
    Term,
    /// SIGKILL: ends it, whatever it does.
    Kill,
    /// SIGSTOP: stops it, until SIGCONT.
    Stop,
    /// SIGCONT: lets it go on.
    Cont,
    /// SIGWINCH: its terminal has another size.
    Winch,
}

impl From<ProcessSignal> for rustix::process::Signal {
    fn from(signal: ProcessSignal) -> Self {
        match signal {
            ProcessSignal::Hup => Self::HUP,
            ProcessSignal::Int => Self::INT,
            ProcessSignal::Quit => Self::QUIT,
            ProcessSignal::Usr1 => Self::USR1,
            ProcessSignal::Usr2 => Self::USR2,
            ProcessSignal::Term => Self::TERM,
            ProcessSignal::Kill => Self::KILL,
            ProcessSignal::Stop => Self::STOP,
            ProcessSignal::Cont => Self::CONT,
            ProcessSignal::Winch => Self::WINCH,
        }
    }
}
