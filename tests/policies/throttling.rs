//! Throttled connections: how fast they are, and who shares what.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::policies::Throttling;
use reactor::testing::{Peer, Simulation};
use reactor::{Accepted, Factory, Protocol, Rates, Reactor, Transport};

use crate::support::{Echo, Heard, Log, Probe, SECOND, Silent, Then, millis, pattern};

/// Sends this much when it begins, and closes then.
pub(crate) struct Download(pub(crate) usize);

impl Protocol for Download {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(&pattern(self.0));
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Counts what it receives.
#[derive(Clone, Default)]
pub(crate) struct Upload(pub(crate) Rc<Cell<usize>>);

impl Protocol for Upload {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.set(self.0.get() + data.len());
    }
}

pub(crate) fn serve<F: Factory>(factory: impl FnOnce(&Reactor) -> F) -> Simulation {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor.listen_tcp("10.0.0.1:7", factory(&reactor)).unwrap();
    simulation
}

pub(crate) fn connect(simulation: &Simulation) -> Peer {
    simulation.connect("10.0.0.1:7")
}

#[track_caller]
pub(crate) fn assert_close(bytes: usize, expected: usize) {
    let ratio = bytes as f64 / expected as f64;
    assert!((0.96..=1.04).contains(&ratio), "{bytes} of {expected}");
}

#[test]
fn a_download_has_its_rate_in_each_second_and_arrives_whole() {
    for rate in [50, 1_000, 100_000, 2_000_000] {
        let size = 5 * rate as usize;
        let simulation = serve(|reactor| {
            Throttling::new(move |_| Download(size), reactor).each(Rates::default().sending(rate))
        });
        let peer = connect(&simulation);
        let mut received = Vec::new();
        for second in 1..=4 {
            simulation.run_for(SECOND);
            received.extend(peer.read());
            assert_close(received.len(), second * rate as usize);
            assert!(!peer.has_ended());
        }
        simulation.run_for(2 * SECOND);
        received.extend(peer.read());
        assert!(
            received == pattern(size),
            "{} of {size} bytes",
            received.len()
        );
        assert!(peer.has_ended() && peer.error().is_none());
    }
}

#[test]
fn an_upload_has_its_rate_in_each_second_and_arrives_whole() {
    for rate in [50, 1_000, 100_000, 2_000_000] {
        let size = 5 * rate as usize;
        let received = Upload::default();
        let server = received.clone();
        let simulation = serve(|reactor| {
            let rates = Rates::default().receiving(rate);
            Throttling::new(move |_| server.clone(), reactor).each(rates)
        });
        let peer = connect(&simulation);
        peer.write(&pattern(size));
        peer.shut_write();
        for second in 1..=4 {
            simulation.run_for(SECOND);
            assert_close(received.0.get(), second * rate as usize);
        }
        simulation.run_for(2 * SECOND);
        assert_eq!(received.0.get(), size);
        assert!(peer.has_ended() && peer.error().is_none());
    }
}

#[test]
fn connections_share_what_they_have_together_equally_and_each_has_its_own_rate() {
    let simulation = serve(|reactor| {
        Throttling::new(|_| Download(1 << 20), reactor)
            .each(Rates::default().sending(50_000))
            .together(Rates::default().sending(100_000))
    });
    let alone = connect(&simulation);
    simulation.run_for(SECOND);
    assert_close(alone.read().len(), 50_000);
    let peers: Vec<_> = (0..9)
        .map(|_| connect(&simulation))
        .chain([alone])
        .collect();
    simulation.run_for(SECOND / 2);
    peers.iter().for_each(|peer| drop(peer.read()));
    simulation.run_for(10 * SECOND);
    let mut sum = 0;
    for peer in &peers {
        let bytes = peer.read().len();
        assert!((80_000..=120_000).contains(&bytes), "{bytes}");
        sum += bytes;
    }
    assert_close(sum, 1_000_000);
}

#[test]
fn a_thousand_connections_under_a_low_rate_all_go_on() {
    let simulation = serve(|reactor| {
        Throttling::new(|_| Download(1_000), reactor).together(Rates::default().sending(100_000))
    });
    let peers: Vec<_> = (0..1_000).map(|_| connect(&simulation)).collect();
    simulation.run_for(5 * SECOND);
    let ended = peers.iter().filter(|peer| peer.has_ended()).count();
    assert!((450..=520).contains(&ended), "{ended}");
    simulation.run_for(6 * SECOND);
    for peer in &peers {
        assert_eq!(peer.read().len(), 1_000);
        assert!(peer.has_ended());
    }
}

#[test]
fn a_burst_passes_at_once_and_the_rate_holds_behind_it() {
    let simulation = serve(|reactor| {
        let rates = Rates::default().sending(1_000).burst(10_000);
        Throttling::new(|_| Download(20_000), reactor).each(rates)
    });
    let peer = connect(&simulation);
    simulation.run_for(millis(10));
    assert_close(peer.read().len(), 10_000);
    simulation.run_for(2 * SECOND);
    assert_close(peer.read().len(), 2_000);
}

