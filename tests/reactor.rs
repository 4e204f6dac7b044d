//! The loop: who runs when, what a stop does, what other threads may do.

mod support;

use reactor::Reactor;
use support::Log;

#[test]
fn run_returns_when_the_last_queued_call_was_made() {
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
    let note = log.clone();
    reactor.call_soon(move || note.note("called"));
    reactor.run().expect("the loop runs");
    assert_eq!(log.entries(), ["called"]);
}
