//! Values from threads, for one function on the loop's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use reactor::observe::{Cause, Event, Observer};
use reactor::testing::Simulation;
use reactor::threads::{SendError, Sender};
use reactor::{Reactor, ThreadLimits};

use crate::support::{Alive, Log, SECOND};

/// A mailbox whose function notes what it is called with.
fn noted(reactor: &Reactor, log: &Log) -> Sender<u32> {
    let log = log.clone();
    reactor.mailbox(move |value: u32| log.note(value))
}

fn turn(reactor: &Reactor) {
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
}

#[test]
fn a_mailbox_hands_each_value_of_each_thread_to_its_function_in_order() {
    let reactor = Reactor::new().expect("a loop");
    let here = thread::current().id();
    let last: Rc<RefCell<[u32; 4]>> = Rc::default();
    let (of_each, count) = (Rc::clone(&last), Rc::new(Cell::new(0)));
    let counts = Rc::clone(&count);
    let numbers = reactor.mailbox(move |(thread, number): (usize, u32)| {
        assert_eq!(thread::current().id(), here);
        assert_eq!(of_each.borrow()[thread] + 1, number);
        of_each.borrow_mut()[thread] = number;
        counts.set(counts.get() + 1);
    });
    let remote = reactor.remote(); // the loop waits for the threads
    let threads = [0, 1, 2, 3].map(|n| {
        let (numbers, remote) = (numbers.clone(), remote.clone());
        thread::spawn(move || {
            for number in 1..=10_000 {
                numbers.send((n, number)).expect("there is room");
            }
            drop(remote);
        })
    });
    drop((numbers, remote));
    reactor.run().expect("the loop runs");
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
    assert_eq!(count.get(), 40_000);
}

#[test]
fn a_mailbox_is_never_called_from_inside_the_send() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let numbers = noted(&reactor, &log);
    numbers.send(1).expect("there is room");
    assert!(log.entries().is_empty());
    turn(&reactor);
    assert_eq!(log.entries(), ["1"]);
}

#[test]
fn a_full_mailbox_gives_the_value_back_and_takes_it_later() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let note = log.clone();
    let names = reactor.mailbox_with_capacity(2, move |name: String| note.note(name));
    for name in ["a", "b"] {
        names.send(name.to_owned()).expect("there is room");
    }
    let error = names.send("c".to_owned()).expect_err("it is full");
    assert!(error.is_full());
    assert_eq!(error.to_string(), "as much waits already as may");
    turn(&reactor);
    names.send(error.into_inner()).expect("there is room again");
    turn(&reactor);
    assert_eq!(log.entries(), ["a", "b", "c"]);
}

#[test]
fn a_mailbox_takes_as_much_as_calls_of_threads_may_wait() {
    let reactor = Simulation::new().reactor();
    reactor.set_thread_limits(ThreadLimits::new().waiting_calls(3));
    let numbers = noted(&reactor, &Log::default());
    assert!((0..3).all(|n| numbers.send(n).is_ok()));
    assert!(matches!(numbers.send(3), Err(SendError::Full(3))));
}

#[test]
fn a_mailbox_does_not_keep_the_loop_running_and_what_is_in_it_is_delivered() {
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
    let numbers = noted(&reactor, &log);
    numbers.send(1).expect("there is room");
    reactor.run().expect("it returns");
    assert_eq!(log.entries(), ["1"]);
    // And what is sent while no loop runs, when it runs next.
    numbers.send(2).expect("there is room");
    reactor.run().expect("it returns");
    assert_eq!(log.entries(), ["1", "2"]);
}

#[test]
fn the_function_of_a_mailbox_is_dropped_when_the_last_sender_is_and_all_is_delivered() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (log, alive) = (Log::default(), Alive::default());
    let (note, counted) = (log.clone(), alive.clone());
    let numbers = reactor.mailbox(move |value: u32| {
        note.note(format!("{value} with {}", counted.others()));
    });
    let other = numbers.clone();
    drop(numbers);
    turn(&reactor);
    assert_eq!(alive.others(), 1);
    thread::spawn(move || other.send(5).expect("there is room"))
        .join()
        .expect("it ends");
    reactor.run().expect("nothing is left to wait for");
    assert_eq!(log.entries(), ["5 with 1"]);
    assert_eq!(alive.others(), 0);
    // Also when nothing is there to be delivered.
    let counted = alive.clone();
    let numbers = reactor.mailbox(move |_: u32| _ = counted.others());
    turn(&reactor);
    assert_eq!(alive.others(), 1);
    drop(numbers);
    turn(&reactor);
    assert_eq!(alive.others(), 0);
}

