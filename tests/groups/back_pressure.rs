//! A talker is not read while a listener of its group is behind.

use reactor::testing::{Conditions, Peer, Simulation};
use reactor::{Factory, Group, Limits, Protocol, Transport};

use crate::room;
use crate::support::{SECOND, millis, pattern};

#[test]
fn a_talker_is_read_no_faster_than_a_slow_listener_takes_it() {
    let room = room(Simulation::new());
    let [talker, quick, slow] = [0; 3].map(|_| room.join());
    slow.pause_reading();
    talker.write(&pattern(20_000_000));
    let (mut by_quick, mut by_slow) = (Vec::new(), Vec::new());
    for _ in 0..1000 {
        room.run_for(10);
        by_slow.extend(slow.read_at_most(10_000));
        by_quick.extend(quick.read());
        // What lies between them: this side's buffer and the system's at both ends.
        let between = by_quick.len() - by_slow.len();
        assert!(between <= (64 << 10) * 4 + (64 << 10), "{between}");
    }
    assert!(
        room.log.entries().is_empty(),
        "nobody is dropped: {:?}",
        room.log
    );
    assert!(
        by_slow.len() >= 9_000_000,
        "the slow one is served as fast as it reads"
    );
    assert!(by_quick == pattern(20_000_000)[..by_quick.len()]);
    assert!(by_slow == pattern(20_000_000)[..by_slow.len()]);
    slow.resume_reading();
    room.run_for(1000);
    by_slow.extend(slow.read());
    assert!(by_slow == pattern(20_000_000));
}

#[test]
fn a_talker_waits_for_all_who_are_behind_and_not_only_for_the_first() {
    let room = room(Simulation::new());
    let [first, second, talker] = [0; 3].map(|_| room.join());
    first.pause_reading();
    second.pause_reading();
    talker.write(&pattern(20_000_000));
    let (mut by_first, mut by_second) = (0, 0);
    for _ in 0..200 {
        room.run_for(20);
        by_first += first.read().len();
        by_second += second.read_at_most(20_000).len();
        assert!(
            by_first - by_second <= (64 << 10) * 5,
            "{by_first} {by_second}"
        );
    }
    assert!(room.log.entries().is_empty(), "{:?}", room.log);
    assert!(by_second >= 3_900_000, "{by_second}");
}

#[test]
fn a_listener_that_takes_nothing_is_waited_for_half_a_minute_and_dropped_at_its_limit() {
    let room = room(Simulation::new());
    let [talker, quick, stopped] = [0; 3].map(|_| room.join());
    stopped.pause_reading();
    talker.write(&pattern(10_000_000));
    // Its buffers are full at once. After that the talk goes on, at the pace at which half of
    // the listener's own buffer fills in that time, and not in silence.
    room.run_for(20);
    let mut heard = quick.read();
    assert!(heard.len() < 400_000, "{}", heard.len());
    for _ in 0..2 {
        room.run_for(14_000);
        let more = quick.read();
        assert!((120_000..400_000).contains(&more.len()), "{}", more.len());
        heard.extend(more);
    }
    assert!(room.log.entries().is_empty(), "{:?}", room.log);
    room.run_for(3000);
    heard.extend(quick.read());
    assert!(heard == pattern(10_000_000), "the talker was let go");
    let name = stopped.local_addr();
    let entry = format!("{name} more than 1048576 bytes waited for a peer that did not read");
    assert_eq!(room.log.entries(), [entry]);
    assert_eq!(room.group.len(), 2);
    // And it disturbs nobody any more.
    talker.write(b"next");
    room.run_for(1);
    assert_eq!(quick.read(), b"next");
}

