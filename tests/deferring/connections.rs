//! A connection as a Deferred of its transport.

use reactor::Reason;
use reactor::deferred::Cancelled;
use reactor::testing::Simulation;

use crate::outcome::{failed_with, outcome};
use crate::support::{Log, SECOND, listener};

#[test]
fn a_connection_is_a_deferred_of_its_transport() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (server, client) = (log.clone(), Log::default());
    let serve = move |_| listener(&server);
    reactor.listen_tcp("10.0.0.1:80", serve).expect("a port");
    let heard = client.clone();
    let connector = reactor.connect_tcp("10.0.0.1", 80, move |_| listener(&heard));
    let connected = outcome(connector.connected());
    simulation.run_for(SECOND);
    let transport = connected
        .take()
        .expect("it fired")
        .expect("it is connected");
    assert_eq!(
        client.entries(),
        ["made"],
        "the Deferred fires after connection_made"
    );
    transport.write(b"hello");
    simulation.run_for(SECOND);
    assert!(log.contains("hello"));
}

#[test]
fn an_attempt_that_fails_or_is_cancelled_is_a_failure_with_its_reason() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let attempt = |port| reactor.connect_tcp("10.0.0.1", port, |_| listener(&Log::default()));
    let refused = outcome(attempt(81).connected());
    let connector = attempt(82);
    let deferred = connector.connected();
    let canceller = deferred.canceller();
    let cancelled = outcome(deferred);
    canceller.cancel();
    assert!(!connector.is_connecting());
    simulation.run_for(60 * SECOND);
    assert!(failed_with::<Reason>(&refused));
    assert!(failed_with::<Cancelled>(&cancelled));
    assert!(
        failed_with::<Reason>(&outcome(connector.connected())),
        "it is over"
    );
}
