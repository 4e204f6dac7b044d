//! Connections that are awaited: reading, writing, their ends, and that a dropped future loses no byte.

#[path = "../support/outcome.rs"]
mod outcome;
#[path = "../support/mod.rs"]
mod support;

mod cancelling;
mod ends;
mod exchanges;
mod reading;
mod serving;

use reactor::connection::Connection;
use reactor::testing::{Peer, Simulation};

/// A connection that was awaited, and its other side, which the test plays.
fn connected(simulation: &Simulation) -> (Connection, Peer) {
    let server = simulation.listen("10.0.0.1:1400");
    let reactor = simulation.reactor();
    let connecting = reactor.connect("tcp:10.0.0.1:1400");
    let connection = reactor.run_until(connecting).expect("it connects");
    (connection, server.accept().expect("the same connection"))
}
