//! Flow control in both directions, limits, idle timeouts, and that nobody starves.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{ConnectionId, Event, Factory, Limits, Observer, Protocol, Reason, Transport};
use support::{Client, Heard, Log, Probe, SECOND, Then, listener, millis, pattern, shared};

/// What a socket of a calm network takes before anybody reads.
const SOCKET: usize = 64 << 10;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn a_pause_from_the_beginning_delays_everything_and_loses_nothing() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            transport.pause_reading();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"one ");
    conversation.say(b"two");
    assert_eq!(log.entries(), ["made"]);
    assert!(!conversation.transport().is_reading());
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["made", "readingresumed", "one two"]);
}

#[test]
fn a_pause_inside_data_received_holds_at_once() {
    for seed in 0..30 {
        let simulation = Simulation::chaotic(seed);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let (bytes, reactor) = (Rc::clone(&heard), simulation.reactor().downgrade());
        let protocol = Probe::new(&Log::default(), move |event: &Heard<'_>, t: &Transport| {
            if let Heard::Data(data) = event {
                assert!(t.is_reading());
                bytes.borrow_mut().extend_from_slice(data);
                t.pause_reading();
                let (t, reactor) = (t.clone(), reactor.upgrade().expect("it runs this"));
                reactor.call_later(millis(1), move || t.resume_reading());
            }
            Then::Default
        });
        let conversation = Conversation::begin(&simulation, protocol, Limits::default());
        conversation.peer().write(&pattern(30_000));
        conversation.shut_write();
        conversation.run_for(100 * SECOND);
        assert!(*heard.borrow() == pattern(30_000), "seed {seed}");
        assert!(
            matches!(conversation.reason(), Some(Reason::PeerClosed)),
            "seed {seed}"
        );
    }
}

#[test]
fn what_came_before_the_end_is_delivered_before_it_when_the_pause_is_over() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| transport.pause_reading());
    conversation.peer().write(b"last words");
    conversation.close();
    conversation.run_for(10 * SECOND);
    assert_eq!(
        log.entries(),
        ["made"],
        "the end is behind what was not read"
    );
    conversation.ask(|_, transport| transport.resume_reading());
    let rest = [
        "readingresumed",
        "last words",
        "readclosed",
        "lost: the peer closed the connection",
    ];
    assert_eq!(log.entries()[1..], rest);
}

/// Answers each read at once with more than its peer takes, and reads no more until it is told to.
struct Busy {
    log: Log,
    pauses: fn(&Transport),
}

impl Protocol for Busy {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.note(data.escape_ascii());
        (self.pauses)(transport);
        transport.write(&pattern(100_000));
    }

    fn reading_resumed(&mut self, _: &Transport) {
        self.log.note("goes on");
    }
}

#[test]
fn a_pause_of_ones_own_outlasts_the_one_until_the_peer_has_caught_up() {
    let narrow = Conditions {
        send_buffer: 5000..=5000,
        receive_buffer: 5000..=5000,
        ..Conditions::calm()
    };
    let log = Log::default();
    let busy = Busy {
        log: log.clone(),
        pauses: Transport::pause_reading,
    };
    let simulation = Simulation::with_conditions(narrow, 0);
    let conversation = Conversation::begin(&simulation, busy, Limits::default());
    conversation.say(b"one");
    conversation.run_for(SECOND);
    assert_eq!(
        conversation.hear().len(),
        100_000,
        "writing was paused, and resumed"
    );
    conversation.say(b"two");
    conversation.run_for(SECOND);
    assert_eq!(log.entries(), ["one"], "nobody has called resume_reading");
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["one", "goes on", "two"]);
}

