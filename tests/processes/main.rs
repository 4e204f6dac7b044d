//! Child processes, on the real kernel: their streams, their exit, and that nothing of them is left.

#![cfg(unix)]

mod ends;
mod outputs;
#[path = "../support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::process::{Command, ExitStatus};
use std::rc::Rc;

use reactor::process::{CannotSpawn, Process, ProcessCommand, ProcessProtocol};
use reactor::testing::Simulation;
use reactor::{Limits, Reactor, Reason};

use support::{Log, pattern};

fn reactor() -> Reactor {
    let reactor = Reactor::new().expect("a loop");
    reactor.handle_signals(false);
    reactor
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Notes all events, and reacts to each by a closure.
struct Diary<F> {
    log: Log,
    react: F,
}

impl<F: FnMut(&str, &Process) + 'static> Diary<F> {
    fn note(&mut self, entry: String, process: &Process) {
        self.log.note(&entry);
        (self.react)(&entry, process);
    }
}

impl<F: FnMut(&str, &Process) + 'static> ProcessProtocol for Diary<F> {
    fn process_made(&mut self, process: &Process) {
        self.note("made".to_owned(), process);
    }

    fn output_received(&mut self, process: &Process, data: &[u8]) {
        self.note(format!("out: {}", data.escape_ascii()), process);
    }

    fn error_received(&mut self, process: &Process, data: &[u8]) {
        self.note(format!("err: {}", data.escape_ascii()), process);
    }

    fn stdin_lost(&mut self, process: &Process, _: &Reason) {
        self.note("stdin lost".to_owned(), process);
    }

    fn stdout_lost(&mut self, process: &Process, _: &Reason) {
        self.note("stdout lost".to_owned(), process);
    }

    fn stderr_lost(&mut self, process: &Process, _: &Reason) {
        self.note("stderr lost".to_owned(), process);
    }

    fn process_exited(&mut self, process: &Process, status: ExitStatus) {
        self.note(format!("exited: {status}"), process);
    }

    fn process_ended(&mut self, process: &Process, status: ExitStatus) {
        self.note(format!("ended: {status}"), process);
    }
}

fn diary<F: FnMut(&str, &Process) + 'static>(log: &Log, react: F) -> Diary<F> {
    Diary {
        log: log.clone(),
        react,
    }
}

/// Whether a process has this id, be it a zombie.
fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).expect("/proc")
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("/proc").count()
}

#[test]
fn a_child_reads_writes_and_ends_in_the_order_of_the_contract() {
    let (reactor, log) = (reactor(), Log::default());
    let command = shell("read line; echo \"got $line\"; echo oops >&2; exit 3");
    let process = reactor
        .spawn_process(
            command,
            diary(&log, |entry, process| {
                if entry == "made" {
                    process.write(b"hello\n");
                }
            }),
        )
        .expect("sh");
    assert_eq!(log.entries().len(), 0, "nothing before the call returns");
    reactor.run().expect("it ends by itself");
    let entries = log.entries();
    assert_eq!(entries.first().map(String::as_str), Some("made"));
    assert_eq!(
        entries.last().map(String::as_str),
        Some("ended: exit status: 3")
    );
    for entry in [
        "out: got hello\\n",
        "err: oops\\n",
        "exited: exit status: 3",
    ] {
        assert_eq!(log.count(entry), 1, "{entry}: {entries:?}");
    }
    for entry in ["stdin lost", "stdout lost", "stderr lost"] {
        assert_eq!(log.count(entry), 1, "{entry}: {entries:?}");
    }
    assert_eq!(process.status().and_then(|status| status.code()), Some(3));
    assert!(!process.terminate() && !process.kill() && !process.write(b"late"));
    assert!(!exists(process.pid()), "it was waited for");
}

