//! The port-forward example, in the simulated network.

#[path = "../examples/portforward.rs"]
#[allow(dead_code, reason = "its main function is for people")]
mod portforward;

use std::io::ErrorKind;
use std::time::Duration;

use reactor::endpoints::{client_from_string, server_from_string};
use reactor::testing::{Peer, PeerListener, Simulation};

struct Forward {
    simulation: Simulation,
    /// Where clients are forwarded to.
    destination: PeerListener,
}

impl Forward {
    fn new(simulation: Simulation) -> Self {
        let from = server_from_string("tcp:1401:interface=10.0.0.1").unwrap();
        let to = client_from_string("tcp:10.0.0.2:80").unwrap();
        portforward::forward(&simulation.reactor(), &from, to).unwrap();
        let destination = simulation.listen("10.0.0.2:80");
        Self {
            simulation,
            destination,
        }
    }

    fn client(&self) -> Peer {
        self.simulation.connect("10.0.0.1:1401")
    }

    fn pair(&self) -> (Peer, Peer) {
        let client = self.client();
        self.simulation.run_until_idle();
        (client, self.destination.accept().expect("it was forwarded"))
    }

    fn run(&self) {
        self.simulation.run_for(Duration::from_secs(5));
    }

    /// How many connections the forwarder has, besides its port.
    fn connections(&self) -> usize {
        self.simulation.descriptors() - 1
    }
}

#[test]
fn bytes_go_both_ways() {
    let forward = Forward::new(Simulation::new());
    let (client, server) = forward.pair();
    client.write(b"question");
    server.write(b"answer");
    forward.run();
    assert_eq!(server.read(), b"question");
    assert_eq!(client.read(), b"answer");
}

#[test]
fn what_a_client_sends_before_the_server_is_connected_is_not_lost() {
    for ends in [false, true] {
        let forward = Forward::new(Simulation::new());
        let client = forward.client();
        client.write(&[b'x'; 100_000]);
        if ends {
            client.shut_write();
        }
        forward.run();
        let server = forward.destination.accept().expect("it was forwarded");
        forward.run();
        assert_eq!(server.read().len(), 100_000);
        assert_eq!(server.has_ended(), ends);
    }
}

#[test]
fn an_end_of_stream_before_the_server_is_connected_is_passed_on() {
    let forward = Forward::new(Simulation::new());
    let client = forward.client();
    client.shut_write();
    forward.run();
    let server = forward.destination.accept().expect("it was forwarded");
    forward.run();
    assert!(server.has_ended());
    server.write(b"an answer to nothing");
    server.close();
    forward.run();
    assert_eq!(client.read(), b"an answer to nothing");
    assert!(client.has_ended());
    assert_eq!(forward.connections(), 0);
}

#[test]
fn a_client_that_has_sent_everything_still_gets_the_answer() {
    let forward = Forward::new(Simulation::new());
    let (client, server) = forward.pair();
    client.write(b"question");
    client.shut_write();
    forward.run();
    assert_eq!(server.read(), b"question");
    assert!(server.has_ended());
    server.write(&[b'a'; 1_000_000]);
    server.shut_write();
    forward.run();
    assert_eq!(client.read().len(), 1_000_000);
    assert!(client.has_ended());
    assert_eq!(forward.connections(), 0);
}

#[test]
fn when_one_side_closes_the_other_gets_what_was_sent_and_is_closed() {
    let forward = Forward::new(Simulation::new());
    for client_closes in [false, true] {
        let (client, server) = forward.pair();
        let (first, other) = match client_closes {
            true => (client, server),
            false => (server, client),
        };
        other.pause_reading();
        first.write(&[b'x'; 300_000]);
        forward.run();
        first.close();
        forward.run();
        other.resume_reading();
        forward.run();
        assert_eq!(other.read().len(), 300_000);
        assert!(other.has_ended());
        other.close();
        forward.run();
        assert_eq!(forward.connections(), 0);
    }
}

#[test]
fn a_reset_is_not_taken_for_an_orderly_end() {
    let forward = Forward::new(Simulation::new());
    let (client, server) = forward.pair();
    client.reset();
    forward.run();
    assert_eq!(server.error(), Some(ErrorKind::ConnectionReset));
    assert_eq!(forward.connections(), 0);
}

#[test]
fn a_slow_reader_pauses_the_other_side() {
    let forward = Forward::new(Simulation::new());
    let (client, server) = forward.pair();
    client.pause_reading();
    server.write(&[b'x'; 4_000_000]);
    forward.run();
    // Were all of it read, it would be too much for one connection to hold, and be lost.
    assert_eq!(server.error(), None);
    client.resume_reading();
    forward.run();
    assert_eq!(client.read().len(), 4_000_000);
}

#[test]
fn a_client_of_a_server_that_refuses_is_dropped() {
    let forward = Forward::new(Simulation::new());
    forward.simulation.refuse("10.0.0.2:80");
    let client = forward.client();
    client.write(b"question");
    forward.run();
    assert_eq!(client.error(), Some(ErrorKind::ConnectionReset));
    assert_eq!(forward.connections(), 0);
}

#[test]
fn a_client_that_is_gone_is_not_connected_for() {
    let forward = Forward::new(Simulation::new());
    forward.simulation.swallow("10.0.0.2:80");
    let client = forward.client();
    forward.run();
    assert_eq!(forward.connections(), 2);
    client.reset();
    forward.run();
    assert_eq!(forward.connections(), 0);
}

#[test]
fn in_a_chaotic_network_everything_arrives_in_both_directions_and_nothing_is_left() {
    for seed in 0..100 {
        let forward = Forward::new(Simulation::chaotic(seed));
        let client = forward.client();
        client.write(&[b'c'; 50_000]);
        client.shut_write();
        let mut server = None;
        forward
            .simulation
            .run_until_true(Duration::from_secs(10), || {
                server = server.take().or_else(|| forward.destination.accept());
                server.is_some()
            });
        let server = server.expect("it was forwarded");
        server.write(&[b's'; 50_000]);
        server.shut_write();
        forward.simulation.run_for(Duration::from_secs(60));
        assert!(server.read() == [b'c'; 50_000], "seed {seed}");
        assert!(client.read() == [b's'; 50_000], "seed {seed}");
        assert!(client.has_ended() && server.has_ended(), "seed {seed}");
        assert_eq!(forward.connections(), 0, "seed {seed}");
    }
}
