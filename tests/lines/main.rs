//! Lines, as a line protocol on a connection sees them.

mod costs;
mod pauses;
#[path = "../support/lines.rs"]
mod support;

use std::rc::Rc;
use std::time::Duration;

use reactor::framing::{LineProtocol, LineReceiver, LineTransport, TooLong};
use reactor::testing::Conversation;
use reactor::{Handle, Layer, Reason};

use support::{CLOSED, LOST, Lines, Log, Script};

#[test]
fn lines_are_the_same_wherever_the_bytes_are_cut() {
    let bytes = b"one\r\ntwo\n\n\r\nGET / HTTP/1.0\r\n\r\nlast";
    for cut in 0..=bytes.len() {
        let lines = Lines::doing(|_, _| {});
        lines.say(&bytes[..cut]);
        lines.say(&bytes[cut..]);
        let all = ["one", "two", "", "", "GET / HTTP/1.0", ""];
        lines.happened(&all);
        lines.ends(&["last", "read_closed", CLOSED]);
    }
}

#[test]
fn one_unfinished_line_and_the_end_of_the_stream_are_a_line_that_gets_its_answer() {
    let lines = Lines::doing(|transport, line| {
        transport.send_line(&[b"you said ", line].concat());
    });
    lines.say(b"hi");
    lines.ends(&["hi", "read_closed", CLOSED]);
    assert_eq!(lines.conversation.hear(), b"you said hi\r\n");
}

#[test]
fn a_strict_receiver_takes_and_sends_its_own_delimiter_only() {
    let lines = Lines::new(
        |receiver| receiver.delimiter(b"\0"),
        |transport, line| {
            transport.send_line(line);
        },
        |_, _| {},
    );
    lines.say(b"a\r\nb\0unfinished");
    lines.ends(&["a\\r\\nb", "read_closed", CLOSED]);
    assert_eq!(lines.conversation.hear(), b"a\r\nb\0");
}

#[test]
fn a_line_can_be_passed_on_with_the_ending_that_it_had_wherever_it_is_cut() {
    let bytes = b"one\r\ntwo\n\r\n\nlast";
    for cut in 0..=bytes.len() {
        let lines = Lines::doing(|transport, line| {
            transport.write_sequence(&[line, transport.line_ending()]);
        });
        lines.say(&bytes[..cut]);
        lines.say(&bytes[cut..]);
        lines.ends(&["one", "two", "", "", "last", "read_closed", CLOSED]);
        assert_eq!(lines.conversation.hear(), b"one\r\ntwo\n\r\n\nlast\n");
    }
    let strict = Lines::new(
        |receiver| {
            receiver
                .delimiter(b"\0")
                .max_length(4)
                .too_long(TooLong::Truncate)
        },
        |transport, line| {
            transport.write_sequence(&[line, transport.line_ending()]);
        },
        |_, _| {},
    );
    strict.say(b"a\0b\n\0too long\0");
    assert_eq!(strict.conversation.hear(), b"a\0b\n\0too \0");
}

#[test]
fn a_line_is_one_write_of_any_size() {
    let lines = Lines::doing(|transport, line| {
        let length = std::str::from_utf8(line)
            .expect("a number")
            .parse()
            .expect("a number");
        transport.send_line(&vec![b'x'; length]);
    });
    lines.say(b"3000000\r\n");
    let heard = lines.conversation.hear();
    assert_eq!(heard.len(), 3_000_002);
    assert!(heard.ends_with(b"x\r\n"));
    // The one after it is too much, when it was not taken.
    lines.conversation.peer().pause_reading();
    lines.say(b"3000000\r\n1\r\n");
    lines.conversation.transport().write(b"2");
    lines.conversation.run_for(Duration::ZERO);
    lines.happened(&[
        "3000000",
        "reading_resumed",
        "3000000",
        "1",
        "lost: more than 1048576 bytes waited for a peer that did not read",
    ]);
}

#[test]
fn a_line_of_sixteen_kibibytes_is_taken_and_a_longer_one_ends_the_connection() {
    let lines = Lines::doing(|_, _| {});
    let longest = "x".repeat(16 << 10);
    lines.say(longest.as_bytes());
    lines.say(b"\r\n");
    lines.happened(&[&longest]);
    lines.say(longest.as_bytes());
    lines.happened(&[]);
    lines.say(b"xx");
    lines.happened(&["lost: the peer broke the protocol: expected lines of at most 16384 bytes"]);
}

#[test]
fn behind_a_line_that_is_too_long_nothing_is_delivered() {
    let lines = Lines::listening(|receiver| receiver.max_length(8));
    lines.say(b"12345678\r\n123456789\r\nok\r\n");
    lines.happened(&[
        "12345678",
        "lost: the peer broke the protocol: expected lines of at most 8 bytes",
    ]);
}

#[test]
fn a_receiver_that_discards_long_lines_tells_their_beginning_and_goes_on() {
    let lines = Lines::listening(|receiver| receiver.max_length(8).too_long(TooLong::Discard));
    lines.say(b"123456789\r\nok\r\n");
    lines.happened(&["too long 12345678", "ok"]);
    lines.say(b"1234567890");
    lines.happened(&["too long 12345678"]);
    lines.say(&[b'x'; 1_000_000]);
    lines.say(b"\nok\n");
    lines.happened(&["ok"]);
}

