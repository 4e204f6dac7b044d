//! That nobody waits long for others, however much work those make for the loop.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use reactor::framing::{
    LengthPrefix, LineProtocol, LineReceiver, LineTransport, MessageProtocol, MessageReceiver,
    MessageTransport,
};
use reactor::testing::{Conditions, Conversation, Peer, Simulation};
use reactor::{Address, Factory, Group, Layer, Protocol, Reason, Transport};
use support::{Log, SECOND, millis};

const PLACE: &str = "10.0.0.1:7";

/// Answers each line.
#[derive(Clone, Default)]
struct Answers {
    lines: Rc<Cell<usize>>,
    group: Option<Group>,
}

impl LineProtocol for Answers {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        if let Some(group) = &self.group {
            group.add(transport);
        }
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        self.lines.set(self.lines.get() + 1);
        match &self.group {
            Some(group) => group.write_except(transport, line),
            None if line.is_empty() => {}
            None => _ = transport.send_line(line),
        }
    }
}

impl MessageProtocol for Answers {
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]) {
        self.lines.set(self.lines.get() + 1);
        if !message.is_empty() {
            let _ = transport.send_message(message);
        }
    }
}

/// A network in which whatever is sent is there in the next turn.
fn near() -> Simulation {
    let near = Conditions::calm().latency(millis(0)..=millis(0));
    Simulation::with_conditions(near, 1)
}

fn serve(simulation: &Simulation, factory: impl Factory) {
    let port = simulation.reactor().listen_tcp(PLACE, factory);
    port.expect("the port is free");
}

fn turn(simulation: &Simulation) {
    let turned = simulation.reactor().turn(Some(millis(0)));
    turned.expect("a turn");
}

/// How many turns it takes until `peer` has heard something.
fn turns_until_heard(simulation: &Simulation, peer: &Peer) -> usize {
    let mut turns = 0;
    while peer.read().is_empty() {
        turn(simulation);
        turns += 1;
        assert!(turns < 1_000, "it waits for ever");
    }
    turns
}

#[test]
fn a_line_is_answered_within_a_few_turns_beside_a_million_empty_ones() {
    let simulation = near();
    let answers = Answers::default();
    let lines = Rc::clone(&answers.lines);
    serve(&simulation, move |_: Address| {
        LineReceiver::new(answers.clone())
    });
    let [storm, honest] = [(); 2].map(|()| simulation.connect(PLACE));
    simulation.run_for(SECOND);
    storm.write(&vec![b'\n'; 1 << 20]);
    let (mut most, mut before) = (0, 0);
    while lines.get() < 1 << 20 {
        honest.write(b"hello\n");
        assert!(turns_until_heard(&simulation, &honest) <= 3);
        most = most.max(lines.get() - before);
        before = lines.get();
    }
    assert!(most < 3 * 60_000, "{most} lines at once");
    assert!(storm.is_connected());
}

#[test]
fn messages_behind_their_lengths_are_delivered_in_shares_as_well() {
    let simulation = near();
    let answers = Answers::default();
    let count = Rc::clone(&answers.lines);
    serve(&simulation, move |_: Address| {
        MessageReceiver::new(LengthPrefix::u8(), answers.clone())
    });
    let [storm, other, honest] = [(); 3].map(|()| simulation.connect(PLACE));
    simulation.run_for(SECOND);
    for one in [&storm, &other] {
        one.write(&vec![0; 1 << 20]);
    }
    while count.get() < 2 << 20 {
        honest.write(b"\x05hello");
        assert!(turns_until_heard(&simulation, &honest) <= 3);
    }
}

#[test]
fn two_with_much_to_say_take_turns_and_nothing_is_lost_or_late() {
    let simulation = near();
    let log = Log::default();
    let noted = log.clone();
    struct Notes(Log, String);
    impl LineProtocol for Notes {
        fn line_received(&mut self, _: &LineTransport<'_>, line: &[u8]) {
            self.1 += &String::from_utf8_lossy(line);
        }

        fn read_closed(&mut self, transport: &LineTransport<'_>) {
            self.0.note(&self.1);
            transport.lose_connection();
        }
    }
    serve(&simulation, move |_: Address| {
        LineReceiver::new(Notes(noted.clone(), String::new()))
    });
    let said: String = (0..30_000).map(|n| format!("{n}\n")).collect();
    let peers = [(); 3].map(|()| simulation.connect(PLACE));
    for peer in &peers {
        peer.write(said.as_bytes());
        peer.shut_write();
    }
    simulation.run_for(SECOND);
    let expected = said.replace('\n', "");
    assert!(log.entries() == [&*expected; 3], "{}", log.entries().len());
}

