//! Layers that hold bytes back: what counts as unsent, and which ends wait for it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Layer, Limits, Protocol, Reason, Transport};

use crate::support::{Heard, LINGER, Log, Probe, SECOND, Then, UNSENT, listener, millis, pattern};
use crate::{GREETING, Polite, Suspicious, begins_with};

#[test]
fn a_close_waits_until_layers_have_sent_what_they_hold() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    conversation.say(&[b'a'; GREETING - 1]);
    conversation.run_for(2 * SECOND);
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    assert!(!conversation.peer().has_ended());
    assert_eq!(conversation.transport().unsent(), 5);
    conversation.say(b"a and more");
    assert_eq!(conversation.hear(), b"hello.a");
    assert!(conversation.peer().has_ended());
    conversation.close();
    let lost = format!("lost: {}", Reason::LocalClosed);
    assert_eq!(log.entries(), ["made", &lost], "nothing is delivered");
}

#[test]
fn half_a_close_waits_until_layers_have_sent_what_they_hold() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.write(b"hello");
        transport.lose_write_connection();
    });
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    assert!(!conversation.peer().has_ended());
    conversation.say(&[b'a'; GREETING]);
    assert_eq!(conversation.hear(), b"hello.a");
    assert!(conversation.peer().has_ended());
    conversation.say(b"and more");
    assert_eq!(log.entries(), ["made", "and more"]);
}

#[test]
fn a_layer_that_never_lets_go_is_waited_for_as_long_as_a_peer_that_does_not_read() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Suspicious::new(), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    let linger = LINGER;
    let mut answers = Vec::new();
    while conversation.simulation().elapsed() < linger {
        assert_eq!(log.entries(), ["made"]);
        conversation.say(b"so?");
        answers.extend(conversation.hear());
        conversation.run_for(SECOND);
    }
    // That the peer takes answers does not mean that it takes what is left.
    assert!(answers.len() > 25 && answers.iter().all(|byte| *byte == b'?'));
    let lost = format!("lost: {}", Reason::LingerTimeout);
    assert_eq!(log.entries(), ["made", &lost]);
}

#[test]
fn an_abort_drops_what_layers_hold() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    let transport = conversation.transport().clone();
    assert_eq!(transport.unsent(), 5);
    transport.abort_connection();
    conversation.run_for(millis(1));
    assert_eq!(transport.unsent(), 0);
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    assert!(!conversation.peer().is_connected(), "it is reset");
    assert!(log.contains(&format!("lost: {}", Reason::Aborted)));
}

#[test]
fn what_layers_hold_is_unsent_and_pauses_writing_and_the_pause_ends() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.write(&pattern(100_000));
    });
    // By default the protocol does not read in such a pause, but its layer has to.
    assert_eq!(log.take(), ["made", "writingpaused"]);
    assert_eq!(conversation.transport().unsent(), 100_000);
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    conversation.say(&[b'a'; GREETING]);
    assert!(conversation.hear() == pattern(100_000));
    assert_eq!(log.take(), ["writingresumed", "readingresumed"]);
    conversation.say(b"more");
    assert_eq!(log.entries(), ["more"]);
}

#[test]
fn what_layers_hold_is_bounded() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
    });
    let (limit, transport) = (UNSENT, conversation.transport());
    for _ in 0..50 {
        transport.write(&pattern(100_000));
        conversation.run_for(millis(1));
        assert!(transport.unsent() < 2 * limit);
    }
    let reason = Reason::UnsentOverflow { limit };
    assert!(log.contains(&format!("lost: {reason}")), "{log:?}");
}

#[test]
fn what_layers_let_go_is_not_counted_twice() {
    let narrow = Conditions::calm()
        .send_buffer(10..=10)
        .receive_buffer(10..=10);
    let simulation = Simulation::with_conditions(narrow, 1);
    let log = Log::default();
    let conversation = Conversation::begin(&simulation, listener(&log), Limits::default());
    conversation.peer().pause_reading();
    let limit = UNSENT;
    conversation.ask(move |_, transport| {
        transport.write(&pattern(limit));
        transport.push_layer(Polite::new(b'a'), b"");
        // The last bytes that are within the limit are held behind a greeting that is not.
        transport.write(b"the end");
    });
    assert!(conversation.transport().unsent() > limit);
    conversation.say(&[b'a'; GREETING]);
    conversation.peer().resume_reading();
    conversation.run_for(100 * SECOND);
    assert!(conversation.hear().ends_with(b"aaathe end"), "{log:?}");
}

#[test]
fn a_pause_that_layers_read_in_keeps_no_more_than_one_read() {
    let (conversation, log) = begins_with(|transport| {
        let shows = Suspicious {
            shows: true,
            ..Suspicious::new()
        };
        transport.push_layer(shows, b"");
        transport.write(b"hello");
        transport.pause_reading();
    });
    conversation.say(&pattern(1_000_000));
    assert_eq!(log.take(), ["made"]);
    let answers = conversation.hear().len();
    assert_eq!(answers, 1, "what it was handed before there was something");
    conversation.shut_write();
    assert!(log.take().is_empty(), "the end waits behind it");
    conversation.ask(|_, transport| transport.resume_reading());
    assert!(log.contains("readingresumed") && log.contains("readclosed"));
}

