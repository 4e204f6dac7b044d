//! Delayed calls: their order, and what they promise of time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::testing::Simulation;
use reactor::{DelayedCall, Reactor, WeakReactor};

use crate::note;
use crate::support::{Log, SECOND, millis, shared};

#[test]
fn timers_with_one_deadline_are_first_in_first_out() {
    let simulation = Simulation::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let deadline = simulation.reactor().now() + SECOND;
    for n in 0..20 {
        let order = Rc::clone(&order);
        simulation
            .reactor()
            .call_at(deadline, move || order.borrow_mut().push(n));
    }
    simulation.run_for(SECOND);
    assert_eq!(*order.borrow(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_timer_set_by_a_timer_waits_for_the_next_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (weak, inner) = (reactor.downgrade(), log.clone());
    reactor.call_later(SECOND, move || {
        inner.note("a");
        weak.upgrade()
            .expect("it runs this")
            .call_later(Duration::ZERO, note(&inner, "a'"));
    });
    reactor.call_later(SECOND, note(&log, "b"));
    reactor.turn(Some(SECOND)).expect("a turn");
    assert_eq!(log.entries(), ["a", "b"]);
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(log.entries(), ["a", "b", "a'"]);
    assert_eq!(simulation.elapsed(), SECOND);
}

#[test]
fn a_call_that_panics_leaves_the_others_alone() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    for n in 0..3 {
        reactor.call_later(SECOND, move || assert!(n != 1, "the second"));
        reactor.call_later(SECOND, note(&log, "timer"));
        reactor.call_soon(move || assert!(n != 1, "the second"));
        reactor.call_soon(note(&log, "queued"));
        let remote = reactor.remote();
        remote
            .call_from_thread(move |_| assert!(n != 1, "the second"))
            .expect("the loop is there");
    }
    simulation.run_for(2 * SECOND);
    assert_eq!((log.count("timer"), log.count("queued")), (3, 3));
}

#[test]
fn a_timer_may_cancel_one_that_is_due_with_it() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let victim: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let in_timer = Rc::clone(&victim);
    reactor.call_later(SECOND, move || {
        let victim = in_timer.take().expect("it was set");
        assert!(victim.cancel(), "it is still to be made");
    });
    victim.replace(Some(reactor.call_later(SECOND, note(&log, "victim"))));
    simulation.run_for(2 * SECOND);
    assert_eq!(log.entries(), [""; 0]);
}

#[test]
fn a_call_that_was_made_or_cancelled_says_so() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let call = reactor.call_later(SECOND, || ());
    assert!(call.is_active());
    assert_eq!(call.deadline(), Some(reactor.now() + SECOND));
    assert!(call.cancel(), "it is pending");
    assert!(!call.cancel());
    assert!(!call.reset(SECOND));
    assert!(!call.is_active());

    let own: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let inside = Rc::clone(&own);
    let checked = shared(false);
    let flag = Rc::clone(&checked);
    let call = reactor.call_later(SECOND, move || {
        let own = inside.take().expect("it was set");
        assert!(!own.is_active());
        assert!(!own.cancel());
        flag.set(true);
    });
    own.replace(Some(call));
    simulation.run_for(SECOND);
    assert!(checked.get());
    let call = reactor.call_later(SECOND, || ());
    drop((reactor, simulation));
    assert!(!call.delay(SECOND), "its loop is gone");
}

#[test]
fn a_reset_counts_from_now_and_a_delay_from_the_deadline() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let times = Log::default();
    let timer = |name: &'static str| {
        let (times, clock) = (times.clone(), simulation.clone());
        reactor.call_later(10 * SECOND, move || {
            times.note(format!("{name} {:?}", clock.elapsed()));
        })
    };
    let (reset, delayed, sooner) = (timer("reset"), timer("delayed"), timer("sooner"));
    simulation.run_for(9 * SECOND);
    assert!(reset.reset(10 * SECOND), "it is pending");
    assert!(delayed.delay(10 * SECOND), "it is pending");
    assert!(sooner.reset(millis(500)), "it is pending");
    simulation.run_for(60 * SECOND);
    assert_eq!(times.entries(), ["sooner 9.5s", "reset 19s", "delayed 20s"]);
}

#[test]
fn a_timer_in_the_far_future_is_taken_and_disturbs_nobody() {
    for reactor in [Reactor::new().expect("a loop"), Simulation::new().reactor()] {
        let log = Log::default();
        let far = [
            reactor.call_later(Duration::MAX, note(&log, "never")),
            reactor.call_later(Duration::from_secs(1 << 40), note(&log, "never")),
            reactor.call_later(Duration::from_secs(60 * 60 * 24 * 365), note(&log, "never")),
        ];
        reactor.turn(Some(millis(1))).expect("a turn");
        reactor.call_later(millis(1), note(&log, "soon"));
        while log.entries().is_empty() {
            reactor.turn(None).expect("a turn");
        }
        assert_eq!(log.entries(), ["soon"]);
        assert!(far.iter().all(DelayedCall::is_active));
    }
}

#[test]
fn a_real_timer_is_never_early() {
    let reactor = Reactor::new().expect("a loop");
    for micros in [1, 300, 999, 1000, 1001, 2500, 7777] {
        let delay = Duration::from_micros(micros);
        let (began, rang) = (Instant::now(), shared(None));
        let bell = Rc::clone(&rang);
        reactor.call_later(delay, move || bell.set(Some(began.elapsed())));
        let mut turns = 0;
        while rang.get().is_none() {
            reactor.turn(None).expect("a turn");
            turns += 1;
        }
        assert!(rang.get() >= Some(delay), "{:?} for {delay:?}", rang.get());
        assert!(turns <= 3, "the loop spun {turns} times");
    }
}

#[test]
fn a_call_that_is_set_for_the_past_again_and_again_leaves_their_turn_to_others() {
    fn set(reactor: &WeakReactor, at: Instant, log: &Log) {
        let (weak, log) = (reactor.clone(), log.clone());
        let again = move || {
            log.note("late");
            if log.count("late") < 100 {
                set(&weak, at, &log);
            }
        };
        reactor.upgrade().expect("the loop").call_at(at, again);
    }
    let simulation = Simulation::new();
    simulation.run_for(SECOND);
    let (reactor, log) = (simulation.reactor(), Log::default());
    set(&reactor.downgrade(), reactor.now() - millis(1), &log);
    reactor.call_later(Duration::ZERO, note(&log, "other"));
    simulation.run_for(millis(1));
    assert_eq!(log.entries()[..3], ["late", "other", "late"]);
    assert_eq!(log.count("late"), 100);
}
