//! Who is disconnected before a factory is asked, and what the log says of it.

use std::cell::RefCell;

use reactor::proxy_protocol::ProxyProtocol;
use reactor::testing::{Peer, Simulation};

use crate::support::{SECOND, millis};
use crate::{LINE, PLACE, Side, binary, from_network, proxy};

/// Keeps the warnings of each thread, and so of each test.
struct Kept;

thread_local! {
    static KEPT: RefCell<Vec<String>> = RefCell::default();
}

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{}: {}", record.level(), record.args());
        KEPT.with_borrow_mut(|kept| kept.push(line));
    }

    fn flush(&self) {}
}

fn keep_warnings() {
    let _ = log::set_logger(&Kept); // it fails when another test was first
    log::set_max_level(log::LevelFilter::Warn);
}

#[track_caller]
fn is_disconnected(peer: &Peer, side: &Side) {
    assert!(peer.has_ended() || peer.error().is_some(), "{peer:?}");
    assert_eq!(peer.read(), b"");
    assert_eq!(side.asked(), [""; 0]);
    assert_eq!(side.log.entries(), [""; 0]);
}

#[test]
fn a_peer_that_is_not_trusted_is_not_asked_for_a_header() {
    keep_warnings();
    let simulation = Simulation::new();
    let side = Side::default();
    side.listen(&simulation);
    let peer = simulation.connect_from("192.0.2.9".parse().expect("an address"), PLACE);
    peer.write(&[LINE, b"hello"].concat());
    simulation.run_until_idle();
    is_disconnected(&peer, &side);
    assert_eq!(simulation.descriptors(), 1);
    let expected = format!(
        "WARN: {PLACE} has disconnected {}: it is in no network that PROXY headers are taken from",
        peer.local_addr()
    );
    assert_eq!(KEPT.take(), [expected]);
}

#[test]
fn by_default_only_this_machine_is_trusted() {
    let protocol = ProxyProtocol::default();
    let trusts = |peer: &str| protocol.trusts(&peer.parse().expect("an address"));
    for peer in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(trusts(peer), "{peer}");
    }
    for peer in [
        "10.0.0.1:1",
        "128.0.0.1:1",
        "[::2]:1",
        "[::ffff:10.0.0.1]:1",
    ] {
        assert!(!trusts(peer), "{peer}");
    }
    let none = ProxyProtocol::from_networks([]);
    assert!(!none.trusts(&"127.0.0.1:1".parse().expect("an address")));
}

#[test]
fn a_connection_without_a_valid_header_ends_at_the_first_wrong_byte() {
    keep_warnings();
    for (bytes, says) in [
        (&b"G"[..], "there is no PROXY header"),
        (
            b"PROXY TCP4 nonsense\r\n",
            "the PROXY line has an invalid family, address, port or separator",
        ),
        (
            &binary(0x31, 0x11, b""),
            "the PROXY header has version 3, not 2",
        ),
        (
            &binary(0x21, 0x11, b"x"),
            "the PROXY header is too short for its addresses",
        ),
        (
            &binary(0x21, 0x51, b""),
            "the PROXY header has the unknown family 0x51",
        ),
    ] {
        for split in [0, 1, bytes.len() / 2] {
            let simulation = Simulation::new();
            let side = Side::default();
            side.listen(&simulation);
            let peer = proxy(&simulation);
            peer.write(&bytes[..split]);
            simulation.run_for(millis(10));
            peer.write(&bytes[split..]);
            simulation.run_for(millis(10));
            is_disconnected(&peer, &side);
            assert!(peer.error().is_some(), "the proxy sees a reset");
            assert_eq!(simulation.descriptors(), 1);
            let log = KEPT.take();
            assert!(log[0].ends_with(says), "{log:?}");
        }
    }
}

#[test]
fn a_header_has_three_seconds_from_when_its_connection_is_accepted() {
    keep_warnings();
    for sent in [&b""[..], b"P", &LINE[..LINE.len() - 1]] {
        let simulation = Simulation::new();
        let side = Side::default();
        side.listen(&simulation);
        let peer = proxy(&simulation);
        simulation.run_for(millis(1500));
        peer.write(sent); // which gives it no more time
        simulation.run_for(millis(1499));
        assert!(peer.is_connected());
        simulation.run_for(millis(10));
        is_disconnected(&peer, &side);
        assert_eq!(simulation.descriptors(), 1);
        let log = KEPT.take();
        assert!(
            log[0].ends_with("its PROXY header was not there within 3s"),
            "{log:?}"
        );
    }
}

#[test]
fn the_time_for_a_header_can_be_set() {
    let simulation = Simulation::new();
    let side = Side::default();
    let port = side.listen(&simulation);
    port.expect_proxy(from_network("10.0.0.0/8").timeout(10 * SECOND));
    let peer = proxy(&simulation);
    simulation.run_for(millis(9900));
    peer.write(&[LINE, b"hello"].concat());
    simulation.run_for(millis(10));
    assert_eq!(peer.read(), b"hello");
    // The time is over with the header.
    let reactor = format!("{:?}", simulation.reactor());
    assert!(reactor.contains("timers: 0"), "{reactor}");
    simulation.run_for(60 * SECOND);
    assert!(peer.is_connected());
}