#[test]
fn a_mailbox_whose_function_has_panicked_takes_nothing_more() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let note = log.clone();
    let values = reactor.mailbox(move |(value, _held): (u32, Arc<()>)| {
        assert_ne!(value, 2, "a mistake");
        note.note(value);
    });
    let held = Arc::new(());
    for value in 1..=3 {
        values.send((value, Arc::clone(&held))).expect("open");
    }
    turn(&reactor);
    assert_eq!(log.entries(), ["1"]);
    assert!(values.is_closed());
    assert_eq!(Arc::strong_count(&held), 1, "what waited is dropped");
    let error = values.send((4, held)).expect_err("it is closed");
    assert!(matches!(error, SendError::Closed((4, _))));
    // The loop goes on.
    simulation.run_for(SECOND);
}

#[test]
fn a_mailbox_of_a_loop_that_is_gone_is_closed_and_its_values_are_dropped() {
    let reactor = Simulation::new().reactor();
    let (alive, held) = (Alive::default(), Arc::new(()));
    let counted = alive.clone();
    let values = reactor.mailbox(move |_: Arc<()>| _ = counted.others());
    values.send(Arc::clone(&held)).expect("there is room");
    drop(reactor);
    assert_eq!((alive.others(), Arc::strong_count(&held)), (0, 1));
    assert!(matches!(values.send(held), Err(SendError::Closed(_))));
}

#[test]
fn a_stop_delivers_while_it_lasts_and_waits_for_no_mailbox() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let numbers = noted(&reactor, &log);
    let (to_send, note) = (numbers.clone(), log.clone());
    let sends = reactor.clone();
    reactor.call_soon(move || {
        to_send.send(1).expect("there is room");
        sends.stop();
    });
    reactor.run().expect("it stops");
    note.note("stopped");
    numbers.send(2).expect("it is open still");
    reactor.run().expect("it runs again");
    assert_eq!(log.entries(), ["1", "stopped", "2"]);
}

#[test]
fn a_mailbox_may_be_opened_and_sent_to_by_the_function_of_another() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (weak, note) = (reactor.downgrade(), log.clone());
    let first = reactor.mailbox(move |value: u32| {
        let Some(reactor) = weak.upgrade() else {
            return;
        };
        noted(&reactor, &note).send(value + 1).expect("open");
    });
    first.send(1).expect("open");
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["2"]);
}

#[test]
fn a_full_mailbox_lets_others_come_first_again_and_again() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (much, little) = (noted(&reactor, &log), noted(&reactor, &log));
    for _ in 0..50_000 {
        much.send(0).expect("there is room");
    }
    little.send(1).expect("there is room");
    let note = log.clone();
    reactor.call_later(Duration::ZERO, move || note.note("timer"));
    turn(&reactor);
    let seen = log.take();
    let at = |what: &str| seen.iter().position(|entry| entry == what);
    assert!(at("1").is_some_and(|at| at <= 128), "{:?}", at("1"));
    assert!(at("timer").is_some(), "the turn has ended");
    simulation.run_until_idle();
    assert_eq!(seen.len() + log.entries().len(), 50_002);
}

/// Counts calls by mailboxes, and turns.
#[derive(Default)]
struct Counted {
    calls: AtomicUsize,
    turns: AtomicUsize,
}

impl Observer for Counted {
    fn event(&self, _: std::time::Instant, event: &Event<'_>) {
        match event {
            Event::TurnBegan => _ = self.turns.fetch_add(1, Ordering::SeqCst),
            Event::CallbackBegan(callback) if callback.cause == Cause::CallFromThread => {
                self.calls.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

#[test]
fn observers_see_each_call_and_many_values_take_one_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let counted = Rc::new(Counted::default());
    reactor.add_observer(counted.clone());
    let numbers = reactor.mailbox(|_: u32| ());
    for n in 0..100 {
        numbers.send(n).expect("there is room");
    }
    turn(&reactor);
    assert_eq!(counted.calls.load(Ordering::SeqCst), 100);
    assert_eq!(counted.turns.load(Ordering::SeqCst), 1);
}
