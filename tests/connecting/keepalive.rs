//! Peers that vanish without a word.

use reactor::Limits;
use reactor::testing::Simulation;

use crate::support::{Log, SECOND};
use crate::with_limits;

#[test]
fn a_peer_that_vanishes_is_noticed_after_the_keepalive() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let limits = Limits::default().keepalive(120 * SECOND);
    let (served, asked) = (Log::default(), Log::default());
    let port = reactor.listen_tcp("10.0.0.1:7", with_limits(&served, limits.clone()));
    port.expect("the port is free");
    let server = simulation.listen("10.0.0.2:7");
    let _connector = reactor.connect_tcp("10.0.0.2", 7, with_limits(&asked, limits));
    let (stays, goes) = (
        simulation.connect("10.0.0.1:7"),
        simulation.connect("10.0.0.1:7"),
    );
    simulation.run_for(1000 * SECOND);
    let accepted = server.accept().expect("a client");
    goes.vanish();
    accepted.vanish();
    simulation.run_for(119 * SECOND);
    assert_eq!(
        (served.take(), asked.take()),
        (vec!["made".to_owned(); 2], vec!["made".to_owned()])
    );
    simulation.run_for(2 * SECOND);
    let lost = ["lost: the peer did not answer any more"];
    assert_eq!(
        (served.entries(), asked.entries()),
        (
            lost.map(str::to_owned).to_vec(),
            lost.map(str::to_owned).to_vec()
        )
    );
    assert!(stays.is_connected() && simulation.descriptors() == 2);
}

#[test]
fn a_peer_that_vanished_before_it_was_accepted_is_noticed_too() {
    let simulation = Simulation::new();
    let log = Log::default();
    let limits = Limits::default().keepalive(2 * SECOND).connections(1);
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", with_limits(&log, limits));
    port.expect("the port is free");
    let [first, second] = [0; 2].map(|_| {
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_for(SECOND);
        peer
    });
    second.vanish();
    first.close();
    simulation.run_for(3 * SECOND);
    assert_eq!(
        log.count("lost: the peer did not answer any more"),
        1,
        "{log:?}"
    );
    assert_eq!(simulation.descriptors(), 1);
}
