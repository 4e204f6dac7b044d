//! Idle timeouts and the time to linger: what they count from, and what they do not count.

use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Reason, Transport};

use crate::heedless;
use crate::support::{Client, Heard, Log, Probe, SECOND, Then, listener, millis, pattern};

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
    assert!(simulation.run_until_true(2 * SECOND, || log.contains("timedout")));
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
fn a_peer_that_has_sent_is_not_idle_although_the_loop_was_busy() {
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
    assert!(simulation.run_until_true(SECOND, || log.contains("request")));
    let set = simulation.elapsed();
    assert!(simulation.run_until_true(SECOND, || log.contains("timedout")));
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
    assert!(simulation.run_until_true(SECOND, || log.contains("timedout")));
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
    assert!(simulation.run_until_true(SECOND, || log.contains("request")));
    let answered = simulation.elapsed();
    assert!(simulation.run_until_true(SECOND, || log.contains("timedout")));
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
    let limits = Limits::default().linger(millis(300));
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
        Limits::default().linger(millis(300)),
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
