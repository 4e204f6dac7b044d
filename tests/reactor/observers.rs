//! Observers of the loop.

use std::rc::Rc;

use reactor::observe::Observer;
use reactor::testing::Simulation;
use reactor::{Protocol, Transport};

use crate::Kinds;
use crate::support::SECOND;

#[test]
fn an_observer_sees_each_turn_and_who_was_called_in_it() {
    struct Echo;
    impl Protocol for Echo {
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            transport.write(data);
            transport.write(b"!");
        }
    }
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor
        .listen_tcp("10.0.0.1:7", |_| Echo)
        .expect("the port is free");
    let kinds = Rc::new(Kinds::default());
    let observer: Rc<dyn Observer> = Rc::clone(&kinds) as _;
    reactor.add_observer(Rc::clone(&observer));
    let peer = simulation.connect("10.0.0.1:7");
    reactor.turn(Some(SECOND)).expect("a turn");
    let expected = [
        "turn",
        "woke 1",
        "build_protocol",
        "opened #2",
        "connection_made",
        "end",
    ];
    assert_eq!(kinds.kinds.take(), expected);
    simulation.run_until_idle();
    kinds.kinds.take();
    peer.write(b"hello");
    reactor.turn(Some(SECOND)).expect("a turn");
    let expected = [
        "turn",
        "woke 1",
        "received 5",
        "data_received",
        "sent 6 of 6",
        "end",
    ];
    assert_eq!(
        kinds.kinds.take(),
        expected,
        "two writes of one turn are one for the socket"
    );
    peer.close();
    simulation.run_for(SECOND);
    let seen = kinds.kinds.take();
    let lost = ["read_closed", "lost #2", "connection_lost", "drop"];
    let seen: Vec<_> = seen
        .iter()
        .filter(|kind| lost.contains(&kind.as_str()))
        .collect();
    assert_eq!(seen, lost);
    reactor.remove_observer(&observer);
    simulation.run_for(SECOND);
    assert!(kinds.kinds.take().is_empty());
}
