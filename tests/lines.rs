//! Lines, as a line protocol on a real connection sees them.

#[path = "support/wire.rs"]
mod wire;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::framing::{LineProtocol, LineReceiver, LineTransport, TooLong};
use reactor::{Address, Factory, Group, Handle, Layer, Limits, Reason, Transport};
use wire::{Log, Wire};

/// What a test does about a line, or about raw data.
type OnBytes = Rc<RefCell<dyn FnMut(&LineTransport<'_>, &[u8])>>;

/// Notes every event, and does what the test says about lines and raw data.
struct Script {
    log: Log,
    on_line: OnBytes,
    on_raw: OnBytes,
    handle: Rc<RefCell<Option<Handle<Self>>>>,
}

impl Script {
    fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }
}

impl LineProtocol for Script {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        *self.handle.borrow_mut() = Some(transport.handle());
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        self.note(line.escape_ascii().to_string());
        self.on_line.borrow_mut()(transport, line);
    }

    fn raw_data_received(&mut self, transport: &LineTransport<'_>, data: &[u8]) {
        self.note(format!("raw {}", data.escape_ascii()));
        self.on_raw.borrow_mut()(transport, data);
    }

    fn line_too_long(&mut self, _: &LineTransport<'_>, prefix: &[u8]) {
        self.note(format!("too long {}", prefix.escape_ascii()));
    }

    fn read_closed(&mut self, transport: &LineTransport<'_>) {
        self.note("read_closed");
        transport.lose_connection();
    }

    fn reading_resumed(&mut self, _: &LineTransport<'_>) {
        self.note("reading_resumed");
    }

    fn timed_out(&mut self, transport: &LineTransport<'_>) {
        self.note("timed_out");
        transport.abort_connection();
    }

    fn connection_lost(&mut self, _: &LineTransport<'_>, reason: &Reason) {
        self.note(format!("lost: {reason}"));
    }
}

/// A connection to a script.
struct Lines {
    wire: Wire,
    log: Log,
    handle: Rc<RefCell<Option<Handle<Script>>>>,
}

impl Lines {
    fn new(
        configure: impl Fn(LineReceiver<Script>) -> LineReceiver<Script> + 'static,
        on_line: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
        on_raw: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
    ) -> Self {
        let (log, handle) = (Log::default(), Rc::default());
        let on_line: OnBytes = Rc::new(RefCell::new(on_line));
        let on_raw: OnBytes = Rc::new(RefCell::new(on_raw));
        let (to_log, to_handle) = (Rc::clone(&log), Rc::clone(&handle));
        let factory = move |_: &Address| {
            configure(LineReceiver::new(Script {
                log: Rc::clone(&to_log),
                on_line: Rc::clone(&on_line),
                on_raw: Rc::clone(&on_raw),
                handle: Rc::clone(&to_handle),
            }))
        };
        let large = Limits {
            unsent: 64 << 20,
            ..Limits::default()
        };
        let wire = Wire::to(factory.with_limits(large));
        Self { wire, log, handle }
    }

