//! What a network does to datagrams, and what of it a program notices.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use reactor::datagram::{DatagramProtocol, DatagramTransport, MulticastInterface, NotSent};
use reactor::testing::{Conditions, Simulation};
use reactor::{Protocol, Transport};

use super::support::Log;
use super::{Echo, Noting, at};

const SERVER: &str = "10.0.0.1:7";

/// Sends numbers to an echo, and returns which come back.
fn echoed(conditions: Conditions, seed: u64, count: u8) -> Vec<u8> {
    let simulation = Simulation::with_conditions(conditions, seed);
    simulation.reactor().listen_udp(SERVER, Echo).expect("free");
    let peer = simulation.datagram_peer("10.0.0.2:0");
    for number in 0..count {
        peer.send_to(&[number], at(SERVER));
        simulation.run_for(Duration::from_millis(1));
    }
    simulation.run_for(Duration::from_secs(10));
    std::iter::from_fn(|| peer.receive())
        .map(|(data, from)| {
            assert_eq!(from, at(SERVER), "seed {seed}");
            data[0]
        })
        .collect()
}

fn wild() -> Conditions {
    Conditions::chaotic()
        .datagram_loss(0)
        .datagram_duplicates(0)
        .send_buffer(64_000..=64_000)
        .receive_buffer(64_000..=64_000)
}

#[test]
fn a_calm_network_delivers_each_datagram_once_and_in_order() {
    let expected: Vec<u8> = (0..200).collect();
    assert_eq!(echoed(Conditions::calm(), 0, 200), expected);
}

#[test]
fn without_loss_each_datagram_arrives_once_on_any_network_whatever_the_order() {
    let mut reordered = 0;
    for seed in 0..300 {
        let mut came = echoed(wild(), seed, 50);
        reordered += usize::from(!came.is_sorted());
        came.sort_unstable();
        assert_eq!(came, (0..50).collect::<Vec<u8>>(), "seed {seed}");
    }
    assert!(reordered > 200, "{reordered}");
}

#[test]
fn a_network_loses_and_doubles_as_many_as_it_was_told() {
    let (mut lost, mut doubled) = (0, 0);
    for seed in 0..100 {
        let came = echoed(Conditions::calm().datagram_loss(200), seed, 100);
        lost += 100 - came.len();
        let came = echoed(Conditions::calm().datagram_duplicates(100), seed, 100);
        doubled += came.len() - 100;
        assert_eq!(came.iter().collect::<BTreeSet<_>>().len(), 100);
    }
    // Each goes there and back: 36 and 21 of a hundred.
    assert!((3000..4200).contains(&lost), "{lost}");
    assert!((1700..2500).contains(&doubled), "{doubled}");
}

#[test]
fn reordering_alone_lets_later_datagrams_overtake() {
    let latency = Duration::from_millis(5);
    let conditions = Conditions::calm()
        .latency(latency..=latency)
        .datagram_reordering(300);
    let came = echoed(conditions, 1, 100);
    assert_eq!(came.len(), 100);
    assert!(!came.is_sorted());
}

#[test]
fn a_seed_gives_the_same_run() {
    for seed in 0..20 {
        let runs = [(); 2].map(|()| echoed(Conditions::chaotic(), seed, 100));
        assert_eq!(runs[0], runs[1], "seed {seed}");
    }
}

#[test]
fn a_full_socket_takes_no_more_which_is_counted_and_nothing_is_kept() {
    let conditions = Conditions::calm().send_buffer(1000..=1000);
    let simulation = Simulation::with_conditions(conditions, 0);
    let log = Log::default();
    let transport = simulation
        .reactor()
        .listen_udp(SERVER, Noting::new(&log))
        .expect("free");
    let peer = simulation.datagram_peer("10.0.0.2:9");
    let taken = (0..10).filter(|_| transport.send_to(&[b'x'; 300], peer.local_addr()));
    assert_eq!(taken.count(), 3);
    assert_eq!(transport.dropped(), 7);
    let full = transport.try_send_to(&[b'x'; 300], peer.local_addr());
    assert!(matches!(full, Err(NotSent::SocketFull)), "{full:?}");
    simulation.run_until_idle();
    assert_eq!(std::iter::from_fn(|| peer.receive()).count(), 3);
    assert!(transport.send_to(b"room again", peer.local_addr()));
    assert_eq!(transport.dropped(), 8);
}

