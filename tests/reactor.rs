//! The loop: who runs when, what a timer promises, what other threads may do.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reactor::testing::Simulation;
use reactor::{
    Cause, DelayedCall, DelayedCallError, Event, Observer, Phase, Protocol, Reactor, RunError,
    SystemEvent, Transport, WeakReactor,
};
use support::{Alive, Log, SECOND, listener, millis, shared};

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
        victim.cancel().expect("it is still to be made");
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
    call.cancel().expect("it is pending");
    assert_eq!(call.cancel(), Err(DelayedCallError::AlreadyCancelled));
    assert_eq!(call.reset(SECOND), Err(DelayedCallError::AlreadyCancelled));
    assert!(!call.is_active());

    let own: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let inside = Rc::clone(&own);
    let checked = shared(false);
    let flag = Rc::clone(&checked);
    let call = reactor.call_later(SECOND, move || {
        let own = inside.take().expect("it was set");
        assert!(!own.is_active());
        assert_eq!(own.cancel(), Err(DelayedCallError::AlreadyCalled));
        flag.set(true);
    });
    own.replace(Some(call));
    simulation.run_for(SECOND);
    assert!(checked.get());
    let call = reactor.call_later(SECOND, || ());
    drop((reactor, simulation));
    assert_eq!(
        call.delay(SECOND),
        Err(DelayedCallError::AlreadyCalled),
        "its loop is gone"
    );
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
    reset.reset(10 * SECOND).expect("it is pending");
    delayed.delay(10 * SECOND).expect("it is pending");
    sooner.reset(millis(500)).expect("it is pending");
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
    reactor.call_when_running(move || {
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

#[test]
fn calls_from_four_threads_are_all_made_each_threads_in_their_order() {
    const CALLS: usize = 25_000;
    let reactor = Reactor::new().expect("a loop");
    let seen: Arc<Mutex<[usize; 4]>> = Arc::default();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (remote, seen) = (reactor.remote(), Arc::clone(&seen));
            std::thread::spawn(move || {
                for n in 0..CALLS {
                    let seen = Arc::clone(&seen);
                    let call = move |_: &Reactor| {
                        let mut seen = seen.lock().expect("nothing panics");
                        assert_eq!(seen[thread], n);
                        seen[thread] += 1;
                    };
                    remote.call_from_thread(call).expect("the loop is there");
                }
            })
        })
        .collect();
    // Returns when the last handle is dropped and the last call made.
    reactor.run().expect("the loop runs");
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("the thread ends"));
    assert_eq!(*seen.lock().expect("nothing panics"), [CALLS; 4]);
}

#[test]
fn a_call_from_a_thread_may_make_another_which_waits_for_its_turn() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let remote = reactor.remote();
    let count = Arc::new(AtomicUsize::new(0));
    // Before the loop runs, too.
    let for_call = Arc::clone(&count);
    let called = remote.call_from_thread(move |reactor| {
        for_call.fetch_add(1, Ordering::SeqCst);
        let again = Arc::clone(&for_call);
        let called = reactor.remote().call_from_thread(move |_| {
            again.fetch_add(1, Ordering::SeqCst);
        });
        called.expect("the loop is there");
    });
    called.expect("the loop is there");
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_loop_that_is_gone_gives_the_call_back() {
    let reactor = Reactor::new().expect("a loop");
    let remote = reactor.remote();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    remote
        .call_from_thread(move |_| drop(held))
        .expect("the loop is there");
    drop(reactor);
    assert_eq!(
        Arc::strong_count(&alive),
        1,
        "calls that were not made are dropped with the loop"
    );
    let error = remote
        .clone()
        .call_from_thread(|_| ())
        .expect_err("the loop is gone");
    assert_eq!(error.to_string(), "the reactor is gone");
}

#[test]
fn a_sleeping_loop_is_woken_by_a_call_of_another_thread() {
    let reactor = Reactor::new().expect("a loop");
    // Kept here: dropping the last one wakes the loop, too.
    let remote = reactor.remote();
    let for_thread = remote.clone();
    let thread = std::thread::spawn(move || {
        std::thread::yield_now();
        let called = for_thread.call_from_thread(Reactor::stop);
        called.map_err(|_| ()).expect("the loop is there");
    });
    let began = Instant::now();
    let weak = reactor.downgrade();
    reactor.call_later(10 * SECOND, move || {
        weak.upgrade().expect("it runs this").stop();
    });
    reactor.run().expect("the loop runs");
    assert!(began.elapsed() < 5 * SECOND);
    thread.join().expect("the thread ends");
    drop(remote);
}

