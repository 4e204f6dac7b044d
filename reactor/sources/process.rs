//! A child process: its exit is the event of this source, and the streams are sources of their own.
//!
//! ```text
//!   spawned ──▶ pidfd readable, or SIGCHLD ──▶ waited for, process_exited ──▶ all streams lost ──▶ process_ended
//! ```
//!
//! Each child is waited for by its own id, and never any child: others belong to the rest of the program.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::Location;
use std::process::{Child, ExitStatus};
use std::rc::Rc;

use crate::driver::{Readiness, Signal};
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::process::running::Running;
use crate::signals::Watch;

struct ChildSource {
    running: Rc<Running>,
    /// Looks for the exit at each SIGCHLD, where there is no pidfd.
    watch: Option<Rc<Watch>>,
    in_line: bool,
}

/// A descriptor that is readable when the child has exited. `None` where the system has none: before Linux 5.3,
/// and elsewhere.
#[cfg(all(target_os = "linux", not(test)))]
pub(crate) fn pidfd(child: &Child) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
}

// Unit tests do without, so that they try SIGCHLD.
#[cfg(any(not(target_os = "linux"), test))]
pub(crate) fn pidfd(_: &Child) -> Option<OwnedFd> {
    None
}

/// Waits for the exit of a child.
pub(crate) fn begin(engine: &Rc<Engine>, running: &Rc<Running>) -> io::Result<()> {
    let token = running.process.token();
    let watch = match &*running.process.pidfd().borrow() {
        Some(pidfd) => {
            let watched = (Readiness::NONE, Readiness::READABLE);
            let mut driver = engine.driver();
            driver.watch(pidfd.as_fd(), token, watched.0, watched.1)?;
            None
        }
        None => {
            let weak = Rc::downgrade(engine);
            let look = move || {
                if let Some(engine) = weak.upgrade() {
                    engine.wake(token);
                }
            };
            Some(engine.watch_signal(Signal::Child, look, Location::caller())?)
        }
    };
    let source = ChildSource {
        running: Rc::clone(running),
        watch,
        in_line: true,
    };
    engine.insert(token, Box::new(source));
    // For `process_made`, and for an exit before SIGCHLD was watched.
    engine.line_up(token);
    Ok(())
}

impl ChildSource {
    fn serve(&mut self, engine: &Engine) {
        if !self.running.is_made() {
            self.running.call(engine, |_, _| {});
        }
        if let Some(status) = self.running.process.take_status() {
            self.exited(status, engine);
        }
        self.end_if_over(engine);
    }

    fn exited(&mut self, status: ExitStatus, engine: &Engine) {
        self.unwatch(engine);
        self.running.call(engine, |protocol, process| {
            protocol.process_exited(process, status);
        });
    }

    fn unwatch(&mut self, engine: &Engine) {
        let process = &self.running.process;
        process.disarm(engine);
        if let Some(watch) = self.watch.take() {
            engine.forget_signal(&watch);
        }
        if let Some(pidfd) = process.pidfd().take() {
            let watched = (Readiness::READABLE, Readiness::NONE);
            let mut driver = engine.driver();
            let unwatched = driver.watch(pidfd.as_fd(), process.token(), watched.0, watched.1);
            drop(unwatched); // fails for what is not watched, and it is closed now
        }
    }

    fn end_if_over(&self, engine: &Engine) {
        let Some(status) = self.running.process.status() else {
            return;
        };
        if self.running.has_streams() {
            return;
        }
        engine.remove(self.running.process.token());
        self.running.call(engine, |protocol, process| {
            protocol.process_ended(process, status);
        });
        self.running.drop_protocol();
    }

    /// Kills it, and sees to its end.
    fn abort(&mut self, engine: &Engine) {
        match self.running.process.kill_now() {
            Some(status) => self.exited(status, engine),
            None if self.running.process.is_alive() => {
                self.unwatch(engine);
                engine.remove(self.running.process.token());
                return self.running.drop_protocol();
            }
            None => {}
        }
        self.end_if_over(engine);
    }
}

impl Source for ChildSource {
    fn note(&mut self, _: Readiness) -> bool {
        !std::mem::replace(&mut self.in_line, true)
    }

    fn ready(&mut self, _: Readiness, engine: &Engine, _: &mut ReadBuffer) {
        self.serve(engine);
    }

    fn turn(&mut self, engine: &Engine, _: &mut ReadBuffer) {
        self.in_line = false;
        self.serve(engine);
    }

    /// The grace of [`Process::terminate_within`](crate::process::Process::terminate_within) is over.
    fn due(&mut self, _: &Engine) {
        self.running.process.grace_is_over();
    }

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            Stop::Asked if self.running.process.is_alive() => {
                self.running.call(engine, |protocol, process| {
                    protocol.shutdown_requested(process);
                });
            }
            Stop::Asked => {} // waits for its last output
            Stop::Aborted(_) => self.abort(engine),
            Stop::Gone => {
                self.running.process.kill_now();
                drop(self.running.process.pidfd().take());
                self.running.drop_protocol();
            }
        }
    }

    fn waits_for(&self) -> Option<String> {
        let pid = self.running.process.pid();
        Some(match self.running.process.is_alive() {
            true => format!("process {pid}, which has not exited"),
            false => format!("process {pid}, whose output is held open by another"),
        })
    }
}