#[test]
fn the_end_of_ones_own_pause_leaves_the_one_until_the_peer_has_caught_up() {
    let log = Log::default();
    let busy = Busy {
        log: log.clone(),
        pauses: |_| {},
    };
    let conversation = Conversation::with(busy);
    conversation.peer().pause_reading();
    conversation.peer().set_window(0);
    conversation.say(b"one");
    conversation.say(b"two");
    assert_eq!(
        log.take(),
        ["one", "two"],
        "100,000 bytes are 64 KiB in the socket and less behind it"
    );
    conversation.say(b"three");
    conversation.ask(|_, transport| {
        transport.pause_reading();
        transport.resume_reading();
        assert!(!transport.is_reading());
    });
    assert_eq!(log.take(), [""; 0]);
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert_eq!(log.take()[..2], ["goes on", "three"]);
}

#[test]
fn a_pause_until_the_peer_has_caught_up_is_none_when_it_has() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| {
        transport.pause_reading_until_sent();
        assert!(transport.is_reading());
    });
    conversation.say(b"heard");
    assert_eq!(log.entries(), ["made", "heard"]);
}

#[test]
fn a_pause_and_a_resume_in_one_callback_are_nothing_to_the_bytes() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Data(_) = heard {
            transport.pause_reading();
            transport.resume_reading();
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"one");
    conversation.say(b"two");
    assert_eq!(
        log.entries()
            .iter()
            .filter(|e| *e == "one" || *e == "two")
            .count(),
        2
    );
}

#[test]
fn writing_is_paused_above_the_high_mark_and_resumed_at_the_low_one() {
    let limits = Limits::default();
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.peer().pause_reading();
    conversation.peer().set_window(0);
    conversation.ask(move |_, transport| transport.write(&pattern(SOCKET + limits.high_water)));
    assert_eq!(log.entries(), ["made"]);
    conversation.ask(|_, transport| transport.write(b"x"));
    conversation.ask(|_, transport| transport.write(b"y"));
    assert_eq!(log.entries(), ["made", "writingpaused"]);
    let mut unsent = conversation.transport().unsent();
    assert_eq!(unsent, limits.high_water + 2);
    conversation.peer().set_window(10_000);
    while !log.contains("writingresumed") {
        assert!(unsent > limits.low_water, "{unsent}");
        let _ = conversation.peer().read();
        conversation.run_for(millis(1));
        unsent = conversation.transport().unsent();
    }
    assert!(unsent <= limits.low_water, "{unsent}");
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert_eq!(
        log.entries()[1..],
        ["writingpaused", "writingresumed", "readingresumed"]
    );
}

#[test]
fn an_echo_reads_no_more_than_its_client_takes_back() {
    let conversation = Conversation::with(Echo);
    conversation.peer().pause_reading();
    conversation.peer().write(&pattern(10_000_000));
    conversation.run_for(60 * SECOND);
    assert!(conversation.reason().is_none());
    let unsent = conversation.transport().unsent();
    let most = Limits::default().high_water + 2 * SOCKET;
    assert!(
        unsent <= most,
        "{unsent} bytes for a client that does not read"
    );
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    assert!(conversation.hear() == pattern(10_000_000));
}

/// Writes whatever the marks say.
fn heedless(log: &Log) -> Probe<impl FnMut(&Heard<'_>, &Transport) -> Then + use<>> {
    Probe::new(log, |heard: &Heard<'_>, _: &Transport| match heard {
        Heard::WritingPaused | Heard::WritingResumed => Then::Nothing,
        _ => Then::Default,
    })
}

#[test]
fn a_peer_that_does_not_read_is_dropped_at_the_limit_with_its_reason() {
    let log = Log::default();
    let conversation = Conversation::with(heedless(&log));
    conversation.peer().pause_reading();
    let limit = Limits::default().unsent;
    let mut most = 0;
    for _ in 0..1000 {
        conversation.transport().write(&pattern(10_000));
        most = most.max(conversation.transport().unsent());
        conversation.run_for(millis(1));
    }
    assert!((limit..=limit + 10_000).contains(&most), "{most}");
    let reason = conversation.reason();
    assert!(
        matches!(reason, Some(Reason::UnsentOverflow { limit: l }) if l == limit),
        "{reason:?}"
    );
    assert_eq!(
        conversation.peer().error(),
        Some(io::ErrorKind::ConnectionReset)
    );
    assert_eq!(conversation.transport().unsent(), 0);
    assert_eq!(log.count("lost"), 1);
}

