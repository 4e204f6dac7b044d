//! How a connection ends, whoever ends it: the state machine of `Transport`, case by case.

mod support;

use std::io;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Limits, Protocol, Reason, Transport};
use support::{Heard, Log, Probe, SECOND, Then, millis, pattern, shared};

/// What the peer has seen in the end.
#[derive(Debug, PartialEq, Eq)]
enum Sees {
    Nothing,
    End,
    Reset,
}

struct Case {
    what: &'static str,
    /// Done inside `data_received`.
    ours: fn(&Transport),
    /// Done by the peer afterwards.
    peers: fn(&Conversation<Steps>),
    reason: Option<&'static str>,
    heard: &'static [u8],
    sees: Sees,
}

/// Does what the case says when it receives `go`, and writes down what it hears. It stays when the
/// peer has closed its sending half, if it was told to.
struct Steps {
    log: Log,
    ours: fn(&Transport),
    stays: bool,
}

impl Protocol for Steps {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.note(data.escape_ascii());
        if data == b"go" {
            (self.ours)(transport);
        }
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.log.note("read closed");
        if !self.stays {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.log.note(format!("lost: {reason}"));
        // None of this does anything any more.
        assert!(!transport.write(b"late") && transport.is_lost() && !transport.is_open());
        transport.lose_connection();
        transport.abort_connection();
        transport.lose_write_connection();
        transport.resume_reading();
        assert!(transport.peer_addr() != transport.local_addr());
    }
}

const LOCAL: Option<&str> = Some("the connection was closed on this side");
const PEER: Option<&str> = Some("the peer closed the connection");
const ABORTED: Option<&str> = Some("the connection was aborted on this side");
const RESET: Option<&str> = Some("the peer reset the connection");

/// The table. A peer reads what comes, and closes when it says so.
const CASES: &[Case] = &[
    Case {
        what: "lose sends what was written, and drops what is written after",
        ours: |t| {
            assert!(t.write(b"a"));
            t.lose_connection();
            assert!(!t.write(b"b"));
        },
        peers: |c| c.close(),
        reason: LOCAL,
        heard: b"a",
        sees: Sees::End,
    },
    Case {
        what: "lose twice is lose",
        ours: |t| {
            t.write(b"a");
            t.lose_connection();
            t.lose_connection();
        },
        peers: |c| c.close(),
        reason: LOCAL,
        heard: b"a",
        sees: Sees::End,
    },
    Case {
        what: "after lose nothing is delivered",
        ours: Transport::lose_connection,
        peers: |c| {
            c.say(b"more");
            c.close();
        },
        reason: LOCAL,
        heard: b"",
        sees: Sees::End,
    },
    Case {
        what: "after lose the peer is waited for, for a while",
        ours: Transport::lose_connection,
        peers: |c| {
            c.run_for(millis(1900));
            assert!(c.reason().is_none());
            c.run_for(millis(200));
        },
        reason: LOCAL,
        heard: b"",
        sees: Sees::End,
    },
    Case {
        what: "resume after lose does nothing",
        ours: |t| {
            t.pause_reading();
            t.lose_connection();
            t.resume_reading();
        },
        peers: |c| {
            c.say(b"more");
            c.close();
        },
        reason: LOCAL,
        heard: b"",
        sees: Sees::End,
    },
    Case {
        what: "abort drops what was written, and resets",
        ours: |t| {
            t.write(b"a");
            t.abort_connection();
        },
        peers: |_| {},
        reason: ABORTED,
        heard: b"",
        sees: Sees::Reset,
    },
    Case {
        what: "abort twice is abort, and lose after it changes nothing",
        ours: |t| {
            t.abort_connection();
            t.abort_connection();
            t.lose_connection();
        },
        peers: |_| {},
        reason: ABORTED,
        heard: b"",
        sees: Sees::Reset,
    },
    Case {
        what: "abort after lose is abort",
        ours: |t| {
            t.write(b"a");
            t.lose_connection();
            t.abort_connection();
        },
        peers: |_| {},
        reason: ABORTED,
        heard: b"",
        sees: Sees::Reset,
    },
    Case {
        what: "a reason of one's own is kept, the first one",
        ours: |t| {
            t.fail_connection(Reason::Violation("a greeting".to_owned()));
            t.abort_connection();
        },
        peers: |_| {},
        reason: Some("the peer broke the protocol: a greeting"),
        heard: b"",
        sees: Sees::Reset,
    },
    Case {
        what: "half a close sends what was written and the end, and takes no more",
        ours: |t| {
            assert!(t.write(b"abc"));
            t.lose_write_connection();
            assert!(!t.write(b"d"));
        },
        peers: |c| {
            assert!(c.peer().has_ended());
            c.say(b"still heard");
            c.shut_write();
        },
        reason: PEER,
        heard: b"abc",
        sees: Sees::End,
    },
    Case {
        what: "lose after half a close waits for the peer",
        ours: |t| {
            t.write(b"abc");
            t.lose_write_connection();
            t.lose_connection();
        },
        peers: |c| {
            assert!(c.reason().is_none());
            c.close();
        },
        reason: LOCAL,
        heard: b"abc",
        sees: Sees::End,
    },
    Case {
        what: "abort after half a close resets",
        ours: |t| {
            t.lose_write_connection();
            t.abort_connection();
        },
        peers: |_| {},
        reason: ABORTED,
        heard: b"",
        sees: Sees::Reset,
    },
    Case {
        what: "a peer that closes is answered with what was written",
        ours: |t| {
            t.write(b"last words");
        },
        peers: |c| c.shut_write(),
        reason: PEER,
        heard: b"last words",
        sees: Sees::End,
    },
    Case {
        what: "a peer that resets is not one that closes",
        ours: |t| {
            t.write(b"last words");
        },
        peers: |c| c.reset(),
        reason: RESET,
        heard: b"last words",
        sees: Sees::Nothing,
    },
    Case {
        what: "a paused connection hears that the peer has closed",
        ours: Transport::pause_reading,
        peers: |c| c.shut_write(),
        reason: PEER,
        heard: b"",
        sees: Sees::End,
    },
    Case {
        what: "a paused connection hears that the peer has reset it",
        ours: Transport::pause_reading,
        peers: |c| {
            c.say(b"not read any more");
            c.reset();
        },
        reason: RESET,
        heard: b"",
        sees: Sees::Nothing,
    },
];

