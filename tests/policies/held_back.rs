//! What else sees that a throttle holds bytes back: marks, groups, timeouts, a close, a stop, the loop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use reactor::observe::{Event, Observer};
use reactor::policies::Throttling;
use reactor::testing::Simulation;
use reactor::{Factory, Group, Limits, Protocol, Rates, Transport};

use crate::support::{Echo, Heard, Log, Probe, SECOND, Then, millis, pattern};
use crate::throttling::{Download, Upload, assert_close, connect, serve};

#[test]
fn what_is_held_back_is_unsent_and_crosses_the_marks() {
    let log = Log::default();
    let to_log = log.clone();
    let simulation = serve(|reactor| {
        let factory = move |_| {
            Probe::new(&to_log, |heard: &Heard<'_>, transport: &Transport| {
                if matches!(heard, Heard::Made) {
                    transport.write(&[0; 200_000]);
                }
                Then::Default
            })
        };
        Throttling::new(factory, reactor).each(Rates::default().sending(50_000))
    });
    let peer = connect(&simulation);
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["made", "writingpaused"]);
    simulation.run_for(3 * SECOND);
    assert_eq!(log.entries()[2..], ["writingresumed", "readingresumed"]);
    assert_close(peer.read().len(), 200_000);
}

#[test]
fn the_time_in_which_a_throttle_holds_back_does_not_count_against_the_peer() {
    struct Uploads(Upload);
    impl Protocol for Uploads {
        fn connection_made(&mut self, transport: &Transport) {
            transport.set_timeout(Some(SECOND));
        }
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            self.0.data_received(transport, data);
            transport.write(data);
        }
        fn read_closed(&mut self, transport: &Transport) {
            transport.set_timeout(None);
            transport.lose_connection();
        }
    }
    // A byte of each comes every four seconds, and then one goes every ten: longer than timeout and linger.
    for (receiving, sending) in [(5, 1_000), (1_000, 2)] {
        let received = Upload::default();
        let server = received.clone();
        let simulation = serve(|reactor| {
            let rates = Rates::default().receiving(receiving).sending(sending);
            let factory = move |_| Uploads(server.clone());
            let factory = factory.with_limits(Limits::default().linger(SECOND));
            Throttling::new(factory, reactor).together(rates)
        });
        let peers: Vec<_> = (0..20).map(|_| connect(&simulation)).collect();
        for peer in &peers {
            peer.write(b"0123456789");
            peer.shut_write();
        }
        simulation.run_for(120 * SECOND);
        for peer in &peers {
            assert_eq!(peer.read(), b"0123456789", "and not {:?}", peer.error());
            assert!(peer.has_ended() && peer.error().is_none());
        }
        assert_eq!(received.0.get(), 200);
    }
}

#[test]
fn a_peer_that_is_idle_under_a_throttle_is_timed_out_all_the_same() {
    let log = Log::default();
    let to_log = log.clone();
    let simulation = serve(|reactor| {
        let factory = move |_| {
            Probe::new(&to_log, |heard: &Heard<'_>, transport: &Transport| {
                if matches!(heard, Heard::Made) {
                    transport.set_timeout(Some(SECOND));
                }
                Then::Default
            })
        };
        let rates = Rates::default().receiving(1_000).sending(1_000);
        Throttling::new(factory, reactor).each(rates)
    });
    let peer = connect(&simulation);
    peer.write(b"hello");
    simulation.run_for(SECOND * 3 / 2);
    assert_eq!(log.entries()[..3], ["made", "hello", "timedout"]);
}

#[test]
fn a_peer_that_does_not_take_what_is_sent_lingers_no_longer_under_a_throttle() {
    let simulation = serve(|reactor| {
        let factory = (|_| Download(500_000)).with_limits(Limits::default().linger(SECOND));
        let rates = Rates::default().sending(1_000_000).receiving(10);
        Throttling::new(factory, reactor).each(rates)
    });
    let peer = connect(&simulation);
    peer.pause_reading();
    peer.write(&[0; 10_000]); // so that reading is held back for all the time
    simulation.run_for(4 * SECOND);
    assert!(
        peer.error().is_some(),
        "the rest is dropped, and the peer reset"
    );
}

#[test]
fn a_talker_of_a_group_is_read_as_fast_as_a_throttled_listener_may_be_sent_to() {
    let log = Log::default();
    let group = Group::new();
    let (to_log, members) = (log.clone(), group.clone());
    let talk = move |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => drop(members.add(transport)),
            Heard::Data(data) => members.write_except(transport, data),
            _ => {}
        }
        Then::Default
    };
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (log_of_slow, slow) = (to_log.clone(), talk.clone());
    let factory = move |_| Probe::new(&to_log, talk.clone());
    reactor.listen_tcp("10.0.0.1:7", factory).unwrap();
    let factory = move |_| Probe::new(&log_of_slow, slow.clone());
    let factory = Throttling::new(factory, &reactor).each(Rates::default().sending(100_000));
    reactor.listen_tcp("10.0.0.1:8", factory).unwrap();
    let listener = simulation.connect("10.0.0.1:8");
    let talker = connect(&simulation);
    simulation.run_for(millis(10));
    talker.write(&pattern(2_000_000));
    let mut received = Vec::new();
    for _ in 0..21 {
        simulation.run_for(SECOND);
        received.extend(listener.read());
    }
    assert!(received == pattern(2_000_000), "{}", received.len());
    assert!(!log.contains("lost"), "nobody is dropped");
}

/// Counts the turns.
#[derive(Default)]
struct Turns(Cell<usize>);

impl Observer for Turns {
    fn event(&self, _: Instant, event: &Event<'_>) {
        if matches!(event, Event::TurnBegan) {
            self.0.set(self.0.get() + 1);
        }
    }
}

#[test]
fn a_throttle_wakes_the_loop_fifty_times_a_second_and_not_at_all_when_nothing_waits() {
    let simulation = serve(|reactor| {
        let rates = Rates::default().sending(100_000).receiving(100_000);
        Throttling::new(|_| Echo, reactor).each(rates)
    });
    let turns = Rc::new(Turns::default());
    simulation.reactor().add_observer(Rc::clone(&turns) as _);
    let peer = connect(&simulation);
    simulation.run_for(SECOND);
    assert!(turns.0.replace(0) < 10);
    peer.write(&pattern(500_000));
    simulation.run_for(4 * SECOND);
    // A timer in each direction, bytes that arrive, and the turn that reads them.
    let busy = turns.0.replace(0);
    assert!((200..=1_300).contains(&busy), "{busy}");
    simulation.run_for(4 * SECOND);
    turns.0.set(0);
    simulation.run_for(10 * SECOND);
    assert!(turns.0.get() <= 1, "{:?}", turns.0);
    assert_eq!(peer.read(), pattern(500_000));
}

#[test]
fn a_stop_sends_what_is_held_back_within_its_grace_and_ends() {
    let simulation = serve(|reactor| {
        Throttling::new(|_| Download(10_000), reactor).each(Rates::default().sending(10_000))
    });
    let peer = connect(&simulation);
    simulation.run_for(SECOND / 10);
    let reactor = simulation.reactor();
    reactor.stop();
    simulation.run_for(SECOND);
    assert_eq!(peer.read().len(), 10_000);
    peer.close();
    simulation.run_for(SECOND / 10);
    assert!(!reactor.is_stopping());
}