#[test]
fn a_talker_of_a_large_group_leaves_room_for_others() {
    let simulation = near();
    let answers = Answers {
        group: Some(Group::new()),
        ..Answers::default()
    };
    let lines = Rc::clone(&answers.lines);
    serve(&simulation, move |_: Address| {
        LineReceiver::new(answers.clone())
    });
    let members: Vec<Peer> = (0..200).map(|_| simulation.connect(PLACE)).collect();
    simulation.run_for(SECOND);
    let [storm, honest, hears, ..] = &members[..] else {
        unreachable!("there are 200");
    };
    storm.write(&b"x\n".repeat(20_000));
    while lines.get() < 20_000 {
        honest.write(b"hello\n");
        let mut turns = 0;
        while !hears.read().windows(5).any(|heard| heard == b"hello") {
            turn(&simulation);
            turns += 1;
            assert!(turns <= 4, "{} lines", lines.get());
        }
    }
}

/// Answers whatever comes with something of its own, as a handshake does.
struct Handshake;

impl Layer for Handshake {
    fn receive(&mut self, _: &[u8], _: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(b"well, well");
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

struct Secret;

impl Protocol for Secret {
    fn connection_made(&mut self, transport: &Transport) {
        transport.push_layer(Handshake, b"");
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn a_crowd_that_shakes_hands_is_served_a_few_at_a_time() {
    let simulation = near();
    serve(&simulation, |_: Address| Secret);
    let crowd: Vec<Peer> = (0..500).map(|_| simulation.connect(PLACE)).collect();
    simulation.run_for(SECOND);
    for peer in &crowd {
        peer.write(b"hello");
    }
    let mut turns = 0;
    let mut answered = 0;
    while answered < crowd.len() {
        turn(&simulation);
        turns += 1;
        let now = crowd.iter().filter(|peer| !peer.read().is_empty()).count();
        assert!(now <= 60, "{now} at once");
        answered += now;
        assert!(turns < 100, "{answered} have an answer");
    }
}

#[test]
fn calls_of_all_kinds_are_made_in_their_order_and_leave_room_for_others() {
    let simulation = near();
    serve(&simulation, |_: Address| {
        LineReceiver::new(Answers::default())
    });
    let honest = simulation.connect(PLACE);
    simulation.run_for(SECOND);
    let reactor = simulation.reactor();
    let made: [Rc<RefCell<Vec<usize>>>; 3] = Default::default();
    let remote = reactor.remote();
    let (sender, from_threads) = std::sync::mpsc::channel();
    for n in 0..100_000 {
        let [soon, later, tasks] = made.clone();
        reactor.call_soon(move || soon.borrow_mut().push(n));
        reactor.call_later(millis(0), move || later.borrow_mut().push(n));
        let _ = reactor.spawn(async move { tasks.borrow_mut().push(n) });
        let sender = sender.clone();
        let queued = remote.call_from_thread(move |_| _ = sender.send(n));
        assert!(queued.is_ok());
    }
    let done = || made.iter().map(|made| made.borrow().len()).sum::<usize>();
    let (mut before, mut heard) = (done(), Vec::new());
    while heard.len() + done() < 400_000 {
        honest.write(b"hello\n");
        assert!(turns_until_heard(&simulation, &honest) <= 3);
        heard.extend(from_threads.try_iter());
        assert!(heard.len() + done() > before);
        assert!(heard.len() + done() - before < 100_000, "too many at once");
        before = heard.len() + done();
    }
    for made in made.iter().map(|made| made.borrow().clone()) {
        assert!(made.is_sorted() && made.len() == 100_000);
    }
    assert!(heard.is_sorted());
}

#[test]
fn a_pause_in_the_middle_of_a_share_holds() {
    struct Pauses(Log);
    impl LineProtocol for Pauses {
        fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
            if line == b"stop" {
                self.0.note("stop");
                transport.pause_reading();
            } else {
                assert!(transport.is_open());
                self.0.note("line");
            }
        }
    }
    let simulation = near();
    let log = Log::default();
    let noted = log.clone();
    serve(&simulation, move |_: Address| {
        LineReceiver::new(Pauses(noted.clone()))
    });
    let peers = [(); 3].map(|()| simulation.connect(PLACE));
    simulation.run_for(SECOND);
    for peer in &peers {
        peer.write(&[b"\n".repeat(5_000), b"stop\n".to_vec(), b"\n".repeat(5_000)].concat());
    }
    simulation.run_for(SECOND);
    assert_eq!((log.count("line"), log.count("stop")), (15_000, 3));
}

#[test]
fn what_a_receiver_is_handed_outside_of_turns_is_delivered_at_once() {
    let conversation = Conversation::with(LineReceiver::new(Answers::default()));
    let answers = Answers::default();
    let lines = Rc::clone(&answers.lines);
    let mut receiver = LineReceiver::new(answers);
    receiver.data_received(conversation.transport(), &vec![b'\n'; 1 << 20]);
    assert_eq!(lines.get(), 1 << 20);
}

#[test]
fn a_connection_that_is_lost_in_the_middle_of_its_share_gets_no_more_calls() {
    let simulation = near();
    let answers = Answers::default();
    let lines = Rc::clone(&answers.lines);
    serve(&simulation, move |_: Address| {
        LineReceiver::new(answers.clone())
    });
    let peers = [(); 3].map(|()| simulation.connect(PLACE));
    simulation.run_for(SECOND);
    for peer in &peers {
        peer.write(&vec![b'\n'; 1 << 20]);
    }
    turn(&simulation);
    turn(&simulation);
    for peer in peers {
        peer.reset();
    }
    simulation.run_for(SECOND);
    assert!((1..3 << 20).contains(&lines.get()), "{}", lines.get());
    let honest = simulation.connect(PLACE);
    honest.write(b"hello\n");
    simulation.run_for(SECOND);
    assert_eq!(honest.read(), b"hello\r\n");
}

#[test]
fn a_connection_that_writes_much_in_every_turn_leaves_room_for_others() {
    struct Endless;
    impl Protocol for Endless {
        fn connection_made(&mut self, transport: &Transport) {
            transport.write(&[b'x'; 2 << 20]);
        }

        fn data_received(&mut self, _: &Transport, _: &[u8]) {}

        fn writing_resumed(&mut self, transport: &Transport) {
            transport.write(&[b'x'; 2 << 20]);
        }
    }
    let wide = Conditions::calm()
        .latency(millis(0)..=millis(0))
        .send_buffer(1 << 20..=1 << 20)
        .receive_buffer(4 << 20..=4 << 20);
    let simulation = Simulation::with_conditions(wide, 1);
    serve(&simulation, |_: Address| {
        LineReceiver::new(Answers::default())
    });
    let downloads = simulation.reactor().listen_tcp("10.0.0.1:8", |_| Endless);
    let downloads = downloads.expect("the port is free");
    let honest = simulation.connect(PLACE);
    simulation.run_for(SECOND);
    let mut peers = Vec::new();
    for _ in 0..7 {
        peers.push(simulation.connect(downloads.local_addr()));
        turn(&simulation);
    }
    let mut got = 0;
    for _ in 0..20 {
        let due = Rc::new(Cell::new(false));
        let is_due = Rc::clone(&due);
        simulation
            .reactor()
            .call_later(millis(0), move || is_due.set(true));
        honest.write(b"hello\n");
        let mut turns = 0;
        while honest.read().is_empty() || !due.get() {
            turn(&simulation);
            got += peers.iter().map(|peer| peer.read().len()).sum::<usize>();
            turns += 1;
            assert!(turns <= 4, "{got} bytes were written meanwhile");
        }
    }
    assert!(got > 20 << 20, "{got}");
}

#[test]
fn a_connection_that_waits_for_its_share_is_not_timed_out() {
    struct Slow {
        simulation: Rc<Simulation>,
        lines: Rc<Cell<usize>>,
        has_begun: bool,
    }
    impl LineProtocol for Slow {
        fn line_received(&mut self, transport: &LineTransport<'_>, _: &[u8]) {
            if !std::mem::replace(&mut self.has_begun, true) {
                transport.set_timeout(Some(millis(300)));
            }
            self.lines.set(self.lines.get() + 1);
            if self.lines.get().is_multiple_of(1_000) {
                self.simulation.spend(millis(100));
            }
        }
    }
    let simulation = Rc::new(near());
    let lines = Rc::new(Cell::new(0));
    let (spends, counts) = (Rc::clone(&simulation), Rc::clone(&lines));
    serve(&simulation, move |_: Address| {
        let (simulation, lines) = (Rc::clone(&spends), Rc::clone(&counts));
        LineReceiver::new(Slow {
            simulation,
            lines,
            has_begun: false,
        })
    });
    let peers = [(); 4].map(|()| simulation.connect(PLACE));
    simulation.run_for(SECOND);
    for peer in &peers {
        peer.write(&[b'\n'; 1 << 16]);
    }
    while lines.get() < 4 << 16 {
        assert!(peers.iter().all(Peer::is_connected), "{}", lines.get());
        turn(&simulation);
    }
}
