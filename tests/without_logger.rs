//! What a program without a logger prints on its standard error. Each of these tests starts this file
//! again as such a program.

use std::process::Command;

use reactor::Deferred;
use reactor::Failure;
use reactor::deferred::{UnhandledFailures, on_unhandled_failure};
use reactor::http::{Request, Response, Site};
use reactor::testing::Simulation;

/// Runs one of the programs below, and returns what it has printed.
fn printed_by(program: &str) -> String {
    let this = std::env::current_exe().expect("a test knows where it is");
    let mut command = Command::new(this);
    command.args(["--exact", program, "--ignored", "--nocapture"]);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn answer_with(fail: impl Fn() -> Result<Response, Failure> + 'static) {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), move |_: Request| fail());
    let port = simulation.reactor().listen_tcp("10.0.0.1:80", site);
    port.expect("the simulation listens");
    let peer = simulation.connect("10.0.0.1:80");
    peer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    simulation.run_for(std::time::Duration::from_secs(1));
    assert!(peer.read().starts_with(b"HTTP/1.1 500 "));
}

#[test]
fn an_answer_that_fails_is_seen_once() {
    let printed = printed_by("answer_that_fails");
    assert_eq!(printed.matches("no such page").count(), 1, "{printed}");
    assert!(printed.contains("failed to answer on"), "{printed}");
}

#[test]
#[ignore = "a program of another test"]
fn answer_that_fails() {
    answer_with(|| Err(Failure::message("no such page")));
}

#[test]
fn an_unhandled_failure_is_seen_once_with_its_place() {
    let printed = printed_by("unhandled_failure");
    assert_eq!(printed.matches("nobody listens").count(), 1, "{printed}");
    assert!(printed.contains("tests/without_logger.rs:"), "{printed}");
}

#[test]
#[ignore = "a program of another test"]
fn unhandled_failure() {
    drop(Deferred::<u32>::fail(Failure::message("nobody listens")));
}

#[test]
fn a_panic_is_seen_once_wherever_it_was() {
    let printed = printed_by("panics");
    for panic in ["in an answer", "in a callback", "in a chain"] {
        assert_eq!(printed.matches(panic).count(), 1, "{printed}");
    }
}

#[test]
#[ignore = "a program of another test"]
fn panics() {
    answer_with(|| panic!("in an answer"));
    let simulation = Simulation::new();
    simulation.reactor().call_soon(|| panic!("in a callback"));
    simulation.run_until_idle();
    drop(Deferred::succeed(()).map(|()| panic!("in a chain")));
}

#[test]
fn a_failure_that_a_hook_is_told_is_not_printed() {
    assert_eq!(printed_by("failure_with_a_hook"), "");
}

#[test]
#[ignore = "a program of another test"]
fn failure_with_a_hook() {
    let watch = UnhandledFailures::watch();
    drop(Deferred::<u32>::fail(Failure::message("nobody listens")));
    assert_eq!(watch.take().len(), 1);
    let _hook = on_unhandled_failure(|_| {});
    drop(Deferred::<u32>::fail(Failure::message("nobody listens")));
}

#[test]
fn a_program_whose_errors_cannot_be_written_goes_on() {
    let this = std::env::current_exe().expect("a test knows where it is");
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = Command::new(this);
    command.args([
        "--exact",
        "failure_while_panicking",
        "--ignored",
        "--nocapture",
    ]);
    command.stderr(full.expect("Linux has it"));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
#[ignore = "a program of another test"]
fn failure_while_panicking() {
    let panic = std::panic::catch_unwind(|| {
        let _failed = Deferred::<u32>::fail(Failure::message("nobody listens"));
        panic!("and its Deferred is dropped meanwhile");
    });
    assert!(panic.is_err());
}

#[test]
fn a_logger_that_is_off_is_a_logger() {
    assert_eq!(printed_by("failure_with_a_logger_that_is_off"), "");
}

#[test]
#[ignore = "a program of another test"]
fn failure_with_a_logger_that_is_off() {
    let mut logger = env_logger::builder();
    logger.filter_level(log::LevelFilter::Off).init();
    drop(Deferred::<u32>::fail(Failure::message("nobody listens")));
}
