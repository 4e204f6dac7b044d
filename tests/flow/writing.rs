//! What is unsent: its marks and its limit.

use std::io;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Factory, Limits, Reason};

use crate::support::{HIGH_WATER, LOW_WATER, Log, SECOND, UNSENT, listener, millis, pattern};
use crate::{SOCKET, heedless};

#[test]
fn writing_is_paused_above_the_high_mark_and_resumed_at_the_low_one() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.peer().pause_reading();
    conversation.peer().set_window(0);
    conversation.ask(move |_, transport| transport.write(&pattern(SOCKET + HIGH_WATER)));
    assert_eq!(log.entries(), ["made"]);
    conversation.ask(|_, transport| transport.write(b"x"));
    conversation.ask(|_, transport| transport.write(b"y"));
    assert_eq!(log.entries(), ["made", "writingpaused"]);
    let mut unsent = conversation.transport().unsent();
    assert_eq!(unsent, HIGH_WATER + 2);
    conversation.peer().set_window(10_000);
    while !log.contains("writingresumed") {
        assert!(unsent > LOW_WATER, "{unsent}");
        let _ = conversation.peer().read();
        conversation.run_for(millis(1));
        unsent = conversation.transport().unsent();
    }
    assert!(unsent <= LOW_WATER, "{unsent}");
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert_eq!(
        log.entries()[1..],
        ["writingpaused", "writingresumed", "readingresumed"]
    );
}

#[test]
fn a_peer_that_does_not_read_is_dropped_at_the_limit_with_its_reason() {
    let log = Log::default();
    let conversation = Conversation::with(heedless(&log));
    conversation.peer().pause_reading();
    let limit = UNSENT;
    let mut most = 0;
    for _ in 0..1000 {
        conversation.transport().write(&pattern(10_000));
        most = most.max(conversation.transport().unsent());
        conversation.run_for(millis(1));
    }
    assert!((limit..=limit + 10_000).contains(&most), "{most}");
    let reason = conversation.reason();
    assert!(
        matches!(reason, Some(Reason::UnsentOverflow { limit: l }) if l == limit),
        "{reason:?}"
    );
    assert_eq!(
        conversation.peer().error(),
        Some(io::ErrorKind::ConnectionReset)
    );
    assert_eq!(conversation.transport().unsent(), 0);
    assert_eq!(log.count("lost"), 1);
}

#[test]
fn one_write_of_any_size_is_taken() {
    let conversation = Conversation::with(heedless(&Log::default()));
    conversation.ask(|_, transport| transport.write(&pattern(5_000_000)));
    assert!(conversation.hear() == pattern(5_000_000));
    assert!(conversation.reason().is_none());
}

#[test]
fn an_empty_write_is_nothing() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    assert!(conversation.transport().write(b""));
    conversation.run_for(SECOND);
    assert_eq!(
        (conversation.hear(), conversation.transport().unsent()),
        (vec![], 0)
    );
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn limits_are_those_of_the_factory() {
    let simulation = Simulation::new();
    let log = Log::default();
    let for_factory = log.clone();
    let tight = Limits::default()
        .unsent(100_000)
        .high_water(10)
        .low_water(0);
    let factory = (move |_| heedless(&for_factory)).with_limits(tight);
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:0", factory)
        .expect("a port is free");
    let peer = simulation.connect(port.local_addr());
    peer.pause_reading();
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["made"]);
    drop(peer);
}

/// Writes as much as it is told, a thousand bytes at a time.
fn marks(limits: Limits, bytes: usize) -> Vec<String> {
    let log = Log::default();
    let narrow = Conditions::calm()
        .send_buffer(1_000..=1_000)
        .receive_buffer(1_000..=1_000);
    let simulation = Simulation::with_conditions(narrow, 0);
    let conversation = Conversation::begin(&simulation, listener(&log), limits);
    log.take();
    conversation.ask(move |_, transport| {
        assert!(transport.write(&vec![b'x'; bytes]));
    });
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear().len(), bytes);
    log.take()
}

#[test]
fn of_marks_that_contradict_each_other_the_lowest_holds() {
    let once = ["writingpaused", "writingresumed", "readingresumed"];
    let high_alone = Limits::default().high_water(1_000);
    assert_eq!(marks(high_alone, 50_000), once);
    let unsent_alone = Limits::default().unsent(1_000);
    assert_eq!(
        marks(unsent_alone.clone(), 50_000),
        once,
        "before an overflow"
    );
    assert_eq!(marks(unsent_alone, 900), Vec::<String>::new());
    let nothing = Limits::default().high_water(0);
    assert_eq!(marks(nothing, 50_000), once);
}
