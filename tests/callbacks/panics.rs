//! A panic in every callback, and in observers.

use std::cell::Cell;
use std::rc::Rc;

use reactor::observe::{Cause, Event, Observer};
use reactor::testing::Simulation;

use crate::support::SECOND;
use crate::{Act, CAUSES, run};

fn silence_panics_on_purpose() {
    static SILENCE: std::sync::Once = std::sync::Once::new();
    SILENCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"on purpose") {
                usual(info);
            }
        }));
    });
}

#[test]
fn a_panic_in_a_callback_ends_that_connection_and_nothing_else() {
    silence_panics_on_purpose();
    for cause in CAUSES {
        let what = format!("panic in {cause:?}");
        let outcome = run(&what, *cause, Some(Act::Panic));
        assert!(outcome.acted, "{what} was not done");
        let lost = outcome.lost.entries();
        let panicked: Vec<_> = lost
            .iter()
            .filter(|entry| entry.contains("panicked"))
            .collect();
        let expected = match cause {
            // These belong to a connection that can still be ended.
            Cause::ConnectionMade
            | Cause::HandshakeDone
            | Cause::DataReceived
            | Cause::ReadClosed
            | Cause::WritingPaused
            | Cause::WritingResumed
            | Cause::ReadingResumed
            | Cause::TimedOut
            | Cause::ShutdownRequested
            | Cause::Layer
            | Cause::HandleCall => 1,
            _ => 0,
        };
        assert_eq!(panicked.len(), expected, "{what}: {lost:?}");
        for entry in panicked {
            let text = format!("the callback {} panicked: on purpose", cause.name());
            assert!(entry.ends_with(&text), "{what}: {entry}");
        }
        // The factory's panic refuses the first connection, which the other then is.
        let connections = if *cause == Cause::BuildProtocol { 2 } else { 3 };
        assert_eq!(lost.len(), connections, "{what}: {lost:?}");
        let other = lost
            .iter()
            .filter(|e| e.contains("closed on this side"))
            .count();
        assert!(
            other >= 2 || *cause == Cause::ShutdownRequested,
            "{what}: {lost:?}"
        );
    }
}

#[test]
fn an_observer_that_panics_is_detached_and_disturbs_nobody() {
    silence_panics_on_purpose();
    struct Panicky(Cell<usize>);
    impl Observer for Panicky {
        fn event(&self, _: std::time::Instant, _: &Event<'_>) {
            self.0.set(self.0.get() + 1);
            panic!("on purpose");
        }
    }
    let simulation = Simulation::new();
    let observer = Rc::new(Panicky(Cell::new(0)));
    simulation
        .reactor()
        .add_observer(Rc::clone(&observer) as Rc<dyn Observer>);
    let called = Rc::new(Cell::new(false));
    let flag = Rc::clone(&called);
    simulation.reactor().call_soon(move || flag.set(true));
    simulation.run_for(SECOND);
    assert!(called.get());
    assert_eq!(observer.0.get(), 1);
}
