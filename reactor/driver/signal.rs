//! The signals that a loop takes.

use crate::lifecycle;

/// A signal that a loop takes: to stop, or because the program watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
    Hup,
    Usr1,
    Usr2,
    Winch,
    /// A child has ended. Not for programs: whoever spawns children takes their status.
    #[cfg_attr(
        not(all(feature = "os", unix)),
        expect(dead_code, reason = "only the operating system has children")
    )]
    Child,
}

impl Signal {
    pub(crate) const THAT_STOP: [Self; 2] = [Self::Interrupt, Self::Terminate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hup => "SIGHUP",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
            Self::Winch => "SIGWINCH",
            Self::Child => "SIGCHLD",
        }
    }
}

impl From<lifecycle::Signal> for Signal {
    fn from(signal: lifecycle::Signal) -> Self {
        match signal {
            lifecycle::Signal::Hup => Self::Hup,
            lifecycle::Signal::Usr1 => Self::Usr1,
            lifecycle::Signal::Usr2 => Self::Usr2,
            lifecycle::Signal::Winch => Self::Winch,
        }
    }
}
