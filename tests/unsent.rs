//! What waits to be sent: how much of it, to one peer and to all of them.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Conversation, Peer, Simulation};
use reactor::{Address, Group, Layer, Reason, Transport};
use support::{Heard, Log, Probe, SECOND, Then, listener, millis, pattern};

#[test]
fn what_one_callback_writes_reaches_a_peer_that_reads_however_much_it_is() {
    let conversation = Conversation::with(listener(&Log::default()));
    conversation.ask(|_, transport| {
        for _ in 0..160 {
            assert!(transport.write(&[b'x'; 64 << 10]));
        }
    });
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear().len(), 160 * (64 << 10));
    assert!(conversation.reason().is_none());
}

#[test]
fn what_one_callback_says_to_a_group_reaches_all_who_read_however_much_it_is() {
    let simulation = Simulation::new();
    let (group, log) = (Group::new(), Log::default());
    let (for_factory, noted) = (group.clone(), log.clone());
    let factory = move |_: Address| {
        let group = for_factory.clone();
        Probe::new(&noted, move |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                group.add(transport);
            }
            Then::Default
        })
    };
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:0", factory)
        .expect("a port is free");
    let peers = [(); 3].map(|()| simulation.connect(port.local_addr()));
    simulation.run_for(SECOND);
    simulation.reactor().call_soon(move || {
        for _ in 0..9_000 {
            group.write(&[b'x'; 300]);
        }
    });
    simulation.run_for(SECOND);
    for peer in peers {
        assert_eq!(peer.read().len(), 9_000 * 300);
        assert!(peer.is_connected());
    }
    assert!(!log.contains("lost"), "{log:?}");
}

/// Changes nothing.
struct Clear;

impl Layer for Clear {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

#[test]
fn a_layer_in_between_makes_no_difference_to_what_one_callback_may_write() {
    let conversation = Conversation::with(listener(&Log::default()));
    for _ in 0..2 {
        conversation.ask(|_, transport| {
            for _ in 0..30 {
                assert!(transport.write(&[b'x'; 64 << 10]));
            }
            transport.push_layer(Clear, b"");
            for _ in 0..30 {
                assert!(transport.write(&[b'x'; 64 << 10]));
            }
        });
        conversation.run_for(SECOND);
        assert_eq!(conversation.hear().len(), 60 * (64 << 10));
    }
    assert!(conversation.reason().is_none());
}

#[test]
fn what_is_written_before_anything_could_be_sent_is_bounded() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    let reactor = conversation.simulation().reactor();
    reactor.set_unsent_limit(1_000_000);
    let taken = conversation.ask(|_, transport| {
        let writes = (0..200).take_while(|_| transport.write(&pattern(10_000)));
        writes.count()
    });
    assert_eq!(taken, 101, "the limit, and one write");
    conversation.run_for(SECOND);
    let reason = Reason::TurnOverflow { limit: 1_000_000 };
    assert!(log.contains(&format!("lost: {reason}")), "{log:?}");
}

/// Connections of one port on which others write, with their peers.
struct Audience {
    simulation: Simulation,
    log: Log,
    transports: Rc<RefCell<Vec<Transport>>>,
    peers: Vec<Peer>,
}

fn audience(peers: usize, limit: usize) -> Audience {
    let simulation = Simulation::new();
    simulation.reactor().set_unsent_limit(limit);
    let (log, transports) = (Log::default(), Rc::new(RefCell::new(Vec::new())));
    let (noted, made) = (log.clone(), Rc::clone(&transports));
    let factory = move |_: Address| {
        let (noted, made) = (noted.clone(), Rc::clone(&made));
        let react = move |heard: &Heard<'_>, transport: &Transport| {
            match heard {
                Heard::Made => made.borrow_mut().push(transport.clone()),
                Heard::Lost(reason) => noted.note(format!("{}: {reason}", transport.id())),
                _ => {}
            }
            Then::Default
        };
        Probe::new(&Log::default(), react)
    };
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:0", factory)
        .expect("a port is free");
    let mut all = Vec::new();
    for _ in 0..peers {
        all.push(simulation.connect(port.local_addr()));
        simulation.run_for(millis(1));
    }
    Audience {
        simulation,
        log,
        transports,
        peers: all,
    }
}

impl Audience {
    fn write(&self, to: usize, bytes: usize) {
        self.transports.borrow()[to].write(&vec![b'x'; bytes]);
        self.simulation.run_for(millis(1));
    }

    fn left(&self) -> usize {
        let transports = self.transports.borrow();
        transports.iter().map(Transport::unsent).sum()
    }
}

#[test]
fn what_waits_for_all_peers_together_is_bounded_and_who_reads_notices_nothing() {
    let limit = 4_000_000;
    let audience = audience(50, limit);
    for peer in &audience.peers[1..] {
        peer.pause_reading();
    }
    let mut heard = 0;
    for _ in 0..40 {
        for to in 0..50 {
            audience.write(to, 20_000);
            assert!(audience.left() <= limit + 20_000);
        }
        heard += audience.peers[0].read().len();
    }
    assert_eq!(heard, 40 * 20_000);
    let lost = audience.log.entries();
    assert!((1..49).contains(&lost.len()), "{lost:?}");
    let expected = format!("more than {limit} bytes waited for all peers, and ");
    assert!(lost.iter().all(|one| one.contains(&expected)), "{lost:?}");
}

#[test]
fn the_peer_that_has_let_most_wait_for_the_longest_is_lost_first() {
    let audience = audience(4, 4_000_000);
    for peer in &audience.peers {
        peer.pause_reading();
    }
    audience.write(0, 900_000);
    audience.write(1, 1_500_000);
    // This one takes some from time to time.
    audience.write(2, 1_200_000);
    for _ in 0..100 {
        audience.simulation.run_for(millis(100));
        let _ = audience.peers[2].read_at_most(3_000);
    }
    assert!(audience.log.entries().is_empty());
    audience.write(3, 1_400_000);
    let [lost] = &audience.log.entries()[..] else {
        panic!("{:?}", audience.log);
    };
    assert!(lost.starts_with(&audience.transports.borrow()[1].id().to_string()));
}

#[test]
fn a_message_to_many_that_none_of_them_takes_does_not_exceed_the_bound_either() {
    let limit = 10_000_000;
    let audience = audience(100, limit);
    let group = Group::new();
    for (peer, transport) in audience
        .peers
        .iter()
        .zip(audience.transports.borrow().iter())
    {
        peer.pause_reading();
        group.add(transport);
    }
    group.write(&vec![b'x'; 1_000_000]);
    audience.simulation.run_for(SECOND);
    assert!(audience.left() <= limit);
    assert!(audience.log.contains("#"), "some are lost");
    assert!(audience.log.entries().len() < 100, "{:?}", audience.log);
}

#[test]
fn what_waits_counts_from_when_it_began_to_wait_and_not_from_long_before() {
    let audience = audience(3, 3_000_000);
    for (peer, waits) in audience.peers.iter().zip([true, false, true]) {
        if waits {
            peer.pause_reading();
        }
    }
    audience.write(0, 900_000);
    // This one reads all that it is sent, until the very end.
    for _ in 0..100 {
        audience.simulation.run_for(millis(100));
        audience.write(1, 100);
    }
    assert_eq!(audience.peers[1].read().len(), 10_000);
    audience.peers[1].pause_reading();
    audience.write(1, 1_000_000);
    audience.simulation.run_for(millis(100));
    audience.write(2, 2_000_000);
    let lost = audience.log.entries();
    let first = audience.transports.borrow()[0].id().to_string();
    assert!(lost[0].starts_with(&first), "{lost:?}");
}