    /// A script that does `on_line`, and for the rest only listens.
    fn doing(on_line: impl FnMut(&LineTransport<'_>, &[u8]) + 'static) -> Self {
        Self::new(|receiver| receiver, on_line, |_, _| {})
    }

    fn listening(
        configure: impl Fn(LineReceiver<Script>) -> LineReceiver<Script> + 'static,
    ) -> Self {
        Self::new(configure, |_, _| {}, |_, _| {})
    }

    fn transport(&self) -> Transport {
        let handle = self.handle.borrow();
        handle.as_ref().unwrap().transport().unwrap()
    }

    /// What happened since this was last asked.
    #[track_caller]
    fn happened(&self, expected: &[&str]) {
        self.wire.settle();
        assert_eq!(self.log.take(), expected);
    }

    #[track_caller]
    fn last_words(&self, expected: &[&str]) {
        self.wire.turn_until_lost();
        assert_eq!(self.log.take(), expected);
    }
}

const CLOSED: &str = "lost: the peer closed the connection";

#[test]
fn lines_are_the_same_wherever_the_bytes_are_cut() {
    let bytes = b"one\r\ntwo\n\n\r\nGET / HTTP/1.0\r\n\r\nlast";
    for cut in 0..=bytes.len() {
        let mut lines = Lines::doing(|_, _| {});
        lines.wire.send(&bytes[..cut]);
        lines.wire.send(&bytes[cut..]);
        lines.wire.finish();
        let expected = [
            "one",
            "two",
            "",
            "",
            "GET / HTTP/1.0",
            "",
            "last",
            "read_closed",
            CLOSED,
        ];
        lines.last_words(&expected);
    }
}

#[test]
fn one_unfinished_line_and_the_end_of_the_stream_are_a_line_that_gets_its_answer() {
    let mut lines = Lines::doing(|transport, line| {
        transport.send_line(&[b"you said ", line].concat());
    });
    lines.wire.send(b"hi");
    lines.wire.finish();
    assert_eq!(lines.wire.read_to_end(), b"you said hi\r\n");
    lines.last_words(&["hi", "read_closed", CLOSED]);
}

#[test]
fn a_strict_receiver_takes_and_sends_its_own_delimiter_only() {
    let mut lines = Lines::new(
        |receiver| receiver.delimiter(b"\0"),
        |transport, line| {
            transport.send_line(line);
        },
        |_, _| {},
    );
    lines.wire.send(b"a\r\nb\0unfinished");
    lines.wire.finish();
    assert_eq!(lines.wire.read_to_end(), b"a\r\nb\0");
    lines.last_words(&["a\\r\\nb", "read_closed", CLOSED]);
}

#[test]
fn a_line_of_sixteen_kibibytes_is_taken_and_a_longer_one_ends_the_connection() {
    let mut lines = Lines::doing(|_, _| {});
    let longest = "x".repeat(16 << 10);
    lines.wire.send(longest.as_bytes());
    lines.wire.send(b"\r\n");
    lines.happened(&[&longest]);
    lines.wire.send(longest.as_bytes());
    lines.wire.send(b"xx");
    lines.last_words(&["lost: the peer broke the protocol: expected lines of at most 16384 bytes"]);
}

#[test]
fn after_a_line_that_is_too_long_nothing_is_delivered() {
    let mut lines = Lines::listening(|receiver| receiver.max_length(8));
    lines.wire.send(b"12345678\r\n123456789\r\nok\r\n");
    lines.last_words(&[
        "12345678",
        "lost: the peer broke the protocol: expected lines of at most 8 bytes",
    ]);
}

#[test]
fn a_receiver_that_discards_long_lines_tells_their_beginning_and_goes_on() {
    let mut lines = Lines::listening(|receiver| receiver.max_length(8).too_long(TooLong::Discard));
    lines.wire.send(b"123456789\r\nok\r\n");
    lines.happened(&["too long 12345678", "ok"]);
    lines.wire.send(b"1234567890");
    lines.happened(&["too long 12345678"]);
    for _ in 0..100 {
        lines.wire.send(&[b'x'; 10_000]);
    }
    lines.wire.send(b"\nok\n");
    lines.happened(&["ok"]);
}

#[test]
fn a_receiver_that_truncates_long_lines_delivers_their_beginning() {
    let mut lines = Lines::listening(|receiver| receiver.max_length(8).too_long(TooLong::Truncate));
    lines.wire.send(b"1234567890abc");
    lines.happened(&["12345678"]);
    lines.wire.send(b"def\r\nok\r\n");
    lines.happened(&["ok"]);
}

#[test]
fn no_line_comes_behind_the_one_that_closed_the_connection() {
    for abort in [false, true] {
        let mut lines = Lines::doing(move |transport, line| {
            if line == b"2" && abort {
                transport.abort_connection();
            } else if line == b"2" {
                transport.lose_connection();
            }
        });
        lines.wire.send(b"1\n2\n3\nunfinished");
        lines.wire.finish();
        let lost = if abort {
            "lost: the connection was aborted on this side"
        } else {
            "lost: the connection was closed on this side"
        };
        lines.last_words(&["1", "2", lost]);
    }
}

#[test]
fn lines_behind_a_pause_wait_and_come_in_order_before_what_is_received_later() {
    let mut lines = Lines::doing(|transport, line| {
        if line == b"pause" {
            transport.pause_reading();
        }
    });
    lines.wire.send(b"1\npause\n2\npause\n3\nunfin");
    lines.wire.send_unread(b"ished\n4\n");
    lines.happened(&["1", "pause"]);
    lines.transport().resume_reading();
    lines.happened(&["reading_resumed", "2", "pause"]);
    lines.transport().resume_reading();
    lines.happened(&["reading_resumed", "3", "unfinished", "4"]);
}

#[test]
fn what_waits_does_not_grow_when_reading_is_resumed_for_one_line_a_turn() {
    let mut lines = Lines::doing(|transport, line| {
        if line.starts_with(b"pause") {
            transport.pause_reading();
        }
    });
    lines.wire.send(b"pause\npause too\n");
    lines.happened(&["pause"]);
    let transport = lines.transport();
    lines
        .wire
        .reactor
        .call_soon(move || transport.resume_reading());
    // The loop is told of the pause's end and of these bytes in the same turn.
    lines.wire.send_unread(b"3\n");
    lines.happened(&["reading_resumed", "pause too"]);
    lines.transport().resume_reading();
    lines.happened(&["reading_resumed", "3"]);
}

#[test]
fn the_end_of_the_stream_waits_behind_lines_that_wait() {
    let mut lines = Lines::doing(|transport, line| {
        if line.starts_with(b"pause") {
            transport.pause_reading();
        }
    });
    lines.wire.send(b"1\npause\n2\npause again\nunfinished");
    lines.wire.finish();
    lines.happened(&["1", "pause"]);
    lines.transport().resume_reading();
    lines.happened(&["reading_resumed", "2", "pause again"]);
    lines.transport().resume_reading();
    lines.last_words(&["reading_resumed", "unfinished", "read_closed", CLOSED]);
}

#[test]
fn an_unfinished_line_waits_too_when_reading_is_paused_at_the_end_of_the_stream() {
    let mut lines = Lines::doing(|_, _| {});
    lines.wire.send(b"unfinished");
    lines.transport().pause_reading();
    lines.wire.finish();
    lines.happened(&[]);
    lines.transport().resume_reading();
    lines.last_words(&["reading_resumed", "unfinished", "read_closed", CLOSED]);
}

#[test]
fn lines_of_a_talker_wait_while_a_listener_of_the_group_is_behind() {
    let group = Group::new();
    let to_group = group.clone();
    let mut lines = Lines::doing(move |_, line| {
        if line == b"shout" {
            to_group.write(&vec![b'x'; 16 << 20]);
        }
    });
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = deaf.local_addr().unwrap().port();
    let _ = lines
        .wire
        .reactor
        .connect_tcp("127.0.0.1", port, Joins(group.clone()));
    lines
        .wire
        .turn_until("the listener is a member", || group.len() == 1);
    lines.wire.send(b"shout\nwhisper\n");
    lines.happened(&["shout"]);
    assert!(!lines.transport().is_reading());
    // The listener takes nothing, and is not waited for when it has done so for 100 ms.
    let log = Rc::clone(&lines.log);
    lines
        .wire
        .turn_until("the talker goes on", || log.borrow().len() == 2);
    lines.happened(&["reading_resumed", "whisper"]);
}

/// Makes listeners, with room for what is shouted.
struct Joins(Group);

struct Listener(Group);

impl Factory for Joins {
    type Protocol = Listener;