#[test]
fn one_write_of_any_size_is_taken() {
    let conversation = Conversation::with(heedless(&Log::default()));
    conversation.ask(|_, transport| transport.write(&pattern(5_000_000)));
    assert!(conversation.hear() == pattern(5_000_000));
    assert!(conversation.reason().is_none());
}

#[test]
fn an_empty_write_is_nothing() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    assert!(conversation.transport().write(b""));
    conversation.run_for(SECOND);
    assert_eq!(
        (conversation.hear(), conversation.transport().unsent()),
        (vec![], 0)
    );
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn an_idle_connection_times_out_when_its_time_is_over_and_not_before() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    let simulation = conversation.simulation();
    conversation.ask(|_, transport| transport.set_timeout(Some(10 * SECOND)));
    for _ in 0..5 {
        conversation.run_for(9 * SECOND);
        conversation.say(b"still here");
    }
    let last = simulation.elapsed();
    conversation.run_for(9 * SECOND);
    assert!(!log.contains("timedout"));
    assert!(simulation.run_until(2 * SECOND, || log.contains("timedout")));
    assert_eq!(simulation.elapsed(), last + 10 * SECOND);
    conversation.run_for(SECOND);
    assert!(matches!(conversation.reason(), Some(Reason::IdleTimeout)));
}

#[test]
fn writing_is_not_being_heard() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| transport.set_timeout(Some(SECOND)));
    for _ in 0..4 {
        conversation.transport().write(b"hello?");
        conversation.run_for(millis(300));
    }
    assert!(matches!(conversation.reason(), Some(Reason::IdleTimeout)));
}

#[test]
fn who_has_sent_is_not_idle_although_the_loop_was_busy() {
    // More than one wait reports, and more bytes than one turn reads.
    for (clients, bytes) in [(1500, 1), (16, 60_000)] {
        let simulation = Simulation::new();
        let log = Log::default();
        let react = |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                transport.set_timeout(Some(millis(300)));
            }
            Then::Default
        };
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:1", Client::new(&log, react))
            .expect("the port is free");
        let peers: Vec<_> = (0..clients)
            .map(|_| simulation.connect("10.0.0.1:1"))
            .collect();
        simulation.run_for(millis(100));
        let working = simulation.clone();
        simulation.reactor().call_soon(move || {
            peers.iter().for_each(|peer| {
                peer.write(&vec![b'x'; bytes]);
            });
            working.spend(millis(400));
            std::mem::forget(peers);
        });
        simulation.run_for(millis(450));
        assert_eq!(log.count("timedout"), 0, "{clients}");
        let heard = log.count(if bytes == 1 { "x" } else { "60000 bytes" });
        assert_eq!(heard, clients);
    }
}

#[test]
fn a_timeout_counts_from_the_call_that_sets_it() {
    let log = Log::default();
    let simulation = Simulation::new();
    let working = simulation.clone();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Data(_) = heard {
            working.spend(millis(400));
            transport.set_timeout(Some(millis(300)));
        }
        Then::Default
    });
    let conversation = Conversation::begin(&simulation, protocol, Limits::default());
    conversation.peer().write(b"request");
    assert!(simulation.run_until(SECOND, || log.contains("request")));
    let set = simulation.elapsed();
    assert!(simulation.run_until(SECOND, || log.contains("timedout")));
    assert_eq!(simulation.elapsed(), set + millis(300));
}

#[test]
fn a_timeout_that_is_set_between_two_turns_counts_from_there() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    let simulation = conversation.simulation();
    simulation.spend(millis(400));
    let set = simulation.elapsed();
    conversation.transport().set_timeout(Some(millis(300)));
    assert!(simulation.run_until(SECOND, || log.contains("timedout")));
    assert_eq!(simulation.elapsed(), set + millis(300));
}

