//! A handshake is done, and what it has agreed on is known; or it takes too long.

use std::rc::Rc;

use reactor::testing::{Peer, Simulation};
use reactor::tls::{TlsError, TlsInfo, TlsServerConfig, TlsVersion};
use reactor::{Reason, Transport};

use crate::support::{Alive, Heard, SECOND, Then, millis};
use crate::{
    CHAIN, HOST, PLACE, Puppet, Side, client, echoes, listens, meet, named, says_hello, server,
};

fn info(transport: &Transport) -> Rc<TlsInfo> {
    transport.tls().expect("the handshake is done")
}

#[track_caller]
fn timed_out(reason: &Reason, expected: &str) {
    let error = TlsError::of(reason);
    assert!(
        matches!(error, Some(TlsError::HandshakeTimedOut { .. })),
        "{reason}"
    );
    assert_eq!(reason.to_string(), expected);
}

#[test]
fn what_was_agreed_on_is_known_from_the_end_of_the_handshake_on() {
    fn asks(heard: &Heard<'_>, transport: &Transport) -> Then {
        match heard {
            Heard::Made => assert!(transport.tls().is_none()),
            Heard::HandshakeDone => assert!(transport.tls().is_some()),
            Heard::Lost(_) => assert!(transport.tls().is_some(), "it is still known"),
            _ => {}
        }
        says_hello(heard, transport)
    }
    let simulation = named(Simulation::new());
    let tls_server = server().with_alpn(&["a", "b"]);
    let tls_client = client().with_alpn(&["b", "c"]);
    for (host, resumed) in [(HOST, false), ("10.0.0.1", false), (HOST, true)] {
        let (ours, theirs) = meet(&simulation, (&tls_server, asks), (&tls_client, asks), host);
        assert_eq!(theirs.log.entries(), ["made", "handshakedone", "hello"]);
        let (server, client) = (info(&ours.transport()), info(&theirs.transport()));
        for info in [&server, &client] {
            assert_eq!(info.version(), TlsVersion::Tls13);
            assert_eq!(info.version().to_string(), "TLSv1.3");
            assert_eq!(info.cipher_suite(), "TLS_AES_256_GCM_SHA384");
            assert_eq!(info.alpn(), Some("b"));
            assert_eq!(info.is_resumed(), resumed);
        }
        assert_eq!(client.server_name(), Some(host));
        // An address is no name, and not sent.
        assert_eq!(server.server_name(), (host == HOST).then_some(HOST));
        assert_eq!(client.peer_certificates().len(), 2);
        assert_eq!(client.peer_certificates().next(), client.peer_certificate());
        assert_eq!(client.peer_certificate().map(|der| der[0]), Some(0x30));
        assert_eq!(server.peer_certificate(), None);
        theirs.transport().lose_connection();
        simulation.run_for(SECOND);
        assert!(ours.reason().is_clean() && theirs.reason().is_clean());
    }
}

#[test]
fn ten_thousand_clients_that_do_not_finish_their_handshakes_are_gone_after_ten_seconds() {
    const MANY: usize = 10_000;
    let simulation = named(Simulation::new());
    let (alive, side) = (Alive::default(), Side::default());
    let (counted, protocols) = (alive.clone(), side.clone());
    let factory = move |_| {
        let accepted = reactor::Accepted::new(protocols.protocol(listens));
        accepted.with_permit(counted.clone())
    };
    let port = simulation
        .reactor()
        .listen_tls(
            PLACE,
            &server(),
            reactor::Factory::with_limits(factory, reactor::Limits::default().connections(MANY)),
        )
        .expect("the port is free");
    let begins_well = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let peers: Vec<Peer> = (0..MANY)
        .map(|n| {
            let peer = simulation.connect(port.local_addr());
            peer.write(&begins_well[..n % begins_well.len()]);
            peer
        })
        .collect();
    simulation.run_for(9 * SECOND);
    assert_eq!(alive.others() - 1, MANY);
    simulation.run_for(2 * SECOND);
    assert_eq!(alive.others() - 1, 0);
    assert!(
        peers
            .iter()
            .all(|peer| peer.has_ended() || peer.error().is_some())
    );
    assert_eq!(
        side.log
            .count("lost: the TLS handshake with the client timed out after 10s"),
        MANY
    );
}

