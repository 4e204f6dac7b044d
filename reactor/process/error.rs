//! What goes wrong with children.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;

use crate::visible::visible;

/// Why a process was not started. No child is left.
#[derive(Debug)]
pub struct CannotSpawn {
    pub(super) program: String,
    pub(super) source: io::Error,
}

impl CannotSpawn {
    /// The operating system's error: `NotFound` when there is no such program, or its directory is not there.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for CannotSpawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = visible(&self.program);
        write!(f, "cannot start \"{program}\": {}", self.source)
    }
}

impl Error for CannotSpawn {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// A command whose output was asked for did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFailed {
    pub(super) program: String,
    pub(super) status: ExitStatus,
    pub(super) stderr: Vec<u8>,
}

impl ProcessFailed {
    /// How it exited: with a code, or by which signal.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// What it wrote to its standard error.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }
}

impl fmt::Display for ProcessFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" failed: {}", visible(&self.program), self.status)?;
        let said = String::from_utf8_lossy(&self.stderr);
        // The last line is the message, as a rule; what is before it may be a log.
        match said.trim_end().lines().next_back() {
            Some(line) => write!(f, ": {}", visible(line)),
            None => Ok(()),
        }
    }
}

impl Error for ProcessFailed {}

/// A command wrote more than [`ProcessCommand::output_limit`](crate::process::ProcessCommand::output_limit), and was
/// killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTooLong {
    pub(super) program: String,
    pub(super) limit: usize,
}

impl fmt::Display for OutputTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = visible(&self.program);
        write!(f, "\"{program}\" wrote more than {} bytes", self.limit)
    }
}

impl Error for OutputTooLong {}