/// Keeps the loop alive from within: through a timer, a queued call, a protocol, a handle's call.
struct Holder {
    reactor: WeakReactor,
    _alive: Alive,
}

impl Protocol for Holder {
    fn connection_made(&mut self, transport: &Transport) {
        let (alive, kept) = (self._alive.clone(), transport.clone());
        // A call that is never made, for the loop is dropped first.
        let reactor = self.reactor.upgrade().expect("it runs this");
        reactor.call_later(SECOND, move || drop((alive, kept)));
    }

    fn data_received(&mut self, transport: &Transport, _: &[u8]) {
        let (alive, kept) = (self._alive.clone(), transport.clone());
        transport
            .handle::<Self>()
            .call(move |_, _| drop((alive, kept)));
    }
}

#[test]
fn a_loop_that_is_dropped_in_the_middle_of_everything_drops_all_it_has() {
    for micros in 0..250 {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let alive = Alive::default();
        let (weak, for_factory) = (reactor.downgrade(), alive.clone());
        let factory = move |_| Holder {
            reactor: weak.clone(),
            _alive: for_factory.clone(),
        };
        reactor
            .listen_tcp("10.0.0.1:7", factory.clone())
            .expect("the port is free");
        let _ = reactor.connect_tcp("10.0.0.1", 7, factory.clone());
        let _ = reactor.connect_tcp("10.0.0.2", 7, factory);
        let peer = simulation.connect("10.0.0.1:7");
        peer.write(b"hello");
        simulation.run_for(Duration::from_micros(micros));
        let held = alive.clone();
        reactor.call_soon(move || drop(held));
        let held = alive.clone();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, || drop(held));
        // Asked from outside of the loop, and never answered.
        let (join, held) = (
            simulation.join(listener(&Log::default()), listener(&Log::default())),
            alive.clone(),
        );
        join.0.handle::<Holder>().call(move |_, _| drop(held));
        let kept = join.0.clone();
        join.1.handle::<Holder>().call(move |_, _| drop(kept));
        let weak = reactor.downgrade();
        drop((join, peer, simulation, reactor));
        assert!(weak.upgrade().is_none(), "{micros}");
        assert_eq!(alive.others(), 0, "{micros}");
    }
}

#[test]
fn a_kept_transport_of_a_loop_that_is_gone_does_nothing() {
    let simulation = Simulation::new();
    let (transport, _) = simulation.join(listener(&Log::default()), listener(&Log::default()));
    let handle = transport.handle::<Holder>();
    drop(simulation);
    transport.write(b"to nobody");
    transport.lose_connection();
    transport.abort_connection();
    transport.set_timeout(Some(SECOND));
    transport.pause_reading();
    transport.resume_reading();
    let (alive, kept) = (Alive::default(), transport.clone());
    let held = alive.clone();
    handle.call(move |_, _| drop((held, kept)));
    assert_eq!(
        alive.others(),
        0,
        "there is no loop that could make this call"
    );
    assert!(!transport.write(b"still nobody") && transport.is_lost());
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
fn an_observer_sees_each_turn_and_who_was_called_in_it() {
    struct Echo;
    impl Protocol for Echo {
        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            transport.write(data);
            transport.write(b"!");
        }
    }
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor
        .listen_tcp("10.0.0.1:7", |_| Echo)
        .expect("the port is free");
    let kinds = Rc::new(Kinds::default());
    let observer: Rc<dyn Observer> = Rc::clone(&kinds) as _;
    reactor.add_observer(Rc::clone(&observer));
    let peer = simulation.connect("10.0.0.1:7");
    reactor.turn(Some(SECOND)).expect("a turn");
    let expected = [
        "turn",
        "woke 1",
        "build_protocol",
        "opened #2",
        "connection_made",
        "end",
    ];
    assert_eq!(kinds.kinds.take(), expected);
    simulation.run_until_idle();
    kinds.kinds.take();
    peer.write(b"hello");
    reactor.turn(Some(SECOND)).expect("a turn");
    let expected = [
        "turn",
        "woke 1",
        "received 5",
        "data_received",
        "sent 6 of 6",
        "end",
    ];
    assert_eq!(
        kinds.kinds.take(),
        expected,
        "two writes of one turn are one for the socket"
    );
    peer.close();
    simulation.run_for(SECOND);
    let seen = kinds.kinds.take();
    let lost = ["read_closed", "lost #2", "connection_lost", "drop"];
    let seen: Vec<_> = seen
        .iter()
        .filter(|kind| lost.contains(&kind.as_str()))
        .collect();
    assert_eq!(seen, lost);
    reactor.remove_observer(&observer);
    simulation.run_for(SECOND);
    assert!(kinds.kinds.take().is_empty());
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