#[test]
fn a_receiver_that_truncates_long_lines_delivers_their_beginning() {
    let lines = Lines::listening(|receiver| receiver.max_length(8).too_long(TooLong::Truncate));
    lines.say(b"1234567890abc");
    lines.happened(&["12345678"]);
    lines.say(b"def\r\nok\r\n");
    lines.happened(&["ok"]);
}

#[test]
fn no_line_comes_behind_the_one_that_closed_the_connection() {
    let bytes = b"1\n2\n3\nunfinished";
    let lines = Lines::doing(|transport, line| {
        if line == b"2" {
            transport.lose_connection();
        }
    });
    lines.say(bytes);
    lines.say(b" line\n4\n");
    lines.ends(&["1", "2", LOST]);

    let lines = Lines::doing(|transport, line| {
        if line == b"2" {
            transport.abort_connection();
        }
    });
    lines.say(bytes);
    lines.happened(&["1", "2", "lost: the connection was aborted on this side"]);
}

#[test]
fn no_line_comes_when_the_connection_is_closed_while_lines_wait() {
    let lines = Lines::doing(|transport, _| transport.pause_reading());
    lines.say(b"1\n2\n");
    lines.transport().lose_connection();
    lines.resume();
    lines.ends(&["1", LOST]);
}

/// Pauses at each line that says so.
fn pausing() -> Lines {
    Lines::doing(|transport, line| {
        if line.starts_with(b"pause") {
            transport.pause_reading();
        }
    })
}

#[test]
fn a_handle_reaches_the_protocol_inside_the_receiver() {
    let lines = Lines::doing(|_, _| {});
    let handle: Handle<Script> = lines.transport().handle();
    handle.call(|script, transport| {
        script.note("called");
        transport.lose_connection();
    });
    lines.say(b"");
    lines.ends(&["called", LOST]);
}

/// Says of each event that it came, and does what is done by default besides.
struct Events(Log);

impl Events {
    fn note(&self, event: &str) {
        self.0.borrow_mut().push(event.to_owned());
    }
}

impl LineProtocol for Events {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        self.note("connection_made");
        transport.set_timeout(Some(Duration::from_secs(3600)));
    }

    fn handshake_done(&mut self, _: &LineTransport<'_>) {
        self.note("handshake_done");
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        transport.write(&vec![0; line.len() * 100_000]);
    }

    fn writing_paused(&mut self, transport: &LineTransport<'_>) {
        self.note("writing_paused");
        transport.pause_reading();
    }

    fn writing_resumed(&mut self, transport: &LineTransport<'_>) {
        self.note("writing_resumed");
        transport.resume_reading();
    }

    fn reading_resumed(&mut self, _: &LineTransport<'_>) {
        self.note("reading_resumed");
    }

    fn timed_out(&mut self, _: &LineTransport<'_>) {
        self.note("timed_out");
    }

    fn shutdown_requested(&mut self, transport: &LineTransport<'_>) {
        self.note("shutdown_requested");
        transport.send_line(b"bye");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &LineTransport<'_>, reason: &Reason) {
        self.note(&reason.to_string());
    }
}

#[test]
fn every_event_of_a_protocol_reaches_the_line_protocol() {
    let log = Log::default();
    let events = Conversation::with(LineReceiver::new(Events(Rc::clone(&log))));
    assert_eq!(log.take(), ["connection_made"]);
    events.transport().push_layer(Shakes(false), b"");
    events.say(b"!");
    assert_eq!(log.take(), ["handshake_done"]);
    events.peer().pause_reading();
    events.say(b"xxxxx\n");
    assert_eq!(log.take(), ["writing_paused"]);
    events.peer().resume_reading();
    events.say(b"");
    assert_eq!(log.take(), ["writing_resumed", "reading_resumed"]);
    events.run_for(Duration::from_secs(7200));
    assert_eq!(log.take(), ["timed_out"]);
    let _ = events.hear();
    let reactor = events.simulation().reactor();
    let (stopping, peer) = (reactor.clone(), events.peer().clone());
    reactor.call_soon(move || stopping.stop());
    reactor.call_later(Duration::from_secs(1), move || peer.shut_write());
    reactor.run().unwrap();
    assert_eq!(events.hear(), b"bye\r\n");
    let lost = "the connection was closed on this side";
    assert_eq!(log.take(), ["shutdown_requested", lost]);
}

/// Takes the first bytes for its handshake.
struct Shakes(bool);

impl Layer for Shakes {
    fn is_ready(&self) -> bool {
        self.0
    }

    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        if std::mem::replace(&mut self.0, true) {
            up.extend(data);
        }
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

/// The defaults of every event.
struct Lazy;

impl LineProtocol for Lazy {
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        transport.write(&vec![0; line.len() * 100_000]);
    }
}

#[test]
fn a_line_protocol_has_the_defaults_of_a_protocol() {
    let lazy = Conversation::with(LineReceiver::new(Lazy));
    lazy.peer().pause_reading();
    lazy.say(b"xxxxx\n");
    assert!(!lazy.transport().is_reading(), "writing_paused pauses");
    lazy.peer().resume_reading();
    lazy.say(b"");
    assert!(lazy.transport().is_reading(), "writing_resumed resumes");
    lazy.transport().set_timeout(Some(Duration::from_secs(5)));
    lazy.run_for(Duration::from_secs(6));
    assert!(matches!(lazy.reason(), Some(Reason::IdleTimeout)));

    let lazy = Conversation::with(LineReceiver::new(Lazy));
    lazy.close();
    assert!(matches!(lazy.reason(), Some(Reason::PeerClosed)));
}
