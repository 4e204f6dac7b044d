//! How a connection with TLS ends: with `close_notify`, without, and during the handshake.

use std::io;

use reactor::testing::Simulation;
use reactor::tls::TlsError;
use reactor::{Layer, Reason, Transport};

use crate::support::{Heard, LINGER, SECOND, Then, millis};
use crate::{HOST, PLACE, Puppet, Side, client, listens, meet, named, says_hello, server};

#[test]
fn half_a_close_leaves_the_other_half_open() {
    let (ours, theirs) = meet(
        &named(Simulation::new()),
        (&server(), |heard, transport| {
            if let Heard::ReadClosed = heard {
                transport.write(b"the answer");
            }
            Then::Default
        }),
        (&client(), |heard, transport| {
            if let Heard::Made = heard {
                transport.write(b"the question");
                transport.lose_write_connection();
            }
            Then::Default
        }),
        HOST,
    );
    assert_eq!(ours.data(), b"the question");
    assert_eq!(theirs.data(), b"the answer");
    assert!(ours.reason().is_clean() && theirs.reason().is_clean());
}

#[test]
fn a_stream_without_close_notify_is_told_apart() {
    for says_it in [true, false] {
        let mut puppet = Puppet::with_client(Simulation::new(), listens);
        puppet.talk();
        puppet.say(b"half of the truth");
        if says_it {
            puppet.end.finish();
            puppet.talk();
        }
        puppet.peer.shut_write();
        puppet.simulation.run_for(SECOND);
        let side = &puppet.theirs;
        assert_eq!(side.data(), b"half of the truth");
        assert_eq!(side.log.contains("readclosed"), says_it);
        let reason = side.reason();
        let Reason::Error(error) = &reason else {
            assert!(says_it && matches!(reason, Reason::PeerClosed));
            continue;
        };
        assert!(!says_it);
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(
            matches!(TlsError::of(&reason), Some(TlsError::Truncated { peer }) if peer == HOST)
        );
        assert_eq!(
            reason.to_string(),
            "server.test closed the connection without TLS's close_notify, and something may be \
             missing"
        );
    }
}

#[test]
fn close_notify_is_answered_also_by_a_peer_that_does_not_close() {
    let mut puppet = Puppet::with_client(Simulation::new(), listens);
    puppet.talk();
    puppet.end.finish();
    puppet.talk();
    assert!(puppet.end.layer.has_ended(), "it is said from both sides");
    assert!(puppet.peer.has_ended());
    assert!(matches!(puppet.theirs.reason(), Reason::PeerClosed));
}

#[test]
fn a_close_says_close_notify() {
    let mut puppet = Puppet::with_client(Simulation::new(), says_hello);
    puppet.talk();
    puppet.theirs.transport().lose_connection();
    puppet.simulation.run_until_idle();
    puppet.talk();
    assert_eq!(puppet.end.up, b"hello");
    assert!(puppet.end.layer.has_ended() && puppet.peer.has_ended());
    puppet.peer.close();
    puppet.simulation.run_until_idle();
    assert!(matches!(puppet.theirs.reason(), Reason::LocalClosed));
}

#[test]
fn a_peer_that_closes_during_the_handshake_is_told_apart() {
    fn hurries(heard: &Heard<'_>, transport: &Transport) -> Then {
        says_hello(heard, transport);
        transport.lose_connection();
        Then::Default
    }
    for react in [says_hello, hurries, listens] {
        for says_it in [true, false] {
            let puppet = Puppet::with_client(Simulation::new(), react);
            if says_it {
                puppet.peer.write(&[21, 3, 3, 0, 2, 1, 0]); // close_notify, in the clear
                puppet.simulation.run_until_idle();
            }
            puppet.peer.shut_write();
            puppet.simulation.run_for(SECOND);
            let reason = puppet.theirs.reason();
            let said = "server.test closed the connection during the TLS handshake";
            assert_eq!(reason.to_string(), said);
            let error = TlsError::of(&reason);
            assert!(matches!(error, Some(TlsError::ClosedInHandshake { .. })));
        }
    }
}

#[test]
fn a_close_waits_for_a_handshake_as_long_as_for_a_peer_that_does_not_read() {
    let patient = client().with_handshake_timeout(None);
    let puppet = Puppet::with_tls(Simulation::new(), &patient, |heard, transport| {
        says_hello(heard, transport);
        transport.lose_connection();
        Then::Default
    });
    let linger = LINGER;
    puppet.simulation.run_for(linger - millis(10));
    assert!(puppet.theirs.reason.borrow().is_none());
    puppet.simulation.run_for(millis(20));
    assert!(matches!(puppet.theirs.reason(), Reason::LingerTimeout));
}

#[test]
fn a_peer_that_speaks_something_else_is_told_apart() {
    // One that our client meets.
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"220 mail.test ESMTP\r\n",
    ] {
        for split in 1..10 {
            let puppet = Puppet::with_client(Simulation::new(), says_hello);
            puppet.peer.write(&answer[..split]);
            puppet.simulation.run_until_idle();
            puppet.peer.write(&answer[split..]);
            puppet.peer.shut_write();
            puppet.simulation.run_for(SECOND);
            let reason = puppet.theirs.reason();
            assert_eq!(
                reason.to_string(),
                "server.test does not speak TLS",
                "{split}"
            );
        }
    }
    // One that comes to our server.
    let simulation = named(Simulation::new());
    let side = Side::default();
    let reactor = simulation.reactor();
    let port = reactor.listen_tls(PLACE, &server(), side.factory(says_hello));
    let peer = simulation.connect(port.expect("the port is free").local_addr());
    peer.write(b"GET / HTTP/1.1\r\n\r\n");
    simulation.run_for(SECOND);
    assert_eq!(
        peer.read()[..3],
        [21, 3, 3],
        "an alert, and not a word in the clear"
    );
    assert!(peer.has_ended());
    peer.close();
    simulation.run_for(SECOND);
    assert_eq!(side.reason().to_string(), "the client does not speak TLS");
}