#[test]
fn the_time_that_a_callback_takes_is_not_the_peers() {
    let log = Log::default();
    let simulation = Simulation::new();
    let working = simulation.clone();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => drop(transport.set_timeout(Some(millis(300)))),
            Heard::Data(_) => working.spend(millis(400)),
            _ => {}
        }
        Then::Default
    });
    let conversation = Conversation::begin(&simulation, protocol, Limits::default());
    conversation.peer().write(b"request");
    assert!(simulation.run_until(SECOND, || log.contains("request")));
    let answered = simulation.elapsed();
    assert!(simulation.run_until(SECOND, || log.contains("timedout")));
    assert_eq!(simulation.elapsed(), answered + millis(300));
}

#[test]
fn a_peer_whose_bytes_wait_in_a_pause_is_not_idle() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| {
        transport.set_timeout(Some(SECOND));
        transport.pause_reading();
    });
    conversation.say(b"request");
    conversation.run_for(10 * SECOND);
    assert_eq!(log.entries(), ["made"]);
    conversation.ask(|_, transport| transport.resume_reading());
    assert_eq!(log.entries(), ["made", "readingresumed", "request"]);
    conversation.run_for(2 * SECOND);
    assert!(log.contains("timedout"), "now it is");
}

#[test]
fn a_silent_peer_times_out_also_in_a_pause() {
    let log = Log::default();
    let conversation = Conversation::with(listener(&log));
    conversation.ask(|_, transport| {
        transport.set_timeout(Some(SECOND));
        transport.pause_reading();
    });
    conversation.run_for(2 * SECOND);
    assert!(matches!(conversation.reason(), Some(Reason::IdleTimeout)));
}

#[test]
fn a_slow_download_is_not_idle_and_one_that_stops_is() {
    let log = Log::default();
    let conversation = Conversation::with(heedless(&log));
    conversation.peer().pause_reading();
    conversation.ask(|_, transport| {
        transport.write(&pattern(5_000_000));
        transport.set_timeout(Some(SECOND));
    });
    let mut taken = Vec::new();
    for _ in 0..100 {
        taken.extend(conversation.peer().read_at_most(10_000));
        conversation.run_for(millis(100));
    }
    assert!(!log.contains("timedout"));
    assert!(taken == pattern(5_000_000)[..taken.len()]);
    conversation.run_for(2 * SECOND);
    assert!(log.contains("timedout"));
}

#[test]
fn lingering_counts_from_when_the_answer_was_offered() {
    let log = Log::default();
    let simulation = Simulation::new();
    let working = simulation.clone();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Data(_) = heard {
            transport.write(&pattern(8 << 20));
            transport.lose_connection();
            working.spend(millis(400));
        }
        Then::Default
    });
    let limits = Limits {
        linger: millis(300),
        ..Limits::default()
    };
    let conversation = Conversation::begin(&simulation, protocol, limits);
    conversation.say(b"request");
    conversation.run_for(SECOND);
    assert!(conversation.hear() == pattern(8 << 20));
    assert_eq!(conversation.peer().error(), None);
}

#[test]
fn a_peer_that_takes_its_answer_while_the_loop_is_busy_is_not_cut_off() {
    let conversation = Conversation::begin(
        &Simulation::new(),
        heedless(&Log::default()),
        Limits {
            linger: millis(300),
            ..Limits::default()
        },
    );
    conversation.peer().pause_reading();
    conversation.ask(|_, transport| {
        transport.write(&pattern(1_000_000));
        transport.lose_connection();
    });
    conversation.run_for(millis(200));
    // It reads, which the loop cannot see before its time is over.
    let mut taken = conversation.peer().read_at_most(10_000);
    conversation.simulation().spend(millis(400));
    conversation.run_for(millis(1));
    assert_eq!(conversation.peer().error(), None);
    conversation.peer().resume_reading();
    conversation.run_for(SECOND);
    taken.extend(conversation.hear());
    assert!(taken == pattern(1_000_000));
}

