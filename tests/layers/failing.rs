//! Layers that fail or panic: what is still delivered, what is still sent, and the reason.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Layer, Limits, Reason, Transport};

use crate::support::{Heard, LINGER, Log, Probe, SECOND, Then, listener, millis};
use crate::{GREETING, Polite, Shift, Talkative, begins_with};

/// Passes everything on until an `X` comes, which it complains about.
struct Picky;

impl Layer for Picky {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        let Some(bad) = data.iter().position(|byte| *byte == b'X') else {
            up.extend(data);
            return Ok(());
        };
        up.extend(&data[..bad]);
        down.extend(b"no X, please");
        Err(Reason::Violation("anything but an X".to_owned()))
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

const PICKY: &str = "lost: the peer broke the protocol: anything but an X";

#[test]
fn a_layer_that_fails_is_heard_and_what_came_before_is_delivered() {
    let (conversation, log) = begins_with(|transport| transport.push_layer(Picky, b""));
    conversation.say(b"abcXdef");
    conversation.say(b"ghi");
    assert_eq!(conversation.hear(), b"no X, please");
    assert!(conversation.peer().has_ended());
    assert_eq!(log.entries(), ["made", "abc"]);
    assert!(!conversation.transport().is_open());
    conversation.close();
    assert_eq!(log.entries(), ["made", "abc", PICKY]);
}

#[test]
fn nothing_passes_a_layer_that_has_failed() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => {
                transport.push_layer(Polite::new(b'a'), b"");
                transport.push_layer(Picky, b"");
                transport.push_layer(Talkative, b"");
            }
            Heard::Data(_) => {
                transport.write(b"what the peer shall not see");
                transport.lose_connection();
            }
            _ => {}
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(&[b'a'; GREETING]);
    let _ = conversation.hear();
    conversation.say(b"abcXdef");
    // The talkative layer's answer was later than the failure of the one that it had to pass. The
    // polite one is whole, and says its last words.
    assert_eq!(conversation.hear(), b"no X, please.a");
    conversation.close();
    assert_eq!(log.entries(), ["made", "abc", PICKY]);
}

#[test]
fn what_a_failing_layer_says_waits_for_a_layer_below_that_holds_it() {
    /// Fails before anything has come.
    struct Hopeless;
    impl Layer for Hopeless {
        fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
            down.extend(b"alas");
            Err(Reason::Violation("something else".to_owned()))
        }

        fn receive(&mut self, _: &[u8], _: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
            panic!("a layer that has failed is called again");
        }

        fn send(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
            panic!("a layer that has failed is called again");
        }
    }
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.push_layer(Hopeless, b"what came before");
        transport.write(b"hello");
        transport.push_layer(Talkative, b"what came before");
        transport.write(b"hello");
    });
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    conversation.say(&[b'a'; GREETING]);
    conversation.say(b"and more");
    assert_eq!(conversation.hear(), b"alas.a");
    conversation.close();
    let lost = "lost: the peer broke the protocol: something else";
    assert_eq!(log.entries(), ["made", lost]);
}

#[test]
fn a_layer_that_failed_is_the_reason_whatever_becomes_of_what_it_said() {
    let fates: [fn(&Conversation<_>); 4] = [
        |conversation| conversation.run_for(LINGER + SECOND),
        |conversation| conversation.reset(),
        |conversation| conversation.transport().abort_connection(),
        |conversation| {
            conversation.peer().resume_reading();
            conversation.run_for(millis(10));
            assert_eq!(conversation.hear(), b"so it was: no X, please");
        },
    ];
    for fate in fates {
        let narrow = Conditions::calm().send_buffer(1..=1).receive_buffer(1..=1);
        let simulation = Simulation::with_conditions(narrow, 1);
        let log = Log::default();
        let conversation = Conversation::begin(&simulation, listener(&log), Limits::default());
        conversation.peer().pause_reading();
        conversation.ask(|_, transport| {
            transport.push_layer(Picky, b"");
            transport.write(b"so it was: ");
        });
        // However long ago the peer took its last byte, it gets time.
        conversation.run_for(100 * SECOND);
        conversation.say(b"X");
        conversation.run_for(SECOND);
        assert_eq!(log.take(), ["made"]);
        fate(&conversation);
        conversation.run_for(3 * SECOND);
        assert_eq!(log.entries(), [PICKY]);
    }
}

#[test]
fn a_layer_that_fails_when_nothing_can_be_said_any_more_ends_the_connection_at_once() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Picky, b"");
        transport.lose_write_connection();
    });
    assert!(conversation.peer().has_ended());
    conversation.say(b"abcX");
    assert_eq!(log.entries(), ["made", "abc", PICKY]);
}

#[test]
fn a_layer_that_panics_ends_the_connection_at_once() {
    struct Panics;
    impl Layer for Panics {
        fn receive(&mut self, _: &[u8], _: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
            down.push(b'?');
            panic!("no idea");
        }

        fn send(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
            Ok(())
        }
    }
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Talkative, b"");
        transport.push_layer(Panics, b"");
    });
    conversation.say(b"bcd");
    assert_eq!(conversation.hear(), b"");
    assert_eq!(
        log.entries(),
        ["made", "lost: the callback layer panicked: no idea"]
    );
}

#[test]
fn a_layer_that_fails_does_the_same_on_any_network() {
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let bytes = Rc::clone(&heard);
        let log = Log::default();
        let protocol = Probe::new(&log, move |event: &Heard<'_>, transport: &Transport| {
            match event {
                Heard::Made => {
                    transport.push_layer(Shift, b"");
                    transport.push_layer(Picky, b"");
                }
                Heard::Data(data) => bytes.borrow_mut().extend_from_slice(data),
                _ => {}
            }
            Then::Default
        });
        let conversation = Conversation::begin(&simulation, protocol, Limits::default());
        conversation.say(&[b"b".repeat(20_000), b"Y".to_vec(), b"c".repeat(500)].concat());
        conversation.run_for(SECOND);
        assert!(*heard.borrow() == b"a".repeat(20_000), "seed {seed}");
        assert_eq!(conversation.hear(), b"op!Y-!qmfbtf", "shifted, seed {seed}");
        conversation.close();
        assert!(log.contains(PICKY), "seed {seed}: {log:?}");
    }
}
