//! The chat as a process: `nc`, signals, endpoints, and its output.

use std::io;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::chat::{ANY_PORT, Chat, GOODBYE, WELCOME, shown};

const SIGINT: i32 = 2;

/// What `nc` prints when the shell gives it something to say.
fn pipe_into_nc(chat: &Chat, command: &str, options: &str) -> Output {
    let script = format!("{command} | nc {options} {}", chat.host_and_port());
    let output = Command::new("sh").args(["-c", &script]).output();
    let output = output.expect("there is a shell");
    assert_ne!(
        output.status.code(),
        Some(127),
        "this test needs nc: install netcat-openbsd"
    );
    output
}

#[test]
fn one_line_piped_into_nc_is_heard_by_the_others() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    for (command, options, heard) in [
        ("echo hi", "-N", "hi\n"),
        ("printf hi", "-N", "hi\n"),
        ("printf 'hi\\r\\n'", "-N", "hi\r\n"),
        ("echo hi", "-q0", "hi\n"),
    ] {
        let output = pipe_into_nc(&chat, command, options);
        assert_eq!(shown(&output.stdout), shown(WELCOME), "{command} {options}");
        assert!(output.status.success(), "{command} {options}: {output:?}");
        alice.hears(heard.as_bytes());
        bob.hears(heard.as_bytes());
    }
}

#[test]
fn an_nc_that_stays_is_told_goodbye_and_ends_by_itself() {
    let chat = Chat::start();
    let alice = chat.join();
    let output = thread::scope(|scope| {
        let nc = scope.spawn(|| pipe_into_nc(&chat, "echo hi", ""));
        alice.hears(b"hi\n");
        alice.says(b"hello\n");
        chat.process.signal("TERM");
        nc.join().expect("nc has ended")
    });
    let expected = [WELCOME, b"hello\n", GOODBYE].concat();
    assert_eq!(shown(&output.stdout), shown(&expected));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn on_sigterm_everybody_is_told_goodbye_however_stalled_somebody_is() {
    let chat = Chat::start();
    let idle: [_; 3] = chat.join_many();
    let stalled = chat.join_and_stall();
    let unfinished = chat.join();
    unfinished.says(b"half a li");
    let began = Instant::now();
    chat.process.signal("TERM");
    for person in [&unfinished].into_iter().chain(&idle) {
        let end = person.lines().last().expect("there are lines");
        assert_eq!(shown(&end), "Goodbye\\r");
    }
    let status = chat.process.ends();
    let took = began.elapsed();
    println!("SIGTERM with one stalled: {took:?}");
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    stalled.hears_out();
}

#[test]
fn a_second_signal_ends_it_at_once_however_stalled_somebody_is() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("TERM", "TERM")] {
        let chat = Chat::start();
        let _stalled = chat.join_and_stall();
        let alice = chat.join();
        chat.process.signal(first);
        alice.hears(GOODBYE);
        alice.hears_the_end();
        let began = Instant::now();
        chat.process.signal(second);
        let status = chat.process.ends();
        let took = began.elapsed();
        println!("SIG{second} after SIG{first} with one stalled: {took:?}, {status}");
        assert!(took < Duration::from_millis(500), "it took {took:?}");
        // A second SIGINT has its default action.
        let is_clean = status.success() || status.signal() == Some(SIGINT);
        assert!(is_clean, "it ended with {status}");
    }
}

#[test]
fn on_sigint_an_empty_room_ends_at_once() {
    let chat = Chat::start();
    chat.join().leaves();
    let began = Instant::now();
    chat.process.signal("INT");
    assert_eq!(chat.process.ends().code(), Some(0));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(500), "it took {took:?}");
}

/// What the program says when it does not even start.
fn refuses(endpoint: &str) -> String {
    let (status, said) = Chat::fails_at(endpoint);
    assert_eq!(status.code(), Some(1), "{endpoint}: {said}");
    assert!(!said.contains("panicked"), "{endpoint}: {said}");
    said
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = taken.local_addr().expect("it has an address").port();
    let said = refuses(&format!("tcp:{port}:interface=127.0.0.1"));
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn a_wrong_endpoint_is_told_what_was_expected() {
    for (wrong, expected) in [
        ("", "expected one of: tcp, tcp6, unix"),
        ("1400", "expected one of: tcp, tcp6, unix"),
        ("udp:1400", "expected one of: tcp, tcp6, unix"),
        ("tcp", "port is missing"),
        ("tcp:chat", "port is a number from 0 to 65535"),
        ("tcp:65536", "port is a number from 0 to 65535"),
        ("tcp:0:colour=red", "expected one of: port, interface"),
        ("tcp:0:127.0.0.1:50:5:no:1", "expected: port, interface"),
        ("tcp:0:interface=192.0.2.1", "cannot listen on"),
    ] {
        let said = refuses(wrong);
        assert!(said.contains(expected), "{wrong:?}: {said}");
    }
}

#[test]
fn it_runs_without_anybody_reading_its_output() {
    let (reader, writer) = io::pipe().expect("there are pipes");
    drop(reader);
    let chat = Chat::start_printing_to(writer);
    let [alice, bob] = chat.join_many();
    alice.says(b"hello\n");
    bob.hears(b"hello\n");
    chat.process.signal("TERM");
    for person in [alice, bob] {
        person.hears(GOODBYE);
        person.leaves();
    }
    assert_eq!(chat.process.ends().code(), Some(0));
}

#[test]
fn people_at_different_endpoints_are_in_one_room() {
    let chat = Chat::start_at(&[ANY_PORT, ANY_PORT]);
    let alice = chat.join();
    let bob = chat.join_at(1);
    alice.says(b"hello\n");
    bob.hears(b"hello\n");
}
