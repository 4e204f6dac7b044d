//! The simulated network is a network: what a socket can notice of one happens here, and the same
//! seed gives the same run.

mod support;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use reactor::observe::{Event, Observer};
use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Limits, Reason, RunError, Transport};
use support::{Client, Echo, Heard, Log, Probe, SECOND, Then, listener, millis, pattern, shared};

/// Writes down every event with its time.
struct Trace {
    began: Instant,
    lines: RefCell<Vec<String>>,
}

impl Observer for Trace {
    fn event(&self, now: Instant, event: &Event<'_>) {
        let line = format!("{:?} {event:?}", now - self.began);
        self.lines.borrow_mut().push(line);
    }
}

/// Some hundred connections of both kinds; returns everything that an observer sees of them.
fn traced_run(seed: u64) -> Vec<String> {
    let simulation = Simulation::chaotic(seed);
    let reactor = simulation.reactor();
    let trace = Rc::new(Trace {
        began: reactor.now(),
        lines: RefCell::default(),
    });
    reactor.add_observer(Rc::clone(&trace) as Rc<dyn Observer>);
    let _ = reactor
        .listen_tcp("10.0.0.1:7", |_| Echo)
        .expect("the port is free");
    let peers: Vec<_> = (0..20).map(|_| simulation.connect("10.0.0.1:7")).collect();
    for peer in &peers {
        peer.write(&pattern(10_000));
    }
    for _ in 0..20 {
        let greet = |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                transport.write(&pattern(5000));
            }
            Then::Default
        };
        reactor.connect_tcp("10.0.0.1", 7, Client::new(&Log::default(), greet));
    }
    simulation.run_for(SECOND);
    peers.iter().for_each(|peer| peer.close());
    simulation.run_for(SECOND);
    trace.lines.take()
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let first = traced_run(1);
    assert!(first.len() > 2000, "{}", first.len());
    assert_eq!(first, traced_run(1));
    assert_ne!(first, traced_run(2));
}

#[test]
fn bytes_arrive_whole_and_in_order_however_they_were_split() {
    for seed in 0..50 {
        let simulation = Simulation::chaotic(seed);
        let echo = Conversation::begin(&simulation, Echo, Limits::default());
        echo.say(&pattern(50_000));
        assert_eq!(echo.hear(), pattern(50_000), "seed {seed}");
    }
}

#[test]
fn a_peer_that_does_not_read_lets_the_buffers_fill_up() {
    let talker = Conversation::with(listener(&Log::default()));
    talker.peer().pause_reading();
    talker.peer().set_window(1000);
    talker.ask(|_, transport| transport.write(&pattern(200_000)));
    // 64 KiB of this side's buffer took what they could; the 1000 bytes that went on to the peer's
    // window are not room enough to tell of.
    assert_eq!(talker.transport().unsent(), 200_000 - (64 << 10));
    assert_eq!(talker.peer().read_at_most(400).len(), 400);
    talker.simulation().run_until_idle();
    assert_eq!(talker.hear().len(), 1000);
    talker.peer().resume_reading();
    talker.simulation().run_until_idle();
    assert_eq!(talker.hear(), pattern(200_000)[1400..]);
}

#[test]
fn closing_with_unread_bytes_resets_the_connection_as_the_kernel_does() {
    let log = Log::default();
    let talker = Conversation::with(listener(&log));
    talker.peer().pause_reading();
    talker.ask(|_, transport| transport.write(b"unread"));
    talker.close();
    assert!(matches!(talker.reason(), Some(Reason::Reset)));
    let talker = Conversation::with(listener(&log));
    talker.ask(|_, transport| transport.write(b"read"));
    talker.close();
    assert!(matches!(talker.reason(), Some(Reason::PeerClosed)));
}

#[test]
fn writing_to_a_peer_that_is_gone_resets_the_connection() {
    let log = Log::default();
    let stays = |heard: &Heard<'_>, _: &Transport| match heard {
        Heard::ReadClosed => Then::Nothing,
        _ => Then::Default,
    };
    let talker = Conversation::with(Probe::new(&log, stays));
    talker.close();
    assert!(talker.reason().is_none());
    talker.ask(|_, transport| transport.write(b"to nobody"));
    assert!(matches!(talker.reason(), Some(Reason::Reset)));
}

#[test]
fn a_cut_cable_is_silence() {
    let talker = Conversation::with(listener(&Log::default()));
    talker.peer().vanish();
    talker.ask(|_, transport| transport.write(b"hello?"));
    talker.close();
    talker.run_for(1000 * SECOND);
    assert!(talker.reason().is_none());
}

#[test]
fn a_simulated_connection_to_a_closed_port_is_refused() {
    let simulation = Simulation::new();
    let peer = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert_eq!(peer.error(), Some(io::ErrorKind::ConnectionRefused));
    let port = simulation.listen("10.0.0.1:7");
    let peer = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert!(peer.is_connected());
    simulation.refuse("10.0.0.1:7");
    let refused = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert!(refused.error().is_some() && peer.is_connected());
    drop(port);
    simulation.run_until_idle();
    assert_eq!(
        peer.error(),
        Some(io::ErrorKind::ConnectionReset),
        "it was not accepted"
    );
}

