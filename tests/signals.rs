//! Signals, sent by the operating system to a program in a process of its own: what it does with
//! them before and after the loop, and what its parent has asked for, stays as it is.
//!
//! In a shell: `sh -c 'trap "" INT; exec PROGRAM'` starts a program that ignores SIGINT, as a job in
//! the background of a script does.
#![cfg(target_os = "linux")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use reactor::lifecycle::Signal;
use reactor::{Reactor, RemoteReactor, SignalWatch};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// How long the program waits for a signal that was sent to it.
const PATIENCE: Duration = Duration::from_secs(30);

fn say(what: &str) {
    println!("\n> {what}"); // behind what the harness prints
}

const WATCHED: [(Signal, &str); 4] = [
    (Signal::Hup, "HUP"),
    (Signal::Usr1, "USR1"),
    (Signal::Usr2, "USR2"),
    (Signal::Winch, "WINCH"),
];

/// Says each signal that comes.
fn watch(reactor: &Reactor) -> Vec<SignalWatch> {
    let set = WATCHED.map(|(signal, name)| {
        reactor
            .on_signal(signal, move || say(name))
            .expect("it is taken")
    });
    set.into()
}

/// Reads what the tests say: "stop" is for the loop, and the rest for the program.
fn listen(remote: &RemoteReactor, rest: &mpsc::Sender<String>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line == "stop" {
            let stop = |reactor: &Reactor| {
                say(match reactor.is_stopping() {
                    true => "it stops already",
                    false => "it goes on",
                });
                reactor.stop();
            };
            remote.call_from_thread(stop).expect("the loop runs");
        } else {
            rest.send(line).expect("the program waits");
        }
    }
    std::process::exit(1); // the test has failed
}

/// The program. Run by `cargo test` it does nothing.
#[test]
fn program() {
    let Ok(kind) = env::var("PROGRAM_OF_THE_TEST") else {
        return;
    };
    let called = Arc::new(AtomicBool::new(false));
    if kind == "has handlers" {
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            signal_hook::flag::register(signal, Arc::clone(&called)).expect("it is installed");
        }
    }
    let reactor = Reactor::new().expect("a loop");
    let watches = match kind.as_str() {
        "plain" => Vec::new(),
        _ => watch(&reactor),
    };
    let (rest, lines) = mpsc::channel();
    let remote = reactor.remote();
    thread::spawn(move || listen(&remote, &rest));
    for run in 1..=2 {
        reactor.call_soon(|| say("it runs"));
        reactor.run().expect("the loop runs");
        say(&format!("run {run} is over"));
        if run == 1 && kind != "watches" {
            let cancelled = watches.iter().filter(|watch| watch.cancel()).count();
            assert_eq!(cancelled, watches.len());
        }
        while lines.recv().expect("the test says more") == "was it called?" {
            let begin = Instant::now();
            while !called.swap(false, Ordering::SeqCst) && begin.elapsed() < PATIENCE {
                thread::yield_now();
            }
            say(match begin.elapsed() < PATIENCE {
                true => "it was called",
                false => "it was not called",
            });
        }
    }
    std::process::exit(0);
}

