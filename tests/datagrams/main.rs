//! Datagrams: their events, in a simulation and on real sockets.

mod network;
#[cfg(feature = "os")]
mod sockets;

#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use reactor::Reason;
use reactor::datagram::{DatagramProtocol, DatagramTransport, NotSent};
use reactor::lifecycle::{Phase, SystemEvent};
use reactor::observe::{Callback, Cause, Event, Observer};
use reactor::testing::Simulation;

use support::Log;

/// What a test does at an event, beside noting it.
type React = Box<dyn FnMut(&str, &DatagramTransport, Option<SocketAddr>)>;

/// A protocol that notes what it receives.
struct Noting {
    log: Log,
    react: React,
}

impl Noting {
    fn new(log: &Log) -> Self {
        Self::reacting(log, |_, _, _| ())
    }

    fn reacting(
        log: &Log,
        react: impl FnMut(&str, &DatagramTransport, Option<SocketAddr>) + 'static,
    ) -> Self {
        let (log, react) = (log.clone(), Box::new(react));
        Self { log, react }
    }

    fn happens(&mut self, what: &str, transport: &DatagramTransport, from: Option<SocketAddr>) {
        self.log.note(what);
        (self.react)(what, transport, from);
    }
}

impl DatagramProtocol for Noting {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.happens("started", transport, None);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
        let what = match data.len() {
            0..100 => String::from_utf8_lossy(data).into_owned(),
            length => format!("{length} bytes"),
        };
        self.happens(&what, transport, Some(from));
    }

    fn connection_refused(&mut self, transport: &DatagramTransport) {
        self.happens("refused", transport, None);
    }

    fn stop_protocol(&mut self, transport: &DatagramTransport, reason: &Reason) {
        self.happens(&format!("stopped: {reason}"), transport, None);
    }
}

/// A protocol that sends everything back.
struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
        transport.send_to(data, from);
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

const CLOSED: &str = "stopped: the connection was closed on this side";

#[test]
fn nothing_is_called_before_the_socket_is_returned_and_the_start_comes_first_and_the_stop_last() {
    for seed in 0..200 {
        let simulation = Simulation::chaotic(seed);
        let log = Log::default();
        let reactor = simulation.reactor();
        let transport = reactor.listen_udp("10.0.0.1:53", Noting::new(&log));
        let transport = transport.expect("it is free");
        assert!(log.entries().is_empty(), "seed {seed}");
        let peer = simulation.datagram_peer("10.0.0.2:0");
        for number in 0..20 {
            assert!(peer.send_to(&[b'a' + number], at("10.0.0.1:53")));
        }
        simulation.run_for(Duration::from_secs(5));
        transport.stop_listening();
        assert!(log.count(CLOSED) == 0, "seed {seed}");
        simulation.run_for(Duration::from_secs(5));
        let entries = log.entries();
        assert_eq!(entries.first().map(String::as_str), Some("started"));
        assert_eq!(entries.last().map(String::as_str), Some(CLOSED));
        assert_eq!((log.count("started"), log.count(CLOSED)), (1, 1));
        assert!(entries.len() > 10, "seed {seed}: {entries:?}");
        assert_eq!(simulation.descriptors(), 0);
    }
}

#[test]
fn a_socket_that_is_stopped_before_its_start_has_no_event() {
    let simulation = Simulation::new();
    let log = Log::default();
    let transport = simulation
        .reactor()
        .listen_udp("10.0.0.1:53", Noting::new(&log));
    transport.expect("it is free").stop_listening();
    simulation.run_until_idle();
    assert!(log.entries().is_empty());
    simulation.reactor().run().expect("nothing is left");
}

#[test]
fn a_stop_frees_the_address_at_once_and_afterwards_nothing_is_sent_nor_counted() {
    let simulation = Simulation::new();
    let log = Log::default();
    let reactor = simulation.reactor();
    let first = reactor.listen_udp("10.0.0.1:53", Noting::new(&log));
    let first = first.expect("it is free");
    let taken = reactor
        .listen_udp("10.0.0.1:53", Echo)
        .expect_err("it is taken");
    assert!(taken.to_string().contains("another program"), "{taken}");
    simulation.run_until_idle();
    first.stop_listening();
    first.stop_listening();
    let second = reactor.listen_udp("10.0.0.1:53", Echo);
    assert!(second.is_ok());
    assert!(!first.send_to(b"late", at("10.0.0.2:1")));
    let late = first.try_send(b"late");
    assert!(matches!(late, Err(NotSent::Stopped)), "{late:?}");
    assert_eq!(first.dropped(), 0);
    assert!(!first.is_open());
    assert!(first.set_broadcast_allowed(true).is_err());
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["started", CLOSED]);
}

#[test]
fn a_socket_that_its_own_callback_stops_receives_no_more() {
    let simulation = Simulation::new();
    let log = Log::default();
    let noting = Noting::reacting(&log, |what, transport, _| {
        if what == "2" {
            transport.stop_listening();
        }
    });
    let reactor = simulation.reactor();
    reactor
        .listen_udp("10.0.0.1:53", noting)
        .expect("it is free");
    let peer = simulation.datagram_peer("10.0.0.2:0");
    for data in [b"1", b"2", b"3"] {
        peer.send_to(data, at("10.0.0.1:53"));
    }
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["started", "1", "2", CLOSED]);
}

