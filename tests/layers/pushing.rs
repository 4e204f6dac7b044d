//! Pushing a layer: what was read already passes through it, in its order, and not while reading is
//! paused.

use std::time::Duration;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Group, Layer, Limits, Protocol, Reason, Transport};

use crate::Shift;
use crate::support::{Heard, Log, Probe, SECOND, Then, listener, millis, pattern};

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

/// Passes bytes up by fours, as TLS does by records.
struct Fours(Vec<u8>);

impl Layer for Fours {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.0.extend(data);
        let whole = self.0.len() / 4 * 4;
        up.extend(self.0.drain(..whole));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

/// Waits for two seconds, above a layer.
struct Impatient;

impl Protocol for Impatient {
    fn connection_made(&mut self, transport: &Transport) {
        transport.push_layer(Fours(Vec::new()), b"");
        transport.set_timeout(Some(2 * SECOND));
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn bytes_that_a_layer_makes_nothing_of_keep_no_connection_alive() {
    let conversation = Conversation::with(Impatient);
    for byte in b"abc" {
        conversation.say(&[*byte]);
        conversation.simulation().run_for(millis(900));
    }
    assert!(matches!(conversation.reason(), Some(Reason::IdleTimeout)));
    let conversation = Conversation::with(Impatient);
    for byte in b"abcdefg" {
        conversation.say(&[*byte]);
        conversation.simulation().run_for(millis(450));
    }
    assert!(conversation.reason().is_none(), "it counts from the fourth");
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
    let narrow = Conditions::calm().send_buffer(100..=100);
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
    let near = Conditions::calm().latency(Duration::ZERO..=Duration::ZERO);
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

/// Writes what it receives to the group.
struct Talker(Group);

impl Protocol for Talker {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.write(data);
    }
}

#[test]
fn nothing_goes_past_a_layer_that_was_just_pushed_when_talkers_give_up_waiting() {
    // A timer of the listener's looks 100 ms after it took something whether talkers wait for it.
    for (delay, reads) in (95..110).flat_map(|delay| (0..3).map(move |reads| (delay, reads))) {
        let slow = Conditions::calm().latency(millis(1)..=millis(1));
        let simulation = Simulation::with_conditions(slow, 1);
        let group = Group::new();
        let talker = Conversation::begin(&simulation, Talker(group.clone()), Limits::default());
        let log = Log::default();
        let listener = Conversation::begin(&simulation, listener(&log), Limits::default());
        group.add(listener.transport());
        listener.peer().pause_reading();
        // Together with that timer, and before it, for it is set first.
        let transport = listener.transport().clone();
        let reactor = simulation.reactor();
        reactor.call_later(millis(delay), move || {
            transport.push_layer(Shift, b"");
            transport.write(b"HAL");
        });
        let peer = listener.peer().clone();
        reactor.call_later(millis(delay - reads), move || peer.resume_reading());
        group.write(&pattern(300_000));
        talker.peer().write(b"x");
        simulation.run_for(SECOND);
        let heard = listener.hear();
        assert!(heard.ends_with(b"IBM"), "{delay} {reads}");
    }
}
