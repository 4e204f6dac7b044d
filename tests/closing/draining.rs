//! Bytes that are still to be sent, or still come, when a connection ends.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Reason, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then, millis, pattern, shared};
use crate::{Steps, conversation, idle};

#[test]
fn lose_sends_everything_to_a_slow_reader_and_is_over_only_then() {
    let limits = Limits::default().unsent(8 << 20);
    let conversation = idle(&Simulation::new(), limits);
    conversation.peer().pause_reading();
    conversation.transport().write(&pattern(5_000_000));
    conversation.transport().lose_connection();
    let mut heard = Vec::new();
    while heard.len() < 5_000_000 {
        assert!(conversation.reason().is_none());
        assert!(!conversation.peer().has_ended());
        heard.extend(conversation.peer().read_at_most(40_000));
        conversation.run_for(millis(100));
    }
    assert!(heard == pattern(5_000_000));
    assert!(conversation.peer().has_ended());
    conversation.close();
    assert!(matches!(conversation.reason(), Some(Reason::LocalClosed)));
}

#[test]
fn a_peer_that_has_closed_its_half_still_gets_everything() {
    // `printf x | nc -N`: the answer is larger than all buffers.
    let limits = Limits::default().unsent(8 << 20);
    let ours: fn(&Transport) = |t| {
        t.write(&pattern(3_000_000));
    };
    let protocol = Steps {
        log: Log::default(),
        ours,
        stays: false,
    };
    let conversation = Conversation::begin(&Simulation::new(), protocol, limits);
    conversation.peer().write(b"go");
    conversation.shut_write();
    assert!(conversation.hear() == pattern(3_000_000));
    assert!(conversation.peer().has_ended());
    assert!(matches!(conversation.reason(), Some(Reason::PeerClosed)));
}

#[test]
fn a_peer_that_takes_nothing_after_lose_is_dropped_when_it_has_lingered() {
    let limits = Limits::default().linger(5 * SECOND);
    let conversation = idle(&Simulation::new(), limits);
    conversation.peer().pause_reading();
    conversation.transport().write(&pattern(500_000));
    conversation.transport().lose_connection();
    // As long as it takes something, it has time.
    for _ in 0..10 {
        conversation.run_for(4 * SECOND);
        assert!(!conversation.peer().read_at_most(30_000).is_empty());
        assert!(conversation.reason().is_none());
    }
    conversation.run_for(millis(4900));
    assert!(conversation.reason().is_none());
    conversation.run_for(millis(200));
    assert!(matches!(conversation.reason(), Some(Reason::LingerTimeout)));
    assert_eq!(
        conversation.peer().error(),
        Some(io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn abort_after_lose_works_with_a_full_buffer() {
    let limits = Limits::default().unsent(8 << 20);
    let conversation = idle(&Simulation::new(), limits);
    conversation.peer().pause_reading();
    conversation.transport().write(&pattern(3_000_000));
    conversation.transport().lose_connection();
    conversation.run_for(SECOND);
    conversation.transport().abort_connection();
    conversation.run_for(millis(1));
    assert!(matches!(conversation.reason(), Some(Reason::Aborted)));
    assert_eq!(conversation.transport().unsent(), 0);
}

#[test]
fn the_last_words_of_a_server_reach_a_client_that_is_still_talking() {
    // Closing with unread bytes would reset the connection and destroy them.
    let (conversation, _) = conversation(
        |t| {
            t.write(b"you talk too much");
            t.lose_connection();
        },
        false,
    );
    conversation.peer().write(b"go");
    conversation.simulation().run_for(Duration::from_micros(60));
    for _ in 0..100 {
        conversation.peer().write(&[b'x'; 1000]);
        conversation.run_for(Duration::from_micros(10));
    }
    assert_eq!(conversation.hear(), b"you talk too much");
    assert!(conversation.peer().has_ended());
    assert_eq!(conversation.peer().error(), None);
    conversation.close();
    assert!(matches!(conversation.reason(), Some(Reason::LocalClosed)));
}

#[test]
fn an_answer_whose_reader_is_gone_ends_with_a_reset_and_nothing_else() {
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let stays = shared(true);
        let keeps = Rc::clone(&stays);
        let log = Log::default();
        let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
            match heard {
                Heard::Made => {
                    transport.write(&pattern(50_000));
                }
                Heard::ReadClosed if keeps.get() => return Then::Nothing,
                _ => {}
            }
            Then::Default
        });
        let conversation = Conversation::begin(&simulation, protocol, Limits::default());
        conversation.peer().pause_reading();
        conversation.close();
        for _ in 0..5 {
            conversation.transport().write(b"more");
            conversation.transport().lose_write_connection();
            conversation.run_for(SECOND);
        }
        let reason = conversation.reason();
        assert!(
            matches!(reason, Some(Reason::Reset | Reason::PeerClosed)),
            "seed {seed}: {reason:?} {log:?}"
        );
    }
}
