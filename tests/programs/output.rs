//! Programs of whose output nobody takes any more.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::running::{ANY_PORT, Running, chatter, connect, get, program};

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let (log, stderr) = std::io::pipe().expect("a pipe");
    let arguments = [ANY_PORT, "--api", ANY_PORT];
    let everything = [("RUST_LOG", "info")];
    let mut chat = Running::start_with(stderr.into(), "chat", &arguments, &everything);
    let nc = chat.says("nc ").replace(' ', ":");
    let api = chat.says("The API: http://");
    let api = api.trim_end_matches('/');

    // Each makes a line of 300 bytes, and a pipe has room for 64 KiB.
    let agent = "x".repeat(200);
    let request = format!("GET /users/ HTTP/1.1\r\nHost: {api}\r\nUser-Agent: {agent}\r\n\r\n");
    let mut stream = connect(api);
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    for _ in 0..20 {
        let requests = request.repeat(100);
        stream.write_all(requests.as_bytes()).expect("taken");
        let mut heard = Vec::new();
        while heard.windows(9).filter(|w| *w == b"HTTP/1.1 ").count() < 100 {
            let mut some = [0; 65536];
            let bytes = answers.read(&mut some).expect("an answer");
            assert!(bytes > 0, "the connection ended");
            heard.extend_from_slice(&some[..bytes]);
        }
    }
    assert!(chatter(&nc).1.starts_with("Welcome"));

    // Whoever reads again is told.
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(log);
        let mut seen = String::new();
        while !seen.contains("lines were dropped)\n") {
            let mut some = [0; 65536];
            let bytes = lines.read(&mut some).expect("the log");
            assert!(bytes > 0, "the log ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&some[..bytes]));
        }
    });
    while !reader.is_finished() {
        assert_eq!(get(api, "/users/").status, 200);
    }
    reader.join().expect("it was told");
}

#[test]
fn what_cannot_be_printed_is_no_panic() {
    let full = || File::options().write(true).open("/dev/full");
    let output = Command::new(program("dashboard"))
        .arg("--help")
        .stdin(Stdio::null())
        .stdout(full().expect("Linux has it"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
}