#[test]
fn a_listener_that_had_stopped_and_reads_again_is_waited_for_again() {
    let room = room(Simulation::new());
    let [talker, listener] = [0; 2].map(|_| room.join());
    listener.pause_reading();
    talker.write(&pattern(1_000_000));
    room.run_for(31_000);
    // All was taken from the talker, for the listener was not waited for.
    assert!(room.group.members().iter().any(|m| m.unsent() > 800_000));
    let mut heard = listener.read_at_most(100_000);
    room.run_for(200);
    talker.write(&pattern(10_000_000));
    for _ in 0..100 {
        room.run_for(100);
        heard.extend(listener.read_at_most(20_000));
        let unsent = room.group.members().iter().map(Transport::unsent).max();
        assert!(unsent < Some(1_000_000), "{unsent:?}");
    }
    assert!(room.log.entries().is_empty(), "{:?}", room.log);
    let expected = [pattern(1_000_000), pattern(10_000_000)].concat();
    assert!(heard == expected[..heard.len()]);
}

/// Buffers as large as the operating system's, and windows that open in steps, as they do there.
fn steps() -> Conditions {
    Conditions::calm()
        .send_buffer(4_000_000..=4_000_000)
        .receive_buffer(500_000..=500_000)
        .window_step(150_000..=150_000)
}

#[test]
fn whoever_reads_steadily_is_never_dropped_however_slow() {
    let near = steps();
    let far = steps()
        .latency(millis(300)..=millis(300))
        .segment(300_000..=300_000);
    let paces = [
        (10_000, 90, &near),
        (50_000, 60, &near),
        (500_000, 20, &near),
        (4_000_000, 5, &near),
        (50_000, 60, &far),
    ];
    for (bytes_a_second, seconds, conditions) in paces {
        let room = room(Simulation::with_conditions(conditions.clone(), 0));
        let [talker, quick, slow] = [0; 3].map(|_| room.join());
        slow.pause_reading();
        // Enough for all that time, and for all the buffers on the way.
        talker.write(&vec![b'x'; seconds * bytes_a_second + 6_000_000]);
        let mut taken = 0;
        for _ in 0..seconds * 20 {
            room.run_for(50);
            taken += slow.read_at_most(bytes_a_second / 20).len();
        }
        assert_eq!(
            room.log.entries(),
            [""; 0],
            "at {bytes_a_second} bytes a second"
        );
        assert!(
            taken > (seconds - 1) * bytes_a_second,
            "{taken}: there was always something to read"
        );
        assert!(quick.read().len() >= taken);
    }
}

#[test]
fn many_listeners_of_many_speeds_and_many_talkers_lose_nobody() {
    let room = room(Simulation::with_conditions(steps(), 0));
    let listeners = [20_000, 50_000, 100_000, 500_000, 1_000_000, 4_000_000]
        .map(|bytes_a_second| (room.join(), bytes_a_second));
    let talkers: Vec<Peer> = (0..30).map(|_| room.join()).collect();
    for (listener, _) in &listeners {
        listener.pause_reading();
    }
    for talker in &talkers {
        talker.write(&vec![b'x'; 700_000]);
    }
    for _ in 0..30 * 20 {
        room.run_for(50);
        for (listener, bytes_a_second) in &listeners {
            let _ = listener.read_at_most(bytes_a_second / 20);
        }
        for talker in &talkers {
            let _ = talker.read();
        }
    }
    assert_eq!(room.log.entries(), [""; 0]);
    assert!(
        talkers.iter().any(|talker| talker.unsent() > 0),
        "there was always more to say than the slowest could take"
    );
}

#[test]
fn a_quiet_talker_is_read_at_once_although_a_listener_is_behind() {
    let room = room(Simulation::new());
    let [talker, alice, bob, slow] = [0; 4].map(|_| room.join());
    slow.pause_reading();
    talker.write(&vec![b'x'; 20_000_000]);
    room.run_for(200);
    assert!(
        room.group.members().iter().any(|m| !m.is_reading()),
        "the talker waits"
    );
    for n in 0..100 {
        let _ = (slow.read_at_most(10_000), bob.read());
        alice.write(format!("[{n}]").as_bytes());
        room.run_for(5);
        let heard = bob.read();
        let said = format!("[{n}]");
        assert!(
            heard.windows(said.len()).any(|w| w == said.as_bytes()),
            "{said} was not heard within 5 ms"
        );
        room.run_for(95);
    }
    assert_eq!(room.log.entries(), [""; 0]);
}

