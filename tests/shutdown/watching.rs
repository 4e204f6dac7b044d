//! Signals that a program watches, in the simulation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use reactor::lifecycle::Signal;
use reactor::testing::Simulation;

use crate::after;
use crate::support::{Log, SECOND};

#[test]
fn each_watch_of_a_signal_is_called_in_its_order_until_it_is_cancelled() {
    let simulation = Simulation::new();
    let (reactor, log) = (simulation.reactor(), Log::default());
    let watch = |signal, word: &'static str| {
        let log = log.clone();
        let call = move || log.note(word);
        reactor.on_signal(signal, call).expect("it is taken")
    };
    assert!(!simulation.signal(Signal::Hup), "nothing is set");
    let first = watch(Signal::Hup, "first");
    let second = watch(Signal::Hup, "second");
    watch(Signal::Winch, "another");
    assert!(simulation.signal(Signal::Hup));
    assert!(simulation.signal(Signal::Hup), "it waits, and is one");
    simulation.run_until_idle();
    assert_eq!(log.take(), ["first", "second"]);
    assert!(first.cancel());
    assert!(!first.cancel());
    assert!(simulation.signal(Signal::Hup));
    assert!(simulation.signal(Signal::Winch));
    simulation.run_until_idle();
    assert_eq!(log.take(), ["second", "another"]);
    assert!(second.cancel());
    assert!(!simulation.signal(Signal::Hup));
    assert!(simulation.signal(Signal::Winch));
    assert!(!simulation.signal(Signal::Usr1));
}

#[test]
fn a_watch_does_not_keep_the_loop_running_and_outlives_a_run() {
    let simulation = Simulation::new();
    let (reactor, count) = (simulation.reactor(), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&count);
    let _ = reactor.on_signal(Signal::Usr1, move || counted.set(counted.get() + 1));
    reactor.run().expect("nothing is left to wait for");
    assert!(simulation.signal(Signal::Usr1), "it is taken between runs");
    for at in [1, 2] {
        let network = simulation.clone();
        after(&simulation, at * SECOND, move |_| {
            assert!(network.signal(Signal::Usr1));
        });
    }
    after(&simulation, 3 * SECOND, |_| ());
    reactor.run().expect("the loop runs");
    assert_eq!(count.get(), 3);
    assert_eq!(simulation.elapsed(), 3 * SECOND, "none of them stops it");
}

#[test]
fn a_watch_may_cancel_itself_and_others_and_set_new_ones() {
    let simulation = Simulation::new();
    let (reactor, log) = (simulation.reactor(), Log::default());
    let watches = Rc::new(RefCell::new(Vec::new()));
    let (weak, all, word) = (reactor.downgrade(), Rc::clone(&watches), log.clone());
    let once = move || {
        word.note("once");
        let all = all.take();
        assert_eq!(all.len(), 2);
        assert!(
            all.iter()
                .all(|watch: &reactor::SignalWatch| watch.cancel())
        );
        let (reactor, late) = (weak.upgrade().expect("it runs this"), word.clone());
        let _ = reactor.on_signal(Signal::Hup, move || late.note("late"));
    };
    let set = reactor.on_signal(Signal::Hup, once).expect("it is taken");
    watches.borrow_mut().push(set);
    let never = log.clone();
    let set = reactor.on_signal(Signal::Hup, move || never.note("never"));
    watches.borrow_mut().push(set.expect("it is taken"));
    for expected in [["once"], ["late"]] {
        assert!(simulation.signal(Signal::Hup));
        simulation.run_until_idle();
        assert_eq!(log.take(), expected);
    }
}

#[test]
fn a_watch_that_panics_is_called_again() {
    let simulation = Simulation::new();
    let (reactor, count) = (simulation.reactor(), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&count);
    let panics = move || {
        counted.set(counted.get() + 1);
        assert!(counted.get() > 1, "the first one fails");
    };
    let watch = reactor
        .on_signal(Signal::Usr2, panics)
        .expect("it is taken");
    for _ in 0..2 {
        assert!(simulation.signal(Signal::Usr2));
        simulation.run_until_idle();
    }
    assert_eq!(count.get(), 2);
    drop((simulation, reactor));
    assert!(!watch.cancel(), "the loop is gone");
}