#[test]
fn few_bytes_need_not_wait_for_more_credit_than_they_take() {
    let simulation = serve(|reactor| {
        Throttling::new(|_| Echo, reactor).each(Rates::default().sending(1_000).burst(1_000))
    });
    let peer = connect(&simulation);
    for _ in 0..20 {
        peer.write(b"hello");
        simulation.run_for(millis(10));
        assert_eq!(peer.read(), b"hello");
    }
}

#[test]
fn a_connection_that_is_lost_gives_its_place_to_the_others() {
    let simulation = serve(|reactor| {
        Throttling::new(|_| Download(1 << 20), reactor).together(Rates::default().sending(100_000))
    });
    let stays = connect(&simulation);
    let others: Vec<_> = (0..50).map(|_| connect(&simulation)).collect();
    simulation.run_for(SECOND);
    let _ = stays.read();
    others.iter().for_each(Peer::reset);
    simulation.run_for(SECOND / 10);
    let _ = stays.read();
    simulation.run_for(SECOND);
    assert_close(stays.read().len(), 100_000);
}

#[test]
fn those_in_a_pause_hold_up_nobody_behind_them() {
    struct Pauses(Upload);
    impl Protocol for Pauses {
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            self.0.data_received(transport, data);
            if data.contains(&b'p') {
                transport.pause_reading();
            }
        }
    }
    let received = Upload::default();
    let server = received.clone();
    let simulation = serve(|reactor| {
        let rates = Rates::default().receiving(100_000);
        Throttling::new(move |_| Pauses(server.clone()), reactor).together(rates)
    });
    let paused: Vec<_> = (0..500).map(|_| connect(&simulation)).collect();
    for peer in &paused {
        peer.write(&[b'p'; 2_000]);
    }
    simulation.run_for(11 * SECOND);
    let busy = connect(&simulation);
    busy.write(&[0; 500_000]);
    simulation.run_for(SECOND);
    received.0.set(0);
    simulation.run_for(SECOND);
    assert_close(received.0.get(), 100_000);
}

#[test]
fn a_protocol_puts_its_own_connection_under_a_throttle() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let slow = reactor.throttle(Rates::default().sending(1_000));
    let factory = move |_| {
        let slow = slow.clone();
        Probe::new(&Log::default(), move |heard: &Heard<'_>, transport| {
            match heard {
                Heard::Data(b"slow") => transport.throttle(&slow),
                Heard::Data(_) => drop(transport.write(&[0; 5_000])),
                _ => {}
            }
            Then::Default
        })
    };
    reactor.listen_tcp("10.0.0.1:7", factory).unwrap();
    let peer = connect(&simulation);
    peer.write(b"get");
    simulation.run_for(millis(10));
    assert_eq!(peer.read().len(), 5_000);
    peer.write(b"slow");
    simulation.run_for(millis(10));
    peer.write(b"get");
    simulation.run_for(SECOND);
    assert_close(peer.read().len(), 1_000);
}

#[test]
fn a_throttle_of_another_reactor_is_not_used() {
    let other = Simulation::new();
    let throttle = other.reactor().throttle(Rates::default().sending(1));
    let simulation = Simulation::new();
    let server = Accepted::new(Download(1_000)).with_throttle(&throttle);
    let (_server, client) = simulation.join(server, Silent);
    simulation.run_for(5 * SECOND);
    assert!(client.is_lost());
}

#[test]
fn throttled_streams_arrive_whole_and_in_order_on_any_network() {
    for seed in 0..20 {
        let simulation = Simulation::chaotic(seed);
        let reactor = simulation.reactor();
        let rates = Rates::default().sending(40_000).receiving(30_000);
        let both = Rates::default().sending(100_000).receiving(50_000);
        let factory = Throttling::new(|_| Echo, &reactor)
            .each(rates)
            .together(both);
        reactor.listen_tcp("10.0.0.1:7", factory).unwrap();
        let peers: Vec<_> = (0..3).map(|_| connect(&simulation)).collect();
        for peer in &peers {
            peer.write(&pattern(50_000));
            peer.shut_write();
        }
        let received: Rc<RefCell<Vec<Vec<u8>>>> = Rc::new(RefCell::new(vec![Vec::new(); 3]));
        let done = simulation.run_until_true(Duration::from_secs(3_000), || {
            for (peer, bytes) in peers.iter().zip(&mut *received.borrow_mut()) {
                bytes.extend(peer.read());
            }
            peers.iter().all(Peer::has_ended)
        });
        assert!(done, "seed {seed}");
        for bytes in &*received.borrow() {
            assert!(
                *bytes == pattern(50_000),
                "seed {seed}: {} bytes",
                bytes.len()
            );
        }
        assert!(simulation.elapsed() > 2 * SECOND, "seed {seed}");
    }
}