#[test]
fn a_program_that_does_not_exist_is_an_error_and_leaves_no_zombie() {
    let reactor = reactor();
    let error = reactor
        .spawn_process(
            Command::new("/no/such/program"),
            diary(&Log::default(), |_, _| {}),
        )
        .expect_err("there is none");
    assert_eq!(error.io_error().kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    let failed = reactor.run_until(reactor.get_output(Command::new("/no/such/program")));
    let failure = failed.expect_err("there is none");
    assert!(failure.check::<CannotSpawn>().is_some(), "{failure}");
    reactor.run().expect("nothing is left");
}

#[test]
fn the_input_of_a_child_that_never_reads_is_bounded() {
    struct Feeds {
        paused: Rc<Cell<bool>>,
        lost: Rc<RefCell<String>>,
    }
    impl ProcessProtocol for Feeds {
        fn process_made(&mut self, process: &Process) {
            process.write(&[b'x'; 200_000]);
        }
        fn writing_paused(&mut self, process: &Process) {
            self.paused.set(true);
            process.write(b"one more");
        }
        fn stdin_lost(&mut self, process: &Process, reason: &Reason) {
            *self.lost.borrow_mut() = reason.to_string();
            process.kill();
        }
    }
    let reactor = reactor();
    let (paused, lost) = (Rc::new(Cell::new(false)), Rc::default());
    let protocol = Feeds {
        paused: Rc::clone(&paused),
        lost: Rc::clone(&lost),
    };
    let command = ProcessCommand::new(shell("exec sleep 1000"))
        .limits(Limits::default().high_water(10_000).unsent(50_000));
    reactor.spawn_process(command, protocol).expect("sh");
    reactor.run().expect("it ends by itself");
    assert!(paused.get());
    assert!(
        lost.borrow().contains("50000 bytes waited"),
        "{}",
        lost.borrow()
    );
}

#[test]
fn what_a_slow_child_is_fed_arrives_whole() {
    struct Feeds {
        left: Vec<u8>,
        seen: Rc<RefCell<Vec<u8>>>,
    }
    impl Feeds {
        fn feed(&mut self, process: &Process) {
            let count = self.left.len().min(65_536 * 2);
            let piece: Vec<u8> = self.left.drain(..count).collect();
            process.write(&piece);
            if self.left.is_empty() {
                process.close_stdin();
            }
        }
    }
    impl ProcessProtocol for Feeds {
        fn process_made(&mut self, process: &Process) {
            self.feed(process);
        }
        fn writing_resumed(&mut self, process: &Process) {
            self.feed(process);
        }
        fn output_received(&mut self, _: &Process, data: &[u8]) {
            self.seen.borrow_mut().extend_from_slice(data);
        }
    }
    let reactor = reactor();
    let sent = pattern(2_000_000);
    let seen = Rc::default();
    let protocol = Feeds {
        left: sent.clone(),
        seen: Rc::clone(&seen),
    };
    let command = ProcessCommand::new(Command::new("cat"))
        .limits(Limits::default().high_water(1).low_water(0));
    reactor.spawn_process(command, protocol).expect("cat");
    reactor.run().expect("it ends by itself");
    assert!(*seen.borrow() == sent, "{} bytes", seen.borrow().len());
}

#[test]
fn a_thousand_children_leave_no_zombie_and_no_descriptor() {
    struct Counts(Rc<Cell<usize>>);
    impl ProcessProtocol for Counts {
        fn process_ended(&mut self, _: &Process, status: ExitStatus) {
            assert!(status.success());
            self.0.set(self.0.get() + 1);
        }
    }
    let reactor = reactor();
    let ended = Rc::new(Cell::new(0));
    let (before, mut most) = (descriptors(), 0);
    let mut pids = Vec::new();
    for _ in 0..10 {
        for _ in 0..100 {
            let protocol = Counts(Rc::clone(&ended));
            let process = reactor.spawn_process(Command::new("true"), protocol);
            pids.push(process.expect("true").pid());
        }
        most = most.max(descriptors());
        reactor.run().expect("they end by themselves");
    }
    assert_eq!(ended.get(), 1000);
    assert!(most > before + 300, "they ran at once: {most}");
    let left: Vec<_> = pids.into_iter().filter(|pid| is_our_zombie(*pid)).collect();
    assert!(left.is_empty(), "{left:?}");
    // Other tests run at the same time and have some, while a leak would be of thousands.
    assert!(descriptors() < before + 500, "{} are left", descriptors());
}

fn is_our_zombie(pid: u32) -> bool {
    let ours = format!(" Z {} ", std::process::id());
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(&ours))
}

#[test]
fn a_hundred_megabytes_come_through_and_a_pause_holds_them_back() {
    const ALL: usize = 100 << 20;
    struct Reads(Rc<Cell<usize>>);
    impl ProcessProtocol for Reads {
        fn process_made(&mut self, process: &Process) {
            process.stdout().expect("a pipe").pause_reading();
            process.write(b"go\n");
        }
        fn error_received(&mut self, process: &Process, _: &[u8]) {
            assert_eq!(self.0.get(), 0, "it is paused");
            process.stdout().expect("a pipe").resume_reading();
        }
        fn output_received(&mut self, _: &Process, data: &[u8]) {
            self.0.set(self.0.get() + data.len());
        }
    }
    let reactor = reactor();
    let count = Rc::new(Cell::new(0));
    let command = shell("read go; echo now >&2; head -c 104857600 /dev/zero");
    let protocol = Reads(Rc::clone(&count));
    reactor.spawn_process(command, protocol).expect("sh");
    reactor.run().expect("it ends by itself");
    assert_eq!(count.get(), ALL);
}

#[test]
fn a_child_has_only_its_three_streams() {
    let reactor = reactor();
    let mut command = Command::new("ls");
    command.arg("/proc/self/fd");
    // Others that are open at the same time.
    let others: Vec<_> = (0..5).map(|_| io::pipe().expect("a pipe")).collect();
    let sleeps = reactor
        .spawn_process(Command::new("cat"), diary(&Log::default(), |_, _| {}))
        .expect("cat");
    let output = reactor.run_until(reactor.get_output(command)).expect("ls");
    // With what the test itself has inherited, and the directory that `ls` reads.
    let mut command = Command::new("ls");
    let usual = command.arg("/proc/self/fd").output().expect("ls").stdout;
    assert_eq!(
        String::from_utf8_lossy(&output),
        String::from_utf8_lossy(&usual)
    );
    drop(others);
    sleeps.close_stdin();
    reactor.run().expect("cat ends with its input");
}

#[test]
fn a_simulation_starts_no_process() {
    let simulation = Simulation::new();
    let error = simulation
        .reactor()
        .spawn_process(Command::new("true"), diary(&Log::default(), |_, _| {}))
        .expect_err("there is no kernel");
    assert_eq!(error.io_error().kind(), io::ErrorKind::Unsupported);
}