#[test]
fn what_cannot_be_sent_gives_a_reason() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let transport = reactor.listen_udp(SERVER, Echo).expect("free");
    let peer = at("10.0.0.2:9");
    assert!(transport.try_send_to(&[0; 65_507], peer).is_ok());
    let reason = |result: Result<(), NotSent>| result.expect_err("it cannot").to_string();
    simulation.make_unreachable("10.0.0.3:9");
    let connected = reactor.connect_udp(peer, Echo).expect("there is a way");
    let reasons = [
        (
            transport.try_send_to(&[0; 65_508], peer),
            "65508 bytes are too long",
        ),
        (transport.try_send(b"x"), "use send_to"),
        (
            connected.try_send_to(b"x", at(SERVER)),
            "is connected to 10.0.0.2:9",
        ),
        (
            transport.try_send_to(b"x", at("255.255.255.255:9")),
            "set_broadcast_allowed",
        ),
        (transport.try_send_to(b"x", at("10.0.0.3:9")), "unreachable"),
    ];
    for (result, expected) in reasons {
        let reason = reason(result);
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!((transport.dropped(), connected.dropped()), (4, 1));
    assert!(connected.try_send_to(b"x", peer).is_ok());
    assert!(reactor.connect_udp(at("10.0.0.3:9"), Echo).is_err());
    assert_eq!(simulation.descriptors(), 2);
}

#[test]
fn datagrams_that_are_too_long_for_the_protocol_are_counted_and_never_cut() {
    let simulation = Simulation::new();
    let log = Log::default();
    let transport = simulation
        .reactor()
        .listen_udp(SERVER, Noting::new(&log))
        .expect("free");
    transport.set_max_packet_size(512);
    let peer = simulation.datagram_peer("10.0.0.2:0");
    for length in [512, 513, 65_000, 0] {
        peer.send_to(&vec![b'x'; length], at(SERVER));
        simulation.run_until_idle();
    }
    assert_eq!(log.entries(), ["started", "512 bytes", ""]);
    assert_eq!(transport.oversized(), 2);
}

#[test]
fn a_refusal_is_an_event_of_a_connected_socket_and_it_goes_on() {
    for seed in 0..200 {
        let conditions = wild();
        let simulation = Simulation::with_conditions(conditions, seed);
        let (log, plain) = (Log::default(), Log::default());
        let reactor = simulation.reactor();
        let server = at("10.0.0.9:53");
        let connected = reactor
            .connect_udp(server, Noting::new(&log))
            .expect("there is a way");
        let other = reactor
            .listen_udp("0.0.0.0:0", Noting::new(&plain))
            .expect("free");
        connected.send(b"1");
        connected.send(b"2");
        other.send_to(b"1", server);
        simulation.run_for(Duration::from_secs(5));
        assert!(log.contains("refused"), "seed {seed}: {log:?}");
        assert_eq!(plain.entries(), ["started"], "seed {seed}");
        let peer = simulation.datagram_peer(server);
        let stranger = simulation.datagram_peer("10.0.0.8:53");
        assert!(connected.send(b"3"));
        peer.send_to(b"answer", connected.local_addr());
        stranger.send_to(b"forged", connected.local_addr());
        simulation.run_for(Duration::from_secs(5));
        assert_eq!(log.count("answer"), 1, "seed {seed}: {log:?}");
        assert_eq!(log.count("forged"), 0, "seed {seed}: {log:?}");
        assert_eq!(
            peer.receive(),
            Some((b"3".to_vec(), connected.local_addr()))
        );
        assert_eq!(connected.dropped(), 0, "seed {seed}");
    }
}

#[test]
fn a_refusal_that_a_send_comes_upon_is_an_event_too_and_the_datagram_is_sent() {
    for seed in 0..200 {
        let simulation = Simulation::with_conditions(wild(), seed);
        let log = Log::default();
        // Each refusal is answered, in its own callback, by another attempt: up to a hundred.
        let tries = Cell::new(0);
        let again = Noting::reacting(&log, move |what, transport, _| {
            if what == "refused" && tries.replace(tries.get() + 1) < 100 {
                transport.send(b"again");
                transport.send(b"and again");
            }
        });
        let transport = simulation
            .reactor()
            .connect_udp(at("10.0.0.9:53"), again)
            .expect("there is a way");
        transport.send(b"first");
        simulation.run_for(Duration::from_secs(60));
        assert!(
            log.count("refused") > 100,
            "seed {seed}: {}",
            log.count("refused")
        );
        assert_eq!(transport.dropped(), 0, "seed {seed}");
    }
}