#[test]
fn a_run_that_would_sleep_for_ever_fails_instead() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let _ = reactor
        .listen_tcp("10.0.0.1:7", |_| Echo)
        .expect("the port is free");
    let error = reactor.run().expect_err("nothing will happen");
    assert!(matches!(error, RunError::Driver(_)), "{error}");
    assert!(
        error.to_string().contains("nothing will ever happen"),
        "{error}"
    );
}

#[test]
fn a_run_waits_in_real_time_for_a_thread_that_may_wake_it() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let remote = reactor.remote();
    let called = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&called);
    let thread = std::thread::spawn(move || {
        remote.call_from_thread(move |_| flag.store(true, std::sync::atomic::Ordering::SeqCst))
    });
    reactor
        .run()
        .expect("the loop runs until the thread is done");
    assert!(thread.join().expect("the thread ends").is_ok());
    assert!(called.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(simulation.elapsed(), Duration::ZERO);
}

#[test]
fn each_timer_sees_its_own_deadline_however_far_the_clock_is_moved() {
    let simulation = Simulation::new();
    let log = Log::default();
    for seconds in [3, 1, 2, 1] {
        let (log, clock) = (log.clone(), simulation.clone());
        simulation.reactor().call_later(seconds * SECOND, move || {
            log.note(format!("{seconds} at {:?}", clock.elapsed()));
        });
    }
    simulation.run_for(10 * SECOND);
    assert_eq!(log.entries(), ["1 at 1s", "1 at 1s", "2 at 2s", "3 at 3s"]);
    assert_eq!(simulation.elapsed(), 10 * SECOND);
}

#[test]
fn a_loop_that_always_has_something_to_do_does_not_stop_the_clock() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    fn again(reactor: &reactor::WeakReactor) {
        let weak = reactor.clone();
        if let Some(reactor) = reactor.upgrade() {
            reactor.call_soon(move || again(&weak));
        }
    }
    again(&reactor.downgrade());
    let rang = shared(false);
    let bell = Rc::clone(&rang);
    reactor.call_later(millis(1), move || bell.set(true));
    simulation.run_for(millis(2));
    assert!(rang.get());
}

#[test]
fn descriptors_run_out_and_come_back() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    simulation.limit_descriptors(3);
    let _ = reactor
        .listen_tcp("10.0.0.1:7", |_| Echo)
        .expect("the port is free");
    let mut peers: Vec<_> = (0..4).map(|_| simulation.connect("10.0.0.1:7")).collect();
    for peer in &peers {
        peer.write(b"me");
    }
    simulation.run_for(SECOND);
    assert_eq!(simulation.descriptors(), 3);
    let served = |peers: &[reactor::testing::Peer]| {
        peers.iter().filter(|peer| !peer.read().is_empty()).count()
    };
    assert_eq!(served(&peers), 2);
    peers.drain(..2);
    simulation.run_for(SECOND);
    assert_eq!(served(&peers), 2);
}

#[test]
fn two_protocols_talk_back_to_back() {
    for seed in 0..20 {
        let simulation = Simulation::chaotic(seed);
        let log = Log::default();
        let (echo, talker) = simulation.join(Echo, listener(&log));
        talker.write(&pattern(300));
        simulation.run_until_idle();
        talker.lose_connection();
        simulation.run_for(10 * SECOND);
        assert!(echo.is_lost() && talker.is_lost(), "seed {seed}");
        assert_eq!(log.count("made"), 1, "seed {seed}");
        assert_eq!(
            log.count("lost: the connection was closed on this side"),
            1,
            "seed {seed}"
        );
    }
}

#[test]
fn the_conditions_are_those_that_were_asked_for() {
    let slow = millis(300);
    let conditions = Conditions::calm().latency(slow..=slow).segment(1..=1);
    let simulation = Simulation::with_conditions(conditions, 1);
    let echo = Conversation::begin(&simulation, Echo, Limits::default());
    let began = simulation.elapsed();
    echo.say(b"abc");
    assert_eq!(echo.hear(), b"abc");
    // Three segments there; the last one's answer comes one latency later.
    assert_eq!(simulation.elapsed() - began, 4 * slow);
}

#[test]
fn the_wall_clock_begins_at_the_same_date_goes_with_the_time_and_can_be_set() {
    let seconds = |simulation: &Simulation| {
        let since = simulation.reactor().system_time();
        let since = since.duration_since(SystemTime::UNIX_EPOCH);
        since.expect("a date after 1970").as_secs()
    };
    let simulation = Simulation::new();
    assert_eq!(seconds(&simulation), 946_684_800, "1 January 2000");
    let reactor = simulation.reactor();
    let began = reactor.now();
    simulation.run_for(Duration::from_secs(60));
    assert_eq!(seconds(&simulation), 946_684_860);
    simulation.set_system_time(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
    assert_eq!(seconds(&simulation), 86_400, "also to what is past");
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(seconds(&simulation), 86_401);
    assert_eq!(reactor.now() - began, Duration::from_secs(61));
    simulation.run_for(Duration::from_secs(400_000_000_000));
    assert_eq!(
        seconds(&simulation),
        253_402_300_799,
        "HTTP has no later dates"
    );
}
