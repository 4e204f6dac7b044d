//! The example programs that speak UDP: a client of DNS, and a receiver of syslog.

use std::net::UdpSocket;
use std::thread;

use crate::running::{PATIENCE, Running, run};

/// A DNS server that gives these messages, in turn, to the first question, with the number and the question
/// in front of each, and says what it was asked. It stays silent to as many questions before.
fn server(silent: usize, answers: Vec<Vec<u8>>) -> (String, thread::JoinHandle<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    let address = socket.local_addr().expect("an address").to_string();
    let serving = thread::spawn(move || {
        let mut buffer = [0; 600];
        for _ in 0..silent {
            socket.recv_from(&mut buffer).expect("a question");
        }
        let (length, from) = socket.recv_from(&mut buffer).expect("a question");
        let question = buffer[..length].to_vec();
        for answer in answers {
            let (flags, rest) = answer.split_at(2);
            let counts = [0, 1, 0, rest[0], 0, 0, 0, 0];
            let whole = [&question[..2], flags, &counts, &question[12..], &rest[1..]].concat();
            socket.send_to(&whole, from).expect("it leaves");
        }
        question
    });
    (address, serving)
}

/// Flags of a good answer, how many records it has, and the records, whose names begin with a pointer to
/// the question.
fn records(records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = vec![0x81, 0x80, records.len() as u8];
    for (kind, data) in records {
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        message.extend(*data);
    }
    message
}

fn asked(kind: &str, silent: usize, answers: Vec<Vec<u8>>) -> (String, String) {
    let (address, serving) = server(silent, answers);
    let output = run("dns", &["example.org", kind, &address]);
    let question = serving.join().expect("it was asked");
    assert!(question[12..].starts_with(b"\x07example\x03org\x00"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_dns_program_prints_records_of_each_kind_with_their_names_put_together() {
    let all = records(&[
        (5, b"\x03www\xc0\x0c"),
        (1, &[192, 0, 2, 7]),
        (28, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
        (15, b"\x00\x0a\x04mail\xc0\x0c"),
        (16, b"\x03one\x06 \x1btwo\""),
        (6, b"what is not known is left out"),
    ]);
    let (printed, _) = asked("A", 0, vec![all]);
    assert_eq!(
        printed,
        "example.org. 60 CNAME www.example.org.\n\
         example.org. 60 A 192.0.2.7\n\
         example.org. 60 AAAA 2001:db8::1\n\
         example.org. 60 MX 10 mail.example.org.\n\
         example.org. 60 TXT \"one ^[two\"\"\n"
    );
}

#[test]
fn the_dns_program_asks_again_when_the_first_question_is_lost() {
    let (printed, _) = asked("A", 1, vec![records(&[(1, &[192, 0, 2, 7])])]);
    assert_eq!(printed, "example.org. 60 A 192.0.2.7\n");
}

#[test]
fn the_dns_program_stops_at_names_that_go_in_a_circle_or_beyond_the_end() {
    // The record begins at 12 + 17: `\xc0\x1d` leads to itself.
    for name in [&b"\xc0\x1d"[..], b"\xc0\xff", b"\x3fshort", b"\x80"] {
        let mut message = vec![0x81, 0x80, 1];
        message.extend(name);
        let (printed, complaint) = asked("A", 0, vec![message]);
        assert!(printed.is_empty(), "{printed}");
        assert!(complaint.contains("malformed"), "{complaint}");
    }
}

#[test]
fn the_dns_program_says_what_is_missing_and_that_an_answer_was_cut_off() {
    let cases = [
        (vec![0x81, 0x83, 0], "there is no such name\n"),
        (vec![0x81, 0x80, 0], "there is no such record\n"),
        (vec![0x81, 0x85, 0], "the server refuses with code 5\n"),
        (
            vec![0x83, 0x80, 0],
            "(cut off: the server has more, over TCP)\n",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(asked("TXT", 0, vec![message]).0, expected);
    }
}

#[test]
fn the_dns_program_ignores_what_is_no_answer_to_its_question() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    let address = socket.local_addr().expect("an address").to_string();
    let serving = thread::spawn(move || {
        let mut buffer = [0; 600];
        let (length, from) = socket.recv_from(&mut buffer).expect("a question");
        let question = &buffer[..length];
        let mut answer = question.to_vec();
        answer[2] = 0x81;
        answer[3] = 3;
        let mut other_number = answer.clone();
        other_number[0] ^= 1;
        let mut other_name = answer.clone();
        other_name[13] = b'x';
        for forged in [&[][..], question, &other_number, &other_name, &answer[..20]] {
            socket.send_to(forged, from).expect("it leaves");
        }
        socket.send_to(&answer, from).expect("it leaves");
    });
    let output = run("dns", &["example.org", "A", &address]);
    serving.join().expect("it was asked");
    assert_eq!(output.stdout, b"there is no such name\n");
}

#[test]
fn the_dns_program_notices_that_nothing_listens() {
    let gone = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let output = run("dns", &["example.org", "A", &address]);
    let complaint = String::from_utf8(output.stderr).expect("text");
    assert!(complaint.contains("nothing listens"), "{complaint}");
}

#[test]
fn the_syslog_program_prints_messages_of_both_formats_and_of_none() {
    let mut syslog = Running::start("syslog", &["127.0.0.1:0"], &[]);
    let listening = syslog.says("Listening at ");
    let address = listening.split(". ").next().expect("an address");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let messages = [
        (
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            "auth.crit Oct 11 22:14:15 mymachine su: 'su root' failed",
        ),
        (
            "<165>1 2003-10-11T22:14:15.003Z host evntslog 111 ID47 [a@1 k=\"x \\\"]y\"][b] \u{feff}An event",
            "local4.notice 2003-10-11T22:14:15.003Z host evntslog[111]: An event",
        ),
        ("<14>1 - host app - - - text", "user.info - host app: text"),
        ("<999>no priority", "user.notice <999>no priority"),
        ("\u{1b}[2J", "user.notice ^[[2J"),
    ];
    for (message, expected) in messages {
        sender
            .send_to(message.as_bytes(), address)
            .expect("it leaves");
        assert_eq!(syslog.says("127.0.0.1 "), expected);
    }
}
