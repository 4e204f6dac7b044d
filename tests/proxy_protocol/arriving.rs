//! From a header to a connection: whose it is, and that no byte behind the header is lost.

use std::cell::Cell;
use std::rc::Rc;

use reactor::policies::LimitConnectionsByPeer;
use reactor::testing::{Conditions, Simulation};
use reactor::{Address, Limits, Protocol, Transport};

use crate::support::{Echo, SECOND, millis, pattern};
use crate::{IPV4, LINE, PLACE, PROXY, Side, binary, from_network, proxy, tlv};

/// A header in each version, for the same client.
fn headers() -> [Vec<u8>; 3] {
    let with_more = [&IPV4[..], &tlv(0x05, &[b'x'; 100])].concat();
    [
        LINE.to_vec(),
        binary(0x21, 0x11, &IPV4),
        binary(0x21, 0x11, &with_more),
    ]
}

#[test]
fn the_client_is_the_peer_and_the_proxy_is_known_besides() {
    for header in headers() {
        let simulation = Simulation::new();
        let side = Side::default();
        side.listen(&simulation);
        let peer = proxy(&simulation);
        peer.write(&[&header[..], b"hello"].concat());
        simulation.run_until_idle();
        assert_eq!(peer.read(), b"hello");
        assert_eq!(side.asked(), ["198.51.100.7:49152"]);
        assert_eq!(side.log.take(), ["made", "hello"]);
        let transport = side.transport();
        assert_eq!(transport.peer_addr().to_string(), "198.51.100.7:49152");
        assert_eq!(transport.local_addr().to_string(), "203.0.113.1:443");
        let proxied = transport.proxied().expect("it is passed on");
        assert_eq!(*proxied.proxy_addr(), Address::from(peer.local_addr()));
        assert_eq!(proxied.socket_addr().to_string(), PLACE);
        let has_more = header.len() > 100;
        assert_eq!(proxied.tlvs().unique_id().is_some(), has_more);
    }
}

#[test]
fn a_connection_of_the_proxys_own_keeps_the_addresses_of_its_socket() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(),
        binary(0x20, 0x11, &IPV4),
        binary(0x21, 0, b""),
    ] {
        let simulation = Simulation::new();
        let side = Side::default();
        side.listen(&simulation);
        let peer = proxy(&simulation);
        peer.write(&[&header[..], b"check"].concat());
        simulation.run_until_idle();
        assert_eq!(peer.read(), b"check");
        assert_eq!(side.asked(), [peer.local_addr().to_string()]);
        let transport = side.transport();
        assert_eq!(transport.local_addr().to_string(), PLACE);
        assert!(transport.proxied().is_none());
    }
}

#[test]
fn a_port_that_expects_no_proxy_hands_the_header_on_as_data() {
    let simulation = Simulation::new();
    let side = Side::default();
    let port = simulation.reactor().listen_tcp(PLACE, side.factory());
    port.expect("the port is free");
    let peer = proxy(&simulation);
    peer.write(LINE);
    simulation.run_until_idle();
    assert_eq!(side.data(), LINE);
    assert!(side.transport().proxied().is_none());
    assert_eq!(side.asked(), [peer.local_addr().to_string()]);
}

#[test]
fn a_header_split_anywhere_is_the_same_and_what_follows_is_not_lost() {
    for header in headers() {
        let bytes = [&header[..], b"hello"].concat();
        for split in 0..=bytes.len() {
            let simulation = Simulation::new();
            let side = Side::default();
            side.listen(&simulation);
            let peer = proxy(&simulation);
            for part in [&bytes[..split], &bytes[split..]] {
                peer.write(part);
                simulation.run_for(millis(10));
            }
            assert_eq!(peer.read(), b"hello", "split at {split}");
            assert_eq!(side.asked(), ["198.51.100.7:49152"]);
        }
    }
}

#[test]
fn the_end_of_the_stream_behind_a_header_is_seen() {
    for behind in [&b""[..], b"last words"] {
        for apart in [false, true] {
            let simulation = Simulation::new();
            let side = Side::default();
            side.listen(&simulation);
            let peer = proxy(&simulation);
            peer.write(&[LINE, behind].concat());
            if apart {
                simulation.run_for(millis(10));
            }
            peer.shut_write();
            simulation.run_until_idle();
            assert_eq!(peer.read(), behind);
            assert!(peer.has_ended());
            let log = side.log.take();
            assert_eq!(
                log.last().expect("it ended"),
                "lost: the peer closed the connection"
            );
            assert!(log.contains(&"readclosed".to_owned()), "{log:?}");
        }
    }
}

#[test]
fn on_any_network_all_bytes_behind_the_header_come_in_their_order() {
    for seed in 0..300 {
        let simulation = Simulation::chaotic(seed);
        let side = Side::default();
        side.listen(&simulation);
        let header = &headers()[seed as usize % 3];
        let data = pattern(20_000);
        let peer = proxy(&simulation);
        peer.write(header);
        if seed % 2 == 0 {
            simulation.run_for(millis(seed % 30));
        }
        peer.write(&data);
        peer.shut_write();
        simulation.run_for(60 * SECOND);
        assert_eq!(side.asked(), ["198.51.100.7:49152"], "seed {seed}");
        assert!(side.data() == data, "seed {seed}");
        assert!(peer.read() == data, "seed {seed}");
        assert!(peer.has_ended(), "seed {seed}");
        assert_eq!(side.log.count("lost"), 1, "seed {seed}");
        assert_eq!(simulation.descriptors(), 1, "seed {seed}");
    }
}

