//! Connections that never stop leave their turn to the others.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use reactor::observe::{Event, Observer};
use reactor::testing::{Conditions, Conversation, Simulation};
use reactor::{ConnectionId, Limits, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then, listen_noting, listener, millis, shared};

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
    let wide = Conditions::calm().receive_buffer(8 << 20..=8 << 20);
    let wide = wide.segment(8 << 20..=8 << 20);
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
    assert!(simulation.run_until_true(SECOND, || heard.contains("ping")));
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
    let wide = Conditions::calm().receive_buffer(8 << 20..=8 << 20);
    let wide = wide.segment(8 << 20..=8 << 20);
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
fn a_storm_of_connections_is_accepted_at_the_same_pace_however_long_it_lasts() {
    let near = Conditions::calm().latency(millis(0)..=millis(0));
    let simulation = Simulation::with_conditions(near, 1);
    let log = listen_noting(&simulation.reactor(), "10.0.0.1:7");
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.extend((0..200).map(|_| simulation.connect("10.0.0.1:7")));
        simulation.reactor().turn(Some(millis(1))).expect("a turn");
        assert!(log.take().len() <= 64);
    }
    simulation.run_for(SECOND);
    assert!(clients.iter().all(reactor::testing::Peer::is_connected));
}
