//! Pauses of reading: one's own, and those until the peer has taken what was written.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Limits, Protocol, Reason, Transport};

use crate::SOCKET;
use crate::support::{
    Echo, HIGH_WATER, Heard, Log, Probe, SECOND, Then, listener, millis, pattern,
};

#[test]
fn a_pause_from_the_beginning_delays_everything_and_loses_nothing() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.pause_reading();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"one ");
    conversation.say(b"two");
    assert_eq!(log.entries(), ["made"]);
    assert!(!conversation.transport().is_reading());
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["made", "readingresumed", "one two"]);
}

#[test]
fn a_pause_inside_data_received_holds_at_once() {
    for seed in 0..30 {
        let simulation = Simulation::chaotic(seed);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let (bytes, reactor) = (Rc::clone(&heard), simulation.reactor().downgrade());
        let protocol = Probe::new(&Log::default(), move |event: &Heard<'_>, t: &Transport| {
            if let Heard::Data(data) = event {
                assert!(t.is_reading());
                bytes.borrow_mut().extend_from_slice(data);
                t.pause_reading();
                let (t, reactor) = (t.clone(), reactor.upgrade().expect("it runs this"));
                reactor.call_later(millis(1), move || t.resume_reading());
            }
            Then::Default
        });
        let conversation = Conversation::begin(&simulation, protocol, Limits::default());
        conversation.peer().write(&pattern(30_000));
        conversation.shut_write();
        conversation.run_for(100 * SECOND);
        assert!(*heard.borrow() == pattern(30_000), "seed {seed}");
        assert!(
            matches!(conversation.reason(), Some(Reason::PeerClosed)),
            "seed {seed}"
        );
    }
}

#[test]
fn what_came_before_the_end_is_delivered_before_it_when_the_pause_is_over() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| transport.pause_reading());
    conversation.peer().write(b"last words");
    conversation.close();
    conversation.run_for(10 * SECOND);
    assert_eq!(
        log.entries(),
        ["made"],
        "the end is behind what was not read"
    );
    conversation.ask(|_, transport| transport.resume_reading());
    let rest = [
        "readingresumed",
        "last words",
        "readclosed",
        "lost: the peer closed the connection",
    ];
    assert_eq!(log.entries()[1..], rest);
}

/// Answers each read at once with more than its peer takes, and reads no more until it is told to.
struct Busy {
    log: Log,
    pauses: fn(&Transport),
}

impl Protocol for Busy {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.note(data.escape_ascii());
        (self.pauses)(transport);
        transport.write(&pattern(100_000));
    }

    fn reading_resumed(&mut self, _: &Transport) {
        self.log.note("goes on");
    }
}

#[test]
fn a_pause_of_ones_own_outlasts_the_one_until_the_peer_has_caught_up() {
    let narrow = Conditions::calm()
        .send_buffer(5000..=5000)
        .receive_buffer(5000..=5000);
    let log = Log::default();
    let busy = Busy {
        log: log.clone(),
        pauses: Transport::pause_reading,
    };
    let simulation = Simulation::with_conditions(narrow, 0);
    let conversation = Conversation::begin(&simulation, busy, Limits::default());
    conversation.say(b"one");
    conversation.run_for(SECOND);
    assert_eq!(
        conversation.hear().len(),
        100_000,
        "writing was paused, and resumed"
    );
    conversation.say(b"two");
    conversation.run_for(SECOND);
    assert_eq!(log.entries(), ["one"], "nobody has called resume_reading");
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["one", "goes on", "two"]);
}

#[test]
fn the_end_of_ones_own_pause_leaves_the_one_until_the_peer_has_caught_up() {
    let log = Log::default();
    let busy = Busy {
        log: log.clone(),
        pauses: |_| {},
    };
    let conversation = Conversation::with(busy);
    conversation.peer().pause_reading();
    conversation.peer().set_window(0);
    conversation.say(b"one");
    conversation.say(b"two");
    assert_eq!(
        log.take(),
        ["one", "two"],
        "100,000 bytes are 64 KiB in the socket and less behind it"
    );
    conversation.say(b"three");
    conversation.ask(|_, transport| {
        transport.pause_reading();
        transport.resume_reading();
        assert!(!transport.is_reading());
    });
    assert_eq!(log.take(), [""; 0]);
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert_eq!(log.take()[..2], ["goes on", "three"]);
}

#[test]
fn a_pause_until_the_peer_has_caught_up_is_over_at_once_when_it_has() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| {
        transport.pause_reading_until_sent();
        assert!(transport.is_reading());
    });
    conversation.say(b"heard");
    assert_eq!(log.entries(), ["made", "heard"]);
}

#[test]
fn a_pause_and_a_resume_in_one_callback_are_nothing_to_the_bytes() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Data(_) = heard {
            transport.pause_reading();
            transport.resume_reading();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"one");
    conversation.say(b"two");
    assert_eq!(
        log.entries()
            .iter()
            .filter(|e| *e == "one" || *e == "two")
            .count(),
        2
    );
}

#[test]
fn an_echo_reads_no_more_than_its_client_takes_back() {
    let conversation = Conversation::with(Echo);
    conversation.peer().pause_reading();
    conversation.peer().write(&pattern(10_000_000));
    conversation.run_for(60 * SECOND);
    assert!(conversation.reason().is_none());
    let unsent = conversation.transport().unsent();
    let most = HIGH_WATER + 2 * SOCKET;
    assert!(
        unsent <= most,
        "{unsent} bytes for a client that does not read"
    );
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert!(conversation.hear() == pattern(10_000_000));
}