#[test]
fn an_open_socket_keeps_the_loop_running_and_a_stop_of_the_loop_ends_it() {
    let simulation = Simulation::new();
    let log = Log::default();
    let reactor = simulation.reactor();
    let transport = reactor.listen_udp("10.0.0.1:53", Noting::new(&log));
    let transport = transport.expect("it is free");
    let peer = simulation.datagram_peer("10.0.0.2:9");
    let goodbye = transport.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        assert!(goodbye.send_to(b"goodbye", at("10.0.0.2:9")));
    });
    let stops = reactor.downgrade();
    reactor.call_later(Duration::from_secs(3600), move || {
        stops.upgrade().expect("it runs").stop();
    });
    reactor.run().expect("it is stopped");
    assert_eq!(simulation.elapsed(), Duration::from_secs(3600));
    assert_eq!(
        log.entries(),
        ["started", "stopped: the reactor was shut down"]
    );
    assert!(!transport.is_open());
    simulation.run_until_idle();
    assert_eq!(
        peer.receive(),
        Some((b"goodbye".to_vec(), at("10.0.0.1:53")))
    );
}

#[test]
fn one_that_is_opened_again_whenever_it_is_stopped_does_not_hold_up_a_stop() {
    struct Stubborn(reactor::WeakReactor);

    impl DatagramProtocol for Stubborn {
        fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: SocketAddr) {}

        fn stop_protocol(&mut self, _: &DatagramTransport, _: &Reason) {
            let reactor = self.0.upgrade().expect("it runs");
            let again = reactor.listen_udp("10.0.0.1:53", Self(self.0.clone()));
            assert!(again.is_ok(), "the address is free");
        }
    }

    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let first = reactor.listen_udp("10.0.0.1:53", Stubborn(reactor.downgrade()));
    assert!(first.is_ok());
    simulation.run_until_idle();
    reactor.stop();
    reactor.run().expect("it is stopped");
    assert_eq!(simulation.elapsed(), Duration::ZERO, "not after the grace");
}

#[test]
fn a_panic_ends_the_socket_and_nothing_else() {
    let simulation = Simulation::new();
    let (log, other) = (Log::default(), Log::default());
    let noting = Noting::reacting(&log, |what, _, _| assert!(what != "bad", "bad indeed"));
    let reactor = simulation.reactor();
    reactor
        .listen_udp("10.0.0.1:53", noting)
        .expect("it is free");
    reactor
        .listen_udp("10.0.0.1:54", Noting::new(&other))
        .expect("it is free");
    let peer = simulation.datagram_peer("10.0.0.2:0");
    for data in ["good", "bad", "late"] {
        peer.send_to(data.as_bytes(), at("10.0.0.1:53"));
        peer.send_to(data.as_bytes(), at("10.0.0.1:54"));
    }
    simulation.run_until_idle();
    let entries = log.entries();
    assert_eq!(entries[..3], ["started", "good", "bad"]);
    assert!(
        entries[3].contains("datagram_received panicked"),
        "{entries:?}"
    );
    assert!(entries[3].contains("bad indeed"), "{entries:?}");
    assert_eq!(other.entries(), ["started", "good", "bad", "late"]);
}

#[test]
fn a_loop_that_is_dropped_closes_the_socket_without_a_call() {
    let simulation = Simulation::new();
    let log = Log::default();
    let transport = simulation
        .reactor()
        .listen_udp("10.0.0.1:53", Noting::new(&log));
    let transport = transport.expect("it is free");
    simulation.run_until_idle();
    drop(simulation);
    assert!(!transport.is_open());
    assert_eq!(log.entries(), ["started"]);
}

#[test]
fn observers_see_each_callback_with_its_cause() {
    #[derive(Default)]
    struct Causes(RefCell<Vec<(Cause, &'static str)>>);

    impl Observer for Causes {
        fn event(&self, _: std::time::Instant, event: &Event<'_>) {
            if let Event::CallbackBegan(Callback { cause, name, .. }) = event {
                self.0.borrow_mut().push((*cause, name));
            }
        }
    }

    let simulation = Simulation::new();
    let causes = Rc::new(Causes::default());
    let reactor = simulation.reactor();
    reactor.add_observer(Rc::clone(&causes) as Rc<dyn Observer>);
    let transport = reactor.connect_udp(at("10.0.0.2:9"), Noting::new(&Log::default()));
    let transport = transport.expect("there is a way");
    transport.send(b"nobody is there");
    simulation.run_until_idle();
    let peer = simulation.datagram_peer("10.0.0.2:9");
    peer.send_to(b"here", transport.local_addr());
    simulation.run_until_idle();
    transport.stop_listening();
    simulation.run_until_idle();
    let seen = causes.0.borrow();
    let expected = [
        Cause::StartProtocol,
        Cause::ConnectionRefused,
        Cause::DatagramReceived,
        Cause::StopProtocol,
    ];
    assert_eq!(
        seen.iter().map(|(cause, _)| *cause).collect::<Vec<_>>(),
        expected
    );
    assert!(
        seen.iter().all(|(_, name)| name.ends_with("Noting")),
        "{seen:?}"
    );
}
