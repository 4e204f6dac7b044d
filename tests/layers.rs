//! Layers on a live connection: what was read already passes through them, in its order, and not
//! while reading is paused.

mod support;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Group, Layer, Limits, Protocol, Reason, Transport};
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

/// How long a greeting is.
const GREETING: usize = 100;

/// Greets, and holds what it is to send until it has been greeted. Says its name at the end.
struct Polite {
    name: u8,
    /// How much of the greeting has not come.
    missing: usize,
    held: Vec<u8>,
}

impl Polite {
    fn new(name: u8) -> Self {
        Self {
            name,
            missing: GREETING,
            held: Vec::new(),
        }
    }
}

impl Layer for Polite {
    fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend([self.name; GREETING]);
        Ok(())
    }

    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        let (greeting, rest) = data.split_at(self.missing.min(data.len()));
        assert!(greeting.iter().all(|byte| *byte == self.name));
        self.missing -= greeting.len();
        if self.missing == 0 {
            down.append(&mut self.held);
        }
        up.extend(rest);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        let to = if self.missing > 0 {
            &mut self.held
        } else {
            down
        };
        to.extend(data);
        Ok(())
    }

    fn holds(&self) -> usize {
        self.held.len()
    }

    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        assert!(self.held.is_empty(), "the last words come last");
        down.extend([b'.', self.name]);
        Ok(())
    }
}

/// Is never content: holds everything, and has an answer to everything.
struct Suspicious {
    held: Vec<u8>,
    shows: bool,
}

impl Suspicious {
    fn new() -> Self {
        Self {
            held: Vec::new(),
            shows: false,
        }
    }
}

impl Layer for Suspicious {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        if self.shows {
            up.extend(data);
        }
        down.push(b'?');
        Ok(())
    }

    fn send(&mut self, data: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
        self.held.extend(data);
        Ok(())
    }

    fn holds(&self) -> usize {
        self.held.len()
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Reason> {
        panic!("it still holds {} bytes", self.held.len());
    }
}

/// A protocol that does `first` when its connection is made, and otherwise what is usual.
fn begins_with(first: impl Fn(&Transport) + 'static) -> (Conversation<impl Protocol>, Log) {
    let log = Log::default();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            first(transport);
        }
        Then::Default
    });
    (Conversation::with(protocol), log)
}

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
fn last_words_wait_for_the_layer_below() {
    let (conversation, _) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.push_layer(Shift, b"");
        transport.push_layer(Talkative, b"");
        transport.lose_connection();
    });
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    conversation.say(&[b'a'; GREETING]);
    assert_eq!(conversation.hear(), b"/.a", "a shifted full stop");
    assert!(conversation.peer().has_ended());
}

#[test]
fn a_layer_that_never_lets_go_is_waited_for_as_long_as_a_peer_that_does_not_read() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Suspicious::new(), b"");
        transport.write(b"hello");
        transport.lose_connection();
    });
    let linger = Limits::default().linger;
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
    let (limit, transport) = (Limits::default().unsent, conversation.transport());
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
    let narrow = Conditions {
        send_buffer: 10..=10,
        receive_buffer: 10..=10,
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(narrow, 1);
    let log = Log::default();
    let conversation = Conversation::begin(&simulation, listener(&log), Limits::default());
    conversation.peer().pause_reading();
    let limit = Limits::default().unsent;
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
    let narrow = Conditions {
        send_buffer: 10..=10,
        receive_buffer: 10..=10,
        ..Conditions::calm()
    };
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
            let _ = simulation.join(server, client);
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
        |conversation| conversation.run_for(Limits::default().linger + SECOND),
        |conversation| conversation.reset(),
        |conversation| conversation.transport().abort_connection(),
        |conversation| {
            conversation.peer().resume_reading();
            conversation.run_for(millis(10));
            assert_eq!(conversation.hear(), b"so it was: no X, please");
        },
    ];
    for fate in fates {
        let narrow = Conditions {
            send_buffer: 1..=1,
            receive_buffer: 1..=1,
            ..Conditions::calm()
        };
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
fn a_stream_that_ends_in_a_layer_ends_for_who_is_above() {
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
        let slow = Conditions {
            latency: millis(1)..=millis(1),
            ..Conditions::calm()
        };
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
