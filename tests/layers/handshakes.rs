//! Layers that begin with a handshake: when it is done, what it has negotiated, and when it takes too long.

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{Accepted, Layer, Limits, Reason, Transport};

use crate::begins_with;
use crate::support::{Heard, Log, Probe, SECOND, Then, listener, millis, pattern, shared};

/// What a [`Knock`] has negotiated.
#[derive(Debug, PartialEq)]
struct Name(u8);

/// Is ready when it has received its name in as many bytes.
struct Knock {
    name: u8,
    missing: usize,
    time: Option<Duration>,
}

impl Knock {
    fn new(name: u8, knocks: usize) -> Self {
        Self {
            name,
            missing: knocks,
            time: Some(5 * SECOND),
        }
    }
}

impl Layer for Knock {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        let (knocks, rest) = data.split_at(self.missing.min(data.len()));
        assert!(knocks.iter().all(|byte| *byte == self.name));
        self.missing -= knocks.len();
        up.extend(rest);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.missing == 0
    }

    fn handshake_timeout(&self) -> Option<Duration> {
        self.time
    }

    fn negotiated(&self) -> Option<Rc<dyn Any>> {
        Some(Rc::new(Name(self.name)))
    }
}

fn name(transport: &Transport) -> Option<u8> {
    transport.negotiated::<Name>().map(|name| name.0)
}

#[test]
fn handshakes_are_reported_before_the_bytes_that_came_with_them() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Knock::new(b'a', 2), b"");
        transport.push_layer(Knock::new(b'b', 2), b"b");
    });
    let transport = conversation.transport().clone();
    conversation.say(b"a");
    assert_eq!((log.entries().len(), name(&transport)), (1, None));
    conversation.say(b"a");
    assert_eq!(log.entries(), ["made", "handshakedone"]);
    assert_eq!(name(&transport), Some(b'a'));
    conversation.say(b"bdata");
    let heard = ["made", "handshakedone", "handshakedone", "data"];
    assert_eq!(log.entries(), heard);
    assert_eq!(name(&transport), Some(b'b'), "that of the topmost layer");
    // In time, so nothing happens when it is over.
    conversation.run_for(10 * SECOND);
    conversation.close();
    assert_eq!(name(&transport), Some(b'b'), "known to the end");
    assert_eq!(
        log.entries()[4..],
        ["readclosed", "lost: the peer closed the connection"]
    );
}

#[test]
fn a_layer_without_a_handshake_reports_none_and_may_have_negotiated_something() {
    let log = Log::default();
    let known = Rc::default();
    let seen: Rc<Cell<_>> = Rc::clone(&known);
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Data(_) = heard {
            seen.set(name(transport));
        }
        Then::Default
    });
    let accepted = Accepted::new(protocol).with_layer(Knock::new(b'a', 0));
    let conversation = Conversation::with(accepted);
    conversation.say(b"data");
    assert_eq!(log.entries(), ["made", "data"]);
    assert_eq!(known.get(), Some(b'a'));
    conversation.run_for(10 * SECOND);
    assert!(conversation.transport().is_open());
}

#[test]
fn a_handshake_goes_on_in_a_pause_of_reading_and_what_comes_behind_it_waits() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Knock::new(b'a', 3), b"");
        transport.pause_reading();
    });
    conversation.say(b"aa");
    conversation.say(b"adata");
    conversation.say(b" and more");
    assert_eq!(log.entries(), ["made", "handshakedone"]);
    conversation.run_for(10 * SECOND);
    conversation.transport().resume_reading();
    conversation.run_for(SECOND);
    let data = log.entries()[3..].concat();
    assert_eq!(log.entries()[2], "readingresumed");
    assert_eq!(data, "data and more");
}

#[test]
fn what_came_with_the_end_of_a_handshake_passes_a_layer_that_is_pushed_then() {
    let log = Log::default();
    let pushed = Cell::new(false);
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => transport.push_layer(Knock::new(b'a', 1), b""),
            Heard::HandshakeDone if !pushed.replace(true) => {
                transport.push_layer(Knock::new(b'b', 2), b"");
            }
            _ => {}
        }
        Then::Default
    });
    let conversation = Conversation::with(protocol);
    conversation.say(b"abbdata");
    let heard = ["made", "handshakedone", "handshakedone", "data"];
    assert_eq!(log.entries(), heard);
}

