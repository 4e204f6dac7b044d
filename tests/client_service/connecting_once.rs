//! Protocols without a factory, and handles of them.

use reactor::testing::Simulation;
use reactor::{ClientFactory, Handle, Reason};

use crate::{Bot, SECOND, SERVER, comes, endpoint, fate, said};

#[test]
fn a_protocol_without_a_factory_is_connected_and_reached_by_its_handle() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let reactor = simulation.reactor();
    let connected = fate(reactor.connect_protocol(endpoint(), Bot { number: 7 }));
    let peer = comes(&simulation, &server, SECOND);
    simulation.run_until_idle();
    let bot = connected.take().expect("it has fired").expect("a handle");
    bot.call(|bot, transport| {
        transport.write(format!("number {}\n", bot.number).as_bytes());
    });
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"hello\nnumber 7\n");
    assert!(bot.transport().is_some_and(|transport| transport.is_open()));
}

#[test]
fn a_protocol_that_cannot_be_connected_is_a_failure_and_one_that_is_cancelled_is_given_up() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let refused = fate(reactor.connect_protocol(endpoint(), Bot { number: 7 }));
    simulation.run_until_idle();
    assert_eq!(said(&refused), "connection refused");

    simulation.swallow(SERVER);
    let cancelled = reactor.connect_protocol(endpoint(), Bot { number: 7 });
    simulation.run_for(SECOND);
    assert_eq!(simulation.descriptors(), 1);
    cancelled.cancel();
    assert_eq!(said(&fate(cancelled)), "cancelled");
    simulation.run_until_idle();
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn a_factory_of_one_protocol_refuses_a_second_connection() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let port = reactor.listen_tcp("10.0.0.1:80", ClientFactory::once(Bot { number: 1 }));
    port.expect("the port is free");
    let [first, second] = [0; 2].map(|_| simulation.connect(SERVER));
    simulation.run_until_idle();
    assert_eq!(first.read(), b"hello\n");
    assert!(second.has_ended() || second.error().is_some());
}

#[test]
fn a_connector_has_a_handle_of_its_protocol() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let connector = simulation
        .reactor()
        .connect_tcp("10.0.0.1", 80, |_| Bot { number: 3 });
    let connected = fate::<Handle<Bot>>(connector.protocol());
    let peer = comes(&simulation, &server, SECOND);
    simulation.run_until_idle();
    let bot = connected.take().expect("it has fired").expect("a handle");
    bot.call(|bot, transport| {
        assert_eq!(bot.number, 3);
        transport.fail_connection(Reason::IdleTimeout);
    });
    simulation.run_until_idle();
    assert!(peer.error().is_some());
}