#[test]
fn a_quiet_talker_waits_too_when_a_listener_is_far_behind() {
    let room = room(Simulation::new());
    let talkers: Vec<Peer> = (0..60).map(|_| room.join()).collect();
    let slow = room.join();
    slow.pause_reading();
    // Each says 3 KB a second, and all together four times of what one listener takes.
    for _ in 0..30 {
        for talker in &talkers {
            talker.write(&[b'x'; 3000]);
        }
        for _ in 0..10 {
            room.run_for(100);
            let _ = slow.read_at_most(5_000);
        }
    }
    assert_eq!(room.log.entries(), [""; 0]);
}

#[test]
fn a_talker_is_let_go_when_the_one_it_waits_for_is_lost_or_leaves() {
    let end: [fn(&Peer); 3] = [Peer::reset, Peer::resume_reading, |peer| {
        peer.shut_write();
        peer.resume_reading();
    }];
    for end in end {
        let room = room(Simulation::new());
        let [talker, quick, slow] = [0; 3].map(|_| room.join());
        slow.pause_reading();
        talker.write(&pattern(1_000_000));
        room.run_for(50);
        let before = quick.read();
        assert!(before.len() < 1_000_000);
        end(&slow);
        room.run_for(20);
        assert!([before, quick.read()].concat() == pattern(1_000_000));
    }
}

#[test]
fn a_talker_that_waits_hears_all_the_same_and_may_end() {
    let room = room(Simulation::new());
    let [talker, slow] = [0; 2].map(|_| room.join());
    slow.pause_reading();
    talker.write(&pattern(1_000_000));
    room.run_for(50);
    room.group.write(b"wait!");
    room.run_for(1);
    assert_eq!(talker.read(), b"wait!");
    talker.reset();
    room.run_for(1);
    assert_eq!(
        room.log.count(&talker.local_addr().to_string()),
        1,
        "{:?}",
        room.log
    );
    assert_eq!(room.group.len(), 1);
}

#[test]
fn a_member_that_talks_to_itself_does_not_wait_for_ever() {
    struct Echo(Group);
    impl Protocol for Echo {
        fn connection_made(&mut self, transport: &Transport) {
            self.0.add(transport);
        }

        fn data_received(&mut self, _: &Transport, data: &[u8]) {
            self.0.write(data);
        }
    }
    for seed in 0..20 {
        let simulation = Simulation::chaotic(seed);
        let group = Group::new();
        let member = group.clone();
        let limits = Limits::default().high_water(1000).low_water(10);
        let factory = (move |_| Echo(member.clone())).with_limits(limits);
        simulation
            .reactor()
            .listen_tcp("10.0.0.1:1", factory)
            .expect("the port is free");
        let peer = simulation.connect("10.0.0.1:1");
        peer.write(&pattern(30_000));
        simulation.run_for(1000 * SECOND);
        assert!(peer.read() == pattern(30_000), "seed {seed}");
    }
}

#[test]
fn talkers_that_wait_for_each_other_are_dropped_with_their_loop() {
    /// Reads on while its own peer does not read.
    struct Heedless(Group);
    impl Protocol for Heedless {
        fn connection_made(&mut self, transport: &Transport) {
            self.0.add(transport);
        }

        fn data_received(&mut self, transport: &Transport, data: &[u8]) {
            self.0.write_except(transport, data);
        }

        fn writing_paused(&mut self, _: &Transport) {}
    }
    let simulation = Simulation::new();
    let group = Group::new();
    let for_factory = group.clone();
    let factory = move |_| Heedless(for_factory.clone());
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:1", factory)
        .expect("the port is free");
    let peers = [0; 2].map(|_| simulation.connect("10.0.0.1:1"));
    for peer in &peers {
        peer.pause_reading();
        peer.write(&pattern(1_000_000));
    }
    assert!(simulation.run_until_true(SECOND, || {
        let members = group.members();
        members.len() == 2 && members.iter().all(|member| !member.is_reading())
    }));
    let handles: Vec<_> = group
        .members()
        .iter()
        .map(Transport::handle::<Heedless>)
        .collect();
    drop((simulation, group, peers));
    assert!(
        handles.iter().all(|handle| handle.transport().is_none()),
        "a cycle keeps them"
    );
}