#[test]
fn what_came_from_others_before_the_socket_was_connected_is_not_received() {
    let simulation = Simulation::new();
    let log = Log::default();
    let noting = Noting::reacting(&log, |what, transport, from| {
        if let (Some(from), "1") = (from, what) {
            transport.connect(from).expect("there is a way");
        }
    });
    let reactor = simulation.reactor();
    let transport = reactor.listen_udp("0.0.0.0:53", noting).expect("free");
    let one = simulation.datagram_peer("10.0.0.2:9");
    let other = simulation.datagram_peer("10.0.0.3:9");
    for (peer, data) in [(&one, b"1"), (&other, b"2"), (&one, b"3")] {
        peer.send_to(data, at("10.0.0.1:53"));
    }
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["started", "1", "3"]);
    assert_eq!(transport.peer_addr(), Some(one.local_addr()));
}

#[test]
fn a_group_is_received_by_all_that_have_joined_it_and_by_no_others() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let group = at("224.0.0.251:5353");
    let logs = [(); 3].map(|()| Log::default());
    let sockets = logs.each_ref().map(|log| {
        let socket = reactor.listen_multicast("0.0.0.0:5353", Noting::new(log));
        socket.expect("it is shared")
    });
    let any = MulticastInterface::Any;
    sockets[0].join_group(group.ip(), any).expect("a group");
    sockets[1].join_group(group.ip(), any).expect("a group");
    assert!(sockets[2].join_group(at("10.0.0.1:1").ip(), any).is_err());
    let peer = simulation.datagram_peer("10.0.0.2:5353");
    peer.join_group(group.ip());
    sockets[0].send_to(b"1", group);
    simulation.run_until_idle();
    sockets[0].set_multicast_loopback(false).expect("open");
    sockets[0].send_to(b"2", group);
    sockets[1]
        .leave_group(group.ip(), any)
        .expect("it is in it");
    simulation.run_until_idle();
    assert_eq!(logs[0].entries(), ["started", "1"]);
    assert_eq!(logs[1].entries(), ["started", "1"]);
    assert_eq!(logs[2].entries(), ["started"]);
    assert_eq!(std::iter::from_fn(|| peer.receive()).count(), 2);
    assert!(
        reactor.listen_udp("0.0.0.0:5353", Echo).is_err(),
        "not shared"
    );
}

#[test]
fn a_broadcast_is_received_by_all_at_its_port() {
    let simulation = Simulation::new();
    let log = Log::default();
    let reactor = simulation.reactor();
    reactor
        .listen_udp("0.0.0.0:67", Noting::new(&log))
        .expect("free");
    let peer = simulation.datagram_peer("10.0.0.2:67");
    let client = reactor.listen_udp("0.0.0.0:68", Echo).expect("free");
    client.set_broadcast_allowed(true).expect("open");
    assert!(client.send_to(b"discover", at("255.255.255.255:67")));
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["started", "discover"]);
    assert!(peer.receive().is_some());
}

/// Counts datagrams, and notes how many had come when the first connection got an answer.
struct Flooded(Rc<Cell<usize>>);

impl DatagramProtocol for Flooded {
    fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: SocketAddr) {
        self.0.set(self.0.get() + 1);
    }
}

struct Answers(Rc<Cell<usize>>, Rc<Cell<usize>>);

impl Protocol for Answers {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {
        self.1.set(self.0.get());
    }
}

#[test]
fn a_flood_of_datagrams_leaves_time_for_connections_and_all_of_them_are_received() {
    let conditions = Conditions::calm().receive_buffer(usize::MAX >> 1..=usize::MAX >> 1);
    let simulation = Simulation::with_conditions(conditions, 0);
    let reactor = simulation.reactor();
    let (count, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(usize::MAX)));
    let (at_server, noted) = (Rc::clone(&count), Rc::clone(&seen));
    reactor
        .listen_udp(SERVER, Flooded(Rc::clone(&count)))
        .expect("free");
    reactor
        .listen_tcp(SERVER, move |_| {
            Answers(Rc::clone(&at_server), Rc::clone(&noted))
        })
        .expect("free");
    let client = simulation.connect(SERVER);
    simulation.run_until_idle();
    let peer = simulation.datagram_peer("10.0.0.2:0");
    for _ in 0..10_000 {
        peer.send_to(&[0; 100], at(SERVER));
    }
    client.write(b"and I?");
    simulation.run_until_idle();
    assert_eq!(count.get(), 10_000);
    assert!(seen.get() < 1000, "after {} datagrams", seen.get());
}