#[test]
fn a_timeout_can_be_moved_turned_off_and_survived() {
    let log = Log::default();
    let protocol = Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::TimedOut = heard {
            transport.set_timeout(Some(2 * SECOND));
            return Then::Nothing;
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    let transport = conversation.transport();
    assert_eq!(transport.set_timeout(Some(SECOND)), None);
    conversation.run_for(millis(900));
    transport.reset_timeout();
    conversation.run_for(millis(900));
    assert_eq!(log.count("timedout"), 0);
    conversation.run_for(millis(200));
    assert_eq!(log.count("timedout"), 1);
    conversation.run_for(millis(5800));
    assert_eq!(log.count("timedout"), 3, "it was set again each time");
    assert_eq!(transport.set_timeout(None), Some(2 * SECOND));
    conversation.run_for(60 * SECOND);
    assert_eq!(log.count("timedout"), 3);
    // A shorter one takes effect though a longer one was set before.
    transport.set_timeout(Some(1000 * SECOND));
    conversation.run_for(millis(1));
    transport.set_timeout(Some(SECOND));
    conversation.run_for(millis(1100));
    assert_eq!(log.count("timedout"), 4);
    assert!(conversation.reason().is_none());
}

/// Counts what each turn reads.
#[derive(Default)]
struct Turns {
    count: std::cell::Cell<usize>,
    this: RefCell<BTreeMap<ConnectionId, usize>>,
    most_of_one: std::cell::Cell<usize>,
    most: std::cell::Cell<usize>,
}

impl Observer for Turns {
    fn event(&self, _: Instant, event: &Event<'_>) {
        match event {
            Event::TurnBegan => self.count.set(self.count.get() + 1),
            Event::BytesReceived { connection, bytes } => {
                *self.this.borrow_mut().entry(*connection).or_default() += bytes;
            }
            Event::TurnEnded => {
                let this = self.this.take();
                let of_one = this.values().max().copied().unwrap_or(0);
                self.most_of_one.set(self.most_of_one.get().max(of_one));
                self.most.set(self.most.get().max(this.values().sum()));
            }
            _ => {}
        }
    }
}

#[test]
fn connections_that_never_stop_sending_delay_nobody() {
    let wide = Conditions {
        receive_buffer: 8 << 20..=8 << 20,
        ..Conditions::calm()
    };
    let wide = Conditions {
        segment: 8 << 20..=8 << 20,
        ..wide
    };
    let simulation = Simulation::with_conditions(wide, 1);
    let reactor = simulation.reactor();
    let turns = Rc::new(Turns::default());
    reactor.add_observer(Rc::clone(&turns) as Rc<dyn Observer>);
    let port = reactor
        .listen_tcp("10.0.0.1:9", |_| listener(&Log::default()))
        .expect("the port is free");
    let heard = Log::default();
    let for_ping = heard.clone();
    let ping = reactor
        .listen_tcp("10.0.0.1:7", move |_| listener(&for_ping))
        .expect("the port is free");
    let flooders: Vec<_> = (0..20)
        .map(|_| simulation.connect(port.local_addr()))
        .collect();
    let pinger = simulation.connect(ping.local_addr());
    simulation.run_until_idle();
    for flooder in &flooders {
        flooder.write(&vec![b'x'; 4 << 20]);
    }
    pinger.write(b"ping");
    // All of it arrives at one moment, which a timer is due at, too.
    let rang = shared(0);
    let (bell, counter) = (Rc::clone(&rang), Rc::clone(&turns));
    reactor.call_later(std::time::Duration::from_micros(50), move || {
        bell.set(counter.count.get());
    });
    let began = turns.count.get();
    assert!(simulation.run_until(SECOND, || heard.contains("ping")));
    // In its turn, which comes when each of the others was read from once, at most.
    let waited = turns.count.get() - began;
    assert!(
        waited <= 20 * 64 / 256 + 4,
        "the ping waited {waited} turns"
    );
    assert!((1..=3).contains(&(rang.get() - began)), "the timer waited");
    simulation.run_until_idle();
    assert!(turns.count.get() - began > 20 * 4 * 1024 / (256 + 64));
    assert!(
        turns.most_of_one.get() <= 2 * (64 << 10),
        "{}",
        turns.most_of_one.get()
    );
    assert!(
        turns.most.get() <= 256 * 1024 + 2 * (64 << 10),
        "{}",
        turns.most.get()
    );
}

#[test]
fn what_a_budget_left_unread_is_read_without_another_event() {
    let wide = Conditions {
        receive_buffer: 8 << 20..=8 << 20,
        ..Conditions::calm()
    };
    let wide = Conditions {
        segment: 8 << 20..=8 << 20,
        ..wide
    };
    let simulation = Simulation::with_conditions(wide, 1);
    let got = shared(0);
    let count = Rc::clone(&got);
    let protocol = Probe::new(&Log::default(), move |heard: &Heard<'_>, _: &Transport| {
        if let Heard::Data(data) = heard {
            count.set(count.get() + data.len());
        }
        Then::Default
    });
    let conversation = Conversation::begin(&simulation, protocol, Limits::default());
    // Exact multiples of the buffer end in a full read, which does not show that it was the last.
    for size in [64 << 10, 128 << 10, 640 << 10, 5_000_000] {
        got.set(0);
        conversation.say(&vec![b'x'; size]);
        assert_eq!(got.get(), size);
    }
}

