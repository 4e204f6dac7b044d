//! Groups: who hears what, and how fast one may talk.

mod back_pressure;
#[path = "../support/mod.rs"]
mod support;

use reactor::testing::{Conditions, Peer, Simulation};
use reactor::{Address, Group, Protocol, Reason, Transport};

use support::{Log, SECOND, millis, pattern};

/// Says to all others what it hears.
struct Member {
    room: Group,
    log: Log,
}

impl Protocol for Member {
    fn connection_made(&mut self, transport: &Transport) {
        self.room.add(transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.room.write_except(transport, data);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        assert!(!self.room.contains(transport));
        self.log.note(format!("{} {reason}", transport.peer_addr()));
    }
}

struct Room {
    simulation: Simulation,
    group: Group,
    log: Log,
}

fn room(simulation: Simulation) -> Room {
    let (group, log) = (Group::new(), Log::default());
    let (room, for_members) = (group.clone(), log.clone());
    let factory = move |_| Member {
        room: room.clone(),
        log: for_members.clone(),
    };
    simulation
        .reactor()
        .listen_tcp("10.0.0.1:1", factory)
        .expect("the port is free");
    Room {
        simulation,
        group,
        log,
    }
}

impl Room {
    fn join(&self) -> Peer {
        let members = self.group.len();
        let peer = self.simulation.connect("10.0.0.1:1");
        assert!(
            self.simulation
                .run_until_true(SECOND, || self.group.len() > members)
        );
        peer
    }

    fn run_for(&self, n: u64) {
        self.simulation.run_for(millis(n));
    }
}

#[test]
fn all_hear_what_one_says_but_the_one() {
    let room = room(Simulation::new());
    let [one, two, three] = [0; 3].map(|_| room.join());
    one.write(b"hello");
    room.run_for(1);
    assert_eq!(
        [one.read(), two.read(), three.read()],
        [&b""[..], b"hello", b"hello"]
    );
    room.group.write(b"to all");
    room.group.write(b"");
    room.run_for(1);
    assert_eq!(
        [one.read(), two.read(), three.read()],
        [b"to all", b"to all", b"to all"]
    );
}

#[test]
fn a_lost_member_leaves_by_itself_and_the_others_stay() {
    let room = room(Simulation::new());
    let [one, two, three] = [0; 3].map(|_| room.join());
    two.reset();
    room.run_for(1);
    assert_eq!(room.group.len(), 2);
    drop(three);
    room.run_for(1);
    assert_eq!((room.group.len(), room.group.members().len()), (1, 1));
    room.group.write(b"still here");
    room.run_for(1);
    assert_eq!(one.read(), b"still here");
    one.close();
    room.run_for(1);
    assert!(room.group.is_empty());
    room.group.write(b"to nobody");
    room.run_for(1);
}

#[test]
fn members_are_added_once_and_removed_once() {
    let room = room(Simulation::new());
    let one = room.join();
    let transport = room.group.members().pop().expect("there is one");
    assert!(room.group.contains(&transport));
    assert!(!room.group.add(&transport));
    room.group.write(b"heard ");
    assert!(room.group.remove(&transport));
    assert!(!room.group.remove(&transport));
    room.group.write(b"not heard ");
    assert!(room.group.add(&transport));
    room.group.write(b"heard again");
    let other = Group::new();
    assert!(other.add(&transport));
    other.write(b", by two groups");
    room.run_for(1);
    assert_eq!(one.read(), b"heard heard again, by two groups");
    transport.abort_connection();
    room.run_for(1);
    assert!(!other.add(&transport), "it is lost");
    assert_eq!((other.len(), room.group.len()), (0, 0));
}

#[test]
fn what_is_shared_and_what_is_written_to_one_arrive_in_their_order() {
    // Short writes leave parts of shared blocks behind, between bytes of one's own.
    for seed in 0..60 {
        let narrow = Conditions::chaotic()
            .send_buffer(1..=3000)
            .receive_buffer(1..=3000);
        let room = room(Simulation::with_conditions(narrow, seed));
        let peers = [0; 4].map(|_| room.join());
        let transports: Vec<_> = peers
            .iter()
            .map(|peer| {
                let members = room.group.members();
                let mine = |t: &&Transport| t.peer_addr() == &Address::from(peer.local_addr());
                members.iter().find(mine).expect("it joined").clone()
            })
            .collect();
        let noise = pattern(60_000);
        let mut expected = [const { Vec::new() }; 4];
        for (n, chunk) in noise.chunks(700).enumerate() {
            match n % 5 {
                0 => {
                    transports[n % 4].write(chunk);
                    expected[n % 4].extend_from_slice(chunk);
                }
                1 => {
                    room.group.write_except(&transports[n % 4], chunk);
                    (0..4)
                        .filter(|m| *m != n % 4)
                        .for_each(|m| expected[m].extend_from_slice(chunk));
                }
                _ => {
                    room.group.write(chunk);
                    expected.iter_mut().for_each(|e| e.extend_from_slice(chunk));
                }
            }
            if n % 7 == 0 {
                room.run_for(n as u64 % 30);
            }
        }
        room.simulation.run_for(1000 * SECOND);
        for (peer, expected) in peers.iter().zip(&expected) {
            assert!(peer.read() == *expected, "seed {seed}");
        }
    }
}

#[test]
fn a_group_and_its_members_hold_no_memory_when_all_are_gone() {
    let room = room(Simulation::new());
    let peers = [0; 5].map(|_| room.join());
    peers[1].pause_reading();
    peers[0].write(&pattern(500_000));
    room.run_for(20);
    let weak = room.simulation.reactor().downgrade();
    // In the middle of everything: a talker is held, and blocks are shared.
    drop((room, peers));
    assert!(weak.upgrade().is_none());
}
