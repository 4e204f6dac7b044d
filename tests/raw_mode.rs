//! Lines and raw data on one connection, and layers that a line asks for.

#[path = "support/lines.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::framing::TooLong;
use reactor::testing::Simulation;
use reactor::{Layer, Reason};
use support::{CLOSED, Lines};

#[test]
fn raw_data_that_is_given_back_to_raw_mode_ends_the_connection_and_does_not_come_for_ever() {
    for copies in [false, true] {
        let lines = Lines::new(
            |receiver| receiver,
            |transport, _| transport.set_raw_mode(),
            move |transport, data| {
                let copy = data.to_vec();
                transport.set_line_mode(if copies { &copy } else { data });
                transport.set_raw_mode();
            },
        );
        lines.say(b"PUT\r\nabc");
        lines.happened(&[
            "PUT",
            "raw abc",
            "lost: the callback data_received panicked: raw_data_received has given all of its data back and \
             asked for raw data again: it would get the same for ever",
        ]);
    }
}

#[test]
fn raw_data_begins_behind_the_line_and_what_is_given_back_is_lines_again() {
    let bytes = b"put\r\nabcdeone\r\ntwo\r\n";
    for cut in 0..=bytes.len() {
        let body = Rc::new(RefCell::new(Vec::new()));
        let got = Rc::clone(&body);
        let lines = Lines::new(
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
        lines.say(&bytes[..cut]);
        lines.say(&bytes[cut..]);
        assert_eq!(*body.borrow(), b"abcde");
        let log = lines.log.take();
        let lines: Vec<_> = log.iter().filter(|l| !l.starts_with("raw")).collect();
        assert_eq!(lines, ["put", "one", "two"], "cut at {cut}");
    }
}

#[test]
fn raw_data_comes_at_once_and_in_one_piece() {
    let lines = Lines::doing(|transport, _| transport.set_raw_mode());
    lines.say(b"RAW\r\nxyz\r\n");
    lines.happened(&["RAW", "raw xyz\\r\\n"]);
}

#[test]
fn raw_data_behind_a_line_that_was_too_long_begins_behind_its_end() {
    let lines = Lines::listening(|receiver| receiver.max_length(8).too_long(TooLong::Discard));
    lines.say(b"1234567890");
    lines.happened(&["too long 12345678"]);
    set_raw_mode(&lines);
    lines.say(b"abc\nraw\n");
    lines.happened(&["raw raw\\n"]);
}

#[test]
fn extra_bytes_from_elsewhere_come_behind_what_was_received() {
    let lines = Lines::doing(|transport, line| {
        if line == b"a" {
            transport.set_line_mode(b"X\r\nY\r\n");
        } else if line == b"X" {
            transport.set_line_mode(b"");
        }
    });
    lines.say(b"a\nb\n");
    lines.happened(&["a", "b", "X", "Y"]);
}

#[test]
fn extra_bytes_come_behind_lines_that_wait() {
    let lines = Lines::doing(|transport, line| {
        if line == b"a" {
            transport.set_line_mode(b"X\n");
            transport.pause_reading();
        }
    });
    lines.say(b"a\nb\na\nc\n");
    lines.happened(&["a"]);
    lines.resume();
    lines.happened(&["reading_resumed", "b", "a"]);
    lines.resume();
    lines.happened(&["reading_resumed", "c", "X", "X"]);
}

#[test]
fn raw_data_that_is_given_back_as_a_copy_is_lines_too() {
    let lines = Lines::new(
        |receiver| receiver,
        |transport, _| transport.set_raw_mode(),
        |transport, data| transport.set_line_mode(&data.to_ascii_uppercase()[1..]),
    );
    lines.say(b"a\nxb\nz");
    lines.happened(&["a", "raw xb\\nz", "B", "raw Z"]);
}

#[test]
fn the_mode_changes_ten_thousand_times_in_one_piece_without_recursion() {
    let lines = Lines::new(
        |receiver| receiver,
        |transport, _| transport.set_raw_mode(),
        |transport, data| transport.set_line_mode(&data[1..]),
    );
    lines.say(&b"l\nr".repeat(10_000));
    let log = lines.log.take();
    assert_eq!(log.iter().filter(|line| *line == "l").count(), 10_000);
    assert_eq!(log.len(), 20_000);
}

/// Changes the mode from outside of a line's callback.
fn set_raw_mode(lines: &Lines) {
    lines.conversation.ask(|receiver, transport| {
        receiver.call(transport, |_, transport| transport.set_raw_mode());
    });
}

#[test]
fn a_handle_of_the_receiver_changes_the_mode_and_what_was_kept_of_a_line_is_raw() {
    let lines = Lines::doing(|_, _| {});
    lines.say(b"line\nunfinished");
    set_raw_mode(&lines);
    lines.happened(&["line", "raw unfinished"]);
}

/// Shows each byte one higher.
#[derive(Debug)]
struct Plus;

impl Layer for Plus {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data.iter().map(|byte| byte.wrapping_add(1)));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data.iter().map(|byte| byte.wrapping_sub(1)));
        Ok(())
    }
}

#[test]
fn what_lies_behind_the_line_that_pushes_a_layer_goes_through_the_layer() {
    let lines = Lines::doing(|transport, line| {
        if line == b"start" {
            transport.push_layer(Plus);
        }
    });
    lines.say(b"start\r\n`a\x09b");
    lines.happened(&["start", "ab"]);
    lines.say(b"c\x09");
    lines.happened(&["cd"]);
}

#[test]
fn in_a_chaotic_network_the_lines_are_the_same_with_pauses_and_raw_data_between_them() {
    let bytes = "one\r\npause\ntwo\nraw\n1234567three\n\npause\nlast".as_bytes();
    for seed in 0..300 {
        let simulation = Simulation::chaotic(seed);
        let reactor = simulation.reactor().downgrade();
        let raw = Rc::new(Cell::new(0));
        let lines = Lines::in_simulation(
            &simulation,
            |receiver| receiver,
            move |transport, line| match line {
                b"pause" => {
                    transport.pause_reading();
                    let (transport, reactor) = (transport.to_owned(), reactor.upgrade().unwrap());
                    let resume = move || transport.resume_reading();
                    reactor.call_later(Duration::from_millis(seed % 40), resume);
                }
                b"raw" => transport.set_raw_mode(),
                _ => {}
            },
            move |transport, data| {
                let taken = data.len().min(7 - raw.get());
                raw.set(raw.get() + taken);
                if raw.get() == 7 {
                    transport.set_line_mode(&data[taken..]);
                }
            },
        );
        lines.conversation.peer().write(bytes);
        lines.conversation.peer().shut_write();
        simulation.run_for(Duration::from_secs(10));
        let log = lines.log.take();
        let told = |line: &&String| !line.starts_with("raw ") && *line != "reading_resumed";
        let log: Vec<_> = log.iter().filter(told).collect();
        let expected = [
            "one",
            "pause",
            "two",
            "raw",
            "three",
            "",
            "pause",
            "last",
            "read_closed",
            CLOSED,
        ];
        assert_eq!(log, expected, "seed {seed}");
    }
}
