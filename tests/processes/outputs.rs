//! A command as a Deferred of its output, and as one connection.

use std::process::Command;

use reactor::process::{OutputTooLong, ProcessCommand, ProcessFailed};
use reactor::{Protocol, Reason, Transport};

use super::support::Log;
use super::{exists, reactor, shell};

#[test]
fn the_output_of_a_command_is_a_deferred() {
    let reactor = reactor();
    let output = reactor.get_output(shell("cat; echo hello"));
    assert_eq!(reactor.run_until(output).expect("sh"), b"hello\n");
    let failed = reactor.get_output(shell("echo first >&2; echo why >&2; exit 7"));
    let failure = reactor.run_until(failed).expect_err("it failed");
    let failed = failure.check::<ProcessFailed>().expect("a status");
    assert_eq!(failed.status().code(), Some(7));
    assert_eq!(failed.stderr(), b"first\nwhy\n");
    assert!(
        failed.to_string().ends_with("exit status: 7: why"),
        "{failed}"
    );
    let both = reactor.get_output_and_status(shell("echo out; echo err >&2; exit 7"));
    let both = reactor.run_until(both).expect("any status");
    assert_eq!(
        (both.stdout, both.stderr),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    assert_eq!(both.status.code(), Some(7));
}

#[test]
fn an_output_without_end_is_cut_off_at_the_limit() {
    let reactor = reactor();
    let command = ProcessCommand::new(Command::new("yes")).output_limit(100_000);
    let failure = reactor
        .run_until(reactor.get_output(command))
        .expect_err("too much");
    assert!(failure.check::<OutputTooLong>().is_some(), "{failure}");
    reactor.run().expect("it was killed");
}

#[test]
fn to_cancel_the_output_kills_the_command_and_forgets_its_children() {
    let reactor = reactor();
    let output = reactor.get_output(shell("sleep 1000 & sleep 1000"));
    let canceller = output.canceller();
    reactor.call_soon(move || assert!(canceller.cancel()));
    let failure = reactor.run_until(output).expect_err("it is cancelled");
    assert!(
        failure.check::<reactor::deferred::Cancelled>().is_some(),
        "{failure}"
    );
    reactor
        .run()
        .expect("nothing is left, though a sleep holds the pipe");
}

#[test]
fn a_child_is_one_connection_and_ends_with_it() {
    struct Asks(Log);
    impl Protocol for Asks {
        fn connection_made(&mut self, transport: &Transport) {
            transport.write(b"hello\n");
        }
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            self.0.note(data.escape_ascii());
            transport.lose_connection();
        }
        fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
            self.0.note(reason);
        }
    }
    let (reactor, log) = (reactor(), Log::default());
    let noting = log.clone();
    let command = shell("read line; echo \"$line!\"; exec sleep 1000");
    let transport = reactor
        .connect_process(command, move |_| Asks(noting.clone()))
        .expect("sh");
    let pid = transport.peer_addr().to_string();
    let pid: u32 = pid
        .strip_prefix("process ")
        .expect("a process")
        .parse()
        .expect("an id");
    reactor.run().expect("it is terminated");
    assert!(log.contains("hello!\\n"), "{log:?}");
    assert!(!exists(pid));
}
