//! A loop on the operating system, turned by hand.

use std::time::Duration;

use reactor::Reactor;

/// A loop that leaves signals alone, because other tests run in this process.
pub fn reactor() -> Reactor {
    let reactor = Reactor::new().expect("a loop");
    reactor.handle_signals(false);
    reactor
}

/// Turns the loop until the condition is met.
#[track_caller]
pub fn turn_until(reactor: &Reactor, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        let turn = reactor.turn(Some(Duration::from_secs(30)));
        turn.expect("a turn");
    }
    panic!("it is not met after 1000 turns");
}
