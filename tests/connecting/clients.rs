//! Attempts to connect: their order, their ends, and the addresses of what they make.

use reactor::testing::{Conditions, Simulation};
use reactor::{Address, Limits, Protocol, Reason, Transport};

use crate::client;
use crate::support::{Client, Log, SECOND, listen_noting, listener, millis};

#[test]
fn nothing_is_called_before_connect_has_returned() {
    let simulation = Simulation::new();
    simulation.make_unreachable("10.0.0.2:80");
    let _server = simulation.listen("10.0.0.1:80");
    let log = Log::default();
    for host in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "no such host"] {
        simulation.reactor().connect_tcp(host, 80, client(&log));
    }
    assert_eq!(log.entries(), [""; 0]);
    simulation.run_until_idle();
    let mut entries = log.entries();
    entries.sort();
    assert_eq!(
        entries,
        [
            "failed: connection refused",
            "failed: network unreachable",
            "failed: there is no host no such host",
            "made"
        ]
    );
}

#[test]
fn connecting_to_a_closed_port_fails_with_connection_refused() {
    let simulation = Simulation::new();
    let log = Log::default();
    let connector = simulation
        .reactor()
        .connect_tcp("10.0.0.1", 80, client(&log));
    assert!(connector.is_connecting());
    simulation.run_until_idle();
    assert!(!connector.is_connecting());
    assert_eq!(log.entries(), ["failed: connection refused"]);
    assert_eq!(simulation.descriptors(), 0);
    connector.cancel();
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["failed: connection refused"]);
}

#[test]
fn an_attempt_that_nobody_answers_times_out_at_its_time() {
    let simulation = Simulation::new();
    simulation.swallow("10.0.0.1:80");
    let log = Log::default();
    let patient = Client {
        limits: Limits::default().connect(7 * SECOND),
        ..client(&log)
    };
    simulation.reactor().connect_tcp("10.0.0.1", 80, patient);
    simulation.run_for(millis(6999));
    assert_eq!(log.entries(), [""; 0]);
    assert_eq!(simulation.descriptors(), 1);
    simulation.run_for(millis(1));
    assert_eq!(
        log.entries(),
        ["failed: the connection was not established in time"]
    );
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn an_attempt_can_be_given_up_at_any_time_and_leaves_nothing() {
    for after in 0..300 {
        let simulation = Simulation::new();
        let server = simulation.listen("10.0.0.1:80");
        let log = Log::default();
        let connector = simulation
            .reactor()
            .connect_tcp("10.0.0.1", 80, client(&log));
        let step = std::time::Duration::from_micros(after);
        simulation.run_for(step);
        let was_connecting = connector.is_connecting();
        assert_eq!(connector.cancel(), was_connecting);
        assert!(!connector.cancel());
        assert!(!connector.is_connecting());
        let peer = server.accept();
        simulation.run_until_idle();
        let made = log.contains("made");
        let expected: &[&str] = if made {
            &["made"] // it was too late
        } else {
            &["failed: the attempt to connect was cancelled"]
        };
        assert_eq!(log.entries(), expected, "after {after} µs");
        assert_eq!(
            simulation.descriptors(),
            usize::from(made),
            "after {after} µs"
        );
        assert_eq!(made, after >= 100, "the way there and back takes 100 µs");
        drop(peer);
    }
}

#[test]
fn both_ends_know_both_addresses_also_afterwards() {
    struct Names(Log);
    impl Protocol for Names {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}

        fn connection_lost(&mut self, transport: &Transport, _: &Reason) {
            self.0.note(format!(
                "{} {}",
                transport.local_addr(),
                transport.peer_addr()
            ));
        }
    }
    let simulation = Simulation::new();
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| Names(for_factory.clone());
    simulation
        .reactor()
        .listen_tcp("0.0.0.0:7", factory)
        .expect("the port is free");
    let client = simulation.connect_from("10.9.9.9".parse().expect("an address"), "10.0.0.1:7");
    simulation.run_until_idle();
    let name = client.local_addr();
    client.close();
    simulation.run_until_idle();
    assert_eq!(log.entries(), [format!("10.0.0.1:7 {name}")]);
    assert!(name.to_string().starts_with("10.9.9.9:"));
}

#[test]
fn an_address_is_for_its_own_family() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    for address in ["0.0.0.0:7", "[::]:7"] {
        let (log, at) = (log.clone(), address);
        let factory = move |_| {
            log.note(at);
            listener(&Log::default())
        };
        reactor.listen_tcp(address, factory).expect("both fit");
    }
    let _peers = ["10.0.0.1:7", "[2001:db8::1]:7"].map(|address| {
        let peer = simulation.connect(address);
        simulation.run_until_idle();
        peer
    });
    assert_eq!(log.entries(), ["0.0.0.0:7", "[::]:7"]);
    let taken = reactor.listen_tcp("10.0.0.1:7", |_| listener(&Log::default()));
    let taken = taken.expect_err("it is one of all").io_error().kind();
    assert_eq!(taken, std::io::ErrorKind::AddrInUse);
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_is_that_ipv4_address() {
    let simulation = Simulation::new();
    let log = Log::default();
    let _server = simulation.listen("10.0.0.1:80");
    let to = log.clone();
    let factory = move |peer: Address| {
        to.note(peer);
        listener(&to)
    };
    let reactor = simulation.reactor();
    let _connector = reactor.connect_tcp("::ffff:10.0.0.1", 80, factory);
    let port = reactor.listen_tcp("[::ffff:10.0.0.1]:81", |_| listener(&Log::default()));
    assert_eq!(
        port.expect("a port").local_addr().to_string(),
        "10.0.0.1:81"
    );
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["10.0.0.1:80", "made"]);
}

#[test]
fn clients_reach_servers_on_any_network() {
    for seed in 0..100 {
        let conditions = Conditions::chaotic().resets(30);
        let simulation = Simulation::with_conditions(conditions, seed);
        let log = listen_noting(&simulation.reactor(), "10.0.0.1:7");
        for _ in 0..10 {
            simulation
                .reactor()
                .connect_tcp("10.0.0.1", 7, client(&Log::default()));
        }
        simulation.run_for(SECOND);
        assert_eq!(log.count("made"), 10, "seed {seed}");
    }
}
