//! One close after the other: what we do, what the peer does, and how it ends for both.

use std::io;

use reactor::testing::Conversation;
use reactor::{Reason, Transport};

use crate::support::{SECOND, millis};
use crate::{Steps, conversation};

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
