//! Connections that end as soon as they are made.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::Transport;
use reactor::testing::{Conversation, Simulation};

use crate::support::{Client, Heard, Log, Probe, SECOND, Then};

#[test]
fn a_connection_closed_when_it_is_made_is_made_and_lost() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.lose_connection();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    assert!(conversation.peer().has_ended());
    conversation.close();
    assert_eq!(
        log.entries(),
        ["made", "lost: the connection was closed on this side"]
    );
}

#[test]
fn a_server_that_greets_and_closes_at_once_is_heard_by_a_client_of_the_reactor() {
    // The greeting and the end come in one event with the news that the connection is made.
    for seed in 0..200 {
        let simulation = if seed == 0 {
            Simulation::new()
        } else {
            Simulation::chaotic(seed)
        };
        let server = simulation.listen("10.0.0.1:80");
        let log = Log::default();
        let heard = Rc::new(RefCell::new(Vec::new()));
        let bytes = Rc::clone(&heard);
        let client = Client::new(&log, move |event: &Heard<'_>, _: &Transport| {
            if let Heard::Data(data) = event {
                bytes.borrow_mut().extend_from_slice(data);
            }
            Then::Default
        });
        simulation.reactor().connect_tcp("10.0.0.1", 80, client);
        let mut peer = None;
        simulation.run_until_true(SECOND, || {
            peer = server.accept();
            if let Some(peer) = &peer {
                peer.write(b"hello");
                peer.close();
            }
            peer.is_some()
        });
        simulation.run_for(10 * SECOND);
        assert_eq!(*heard.borrow(), b"hello", "seed {seed}");
        assert!(
            log.contains("lost: the peer closed"),
            "seed {seed}: {log:?}"
        );
    }
}
