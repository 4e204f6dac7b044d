//! What waits to be sent: how much of it, to one peer and to all of them.

mod support;

use reactor::testing::{Conversation, Simulation};
use reactor::{Address, Group, Layer, Reason, Transport};
use support::{Heard, Log, Probe, SECOND, Then, listener, pattern};

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
