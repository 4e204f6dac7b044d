//! Signals in the simulation.

use reactor::testing::Simulation;

use crate::support::{Heard, Log, SECOND, Then, millis};
use crate::{after, serve};

#[test]
fn a_signal_stops_the_loop_in_an_orderly_way() {
    let signals: [fn(&Simulation) -> bool; 2] = [Simulation::interrupt, Simulation::terminate];
    for signal in signals {
        let simulation = Simulation::new();
        assert!(!signal(&simulation), "the loop does not run");
        let log = Log::default();
        serve(&simulation, &log, |heard, transport| {
            if let Heard::ShutdownRequested = heard {
                transport.write(b"Goodbye");
            }
            Then::Default
        });
        let client = simulation.connect("10.0.0.1:7");
        let network = simulation.clone();
        after(&simulation, SECOND, move |_| assert!(signal(&network)));
        let closing = client.clone();
        after(&simulation, 2 * SECOND, move |_| closing.shut_write());
        simulation.reactor().run().expect("the loop runs");
        assert_eq!(client.read(), b"Goodbye");
        assert!(
            log.contains("lost: the connection was closed on this side"),
            "{log:?}"
        );
        assert!(!signal(&simulation), "the loop does not run");
    }
}

#[test]
fn a_second_signal_ends_the_stop_at_once() {
    let simulation = Simulation::new();
    let log = Log::default();
    serve(&simulation, &log, |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    let _client = simulation.connect("10.0.0.1:7");
    for n in 1..=2 {
        let network = simulation.clone();
        after(&simulation, n * SECOND, move |_| {
            assert!(network.terminate());
        });
    }
    simulation.reactor().run().expect("the loop runs");
    assert!(
        simulation.elapsed() < 2 * SECOND + millis(1),
        "{:?}",
        simulation.elapsed()
    );
    assert!(log.contains("lost: the reactor was shut down"), "{log:?}");
}

#[test]
fn a_second_sigint_is_for_the_process_and_not_for_the_loop() {
    let simulation = Simulation::new();
    serve(&simulation, &Log::default(), |heard, _| match heard {
        Heard::ShutdownRequested => Then::Nothing,
        _ => Then::Default,
    });
    let _client = simulation.connect("10.0.0.1:7");
    for (at, is_taken) in [(1, true), (2, false), (3, false)] {
        let network = simulation.clone();
        after(&simulation, at * SECOND, move |_| {
            assert_eq!(network.interrupt(), is_taken);
        });
    }
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 4 * SECOND, "the grace");
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(network.interrupt()));
    simulation.reactor().run().expect("the loop runs again");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}

#[test]
fn a_signal_that_is_ignored_does_not_stop_the_loop() {
    let simulation = Simulation::new();
    simulation.ignore_interrupt();
    let network = simulation.clone();
    after(&simulation, SECOND, move |reactor| {
        assert!(!network.interrupt());
        assert!(!reactor.is_stopping());
    });
    let network = simulation.clone();
    after(&simulation, 2 * SECOND, move |_| {
        assert!(network.terminate(), "only the other one is ignored");
    });
    after(&simulation, 5 * SECOND, |_| ());
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 2 * SECOND);
    simulation.ignore_terminate();
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(!network.terminate()));
    simulation.reactor().run().expect("the loop runs again");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}

#[test]
fn signals_can_be_left_to_the_caller() {
    let simulation = Simulation::new();
    simulation.reactor().handle_signals(false);
    let network = simulation.clone();
    after(&simulation, SECOND, move |_| assert!(!network.interrupt()));
    after(&simulation, 5 * SECOND, |_| ());
    simulation.reactor().run().expect("the loop runs");
    assert_eq!(simulation.elapsed(), 5 * SECOND);
}