fn conversation(ours: fn(&Transport), stays: bool) -> (Conversation<Steps>, Log) {
    let log = Log::default();
    let protocol = Steps {
        log: log.clone(),
        ours,
        stays,
    };
    (Conversation::with(protocol), log)
}

#[test]
fn each_case_of_the_table_ends_as_it_says() {
    for case in CASES {
        let (conversation, log) = conversation(case.ours, false);
        conversation.say(b"go");
        let heard = conversation.hear();
        (case.peers)(&conversation);
        let peer = conversation.peer();
        let sees = match peer.error() {
            Some(io::ErrorKind::ConnectionReset) => Sees::Reset,
            _ if peer.has_ended() => Sees::End,
            _ => Sees::Nothing,
        };
        conversation.run_for(60 * SECOND);
        let reason = conversation.reason().map(|reason| reason.to_string());
        assert_eq!(reason.as_deref(), case.reason, "{}", case.what);
        assert_eq!(heard, case.heard, "{}", case.what);
        // A peer that was closed by the test sees nothing any more.
        if peer.is_connected() || peer.error().is_some() {
            assert_eq!(sees, case.sees, "{}", case.what);
        }
        assert_eq!(log.count("lost: "), 1, "{}: {log:?}", case.what);
        assert!(
            log.entries()
                .last()
                .is_some_and(|l| l.starts_with("lost: ")),
            "{}",
            case.what
        );
        assert!(
            !log.contains("more") && !log.contains("not read"),
            "{}: {log:?}",
            case.what
        );
    }
}