#[test]
fn a_header_that_is_longer_than_the_socket_holds_arrives() {
    let tiny = Conditions::calm().receive_buffer(7..=7);
    let simulation = Simulation::with_conditions(tiny, 0);
    let side = Side::default();
    side.listen(&simulation);
    let peer = proxy(&simulation);
    peer.write(&[&headers()[2][..], b"hello"].concat());
    simulation.run_for(SECOND);
    assert_eq!(peer.read(), b"hello");
}

#[test]
fn a_limit_by_peer_counts_clients_and_not_the_proxy() {
    let simulation = Simulation::new();
    let side = Side::default();
    let policy = LimitConnectionsByPeer::new(side.factory(), 1);
    let port = simulation.reactor().listen_tcp(PLACE, policy);
    port.expect("the port is free")
        .expect_proxy(from_network(PROXY));
    let come = |client: &str| {
        let peer = proxy(&simulation);
        peer.write(format!("PROXY TCP4 {client} 203.0.113.1 1 2\r\nhello").as_bytes());
        simulation.run_until_idle();
        peer
    };
    let first = come("198.51.100.7");
    let other = come("198.51.100.8");
    let second = come("198.51.100.7");
    assert_eq!(
        (first.read(), other.read()),
        (b"hello".to_vec(), b"hello".to_vec())
    );
    assert_eq!(second.read(), b"");
    assert!(second.has_ended() || second.error().is_some());
    first.close();
    simulation.run_until_idle();
    assert_eq!(come("198.51.100.7").read(), b"hello");
}

#[test]
fn a_server_that_speaks_first_speaks_when_the_header_is_there() {
    struct Greeter;
    impl Protocol for Greeter {
        fn connection_made(&mut self, transport: &Transport) {
            transport.write(format!("220 {}\r\n", transport.peer_addr()).as_bytes());
        }
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }
    let simulation = Simulation::new();
    let port = simulation.reactor().listen_tcp(PLACE, |_| Greeter);
    port.expect("the port is free")
        .expect_proxy(from_network("10.0.0.0/8"));
    let peer = proxy(&simulation);
    simulation.run_for(SECOND);
    assert_eq!(peer.read(), b"");
    peer.write(&LINE[..LINE.len() - 1]);
    simulation.run_for(SECOND);
    assert_eq!(peer.read(), b"");
    peer.write(b"\n");
    simulation.run_for(SECOND);
    assert_eq!(peer.read(), b"220 198.51.100.7:49152\r\n");
}

#[test]
fn a_connection_that_waits_has_a_place_of_its_port() {
    let simulation = Simulation::new();
    let made = Rc::new(Cell::new(0));
    let count = Rc::clone(&made);
    let factory = move |_| {
        count.set(count.get() + 1);
        Echo
    };
    let limited = reactor::Factory::with_limits(factory, Limits::default().connections(2));
    let port = simulation.reactor().listen_tcp(PLACE, limited);
    port.expect("the port is free")
        .expect_proxy(from_network("10.0.0.0/8"));
    let peers: Vec<_> = (0..3).map(|_| proxy(&simulation)).collect();
    for peer in &peers {
        peer.write(LINE);
    }
    simulation.run_for(millis(10));
    assert_eq!(made.get(), 2, "the third one waits in the backlog");
    peers[0].close();
    simulation.run_for(millis(10));
    assert_eq!(made.get(), 3);
    // Of those that never send a header, each leaves its place when its time is over.
    let silent: Vec<_> = (0..4).map(|_| proxy(&simulation)).collect();
    peers[1].close();
    peers[2].close();
    simulation.run_for(millis(2900));
    assert_eq!(simulation.descriptors(), 3);
    simulation.run_for(millis(2900));
    let gone = silent.iter().filter(|peer| peer.error().is_some());
    assert_eq!(gone.count(), 2);
    let last = proxy(&simulation);
    last.write(LINE);
    simulation.run_for(6 * SECOND);
    assert_eq!(made.get(), 4);
    assert_eq!(simulation.descriptors(), 2);
}

#[test]
fn over_a_unix_socket_the_proxy_is_trusted() {
    for seed in 0..20 {
        let simulation = match seed {
            0 => Simulation::new(),
            seed => Simulation::chaotic(seed),
        };
        let side = Side::default();
        let port = simulation
            .reactor()
            .listen_unix("/run/test.sock", side.factory());
        port.expect("it is free")
            .expect_proxy(from_network("10.0.0.0/8"));
        let peer = simulation.connect("unix:/run/test.sock");
        peer.write(&[LINE, b"hello"].concat());
        simulation.run_for(60 * SECOND);
        assert_eq!(peer.read(), b"hello", "seed {seed}");
        assert_eq!(side.asked(), ["198.51.100.7:49152"]);
        let transport = side.transport();
        let proxied = transport.proxied().expect("it is passed on");
        assert_eq!(proxied.socket_addr().to_string(), "unix:/run/test.sock");
        peer.close();
        simulation.run_for(60 * SECOND);
        assert_eq!(simulation.descriptors(), 1, "seed {seed}");
    }
}

#[test]
fn a_client_of_a_unix_socket_of_the_proxys_is_the_peer() {
    let simulation = Simulation::new();
    let side = Side::default();
    side.listen(&simulation);
    let peer = proxy(&simulation);
    let mut addresses = [0; 216];
    addresses[108..][..9].copy_from_slice(b"/run/sock");
    peer.write(&[&binary(0x21, 0x31, &addresses)[..], b"hello"].concat());
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"hello");
    assert_eq!(side.asked(), ["unix:unnamed"]);
    assert_eq!(side.transport().local_addr().to_string(), "unix:/run/sock");
}
