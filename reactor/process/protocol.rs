//! What a consumer implements for a child.

use std::any::Any;
use std::process::ExitStatus;

use super::handle::Process;
use crate::reason::Reason;

/// What happens to a child, as events. [`process_made`](Self::process_made) comes first and
/// [`process_ended`](Self::process_ended) last; each of both, and of
/// [`process_exited`](Self::process_exited), comes once. Bytes of one stream come in order; those of the output
/// and of the error, and the exit, come in any order.
///
/// As of a [`Protocol`](crate::Protocol), every method is called by the loop, none inside another, and
/// may ask anything of the process, its streams and the reactor. A panic in one of them kills the child, and the
/// events go on until it has ended.
///
/// ```
/// use std::process::{Command, ExitStatus};
///
/// use reactor::Reactor;
/// use reactor::process::{Process, ProcessProtocol};
///
/// struct Upper;
///
/// impl ProcessProtocol for Upper {
///     fn process_made(&mut self, process: &Process) {
///         process.write(b"hello");
///         process.close_stdin();
///     }
///
///     fn output_received(&mut self, _: &Process, data: &[u8]) {
///         assert_eq!(data, b"HELLO");
///     }
///
///     fn process_ended(&mut self, _: &Process, status: ExitStatus) {
///         assert!(status.success());
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let mut command = Command::new("tr");
/// command.args(["a-z", "A-Z"]);
/// reactor.spawn_process(command, Upper)?;
/// reactor.run()?; // until it has ended
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ProcessProtocol: Any {
    /// It was started. Whether it does what it should is not known yet.
    fn process_made(&mut self, process: &Process) {
        let _ = process;
    }

    /// Bytes of its standard output, split anywhere, and lent for the call.
    fn output_received(&mut self, process: &Process, data: &[u8]) {
        let _ = (process, data);
    }

    /// Bytes of its standard error, split anywhere, and lent for the call.
    fn error_received(&mut self, process: &Process, data: &[u8]) {
        let _ = (process, data);
    }

    /// It reads more slowly than this side writes: [`Limits::high_water`](crate::Limits::high_water) is passed.
    ///
    /// By default nothing happens, unlike on a connection: a child that cannot write its output would
    /// never read its input. Whoever feeds it without end stops until
    /// [`writing_resumed`](Self::writing_resumed), or the standard input is lost with
    /// [`Reason::UnsentOverflow`].
    fn writing_paused(&mut self, process: &Process) {
        let _ = process;
    }

    /// At most [`Limits::low_water`](crate::Limits::low_water) bytes are left to be written.
    fn writing_resumed(&mut self, process: &Process) {
        let _ = process;
    }

    /// Its standard input is closed, by either side.
    fn stdin_lost(&mut self, process: &Process, reason: &Reason) {
        let _ = (process, reason);
    }

    /// Its standard output is at its end, or was closed here. The child may live on.
    fn stdout_lost(&mut self, process: &Process, reason: &Reason) {
        let _ = (process, reason);
    }

    /// Its standard error is at its end, or was closed here.
    fn stderr_lost(&mut self, process: &Process, reason: &Reason) {
        let _ = (process, reason);
    }

    /// The reactor is shutting down, and waits for the child until the grace is over. What is left then is
    /// killed.
    ///
    /// By default the child is asked to [terminate](Process::terminate).
    fn shutdown_requested(&mut self, process: &Process) {
        process.terminate();
    }

    /// It has exited, with a code or by a signal. Its output may still come, and never end while a
    /// process that it has started itself holds it open.
    ///
    /// When the status is lost, because the program ignores SIGCHLD or waits for all children elsewhere, it is
    /// code 255, and the log says so.
    fn process_exited(&mut self, process: &Process, status: ExitStatus) {
        let _ = (process, status);
    }

    /// It has exited, and all its streams are lost. Nothing comes afterwards; the protocol is dropped.
    fn process_ended(&mut self, process: &Process, status: ExitStatus) {
        let _ = (process, status);
    }
}
