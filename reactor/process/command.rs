//! What is to be started, and which of its streams are the loop's.

use std::process::{Command, Stdio};

use crate::limits::Limits;

/// A [`Command`], and which of its streams are the loop's: all three, unless it says otherwise.
///
/// A `Command` is one by itself, by `into`.
///
/// ```
/// use std::process::Command;
///
/// use reactor::process::ProcessCommand;
///
/// let mut command = Command::new("make");
/// command.arg("all");
/// let command = ProcessCommand::new(command).keep_stderr(); // goes to where the program's own goes
/// ```
#[derive(Debug)]
pub struct ProcessCommand {
    pub(super) command: Command,
    /// Which of stdin, stdout and stderr are pipes of the loop.
    piped: [bool; 3],
    pub(super) limits: Limits,
    pub(super) output_limit: usize,
}

impl ProcessCommand {
    /// This command, with all its streams the loop's.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self {
            command,
            piped: [true; 3],
            limits: Limits::default(),
            output_limit: 16 << 20,
        }
    }

    /// Leaves the standard input to the command: inherited, or as [`Command::stdin`] has set it.
    #[must_use]
    pub fn keep_stdin(mut self) -> Self {
        self.piped[0] = false;
        self
    }

    /// Leaves the standard output to the command: inherited, or as [`Command::stdout`] has set it.
    #[must_use]
    pub fn keep_stdout(mut self) -> Self {
        self.piped[1] = false;
        self
    }

    /// Leaves the standard error to the command: inherited, or as [`Command::stderr`] has set it.
    #[must_use]
    pub fn keep_stderr(mut self) -> Self {
        self.piped[2] = false;
        self
    }

    /// The limits of each of its streams: the marks and the limit of unsent bytes concern the standard input.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many bytes [`get_output`](crate::Reactor::get_output) takes of the output and the error together:
    /// by default 16 MiB. A command that writes more is killed.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Has an empty standard input, unless it was left to the command.
    pub(super) fn without_input(mut self) -> Self {
        if self.piped[0] {
            self.command.stdin(Stdio::null());
        }
        self.keep_stdin()
    }

    /// Has an input and an output that are the loop's.
    pub(super) fn with_both_pipes(mut self) -> Self {
        self.piped[0] = true;
        self.piped[1] = true;
        self
    }

    /// Makes pipes of the streams that are the loop's.
    pub(super) fn prepare(&mut self) -> &mut Command {
        let [stdin, stdout, stderr] = self.piped;
        if stdin {
            self.command.stdin(Stdio::piped());
        }
        if stdout {
            self.command.stdout(Stdio::piped());
        }
        if stderr {
            self.command.stderr(Stdio::piped());
        }
        &mut self.command
    }

    /// What is to be started, for errors.
    pub(super) fn program(&self) -> String {
        self.command.get_program().to_string_lossy().into_owned()
    }
}

impl From<Command> for ProcessCommand {
    fn from(command: Command) -> Self {
        Self::new(command)
    }
}
