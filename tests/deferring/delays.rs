//! Deferreds of time: `defer_later`, and timeouts on the reactor's clock.

use std::time::Duration;

use reactor::Deferred;
use reactor::deferred::{Cancelled, TimedOut};
use reactor::testing::Simulation;

use crate::outcome::{failed_with, outcome};
use crate::support::{SECOND, millis};

#[test]
fn defer_later_fires_at_its_time() {
    let simulation = Simulation::new();
    let done = outcome(simulation.reactor().defer_later(SECOND));
    simulation.run_for(millis(999));
    assert!(done.borrow().is_none());
    simulation.run_for(millis(1));
    assert!(matches!(*done.borrow(), Some(Ok(()))));
}

#[test]
fn a_cancelled_defer_later_leaves_no_timer() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let deferred = reactor.defer_later(SECOND);
    let canceller = deferred.canceller();
    let done = outcome(deferred);
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&done));
    reactor.run().expect("nothing is left to wait for");
    assert_eq!(simulation.elapsed(), Duration::ZERO);
}

#[test]
fn a_timeout_takes_the_reactors_time() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (resolver, deferred) = Deferred::<()>::pending();
    let done = outcome(deferred.add_timeout(SECOND, &reactor));
    simulation.run_for(millis(999));
    assert!(done.borrow().is_none());
    simulation.run_for(millis(1));
    assert!(failed_with::<TimedOut>(&done));
    resolver.callback(());
}

#[test]
fn a_result_in_time_takes_its_timeout_back() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let done = outcome(
        reactor
            .defer_later(millis(1))
            .add_timeout(60 * SECOND, &reactor),
    );
    reactor.run().expect("nothing is left to wait for");
    assert!(matches!(*done.borrow(), Some(Ok(()))));
    assert_eq!(simulation.elapsed(), millis(1));
}