#[test]
fn a_peer_that_goes_before_its_header_is_there_leaves_nothing() {
    keep_warnings();
    let ends: [fn(&Peer); 3] = [Peer::close, Peer::reset, Peer::shut_write];
    for end in ends {
        for sent in [&b""[..], &LINE[..10]] {
            for at_once in [false, true] {
                let simulation = Simulation::new();
                let side = Side::default();
                side.listen(&simulation);
                let peer = proxy(&simulation);
                simulation.run_for(millis(1));
                peer.write(sent);
                if !at_once {
                    simulation.run_for(millis(10));
                }
                end(&peer);
                simulation.run_for(millis(10));
                assert_eq!(simulation.descriptors(), 1);
                assert_eq!(side.asked(), [""; 0]);
                // A check whether the port is open is not worth a warning.
                let log = KEPT.take();
                assert!(log.is_empty() == sent.is_empty() || at_once, "{log:?}");
            }
        }
    }
}

#[test]
fn many_that_are_refused_are_one_warning_a_minute() {
    keep_warnings();
    let simulation = Simulation::new();
    let side = Side::default();
    side.listen(&simulation);
    for _ in 0..50 {
        let peer = proxy(&simulation);
        peer.write(b"GET / HTTP/1.1\r\n");
        simulation.run_for(SECOND);
    }
    assert_eq!(KEPT.take().len(), 1);
    simulation.run_for(10 * SECOND);
    let peer = proxy(&simulation);
    peer.write(b"GET / HTTP/1.1\r\n");
    simulation.run_for(SECOND);
    let log = KEPT.take();
    assert_eq!(log.len(), 1);
    assert!(
        log[0].ends_with("there is no PROXY header; before it, 49 others"),
        "{log:?}"
    );
}

#[test]
fn a_stop_waits_for_a_header_and_then_asks_the_protocol() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let side = Side::default();
    side.listen(&simulation);
    let peer = proxy(&simulation);
    let silent = proxy(&simulation);
    let (network, late) = (simulation.clone(), peer.clone());
    reactor.call_later(millis(10), move || {
        network.reactor().shutdown(10 * SECOND);
        late.write(&LINE[..20]);
    });
    let late = peer.clone();
    reactor.call_later(millis(500), move || {
        late.write(&LINE[20..]);
    });
    reactor.run().expect("it stops");
    assert_eq!(
        side.log.take(),
        [
            "made",
            "shutdownrequested",
            "lost: the connection was closed on this side"
        ]
    );
    simulation.run_until_idle();
    assert!(peer.has_ended());
    // One that sends nothing holds the stop up no longer than its time.
    assert!(silent.error().is_some());
    assert!(
        simulation.elapsed() < 4 * SECOND,
        "{:?}",
        simulation.elapsed()
    );
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn the_end_of_the_grace_ends_what_waits_for_a_header() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let side = Side::default();
    side.listen(&simulation);
    let peer = proxy(&simulation);
    let stop = simulation.reactor();
    reactor.call_later(millis(10), move || stop.shutdown(SECOND));
    reactor.run().expect("it stops");
    assert_eq!(simulation.descriptors(), 0);
    assert!(simulation.elapsed() < millis(1100));
    simulation.run_until_idle();
    is_disconnected(&peer, &side);
    assert!(peer.error().is_some(), "it is a reset");
}

#[test]
fn a_loop_that_is_dropped_takes_what_waits_with_it() {
    let simulation = Simulation::new();
    let side = Side::default();
    side.listen(&simulation);
    let peer = proxy(&simulation);
    simulation.run_for(millis(10));
    drop(simulation);
    assert!(side.log.entries().is_empty());
    drop(peer);
}

#[test]
fn a_port_that_is_stopped_leaves_those_that_wait() {
    let simulation = Simulation::new();
    let side = Side::default();
    let port = side.listen(&simulation);
    let peer = proxy(&simulation);
    simulation.run_for(millis(10));
    port.stop_listening();
    peer.write(&[LINE, b"hello"].concat());
    simulation.run_for(millis(10));
    assert_eq!(peer.read(), b"hello");
}

#[test]
fn who_is_trusted_can_be_changed_while_the_port_listens() {
    let simulation = Simulation::new();
    let side = Side::default();
    let port = side.listen(&simulation);
    let before = proxy(&simulation);
    simulation.run_for(millis(10));
    port.expect_proxy(from_network("192.0.2.0/24"));
    let after = proxy(&simulation);
    for peer in [&before, &after] {
        peer.write(&[LINE, b"hello"].concat());
    }
    simulation.run_for(millis(10));
    assert_eq!(before.read(), b"hello");
    assert_eq!(after.read(), b"");
    assert!(after.has_ended() || after.error().is_some());
}