#[test]
fn lose_sends_everything_to_a_slow_reader_and_is_over_only_then() {
    let limits = Limits::default().unsent(8 << 20);
    let protocol = Steps {
        log: Log::default(),
        ours: |_| {},
        stays: false,
    };
    let conversation = Conversation::begin(&Simulation::new(), protocol, limits);
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
fn a_protocol_that_stays_after_the_peer_has_closed_its_half_may_write_and_hears_it_once() {
    let (conversation, log) = conversation(
        |t| {
            t.write(b"one ");
        },
        true,
    );
    conversation.say(b"go");
    conversation.shut_write();
    for _ in 0..3 {
        // Each write and each event says again that the peer has closed.
        conversation.ask(|_, t| t.write(&[b'.'; 100_000]));
        conversation.run_for(SECOND);
    }
    assert!(conversation.reason().is_none());
    conversation.ask(|_, t| t.lose_connection());
    assert_eq!(conversation.hear().len(), 300_004);
    assert!(matches!(conversation.reason(), Some(Reason::PeerClosed)));
    assert_eq!(log.count("read closed"), 1);
}

#[test]
fn a_connection_whose_halves_are_both_closed_is_lost() {
    let (conversation, log) = conversation(Transport::lose_write_connection, true);
    conversation.say(b"go");
    conversation.shut_write();
    assert!(
        matches!(conversation.reason(), Some(Reason::PeerClosed)),
        "{log:?}"
    );
    let (conversation, log) = self::conversation(Transport::lose_write_connection, true);
    conversation.shut_write();
    assert!(conversation.reason().is_none());
    conversation.ask(|_, t| t.lose_write_connection());
    assert!(
        matches!(conversation.reason(), Some(Reason::PeerClosed)),
        "{log:?}"
    );
}

#[test]
fn half_a_close_that_has_to_wait_for_room_comes_in_the_end() {
    // Fewer bytes than the mark at which the protocol is told, so that nothing else wakes it.
    for bytes in [1, 100, 30_000, 60_000, 90_000] {
        let narrow = Conditions::calm().send_buffer(1000..=1000);
        let simulation = Simulation::with_conditions(narrow, 1);
        let protocol = Steps {
            log: Log::default(),
            ours: |_| {},
            stays: false,
        };
        let conversation = Conversation::begin(&simulation, protocol, Limits::default());
        conversation.transport().write(&pattern(bytes));
        conversation.transport().lose_write_connection();
        simulation.run_until_idle();
        assert_eq!(conversation.hear().len(), bytes);
        assert!(conversation.peer().has_ended(), "{bytes}");
    }
}

#[test]
fn a_peer_that_takes_nothing_after_lose_is_dropped_when_it_has_lingered() {
    let limits = Limits::default().linger(5 * SECOND);
    let protocol = Steps {
        log: Log::default(),
        ours: |_| {},
        stays: false,
    };
    let conversation = Conversation::begin(&Simulation::new(), protocol, limits);
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
    let protocol = Steps {
        log: Log::default(),
        ours: |_| {},
        stays: false,
    };
    let conversation = Conversation::begin(&Simulation::new(), protocol, limits);
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
fn a_connection_closed_when_it_is_made_is_made_and_lost() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.lose_connection();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    assert!(conversation.peer().has_ended());
    conversation.close();
    assert_eq!(
        log.entries(),
        ["made", "lost: the connection was closed on this side"]
    );
}

#[test]
fn a_server_that_greets_and_closes_at_once_is_heard_by_a_client_of_the_reactor() {
    // The greeting and the end come in one event with the news that the connection is made.
    for seed in 0..200 {
        let simulation = if seed == 0 {
            Simulation::new()
        } else {
            Simulation::chaotic(seed)
        };
        let server = simulation.listen("10.0.0.1:80");
        let log = Log::default();
        let heard = Rc::new(std::cell::RefCell::new(Vec::new()));
        let bytes = Rc::clone(&heard);
        let client = support::Client::new(&log, move |event: &Heard<'_>, _: &Transport| {
            if let Heard::Data(data) = event {
                bytes.borrow_mut().extend_from_slice(data);
            }
            Then::Default
        });
        simulation.reactor().connect_tcp("10.0.0.1", 80, client);
        let mut peer = None;
        simulation.run_until_true(SECOND, || {
            peer = server.accept();
            if let Some(peer) = &peer {
                peer.write(b"hello");
                peer.close();
            }
            peer.is_some()
        });
        simulation.run_for(10 * SECOND);
        assert_eq!(*heard.borrow(), b"hello", "seed {seed}");
        assert!(
            log.contains("lost: the peer closed"),
            "seed {seed}: {log:?}"
        );
    }
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
