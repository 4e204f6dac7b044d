//! Layers on a live connection: what was read already passes through them, in its order, and not
//! while reading is paused.

mod support;

use std::time::Duration;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Layer, Limits, Protocol, Reason, Transport};
use support::{Heard, Log, Probe, SECOND, Then, listener, millis, pattern};

/// Adds one to each byte on its way down, and takes it off on its way up.
struct Shift;

impl Layer for Shift {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data.iter().map(|byte| byte.wrapping_sub(1)));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data.iter().map(|byte| byte.wrapping_add(1)));
        Ok(())
    }
}

/// Puts a layer in place at the first `!`, which is the last byte that is not shifted.
struct Upgrade {
    log: Log,
    upgraded: bool,
    then: fn(&Transport),
}

impl Protocol for Upgrade {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.note(data.escape_ascii());
        let mark = data.iter().position(|byte| *byte == b'!');
        if let (false, Some(mark)) = (self.upgraded, mark) {
            self.upgraded = true;
            transport.write(b"go");
            transport.push_layer(Shift, &data[mark + 1..]);
            transport.write(b"HAL");
            (self.then)(transport);
        }
    }

    fn reading_resumed(&mut self, _: &Transport) {
        self.log.note("resumed");
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.log.note("read closed");
        transport.lose_connection();
    }
}

fn upgrade(then: fn(&Transport)) -> (Conversation<Upgrade>, Log) {
    let log = Log::default();
    let protocol = Upgrade {
        log: log.clone(),
        upgraded: false,
        then,
    };
    (Conversation::with(protocol), log)
}

#[test]
fn what_was_written_before_goes_out_without_the_layer_and_what_came_goes_in_through_it() {
    let (conversation, log) = upgrade(|_| {});
    conversation.say(b"start!bcd");
    conversation.say(b"efg");
    assert_eq!(log.entries(), ["start!bcd", "abc", "def"]);
    assert_eq!(conversation.hear(), b"goIBM");
}

#[test]
fn what_was_read_before_is_not_delivered_while_reading_is_paused() {
    let (conversation, log) = upgrade(Transport::pause_reading);
    conversation.say(b"start!bcd");
    conversation.say(b"efg");
    assert_eq!(log.take(), ["start!bcd"]);
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["resumed", "abc", "def"]);
    // Also where nothing comes from the socket that would wake it.
    let (conversation, log) = upgrade(Transport::pause_reading);
    conversation.say(b"start!bcd");
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["start!bcd", "resumed", "abc"]);
}

#[test]
fn what_was_read_before_is_not_delivered_after_the_close() {
    let (conversation, log) = upgrade(Transport::lose_connection);
    conversation.say(b"start!bcd");
    assert_eq!(log.entries(), ["start!bcd"]);
    assert_eq!(
        conversation.hear(),
        b"goIBM",
        "what was written is sent all the same"
    );
}

#[test]
fn the_end_of_the_stream_comes_after_what_a_layer_was_given() {
    let (conversation, log) = upgrade(|_| {});
    // In one event with the bytes, and so in one with the read that the layer is pushed in.
    conversation.peer().write(b"start!bcd");
    conversation.shut_write();
    assert_eq!(log.take(), ["start!bcd", "abc", "read closed"]);

    let (conversation, log) = upgrade(Transport::pause_reading);
    conversation.peer().write(b"start!bcd");
    conversation.shut_write();
    assert_eq!(log.take(), ["start!bcd"]);
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["resumed", "abc", "read closed"]);
}

#[test]
fn bytes_are_right_through_layers_on_any_network() {
    struct Early(Log);
    impl Protocol for Early {
        fn connection_made(&mut self, transport: &Transport) {
            transport.push_layer(Shift, b"");
        }

        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            self.0.note(data.len());
            transport.write(data);
        }
    }
    for seed in 0..50 {
        let simulation = Simulation::chaotic(seed);
        let echo = Conversation::begin(&simulation, Early(Log::default()), Limits::default());
        echo.say(&pattern(20_000));
        assert_eq!(echo.hear(), pattern(20_000), "seed {seed}");
    }
}

