//! The loop: who runs when, what a timer promises, what other threads may do.

mod dropping;
mod observers;
mod remote;
#[path = "../support/mod.rs"]
mod support;
mod timers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::observe::{Cause, Event, Observer};
use reactor::testing::Simulation;
use reactor::{Protocol, Reactor, RunError, Transport};

use support::{Log, SECOND};

/// A closure that notes a word.
fn note(log: &Log, word: &'static str) -> impl FnOnce() + use<> {
    let log = log.clone();
    move || log.note(word)
}

#[test]
fn run_returns_when_the_last_queued_call_was_made() {
    // The simulated loop first: it fails where the real one would sleep for ever.
    for reactor in [Simulation::new().reactor(), Reactor::new().expect("a loop")] {
        let log = Log::default();
        reactor.call_soon(note(&log, "called"));
        reactor.run().expect("the loop runs");
        assert_eq!(log.entries(), ["called"]);
    }
}

#[test]
fn run_returns_at_once_when_there_is_nothing_to_wait_for() {
    for reactor in [Reactor::new().expect("a loop"), Simulation::new().reactor()] {
        reactor.run().expect("the loop runs");
        reactor.turn(None).expect("a turn");
    }
}

#[test]
fn a_turn_without_patience_returns_at_once() {
    let simulation = Simulation::new();
    let _timer = simulation.reactor().call_later(SECOND, || ());
    simulation
        .reactor()
        .turn(Some(Duration::ZERO))
        .expect("a turn");
    assert_eq!(simulation.elapsed(), Duration::ZERO);
    let reactor = Reactor::new().expect("a loop");
    let _timer = reactor.call_later(60 * SECOND, || ());
    let began = Instant::now();
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert!(began.elapsed() < SECOND);
}

#[test]
fn calls_that_are_queued_are_made_in_their_order_and_what_they_queue_in_the_next_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (weak, inner) = (reactor.downgrade(), log.clone());
    reactor.call_soon(move || {
        inner.note("first");
        weak.upgrade()
            .expect("it runs this")
            .call_soon(note(&inner, "third"));
    });
    reactor.call_soon(note(&log, "second"));
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(log.entries(), ["first", "second"]);
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(log.entries(), ["first", "second", "third"]);
}

#[test]
fn a_loop_may_run_again() {
    let reactor = Simulation::new().reactor();
    let log = Log::default();
    for _ in 0..3 {
        let stop = reactor.downgrade();
        let _stays = reactor.call_later(1000 * SECOND, || ());
        reactor.add_system_event_trigger(
            Phase::Before,
            SystemEvent::Startup,
            note(&log, "startup"),
        );
        reactor.call_later(SECOND, move || stop.upgrade().expect("it runs this").stop());
        reactor.run().expect("the loop runs");
    }
    assert_eq!(log.count("startup"), 3);
}

#[test]
fn a_loop_does_not_run_inside_itself() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (weak, inner) = (reactor.downgrade(), log.clone());
    reactor.call_soon(move || {
        let reactor = weak.upgrade().expect("it runs this");
        let errors = [reactor.run(), reactor.turn(None)];
        for error in errors {
            assert!(matches!(error, Err(RunError::AlreadyRunning)));
            inner.note("refused");
        }
    });
    simulation.run_for(SECOND);
    assert_eq!(log.count("refused"), 2);
}

#[test]
fn two_loops_on_one_thread_do_not_know_each_other() {
    let (one, other) = (Simulation::new(), Simulation::new());
    let log = Log::default();
    one.reactor().call_later(SECOND, note(&log, "one"));
    other.reactor().call_later(SECOND, note(&log, "other"));
    one.run_for(SECOND);
    assert_eq!(log.entries(), ["one"]);
    other.run_for(SECOND);
    assert_eq!(log.entries(), ["one", "other"]);
}

/// Writes down the kinds of events.
#[derive(Default)]
struct Kinds {
    kinds: RefCell<Vec<String>>,
    depth: Cell<usize>,
}

impl Observer for Kinds {
    fn event(&self, _: Instant, event: &Event<'_>) {
        let kind = match event {
            Event::TurnBegan => "turn".to_owned(),
            Event::Woke { ready } => format!("woke {ready}"),
            Event::TurnEnded => "end".to_owned(),
            Event::CallbackBegan(callback) => {
                assert_eq!(self.depth.replace(1), 0, "callbacks do not nest");
                callback.cause.name().to_owned()
            }
            Event::CallbackEnded {
                callback, panicked, ..
            } => {
                self.depth.set(0);
                assert!(!panicked);
                assert!(callback.cause != Cause::DelayedCall || callback.place.is_some());
                return;
            }
            Event::ConnectionOpened { connection, .. } => format!("opened {connection}"),
            Event::ConnectionLost { connection, .. } => format!("lost {connection}"),
            Event::BytesReceived { bytes, .. } => format!("received {bytes}"),
            Event::BytesSent { waiting, sent, .. } => format!("sent {sent} of {waiting}"),
            Event::TimerSet { .. } => "timer set".to_owned(),
            Event::TimerCancelled { .. } => "timer cancelled".to_owned(),
            other => format!("{other:?}"),
        };
        self.kinds.borrow_mut().push(kind);
    }
}

#[test]
fn calls_through_handles_come_in_their_order_after_the_callback_and_in_its_turn() {
    struct Caller(Log);
    impl Protocol for Caller {
        fn data_received(&mut self, transport: &Transport, _: &[u8]) {
            for n in 0..3 {
                transport.handle::<Self>().call(move |caller, transport| {
                    caller.0.note(format!("call {n}"));
                    transport
                        .handle::<Self>()
                        .call(move |caller, _| caller.0.note(format!("inner {n}")));
                });
            }
            transport
                .handle::<String>()
                .call(|_, _| panic!("it is no string"));
            self.0.note("data");
        }
    }
    let log = Log::default();
    let conversation = reactor::testing::Conversation::with(Caller(log.clone()));
    let kinds = Rc::new(Kinds::default());
    conversation
        .simulation()
        .reactor()
        .add_observer(Rc::clone(&kinds) as Rc<dyn Observer>);
    conversation.say(b"go");
    let expected = [
        "data", "call 0", "call 1", "call 2", "inner 0", "inner 1", "inner 2",
    ];
    assert_eq!(log.entries(), expected);
    let kinds = kinds.kinds.take();
    let data = kinds
        .iter()
        .position(|kind| kind == "data_received")
        .expect("it was called");
    let turn = kinds[data..].iter().take_while(|kind| *kind != "end");
    assert_eq!(turn.filter(|kind| *kind == "handle call").count(), 6);
}

#[test]
fn a_trigger_of_the_startup_cannot_make_a_turn() {
    let simulation = Simulation::new();
    let (reactor, log) = (simulation.reactor(), Log::default());
    reactor.call_soon(note(&log, "called"));
    let (weak, noted) = (reactor.downgrade(), log.clone());
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, move || {
        let reactor = weak.upgrade().expect("the loop");
        let turn = reactor.turn(Some(Duration::ZERO));
        assert!(matches!(turn, Err(RunError::AlreadyRunning)));
        noted.note("started");
    });
    reactor.run().expect("the loop runs");
    assert_eq!(log.entries(), ["started", "called"]);
}
