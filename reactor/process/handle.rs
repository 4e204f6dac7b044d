//! A child as a program holds it: its streams, and signals to it.
//!
//! A child that has exited keeps its process id until it is waited for, and that happens on this thread, in
//! `take_status`. So whoever finds no status here cannot signal a process that has the id after it.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::rc::{Rc, Weak};
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use super::signal::ProcessSignal;
use crate::engine::Engine;
use crate::engine::table::Token;
use crate::engine::timers::TimerId;
use crate::transport::Transport;

/// How often, and how long at a time, a child that was just killed is waited for.
const WAITS: u32 = 1000;
const WAIT: Duration = Duration::from_millis(1);

/// What `wait` has for one that exited with code 255.
const UNKNOWN: i32 = 255 << 8;

/// A child process: see [`Reactor::spawn_process`](crate::Reactor::spawn_process).
///
/// A handle: cheap to clone, and dropping it does nothing to the child.
#[derive(Clone)]
pub struct Process(Rc<Shared>);

struct Shared {
    engine: Weak<Engine>,
    token: Token,
    pid: u32,
    child: RefCell<Child>,
    /// What the loop waits for, where the system has it; until the exit is noticed.
    pidfd: RefCell<Option<OwnedFd>>,
    status: Cell<Option<ExitStatus>>,
    kill_timer: Cell<Option<TimerId>>,
    streams: [OnceCell<Transport>; 3],
}

impl Process {
    pub(super) fn new(engine: &Rc<Engine>, child: Child, pidfd: Option<OwnedFd>) -> Self {
        Self(Rc::new(Shared {
            engine: Rc::downgrade(engine),
            token: engine.reserve(),
            pid: child.id(),
            child: RefCell::new(child),
            pidfd: RefCell::new(pidfd),
            status: Cell::new(None),
            kill_timer: Cell::new(None),
            streams: [const { OnceCell::new() }; 3],
        }))
    }

    /// Its process id, which may be another process's once it has exited.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// How it exited, once [`process_exited`](super::ProcessProtocol::process_exited) was called.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.0.status.get()
    }

    /// Whether it has not exited yet, as far as the loop has noticed.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.status().is_none()
    }

    /// Its standard input, to write to, or `None` if that was left to the command.
    #[must_use]
    pub fn stdin(&self) -> Option<&Transport> {
        self.0.streams[0].get()
    }

    /// Its standard output, which can be paused, or `None` if that was left to the command. A child whose output is
    /// paused waits when the pipe is full, which is 64 KiB on Linux.
    #[must_use]
    pub fn stdout(&self) -> Option<&Transport> {
        self.0.streams[1].get()
    }

    /// Its standard error: as [`stdout`](Self::stdout).
    #[must_use]
    pub fn stderr(&self) -> Option<&Transport> {
        self.0.streams[2].get()
    }

    /// Writes to its standard input, as [`Transport::write`]. Returns `false` when that is closed, or was left
    /// to the command.
    pub fn write(&self, data: &[u8]) -> bool {
        self.stdin().is_some_and(|stdin| stdin.write(data))
    }

    /// Closes its standard input when all that was written is sent. The child reads the end.
    pub fn close_stdin(&self) {
        if let Some(stdin) = self.stdin() {
            stdin.lose_connection();
        }
    }

    /// Sends a signal. Returns whether it was sent: `false` when the child has exited, or has become another
    /// user's. Never reaches a process that has the same id after it.
    pub fn signal(&self, signal: ProcessSignal) -> bool {
        if self.0.status.get().is_some() {
            return false;
        }
        let signal = signal.into();
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = &*self.0.pidfd.borrow() {
            return rustix::process::pidfd_send_signal(pidfd, signal).is_ok();
        }
        let pid = Pid::from_child(&self.0.child.borrow());
        rustix::process::kill_process(pid, signal).is_ok()
    }

    /// Asks it to end: SIGTERM. It may take its time, or ignore it.
    pub fn terminate(&self) -> bool {
        self.signal(ProcessSignal::Term)
    }

    /// Ends it: SIGKILL.
    pub fn kill(&self) -> bool {
        self.signal(ProcessSignal::Kill)
    }

    /// Asks it to end, and kills it when it has not exited after `grace`. A second call sets the grace anew.
    pub fn terminate_within(&self, grace: Duration) -> bool {
        let is_sent = self.terminate();
        if let Some(engine) = self.0.engine.upgrade()
            && self.is_alive()
        {
            let mut timer = self.0.kill_timer.take();
            engine.arm(&mut timer, self.0.token, engine.after(grace));
            self.0.kill_timer.set(timer);
        }
        is_sent
    }

    /// Kills it, and closes its streams, which a child of its own may hold open.
    pub(super) fn end(&self) {
        self.kill();
        for stream in self.0.streams.iter().filter_map(OnceCell::get) {
            stream.abort_connection();
        }
    }
}

/// For the loop.
impl Process {
    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    pub(super) fn engine(&self) -> Option<Rc<Engine>> {
        self.0.engine.upgrade()
    }

    pub(crate) fn pidfd(&self) -> &RefCell<Option<OwnedFd>> {
        &self.0.pidfd
    }

    pub(super) fn set_stream(&self, place: usize, transport: Transport) {
        let is_set = self.0.streams[place].set(transport);
        is_set.expect("each stream is begun once");
    }

    /// The grace is over.
    pub(crate) fn grace_is_over(&self) {
        self.0.kill_timer.set(None);
        self.kill();
    }

    pub(crate) fn disarm(&self, engine: &Engine) {
        engine.disarm(&mut self.0.kill_timer.take());
    }

    /// Waits for it without sleep. Returns its status the first time that it is found.
    pub(crate) fn take_status(&self) -> Option<ExitStatus> {
        if self.0.status.get().is_some() {
            return None;
        }
        let waited = self.0.child.borrow_mut().try_wait();
        let status = waited.unwrap_or_else(|error| Some(self.unknown(&error)));
        self.0.status.set(status);
        status
    }

    /// With SIGCHLD ignored the kernel keeps no status, and another part of the program may have taken it.
    fn unknown(&self, error: &io::Error) -> ExitStatus {
        log::error!("the exit status of process {} is lost: {error}", self.0.pid);
        ExitStatus::from_raw(UNKNOWN)
    }

    /// Kills it and waits for it, at most a second.
    pub(crate) fn kill_now(&self) -> Option<ExitStatus> {
        if !self.is_alive() {
            return None;
        }
        self.kill();
        // The kernel takes well below a millisecond. One that is inside a call that does not end, as of a dead
        // network disk, must not hold up the stop.
        for _ in 0..WAITS {
            if let Some(status) = self.take_status() {
                return Some(status);
            }
            thread::sleep(WAIT);
        }
        log::warn!("process {} was killed and is still there", self.0.pid);
        None
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.0.pid)
            .field("status", &self.0.status.get())
            .finish_non_exhaustive()
    }
}
