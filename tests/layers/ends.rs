//! Streams that end inside a layer, before the connection does.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use reactor::testing::{Conversation, Simulation};
use reactor::{Layer, Limits, Reason, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then, millis};
use crate::{Polite, Shift, Suspicious, begins_with};

/// Has an end of its own, which is an `E`, and holds that more is missing without it.
#[derive(Default)]
struct Sealed {
    has_ended: bool,
}

impl Layer for Sealed {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        assert!(!self.has_ended, "what comes behind the end is dropped");
        let end = data.iter().position(|byte| *byte == b'E');
        self.has_ended = end.is_some();
        up.extend(&data[..end.unwrap_or(data.len())]);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn read_closed(&mut self) -> Result<(), Reason> {
        Err(Reason::Violation("an E".to_owned()))
    }
}

const NOT_SEALED: &str = "lost: the peer broke the protocol: an E";

#[test]
fn a_stream_that_ends_in_a_layer_ends_for_all_above() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Sealed::default(), b"");
        transport.write(b"hello");
    });
    conversation.say(b"abcEdef");
    let lost = format!("lost: {}", Reason::PeerClosed);
    assert_eq!(log.entries(), ["made", "abc", "readclosed", &lost]);
    assert_eq!(conversation.hear(), b"hello");
    assert!(conversation.peer().has_ended());
}

#[test]
fn a_protocol_may_write_after_the_end_in_a_layer_and_hears_of_it_once() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.push_layer(Shift, b"");
            transport.push_layer(Sealed::default(), b"");
        }
        Then::Nothing
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"bcdF");
    conversation.say(b"and more");
    conversation.shut_write();
    conversation.transport().write(b"HAL");
    conversation.run_for(100 * SECOND);
    assert_eq!(conversation.hear(), b"IBM");
    assert_eq!(log.take(), ["made", "abc", "readclosed"]);
    conversation.transport().lose_write_connection();
    conversation.run_for(millis(1));
    assert_eq!(log.entries(), [format!("lost: {}", Reason::PeerClosed)]);
}

#[test]
fn the_end_in_a_layer_waits_behind_what_is_kept_in_a_pause() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Sealed::default(), b"abcEdef");
        transport.pause_reading();
    });
    conversation.say(b"ghi");
    assert_eq!(log.take(), ["made"]);
    conversation.ask(|_, transport| transport.resume_reading());
    let lost = format!("lost: {}", Reason::PeerClosed);
    assert_eq!(
        log.entries(),
        ["readingresumed", "abc", "readclosed", &lost]
    );
}

#[test]
fn layers_above_an_end_are_asked_and_those_below_it_are_not() {
    for (below, above, ends) in [(b'a', b'E', false), (b'E', b'a', true), (b'E', b'E', false)] {
        /// Ends with its letter.
        struct EndsWith(u8, Sealed);
        impl Layer for EndsWith {
            fn receive(
                &mut self,
                data: &[u8],
                up: &mut Vec<u8>,
                _: &mut Vec<u8>,
            ) -> Result<(), Reason> {
                self.1.has_ended = data.ends_with(&[self.0]);
                up.extend(data);
                Ok(())
            }

            fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
                self.1.send(data, down)
            }

            fn has_ended(&self) -> bool {
                self.1.has_ended
            }

            fn read_closed(&mut self) -> Result<(), Reason> {
                self.1.read_closed()
            }
        }
        let (conversation, log) = begins_with(move |transport| {
            transport.push_layer(EndsWith(below, Sealed::default()), b"");
            transport.push_layer(EndsWith(above, Sealed::default()), b"");
        });
        conversation.say(b"E");
        assert_eq!(log.contains(NOT_SEALED), ends, "{log:?}");
        assert_eq!(log.contains("readclosed"), !ends, "{log:?}");
    }
}

#[test]
fn an_end_in_a_layer_is_the_end_also_for_a_close_that_waits() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Sealed::default(), b"");
        transport.push_layer(Polite::new(b'a'), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    conversation.say(b"aaaE");
    let lost = format!("lost: {}", io::Error::from(io::ErrorKind::UnexpectedEof));
    assert_eq!(log.entries(), ["made", &lost]);
}

#[test]
fn what_is_kept_does_not_hide_the_end_in_a_layer_from_a_close_that_waits() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Sealed::default(), b"abc");
        transport.push_layer(
            Suspicious {
                shows: true,
                ..Suspicious::new()
            },
            b"",
        );
        transport.write(b"hello");
        transport.lose_connection();
    });
    assert_eq!(log.entries(), ["made"]);
    conversation.say(b"E");
    assert!(log.contains("lost: unexpected end of file"), "{log:?}");
}

#[test]
fn a_reset_is_noticed_after_the_end_in_a_layer() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.push_layer(Sealed::default(), b"");
        }
        Then::Nothing
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"E");
    conversation.reset();
    let lost = format!("lost: {}", Reason::Reset);
    assert_eq!(log.entries(), ["made", "readclosed", &lost]);
}

#[test]
fn a_stream_is_whole_or_known_not_to_be_on_any_network() {
    for seed in 0..100 {
        for (end, lost) in [("E", "lost: the peer closed"), ("", NOT_SEALED)] {
            let simulation = Simulation::chaotic(seed);
            let heard = Rc::new(RefCell::new(Vec::new()));
            let (bytes, log) = (Rc::clone(&heard), Log::default());
            let protocol = Probe::new(&log, move |event: &Heard<'_>, transport: &Transport| {
                match event {
                    Heard::Made => transport.push_layer(Sealed::default(), b""),
                    Heard::Data(data) => bytes.borrow_mut().extend_from_slice(data),
                    _ => {}
                }
                Then::Default
            });
            let conversation = Conversation::begin(&simulation, protocol, Limits::default());
            conversation.peer().write(&b"a".repeat(30_000));
            conversation.peer().write(end.as_bytes());
            conversation.shut_write();
            conversation.run_for(SECOND);
            assert!(*heard.borrow() == b"a".repeat(30_000), "seed {seed}");
            assert!(log.contains(lost), "seed {seed}: {log:?}");
            assert_eq!(log.contains("readclosed"), !end.is_empty());
        }
    }
}
