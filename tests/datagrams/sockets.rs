//! The operating system's sockets.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use reactor::datagram::{MulticastInterface, NotSent};
use reactor::observe::{Event, Observer};

use super::support::Log;
use super::support::real::{reactor, turn_until};
use super::{CLOSED, Echo, Noting, at};

/// A socket of the standard library, whose receives give up rather than hang.
fn plain(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("a port");
    let timeout = Some(Duration::from_secs(30));
    socket.set_read_timeout(timeout).expect("an option");
    socket
}

#[test]
fn datagrams_come_back_of_any_length_over_both_families() {
    for (family, longest) in [("127.0.0.1:0", 65_507), ("[::1]:0", 65_527)] {
        let reactor = reactor();
        let echo = match reactor.listen_udp(family, Echo) {
            Ok(echo) => echo,
            Err(error) if family.starts_with('[') => {
                eprintln!("skipped: no IPv6 here: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let client = plain(family);
        let mut buffer = vec![0; 70_000];
        for length in [0, 1, 1472, 9000, longest] {
            let sent = vec![b'x'; length];
            client.send_to(&sent, echo.local_addr()).expect("it leaves");
            reactor.turn(Some(Duration::from_secs(30))).expect("a turn");
            reactor.turn(Some(Duration::ZERO)).expect("a turn");
            let (came, from) = client.recv_from(&mut buffer).expect("an answer");
            assert_eq!((came, from), (length, echo.local_addr()));
        }
        let too_long = echo.try_send_to(&vec![0; longest + 1], echo.local_addr());
        assert!(
            matches!(too_long, Err(NotSent::TooLong { .. })),
            "{too_long:?}"
        );
        echo.stop_listening();
        reactor.run().expect("nothing is left");
    }
}

#[test]
fn many_datagrams_are_received_in_one_turn_and_those_that_wait_without_a_new_event() {
    let (reactor, log) = (reactor(), Log::default());
    let transport = reactor.listen_udp("127.0.0.1:0", Noting::new(&log));
    let transport = transport.expect("a port");
    turn_until(&reactor, || log.contains("started"));
    let client = plain("127.0.0.1:0");
    let count = 100; // 200 KiB hold as many on every system
    for _ in 0..count {
        client
            .send_to(b"x", transport.local_addr())
            .expect("it leaves");
    }
    reactor.turn(Some(Duration::from_secs(30))).expect("a turn");
    assert_eq!(log.count("x"), count, "in one turn");
}

#[test]
fn a_refusal_is_an_event_and_the_socket_goes_on() {
    let (reactor, log) = (reactor(), Log::default());
    let server = plain("127.0.0.1:0");
    let address = server.local_addr().expect("an address");
    drop(server);
    let transport = reactor.connect_udp(address, Noting::new(&log));
    let transport = transport.expect("there is a way");
    assert!(transport.local_addr().ip().is_loopback(), "it was chosen");
    assert!(transport.send(b"nobody is there"));
    turn_until(&reactor, || log.contains("refused"));
    // The refusal of the first comes upon the second, which is sent all the same.
    assert!(transport.send(b"1") && transport.send(b"2") && transport.send(b"3"));
    turn_until(&reactor, || log.count("refused") >= 2);
    assert_eq!(transport.dropped(), 0);
    let server = plain(&address.to_string());
    transport.send(b"hello");
    let mut buffer = [0; 100];
    let (length, from) = server.recv_from(&mut buffer).expect("a datagram");
    assert_eq!(
        (&buffer[..length], from),
        (&b"hello"[..], transport.local_addr())
    );
    let stranger = plain("127.0.0.1:0");
    stranger.send_to(b"forged", from).expect("it leaves");
    server.send_to(b"answer", from).expect("it leaves");
    turn_until(&reactor, || log.contains("answer"));
    assert!(!log.contains("forged"));
    transport.stop_listening();
    turn_until(&reactor, || log.contains(CLOSED));
}

#[test]
fn a_port_that_is_taken_is_refused_with_advice() {
    let taken = plain("127.0.0.1:0");
    let address = taken.local_addr().expect("an address");
    let error = reactor()
        .listen_udp(address, Echo)
        .expect_err("it is taken");
    assert!(error.to_string().contains("another program"), "{error}");
    let reactor = reactor();
    let ours = reactor.listen_udp("127.0.0.1:0", Echo).expect("a port");
    let again = UdpSocket::bind(ours.local_addr());
    assert!(again.is_err(), "nobody takes it over");
}

#[test]
fn a_group_on_the_loopback_interface_is_received_by_those_that_joined_it() {
    let (reactor, joined, other) = (reactor(), Log::default(), Log::default());
    let first = reactor.listen_multicast("0.0.0.0:0", Noting::new(&joined));
    let first = first.expect("a port");
    let port = first.local_addr().port();
    let second = reactor.listen_multicast(("0.0.0.0", port), Noting::new(&other));
    let second = second.expect("the port is shared");
    let loopback = MulticastInterface::Address(Ipv4Addr::LOCALHOST);
    let group: SocketAddr = (Ipv4Addr::new(239, 255, 12, 34), port).into();
    if let Err(error) = first.join_group(group.ip(), loopback) {
        return eprintln!("skipped: no multicast here: {error}");
    }
    second.set_multicast_interface(loopback).expect("an option");
    second.set_multicast_ttl(0).expect("an option");
    if let Err(error) = second.try_send_to(b"to the group", group) {
        return eprintln!("skipped: no multicast on the loopback interface: {error}");
    }
    turn_until(&reactor, || joined.contains("to the group"));
    // Behind it, so that what came to the other socket has come by then.
    let marker = plain("127.0.0.1:0");
    first
        .leave_group(group.ip(), loopback)
        .expect("it is in it");
    assert!(second.send_to(b"after", group));
    first
        .connect(marker.local_addr().expect("an address"))
        .expect("there is a way");
    marker
        .send_to(b"marker", first.local_addr())
        .expect("it leaves");
    turn_until(&reactor, || joined.contains("marker"));
    assert_eq!(joined.entries(), ["started", "to the group", "marker"]);
    assert_eq!(other.entries(), ["started"], "it has not joined");
}

#[test]
fn a_broadcast_has_to_be_allowed() {
    let (reactor, log) = (reactor(), Log::default());
    let server = reactor
        .listen_udp("0.0.0.0:0", Noting::new(&log))
        .expect("a port");
    let client = reactor.listen_udp("127.0.0.1:0", Echo).expect("a port");
    let port = server.local_addr().port();
    // The broadcast address of the loopback network: it needs no other interface.
    let everybody = at(&format!("127.255.255.255:{port}"));
    let forbidden = client.try_send_to(b"discover", everybody);
    let error = forbidden.expect_err("it is forbidden").to_string();
    assert!(error.contains("set_broadcast_allowed(true)"), "{error}");
    client.set_broadcast_allowed(true).expect("an option");
    if let Err(error) = client.try_send_to(b"discover", everybody) {
        return eprintln!("skipped: no broadcast here: {error}");
    }
    turn_until(&reactor, || log.contains("discover"));
}

#[test]
fn a_refusal_that_a_send_in_a_callback_comes_upon_is_reported_behind_it() {
    let (reactor, log) = (reactor(), Log::default());
    let gone = plain("127.0.0.1:0");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let server = Rc::new(RefCell::new(None));
    let begins = Rc::clone(&server);
    let noting = Noting::reacting(&log, move |what, transport, _| {
        if what == "refused" && begins.borrow().is_none() {
            transport.send(b"nobody is there yet");
            begins.replace(Some(plain(&address.to_string())));
            // This finds the refusal of the one before, and so the socket has none to report.
            transport.send(b"hello");
        }
    });
    let transport = reactor
        .connect_udp(address, noting)
        .expect("there is a way");
    transport.send(b"nobody is there");
    turn_until(&reactor, || log.contains("refused"));
    assert_eq!(log.entries(), ["started", "refused", "refused"]);
    let server = server.take().expect("it has begun");
    let (length, _) = server.recv_from(&mut [0; 100]).expect("a datagram");
    assert_eq!(length, 5);
}

/// Counts what the operating system reports.
#[derive(Default)]
struct Reports(Cell<usize>);

impl Observer for Reports {
    fn event(&self, _: std::time::Instant, event: &Event<'_>) {
        if let Event::Woke { ready } = event {
            self.0.set(self.0.get() + ready);
        }
    }
}

#[test]
fn what_is_sent_is_no_event_of_the_sender() {
    let reactor = reactor();
    let transport = reactor.listen_udp("127.0.0.1:0", Echo).expect("a port");
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    let reports = Rc::new(Reports::default());
    reactor.add_observer(Rc::clone(&reports) as Rc<dyn Observer>);
    let client = plain("127.0.0.1:0");
    for _ in 0..10 {
        transport.send_to(b"x", client.local_addr().expect("an address"));
        reactor.turn(Some(Duration::ZERO)).expect("a turn");
    }
    assert_eq!(reports.0.get(), 0);
}

#[test]
fn a_group_of_ipv6_is_joined_at_an_interface_by_its_number() {
    let (reactor, log) = (reactor(), Log::default());
    let Ok(first) = reactor.listen_multicast("[::]:0", Noting::new(&log)) else {
        return eprintln!("skipped: no IPv6 here");
    };
    // The loopback interface has this number on every Linux.
    let loopback = MulticastInterface::Index(1);
    let group = at(&format!("[ff12::1234]:{}", first.local_addr().port()));
    let by_address = MulticastInterface::Address(Ipv4Addr::LOCALHOST);
    assert!(first.join_group(group.ip(), by_address).is_err());
    if let Err(error) = first.join_group(group.ip(), loopback) {
        return eprintln!("skipped: no multicast over IPv6 here: {error}");
    }
    first.set_multicast_interface(loopback).expect("an option");
    first.set_multicast_ttl(0).expect("an option");
    if let Err(error) = first.try_send_to(b"to itself", group) {
        return eprintln!("skipped: no multicast over IPv6 on the loopback interface: {error}");
    }
    turn_until(&reactor, || log.contains("to itself"));
    first
        .leave_group(group.ip(), loopback)
        .expect("it is in it");
}