#[test]
fn a_connection_whose_peer_has_ended_does_not_wait_for_what_layers_hold() {
    let closes: [fn(&Transport); 3] = [
        |_| {},
        Transport::lose_connection,
        Transport::lose_write_connection,
    ];
    for close in closes {
        let (conversation, log) = begins_with(move |transport| {
            transport.push_layer(Polite::new(b'a'), b"");
            transport.write(b"hello");
            close(transport);
        });
        conversation.say(b"aaa");
        conversation.shut_write();
        let Some(Reason::Error(error)) = conversation.reason() else {
            panic!("{log:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn what_layers_have_sent_arrives_before_the_end_of_a_connection_that_waits_in_vain() {
    let narrow = Conditions::calm()
        .send_buffer(10..=10)
        .receive_buffer(10..=10);
    let simulation = Simulation::with_conditions(narrow, 1);
    let conversation =
        Conversation::begin(&simulation, listener(&Log::default()), Limits::default());
    conversation.peer().pause_reading();
    conversation.ask(|_, transport| {
        transport.write(&pattern(1000));
        transport.push_layer(Suspicious::new(), b"");
        transport.write(b"hello");
    });
    conversation.shut_write();
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert!(conversation.hear() == pattern(1000));
    assert!(matches!(conversation.reason(), Some(Reason::Error(_))));
}

#[test]
fn a_close_does_not_wait_for_what_a_layer_has_forgotten() {
    struct Forgetful(usize);
    impl Layer for Forgetful {
        fn receive(&mut self, _: &[u8], _: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
            self.0 = 0;
            Ok(())
        }

        fn send(&mut self, data: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
            self.0 += data.len();
            Ok(())
        }

        fn holds(&self) -> usize {
            self.0
        }
    }
    let (conversation, _) = begins_with(|transport| {
        transport.push_layer(Forgetful(0), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    assert!(!conversation.peer().has_ended());
    conversation.say(b"what was it?");
    assert!(conversation.peer().has_ended());
}

#[test]
fn a_layer_that_holds_bytes_is_asked_about_the_end_also_after_the_close() {
    struct Strict(Polite);
    impl Layer for Strict {
        fn receive(
            &mut self,
            data: &[u8],
            up: &mut Vec<u8>,
            down: &mut Vec<u8>,
        ) -> Result<(), Reason> {
            self.0.receive(data, up, down)
        }

        fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
            self.0.send(data, down)
        }

        fn holds(&self) -> usize {
            self.0.holds()
        }

        fn read_closed(&mut self) -> Result<(), Reason> {
            Err(Reason::Violation("a greeting".to_owned()))
        }
    }
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Strict(Polite::new(b'a')), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    conversation.shut_write();
    assert!(log.contains("lost: the peer broke the protocol: a greeting"));
}

/// Says its pattern above polite layers as soon as it can, and notes the other side's.
fn polite_speaker(
    layers: &'static [u8],
    len: usize,
    closes: bool,
    heard: &Rc<RefCell<Vec<u8>>>,
    log: &Log,
) -> impl Protocol + use<> {
    let heard = Rc::clone(heard);
    Probe::new(log, move |event: &Heard<'_>, transport: &Transport| {
        match event {
            Heard::Made => {
                for name in layers {
                    transport.push_layer(Polite::new(*name), b"");
                }
                transport.write(&pattern(len));
                if closes {
                    transport.lose_connection();
                }
            }
            Heard::Data(data) => heard.borrow_mut().extend_from_slice(data),
            _ => {}
        }
        Then::Default
    })
}

#[test]
fn what_was_written_before_a_close_arrives_through_any_layers_on_any_network() {
    let stacks: [(&[u8], &[u8]); 3] = [(b"a", b".a"), (b"ab", b".b.a"), (b"abc", b".c.b.a")];
    for (layers, last_words) in stacks {
        for seed in 0..60 {
            let simulation = Simulation::chaotic(seed);
            let len = [0, 1, 3_000, 200_000][seed as usize % 4];
            let heard = Rc::default();
            let (log, client_log) = (Log::default(), Log::default());
            let server = polite_speaker(layers, 50, false, &heard, &log);
            let client = polite_speaker(layers, len, true, &Rc::default(), &client_log);
            simulation.join(server, client);
            simulation.run_for(100 * SECOND);
            let expected = [&pattern(len), last_words].concat();
            assert!(*heard.borrow() == expected, "seed {seed}, {layers:?}");
            let lost = format!("lost: {}", Reason::PeerClosed);
            assert!(log.contains(&lost), "seed {seed}, {layers:?}: {log:?}");
            let lost = format!("lost: {}", Reason::LocalClosed);
            assert_eq!(client_log.entries(), ["made", &lost], "seed {seed}");
        }
    }
}