#[test]
fn a_handshake_that_takes_too_long_ends_the_connection() {
    for says in [&b""[..], b"a"] {
        let (conversation, log) = begins_with(|transport| {
            transport.push_layer(Knock::new(b'a', 100), b"");
        });
        // Bytes that do not complete it win no time.
        for _ in 0..49 {
            conversation.run_for(millis(100));
            if !says.is_empty() {
                conversation.say(says);
            }
        }
        assert!(conversation.transport().is_open());
        conversation.run_for(millis(200));
        assert_eq!(log.entries()[1..], ["lost: a layer's handshake timed out"]);
    }
}

#[test]
fn of_several_handshakes_each_has_its_own_time() {
    let (conversation, log) = begins_with(|transport| {
        let mut patient = Knock::new(b'a', 1);
        patient.time = None;
        transport.push_layer(patient, b"");
        let mut endless = Knock::new(b'b', 1);
        endless.time = Some(Duration::MAX);
        transport.push_layer(endless, b"");
    });
    conversation.run_for(100 * SECOND);
    assert!(conversation.transport().is_open());
    let transport = conversation.transport();
    transport.push_layer(Knock::new(b'c', 1), b"");
    conversation.run_for(4 * SECOND);
    conversation.say(b"ab");
    conversation.run_for(millis(900));
    assert!(transport.is_open());
    conversation.run_for(millis(200));
    let heard = [
        "made",
        "handshakedone",
        "handshakedone",
        "lost: a layer's handshake timed out",
    ];
    assert_eq!(log.entries(), heard);
}

#[test]
fn the_last_bytes_of_a_handshake_that_waited_for_a_busy_loop_are_in_time() {
    const CLIENTS: usize = 1500; // more than one wait reports
    let simulation = Simulation::new();
    let log = Log::default();
    let noted = log.clone();
    let factory = move |_| Accepted::new(listener(&noted)).with_layer(Knock::new(b'a', 1));
    let listening = simulation.reactor().listen_tcp("10.0.0.1:1", factory);
    listening.expect("the port is free");
    let connect = |_| simulation.connect("10.0.0.1:1");
    let peers: Vec<_> = (0..CLIENTS).map(connect).collect();
    simulation.run_for(4 * SECOND);
    let working = simulation.clone();
    simulation.reactor().call_soon(move || {
        for peer in &peers {
            peer.write(b"a");
        }
        working.spend(2 * SECOND);
        std::mem::forget(peers);
    });
    simulation.run_for(10 * SECOND);
    assert_eq!(log.count("handshakedone"), CLIENTS);
    assert_eq!(log.count("lost"), 0);
}

/// Counts what it is handed, and is never ready.
struct Greedy(Rc<Cell<usize>>);

impl Layer for Greedy {
    fn receive(&mut self, data: &[u8], _: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.0.set(self.0.get() + data.len());
        Ok(())
    }

    fn send(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
        Ok(())
    }

    fn is_ready(&self) -> bool {
        false
    }

    fn handshake_timeout(&self) -> Option<Duration> {
        Some(5 * SECOND)
    }
}

#[test]
fn a_peer_that_sends_without_end_wins_one_turn() {
    let received = shared(0);
    let log = Log::default();
    let accepted = Accepted::new(listener(&log)).with_layer(Greedy(Rc::clone(&received)));
    // There is always more than one turn reads.
    let large = Conditions::calm().receive_buffer((4 << 20)..=(4 << 20));
    let simulation = Simulation::with_conditions(large, 1);
    let conversation = Conversation::begin(&simulation, accepted, Limits::default());
    conversation.run_for(4 * SECOND);
    let (peer, working) = (
        conversation.peer().clone(),
        conversation.simulation().clone(),
    );
    conversation.simulation().reactor().call_soon(move || {
        peer.write(&pattern(4 << 20));
        working.spend(2 * SECOND);
    });
    conversation.run_for(10 * SECOND);
    assert_eq!(log.entries()[1..], ["lost: a layer's handshake timed out"]);
    assert!(received.get() < 300 << 10, "{}", received.get());
}

#[test]
fn nothing_is_reported_after_the_end_was_asked_for() {
    let (conversation, log) = begins_with(|transport| {
        transport.push_layer(Knock::new(b'a', 1), b"");
    });
    conversation.transport().lose_connection();
    conversation.say(b"adata");
    conversation.close();
    assert_eq!(
        log.entries(),
        ["made", "lost: the connection was closed on this side"]
    );
}