    fn build_protocol(&mut self, _: &Address) -> Option<Listener> {
        Some(Listener(self.0.clone()))
    }

    fn limits(&self) -> Limits {
        Limits {
            unsent: 64 << 20,
            ..Limits::default()
        }
    }
}

impl reactor::Protocol for Listener {
    fn connection_made(&mut self, transport: &Transport) {
        self.0.add(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn raw_data_begins_behind_the_line_and_what_is_given_back_is_lines_again() {
    let bytes = b"put\r\nabcdeone\r\ntwo\r\n";
    for cut in 0..=bytes.len() {
        let body = Rc::new(RefCell::new(Vec::new()));
        let got = Rc::clone(&body);
        let mut lines = Lines::new(
            |receiver| receiver,
            |transport, line| {
                if line == b"put" {
                    transport.set_raw_mode();
                }
            },
            move |transport, data| {
                let mut got = got.borrow_mut();
                let taken = data.len().min(5 - got.len());
                got.extend_from_slice(&data[..taken]);
                if got.len() == 5 {
                    transport.set_line_mode(&data[taken..]);
                }
            },
        );
        lines.wire.send(&bytes[..cut]);
        lines.wire.send(&bytes[cut..]);
        assert_eq!(*body.borrow(), b"abcde");
        let log = lines.log.take();
        let lines: Vec<_> = log.iter().filter(|l| !l.starts_with("raw")).collect();
        assert_eq!(lines, ["put", "one", "two"], "cut at {cut}");
    }
}

#[test]
fn raw_data_comes_at_once_and_in_one_piece() {
    let mut lines = Lines::doing(|transport, _| transport.set_raw_mode());
    lines.wire.send(b"RAW\r\nxyz\r\n");
    lines.happened(&["RAW", "raw xyz\\r\\n"]);
}

#[test]
fn extra_bytes_from_elsewhere_come_behind_what_was_received() {
    let mut lines = Lines::doing(|transport, line| {
        if line == b"a" {
            transport.set_line_mode(b"X\r\n");
        }
    });
    lines.wire.send(b"a\nb\n");
    lines.happened(&["a", "b", "X"]);
}

#[test]
fn the_mode_changes_ten_thousand_times_in_one_piece_without_recursion() {
    let mut lines = Lines::new(
        |receiver| receiver,
        |transport, _| transport.set_raw_mode(),
        |transport, data| transport.set_line_mode(&data[1..]),
    );
    let began = Instant::now();
    lines.wire.send(&b"l\nr".repeat(10_000));
    assert!(began.elapsed() < Duration::from_secs(8));
    let log = lines.log.take();
    assert_eq!(log.iter().filter(|line| *line == "l").count(), 10_000);
    assert_eq!(log.len(), 20_000);
}

#[test]
fn a_handle_of_the_receiver_changes_the_mode_and_what_was_kept_of_a_line_is_raw() {
    let mut lines = Lines::doing(|_, _| {});
    lines.wire.send(b"line\nunfinished");
    let receiver: Handle<LineReceiver<Script>> = lines.transport().handle();
    receiver.call(|receiver, transport| {
        receiver.call(transport, |_, transport| transport.set_raw_mode());
    });
    lines.happened(&["line", "raw unfinished"]);
}

#[test]
fn a_handle_reaches_the_protocol_inside_the_receiver() {
    let lines = Lines::doing(|_, _| {});
    lines
        .wire
        .turn_until("connected", || lines.handle.borrow().is_some());
    let handle = lines.handle.borrow().clone().unwrap();
    handle.call(|script, transport| {
        script.note("called");
        transport.lose_connection();
    });
    lines.last_words(&["called", "lost: the connection was closed on this side"]);
}

#[test]
fn other_events_reach_the_protocol() {
    let mut lines = Lines::doing(|transport, line| match line {
        b"write" => {
            transport.write(&vec![0; 16 << 20]);
        }
        _ => {
            transport.set_timeout(Some(Duration::from_millis(1)));
        }
    });
    lines.wire.send(b"write\n");
    assert!(
        !lines.transport().is_reading(),
        "writing_paused was not told"
    );
    let mut peer = lines.wire.peer.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        std::io::Read::read_exact(&mut peer, &mut vec![0; 16 << 20]).unwrap();
    });
    let transport = lines.transport();
    lines
        .wire
        .turn_until("all is sent", || transport.unsent() == 0);
    assert!(transport.is_reading(), "writing_resumed was not told");
    reading.join().unwrap();
    lines.happened(&["write", "reading_resumed"]);
    lines.wire.send(b"time\n");
    lines.last_words(&[
        "time",
        "timed_out",
        "lost: the connection was aborted on this side",
    ]);
}

/// Shows each byte one higher.
#[derive(Debug)]
struct Plus;

impl Layer for Plus {
    fn receive(&mut self, data: &[u8], above: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        above.extend(data.iter().map(|byte| byte.wrapping_add(1)));
        Ok(())
    }

    fn send(&mut self, data: &[u8], below: &mut Vec<u8>) -> Result<(), Reason> {
        below.extend(data.iter().map(|byte| byte.wrapping_sub(1)));
        Ok(())
    }
}

#[test]
fn what_lies_behind_the_line_that_pushes_a_layer_goes_through_the_layer() {
    let mut lines = Lines::doing(|transport, line| {
        if line == b"start" {
            transport.push_layer(Plus);
        }
    });
    lines.wire.send(b"start\r\n`a\x09b");
    lines.happened(&["start", "ab"]);
    lines.wire.send(b"c\x09");
    lines.happened(&["cd"]);
}

#[test]
fn eighty_thousand_lines_in_one_piece_take_linear_time_also_with_a_pause_after_each() {
    for pausing in [false, true] {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        let mut lines = Lines::doing(move |transport, _| {
            counted.set(counted.get() + 1);
            if pausing {
                transport.pause_reading();
            }
        });
        let began = Instant::now();
        lines.wire.send_unread(&b"\n".repeat(80_000));
        let transport = lines.transport();
        lines.wire.turn_until("all lines came", || {
            transport.resume_reading();
            count.get() == 80_000
        });
        assert!(began.elapsed() < Duration::from_secs(8));
    }
}