#[test]
fn nothing_counts_as_unsent_once_the_connection_is_lost() {
    let narrow = Conditions {
        send_buffer: 100..=100,
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(narrow, 1);
    let log = Log::default();
    let seen = log.clone();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => {
                transport.push_layer(Shift, b"");
                transport.write(&pattern(10_000));
            }
            Heard::Lost(_) => seen.note(format!("unsent {}", transport.unsent())),
            _ => {}
        }
        Then::Default
    });
    let conversation = Conversation::begin(&simulation, protocol, Limits::default());
    conversation.peer().reset();
    conversation.run_for(millis(1));
    assert!(log.contains("unsent 0"), "{log:?}");
}

/// Answers everything it receives, and says a full stop at the end.
struct Talkative;

impl Layer for Talkative {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        down.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }

    fn read_closed(&mut self) -> Result<(), Reason> {
        Err(Reason::Violation("another word".to_owned()))
    }

    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        down.push(b'.');
        Ok(())
    }
}

/// A protocol above the talkative layer, which says "hello" and does one thing more.
fn above_a_talkative_layer(then: fn(&Transport)) -> (Conversation<impl Protocol>, Log) {
    let log = Log::default();
    let protocol = Probe::new(
        &log,
        move |heard: &Heard<'_>, transport: &Transport| match heard {
            Heard::Made => {
                transport.push_layer(Talkative, b"");
                transport.write(b"hello");
                then(transport);
                Then::Default
            }
            _ => Then::Nothing,
        },
    );
    let conversation = Conversation::with(protocol);
    conversation.run_for(SECOND);
    log.take();
    (conversation, log)
}

#[test]
fn layers_say_their_last_words_before_half_a_close_and_are_not_heard_after_it() {
    let (conversation, log) = above_a_talkative_layer(Transport::lose_write_connection);
    assert_eq!(conversation.hear(), b"hello.");
    assert!(conversation.peer().has_ended());
    for _ in 0..3 {
        conversation.say(b"on");
        conversation.run_for(SECOND);
    }
    assert_eq!(log.entries(), ["on"; 3]);
    assert!(conversation.transport().is_open());
}

#[test]
fn layers_are_not_asked_about_an_end_that_this_side_has_begun() {
    let (conversation, log) = above_a_talkative_layer(Transport::lose_connection);
    conversation.say(b"another word");
    conversation.shut_write();
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear(), b"hello.");
    assert_eq!(log.entries(), [format!("lost: {}", Reason::LocalClosed)]);
}

#[test]
fn what_layers_answer_to_a_peer_that_does_not_read_is_bounded() {
    let (conversation, log) = above_a_talkative_layer(|_| {});
    conversation.peer().pause_reading();
    let limit = Limits::default().unsent;
    for _ in 0..50 {
        conversation.say(&pattern(100_000));
        assert!(conversation.transport().unsent() < 2 * limit);
    }
    let reason = Reason::UnsentOverflow { limit };
    assert!(log.contains(&format!("lost: {reason}")), "{log:?}");
}

#[test]
fn what_is_kept_in_a_pause_passes_a_layer_that_is_pushed_meanwhile() {
    let (conversation, log) = upgrade(Transport::pause_reading);
    conversation.say(b"start!cde");
    conversation.ask(|_, transport| {
        transport.push_layer(Shift, b"");
        transport.resume_reading();
    });
    conversation.say(b"fgh");
    assert_eq!(log.entries(), ["start!cde", "resumed", "abc", "def"]);
}

#[test]
fn what_comes_in_the_turn_in_which_a_layer_is_pushed_passes_through_it() {
    let near = Conditions {
        latency: Duration::ZERO..=Duration::ZERO,
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(near, 1);
    let log = Log::default();
    let conversation = Conversation::begin(&simulation, listener(&log), Limits::default());
    let transport = conversation.transport().clone();
    conversation.peer().write(b"bcd");
    simulation
        .reactor()
        .call_soon(move || transport.push_layer(Shift, b""));
    conversation.run_for(millis(1));
    assert_eq!(log.entries(), ["made", "abc"]);
}
