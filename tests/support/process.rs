//! The chat program in a process of its own, whose log is followed and which cannot outlive a test.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How long a process may run before it is killed.
const DEADLINE: Duration = Duration::from_secs(60);

/// How many clock ticks `/proc` counts in a second, on every Linux.
const TICKS: u32 = 100;

/// The tests measure time and memory, so only one process runs at once.
static TURN: Mutex<()> = Mutex::new(());

/// The program, which is built if it is not there or is old. `cargo test --test chat` alone does
/// not build examples.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let this = env::current_exe().expect("a test knows where it is");
        let profile = this
            .parent()
            .and_then(Path::parent)
            .expect("tests are built in <target>/<profile>/deps");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--example", "chat", "--target-dir"])
            .args(profile.parent());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the chat example cannot be built");
        profile.join("examples").join("chat")
    })
}

/// A process that runs. Dropping it kills it, and prints its log if the test has failed.
pub(crate) struct Process {
    id: u32,
    child: Arc<Mutex<Child>>,
    log: Arc<Log>,
    /// Ends the watch over the deadline when it is dropped.
    _watch: Sender<()>,
    _turn: MutexGuard<'static, ()>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let turn = lock(&TURN);
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let id = child.id();
        let log = Log::follow(child.stderr.take().expect("stderr is a pipe"));
        let child = Arc::new(Mutex::new(child));
        Self {
            id,
            _watch: watch(&child),
            child,
            log,
            _turn: turn,
        }
    }

    /// What it prints, once.
    pub(crate) fn stdout(&self) -> ChildStdout {
        let stdout = lock(&self.child).stdout.take();
        stdout.expect("stdout is a pipe that nobody has taken")
    }

    /// Sends a signal, by the name that `kill` knows it by.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id);
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()), "{kill}");
    }

    /// Waits for the end.
    pub(crate) fn ends(&self) -> ExitStatus {
        // The lock is not held while there is something that the watch may have to kill.
        self.log
            .wait_for("its end", |told| told.ended.then_some(()));
        lock(&self.child).wait().expect("it is a child")
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&lock(&self.log.told).bytes).into_owned()
    }

    /// Waits until the log says `text`, and returns how much log there was before.
    pub(crate) fn logs(&self, text: &str) -> usize {
        self.log.wait_for(text, |log| {
            let bytes = text.as_bytes();
            log.bytes.windows(bytes.len()).position(|at| at == bytes)
        })
    }

    /// Waits until one line of the log has all these parts.
    pub(crate) fn logs_a_line(&self, parts: &[&str]) {
        self.log.wait_for(&parts.join(" … "), |told| {
            let log = String::from_utf8_lossy(&told.bytes);
            log.lines()
                .any(|line| parts.iter().all(|part| line.contains(part)))
                .then_some(())
        });
    }

    /// How many bytes have been logged.
    pub(crate) fn logged(&self) -> usize {
        lock(&self.log.told).bytes.len()
    }

    /// How much memory it uses, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    /// How much memory it has used at most, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    /// How long it has computed.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat");
        let (_, behind_name) = stat.rsplit_once(')').expect("the name is in parentheses");
        let ticks: u32 = behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u32>().expect("ticks are a number"))
            .sum();
        Duration::from_secs(1) * ticks / TICKS
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.id)).expect("it runs");
        entries.count()
    }

    /// The port at which it listens, as soon as it does.
    pub(crate) fn listening_port(&self) -> u16 {
        let began = Instant::now();
        loop {
            let own = self.sockets();
            let listening = sockets().find(|socket| socket.listens && own.contains(&socket.inode));
            if let Some(socket) = listening {
                return socket.local;
            }
            assert!(began.elapsed() < PATIENCE, "it listens nowhere");
            thread::yield_now();
        }
    }

    /// The numbers of its sockets.
    fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.id)).expect("it runs");
        entries
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|target| {
                let target = target.to_str()?;
                Some(
                    target
                        .strip_prefix("socket:[")?
                        .strip_suffix(']')?
                        .to_owned(),
                )
            })
            .collect()
    }

    fn status(&self, name: &str) -> usize {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(name));
        let kibibytes = line
            .and_then(|line| line.split_whitespace().nth(1))
            .and_then(|number| number.parse::<usize>().ok());
        kibibytes.expect("the kernel counts memory") << 10
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.id)).expect("the server runs")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("The program has logged:\n{}", self.log());
        }
        // It may have ended before.
        let _ = lock(&self.child).kill();
        let _ = lock(&self.child).wait();
    }
}

/// Kills the child at the deadline, unless what is returned is dropped before.
fn watch(child: &Arc<Mutex<Child>>) -> Sender<()> {
    let child = Arc::clone(child);
    let (watch, ended) = mpsc::channel();
    thread::spawn(move || {
        if ended.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
            // It may have ended by itself in this moment.
            let _ = lock(&child).kill();
        }
    });
    watch
}

/// What the program has written to its stderr, as it comes.
struct Log {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    bytes: Vec<u8>,
    ended: bool,
}

impl Log {
    fn follow(mut stderr: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self {
            told: Mutex::default(),
            changed: Condvar::new(),
        });
        let here = Arc::clone(&log);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let bytes = stderr.read(&mut buffer).unwrap_or(0);
                let mut told = lock(&here.told);
                told.bytes.extend_from_slice(&buffer[..bytes]);
                told.ended = bytes == 0;
                here.changed.notify_all();
                if told.ended {
                    return;
                }
            }
        });
        log
    }

    fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Told) -> Option<T>) -> T {
        let began = Instant::now();
        let mut told = lock(&self.told);
        loop {
            if let Some(found) = look(&told) {
                return found;
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            assert!(
                !told.ended && !left.is_zero(),
                "the log never told of {what:?}"
            );
            let waited = self.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A TCP socket of this machine.
pub(crate) struct Socket {
    pub(crate) local: u16,
    pub(crate) remote: u16,
    /// How many bytes the kernel has taken and not got rid of.
    pub(crate) sending: usize,
    listens: bool,
    inode: String,
}

/// All of them.
pub(crate) fn sockets() -> impl Iterator<Item = Socket> {
    let table = fs::read_to_string("/proc/net/tcp").expect("there is TCP");
    let sockets: Vec<_> = table.lines().filter_map(socket).collect();
    sockets.into_iter()
}

/// One line of the table, such as `0: 0100007F:0578 00000000:0000 0A 00000000:00000000 …`.
fn socket(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let port = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    let (sending, _) = fields.get(4)?.split_once(':')?;
    Some(Socket {
        local: port(fields[1])?,
        remote: port(fields[2])?,
        sending: usize::from_str_radix(sending, 16).ok()?,
        listens: fields[3] == "0A",
        inode: (*fields.get(9)?).to_owned(),
    })
}

/// Locks what a failed test may have poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
