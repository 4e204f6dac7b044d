//! How children end: by themselves, by signals, with the loop.

use std::cell::Cell;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::time::Duration;

use reactor::Transport;
use reactor::process::{Process, ProcessCommand, ProcessSignal};

use super::support::Log;
use super::{diary, exists, reactor, shell};

#[test]
fn a_child_that_closes_its_output_lives_on() {
    let (reactor, log) = (reactor(), Log::default());
    let closed = Rc::new(Cell::new(0));
    let count = Rc::clone(&closed);
    let command = shell("exec >&- 2>&-; read line; exit 5");
    reactor
        .spawn_process(
            command,
            diary(&log, move |entry, process| {
                if entry == "stdout lost" || entry == "stderr lost" {
                    assert!(process.is_alive());
                    count.set(count.get() + 1);
                    if count.get() == 2 {
                        process.write(b"go\n");
                    }
                }
            }),
        )
        .expect("sh");
    reactor.run().expect("it ends by itself");
    assert_eq!(closed.get(), 2);
    assert!(log.contains("ended: exit status: 5"), "{log:?}");
}

#[test]
fn a_child_that_ignores_term_is_killed_after_the_grace() {
    let (reactor, log) = (reactor(), Log::default());
    let command = shell("trap '' TERM; echo ready; exec sleep 1000");
    let process = reactor
        .spawn_process(
            command,
            diary(&log, |entry, process| {
                if entry == "out: ready\\n" {
                    assert!(process.terminate_within(Duration::from_millis(30)));
                }
            }),
        )
        .expect("sh");
    reactor.run().expect("it ends by itself");
    assert_eq!(process.status().and_then(|status| status.signal()), Some(9));
    assert!(log.contains("ended: signal: 9 (SIGKILL)"), "{log:?}");
}

#[test]
fn a_signal_is_in_the_status_and_others_reach_the_child() {
    let (reactor, log) = (reactor(), Log::default());
    let command = shell("trap 'echo usr1' USR1; echo ready; while :; do read line; done");
    reactor
        .spawn_process(
            command,
            diary(&log, |entry, process| match entry {
                "out: ready\\n" => assert!(process.signal(ProcessSignal::Usr1)),
                "out: usr1\\n" => assert!(process.terminate()),
                _ => {}
            }),
        )
        .expect("sh");
    reactor.run().expect("it ends by itself");
    assert!(log.contains("ended: signal: 15 (SIGTERM)"), "{log:?}");
}

#[test]
fn a_grandchild_that_holds_the_output_open_delays_the_end_and_not_the_exit() {
    let (reactor, log) = (reactor(), Log::default());
    // The grandchild reads what the test holds open, and ends with it.
    let (theirs, ours) = io::pipe().expect("a pipe");
    let mut ours = Some(ours);
    let mut command = shell("exec 3<&0; cat <&3 & exit 0");
    command.stdin(theirs);
    let command = ProcessCommand::new(command).keep_stdin();
    reactor
        .spawn_process(
            command,
            diary(&log, move |entry, process| {
                if entry.starts_with("exited") {
                    assert!(process.stdout().is_some_and(Transport::is_open));
                    drop(ours.take());
                }
            }),
        )
        .expect("sh");
    reactor.run().expect("it ends by itself");
    let entries = log.entries();
    let at = |entry: &str| entries.iter().position(|noted| noted == entry);
    assert!(
        at("exited: exit status: 0") < at("stdout lost"),
        "{entries:?}"
    );
    assert_eq!(
        entries.last().map(String::as_str),
        Some("ended: exit status: 0")
    );
}

#[test]
fn a_stop_terminates_children_and_kills_those_that_ignore_it() {
    let (reactor, polite, rude) = (reactor(), Log::default(), Log::default());
    let ready = Rc::new(Cell::new(0));
    let scripts = [
        ("echo ready; exec sleep 1000", &polite),
        ("trap '' TERM; echo ready; exec sleep 1000", &rude),
    ];
    for (script, log) in scripts {
        let (weak, ready) = (reactor.downgrade(), Rc::clone(&ready));
        let react = move |entry: &str, _: &Process| {
            if entry.starts_with("out") {
                ready.set(ready.get() + 1);
                if ready.get() == 2 {
                    let reactor = weak.upgrade().expect("it runs");
                    reactor.shutdown(Duration::from_millis(50));
                }
            }
        };
        let spawned = reactor.spawn_process(shell(script), diary(log, react));
        spawned.expect("sh");
    }
    reactor.run().expect("the stop is over");
    assert!(polite.contains("ended: signal: 15 (SIGTERM)"), "{polite:?}");
    assert!(rude.contains("ended: signal: 9 (SIGKILL)"), "{rude:?}");
}

#[test]
fn a_loop_that_is_dropped_takes_its_children_along() {
    let (reactor, log) = (reactor(), Log::default());
    let process = reactor
        .spawn_process(
            shell("trap '' TERM; exec sleep 1000"),
            diary(&log, |_, _| {}),
        )
        .expect("sh");
    assert!(exists(process.pid()));
    drop(reactor);
    assert!(!exists(process.pid()), "neither it nor a zombie is left");
    assert_eq!(log.entries().len(), 0);
    assert!(!process.kill() && !process.write(b"x"));
}

#[test]
fn a_panic_of_the_protocol_kills_the_child() {
    let (reactor, log) = (reactor(), Log::default());
    let process = reactor
        .spawn_process(
            shell("echo ready; exec sleep 1000"),
            diary(&log, |entry, _| {
                assert!(!entry.starts_with("out"), "on purpose");
            }),
        )
        .expect("sh");
    reactor.run().expect("it ends");
    assert_eq!(process.status().and_then(|status| status.signal()), Some(9));
    assert!(log.contains("ended: signal: 9 (SIGKILL)"), "{log:?}");
}

#[test]
fn a_stop_waits_for_a_grandchild_no_longer_than_its_grace() {
    let (reactor, log) = (reactor(), Log::default());
    let weak = reactor.downgrade();
    let react = move |entry: &str, _: &Process| {
        if entry.starts_with("exited") {
            let reactor = weak.upgrade().expect("it runs");
            reactor.shutdown(Duration::from_millis(20));
        }
    };
    let command = shell("sleep 5 & exit 0");
    let spawned = reactor.spawn_process(command, diary(&log, react));
    spawned.expect("sh");
    reactor.run().expect("the stop is over");
    let entries = log.entries();
    assert_eq!(log.count("stdout lost"), 1, "{entries:?}");
    assert_eq!(
        entries.last().map(String::as_str),
        Some("ended: exit status: 0")
    );
}