#[test]
fn a_client_gives_up_a_server_that_does_not_finish_its_handshake() {
    for hurries in [false, true] {
        let tls = client().with_handshake_timeout(2 * SECOND);
        let puppet = Puppet::with_tls(Simulation::new(), &tls, move |heard, transport| {
            says_hello(heard, transport);
            if hurries {
                transport.lose_connection();
            }
            Then::Default
        });
        puppet.simulation.run_for(2 * SECOND - millis(10));
        assert!(puppet.theirs.reason.borrow().is_none());
        puppet.simulation.run_for(millis(20));
        // What was written never arrives, so the end is not the clean one that was asked for.
        let said = "the TLS handshake with server.test timed out after 2s";
        timed_out(&puppet.theirs.reason(), said);
    }
}

#[test]
fn a_handshake_that_is_done_in_time_is_not_timed_any_more() {
    let mut puppet = Puppet::with_client(Simulation::new(), echoes);
    puppet.simulation.run_for(9 * SECOND);
    puppet.talk();
    puppet.simulation.run_for(1000 * SECOND);
    puppet.say(b"still there?");
    assert_eq!(puppet.end.up, b"still there?");
}

#[test]
fn a_handshake_has_its_own_time_also_when_a_connection_begins_in_the_clear() {
    let simulation = named(Simulation::new());
    let side = Side::default();
    let tls = server().with_handshake_timeout(3 * SECOND);
    let factory = side.factory(move |heard, transport| {
        if let Heard::Data(b"STARTTLS\n") = heard {
            transport.push_layer(tls.layer(), b"");
        }
        Then::Default
    });
    let port = simulation.reactor().listen_tcp(PLACE, factory);
    let peer = simulation.connect(port.expect("the port is free").local_addr());
    simulation.run_for(100 * SECOND);
    peer.write(b"STARTTLS\n");
    simulation.run_for(2 * SECOND);
    assert!(side.transport().is_open() && side.transport().tls().is_none());
    simulation.run_for(2 * SECOND);
    timed_out(
        &side.reason(),
        "the TLS handshake with the client timed out after 3s",
    );
}

#[test]
fn a_protocol_that_has_paused_reading_still_has_its_handshake() {
    fn pauses(heard: &Heard<'_>, transport: &Transport) -> Then {
        if let Heard::Made = heard {
            transport.pause_reading();
        }
        Then::Default
    }
    let simulation = named(Simulation::new());
    let (ours, theirs) = meet(
        &simulation,
        (&server(), pauses),
        (&client(), says_hello),
        HOST,
    );
    simulation.run_for(100 * SECOND);
    assert_eq!(ours.log.entries(), ["made", "handshakedone"]);
    ours.transport().resume_reading();
    simulation.run_for(SECOND);
    assert_eq!(ours.data(), b"hello");
    assert!(theirs.transport().is_open());
}

#[test]
fn a_handshake_is_done_once_on_any_network() {
    let tls_server = TlsServerConfig::from_pem(CHAIN, crate::KEY).expect("a chain and its key");
    for seed in 0..40 {
        let simulation = named(Simulation::chaotic(seed));
        let (ours, theirs) = meet(
            &simulation,
            (&tls_server, echoes),
            (&client(), says_hello),
            HOST,
        );
        simulation.run_for(100 * SECOND);
        assert_eq!(theirs.data(), b"hello", "seed {seed}");
        for side in [ours, theirs] {
            assert_eq!(
                side.log.entries()[..2],
                ["made", "handshakedone"],
                "seed {seed}"
            );
            assert_eq!(side.log.count("handshakedone"), 1);
        }
    }
}