#[test]
fn limits_are_those_of_the_factory() {
    let simulation = Simulation::new();
    let log = Log::default();
    let for_factory = log.clone();
    let tight = Limits {
        unsent: 100_000,
        high_water: 10,
        low_water: 0,
        ..Limits::default()
    };
    let factory = (move |_| heedless(&for_factory)).with_limits(tight);
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:0", factory)
        .expect("a port is free");
    let peer = simulation.connect(port.local_addr());
    peer.pause_reading();
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["made"]);
    drop(peer);
}

#[test]
fn a_storm_of_connections_is_accepted_at_the_same_pace_however_long_it_lasts() {
    let near = Conditions {
        latency: millis(0)..=millis(0),
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(near, 1);
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| listener(&for_factory);
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory)
        .expect("the port is free");
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.extend((0..200).map(|_| simulation.connect("10.0.0.1:7")));
        simulation.reactor().turn(Some(millis(1))).expect("a turn");
        assert!(log.take().len() <= 64);
    }
    simulation.run_for(SECOND);
    assert!(clients.iter().all(reactor::testing::Peer::is_connected));
}

/// Writes as much as it is told, a thousand bytes at a time.
fn marks(limits: Limits, bytes: usize) -> Vec<String> {
    let log = Log::default();
    let narrow = Conditions {
        send_buffer: 1_000..=1_000,
        receive_buffer: 1_000..=1_000,
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(narrow, 0);
    let conversation = Conversation::begin(&simulation, listener(&log), limits);
    log.take();
    conversation.ask(move |_, transport| {
        assert!(transport.write(&vec![b'x'; bytes]));
    });
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear().len(), bytes);
    log.take()
}

#[test]
fn of_marks_that_contradict_each_other_the_lowest_holds() {
    let once = ["writingpaused", "writingresumed", "readingresumed"];
    let high_alone = Limits {
        high_water: 1_000,
        ..Limits::default()
    };
    assert_eq!(marks(high_alone, 50_000), once);
    let unsent_alone = Limits {
        unsent: 1_000,
        ..Limits::default()
    };
    assert_eq!(
        marks(unsent_alone.clone(), 50_000),
        once,
        "before an overflow"
    );
    assert_eq!(marks(unsent_alone, 900), Vec::<String>::new());
    let nothing = Limits {
        high_water: 0,
        ..Limits::default()
    };
    assert_eq!(marks(nothing, 50_000), once);
}