/// That program in a process of its own, which is killed when the test fails.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(kind: &str, ignored: &str) -> Self {
        let trap = match ignored {
            "" => String::new(),
            names => format!("trap '' {names}; "),
        };
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("{trap}exec \"$0\" --exact program --nocapture"))
            .arg(env::current_exe().expect("a test knows where it is"))
            .env("PROGRAM_OF_THE_TEST", kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("it is a pipe");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self {
            child,
            input,
            output,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    #[track_caller]
    fn says(&mut self, expected: &str) {
        let lines = self.output.by_ref().lines().map_while(Result::ok);
        let said = lines.filter_map(|line| line.strip_prefix("> ").map(str::to_owned));
        assert_eq!(said.take(1).next().as_deref(), Some(expected));
    }

    fn kill(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    fn ends(mut self) -> ExitStatus {
        self.child.wait().expect("it is a child")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails when the program has ended, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_that_was_ignored_stays_ignored_before_and_after_the_end_of_the_loop() {
    let mut program = Program::start("plain", "INT TERM");
    for run in 1..=2 {
        program.says("it runs");
        program.kill("-INT");
        program.kill("-TERM");
        program.tell("stop");
        program.says("it goes on");
        program.says(&format!("run {run} is over"));
        program.kill("-INT");
        program.kill("-TERM");
        program.tell("go on");
    }
    assert!(program.ends().success());
}

#[test]
fn of_two_signals_the_one_that_was_ignored_is() {
    let mut program = Program::start("plain", "INT");
    program.says("it runs");
    program.kill("-INT");
    program.kill("-TERM");
    program.says("run 1 is over");
    program.kill("-INT");
    program.tell("go on");
    program.says("it runs");
    program.kill("-TERM");
    program.says("run 2 is over");
    program.kill("-TERM");
    assert_eq!(program.ends().signal(), Some(SIGTERM));
}

#[test]
fn a_handler_of_the_programs_own_is_called_during_a_run_and_is_all_that_is_after_it() {
    for (name, other) in [("-INT", "-TERM"), ("-TERM", "-INT")] {
        let mut program = Program::start("has handlers", "");
        for run in 1..=2 {
            program.says("it runs");
            program.kill(name);
            program.says(&format!("run {run} is over"));
            for signal in ["", name, other] {
                if !signal.is_empty() {
                    program.kill(signal);
                }
                program.tell("was it called?");
                program.says("it was called");
            }
            program.tell("go on");
        }
        assert!(program.ends().success());
    }
}

#[test]
fn a_signal_has_its_default_action_again_when_the_loop_has_ended() {
    for (name, number) in [("-INT", SIGINT), ("-TERM", SIGTERM)] {
        let mut program = Program::start("plain", "");
        program.says("it runs");
        program.kill(name);
        program.says("run 1 is over");
        program.kill(name);
        assert_eq!(program.ends().signal(), Some(number));
    }
}

#[test]
fn a_signal_that_is_watched_calls_its_function_and_has_its_default_action_when_that_is_cancelled() {
    for (name, number) in [("HUP", SIGHUP), ("USR1", SIGUSR1), ("USR2", SIGUSR2)] {
        let mut program = Program::start("watches for one run", "");
        program.says("it runs");
        for _ in 0..3 {
            for (_, name) in WATCHED {
                program.kill(&format!("-{name}"));
                program.says(name);
            }
        }
        program.kill("-TERM");
        program.says("run 1 is over");
        program.kill("-WINCH"); // whose default action is none
        program.kill(&format!("-{name}"));
        assert_eq!(program.ends().signal(), Some(number));
    }
}

#[test]
fn a_signal_that_is_watched_is_taken_between_runs_too() {
    let mut program = Program::start("watches", "");
    program.says("it runs");
    program.kill("-INT");
    program.says("run 1 is over");
    program.kill("-HUP");
    program.kill("-HUP");
    program.tell("go on");
    program.says("it runs");
    program.says("HUP");
    program.kill("-TERM");
    program.says("run 2 is over");
    program.tell("go on");
    assert!(program.ends().success());
}

#[test]
fn a_signal_that_was_ignored_is_watched_and_ignored_again() {
    let mut program = Program::start("watches for one run", "HUP");
    program.says("it runs");
    program.kill("-HUP");
    program.says("HUP");
    program.kill("-TERM");
    program.says("run 1 is over");
    program.kill("-HUP");
    program.tell("go on");
    program.says("it runs");
    program.kill("-HUP");
    program.kill("-TERM");
    program.says("run 2 is over");
    program.tell("go on");
    assert!(program.ends().success());
}

#[test]
fn a_handler_of_the_programs_own_is_called_beside_the_function_and_after_it() {
    let mut program = Program::start("has handlers", "");
    program.says("it runs");
    program.kill("-USR1");
    program.says("USR1");
    program.kill("-TERM");
    program.says("run 1 is over");
    program.tell("was it called?");
    program.says("it was called");
    program.kill("-USR1");
    program.tell("was it called?");
    program.says("it was called");
    program.tell("go on");
    program.says("it runs");
    program.kill("-TERM");
    program.says("run 2 is over");
    program.tell("go on");
    assert!(program.ends().success());
}
