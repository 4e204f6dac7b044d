//! Attempts to connect: which address of several is taken, and what becomes of an attempt that is
//! given up, at any time, by those who asked for its outcome.

mod support;

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use reactor::deferred::{Abandoned, Cancelled, Canceller};
use reactor::testing::{Conditions, PeerListener, Simulation};
use reactor::{Connector, Deferred, Failure, Limits, Reason, Transport};
use support::{Client, Heard, Log, Probe, SECOND, Then, listener, millis};

type React = fn(&Heard<'_>, &Transport) -> Then;

fn client(log: &Log) -> Client<React> {
    Client::new(log, |_, _| Then::Default)
}

/// Somewhere with these addresses, at some of which somebody listens.
fn host(simulation: &Simulation, addresses: &[&str], listens: &[&str]) -> Vec<PeerListener> {
    let ips: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    simulation.add_host("example.org", &ips);
    let listens = listens.iter().map(|address| simulation.listen(address));
    listens.collect()
}

fn connect(simulation: &Simulation, log: &Log) -> Connector {
    let reactor = simulation.reactor();
    reactor.connect_tcp("Example.ORG", 80, client(log))
}

#[test]
fn an_address_that_swallows_packets_costs_a_quarter_of_a_second() {
    let simulation = Simulation::new();
    let log = Log::default();
    let servers = host(&simulation, &["10.0.0.1", "10.0.0.2"], &["10.0.0.2:80"]);
    simulation.swallow("10.0.0.1:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(249));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 1));
    simulation.run_for(millis(2));
    assert_eq!(log.entries(), ["made"]);
    let peer = servers[0].accept().expect("a client");
    assert_eq!(simulation.descriptors(), 1, "the other socket is closed");
    simulation.run_for(60 * SECOND);
    assert!(peer.is_connected() && log.entries().len() == 1, "{log:?}");
}

#[test]
fn an_address_that_refuses_makes_room_for_the_next_one_at_once() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    let servers = host(&simulation, &addresses, &["10.0.0.3:80"]);
    simulation.make_unreachable("10.0.0.2:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(2));
    assert_eq!(log.entries(), ["made"]);

    drop(servers);
    simulation.run_for(SECOND);
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(2));
    assert!(log.contains("failed: connection refused"), "{log:?}");
    let _connector = {
        simulation.add_host("example.org", &[]);
        connect(&simulation, &log)
    };
    simulation.run_until_idle();
    let nowhere = "failed: Example.ORG:80 has no address";
    assert!(log.contains(nowhere), "{log:?}");
    assert_eq!(simulation.descriptors(), 0);
}

#[test]
fn a_refusal_does_not_end_the_wait_for_an_address_that_was_tried_before() {
    let slow = Conditions {
        latency: millis(400)..=millis(400),
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(slow, 0);
    let log = Log::default();
    let servers = host(&simulation, &["10.0.0.1", "10.0.0.2"], &["10.0.0.1:80"]);
    simulation.make_unreachable("10.0.0.2:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(801));
    assert_eq!(log.entries(), ["made"]);
    assert!(servers[0].accept().is_some());
}

#[test]
fn the_first_that_is_connected_wins_and_the_others_are_closed() {
    let slow = Conditions {
        latency: millis(300)..=millis(300),
        ..Conditions::calm()
    };
    let simulation = Simulation::with_conditions(slow, 0);
    let log = Log::default();
    let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    let listens = addresses.map(|ip| format!("{ip}:80"));
    let listens = listens.each_ref().map(String::as_str);
    let servers = host(&simulation, &addresses, &listens);
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(599));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 3));
    simulation.run_for(SECOND);
    let open = servers.iter().filter_map(PeerListener::accept);
    let open: Vec<_> = open
        .map(|peer| peer.is_connected() && !peer.has_ended())
        .collect();
    assert!(open[0] && !open[1..].contains(&true), "{open:?}");
    assert_eq!(
        (log.entries(), simulation.descriptors()),
        (vec!["made".to_owned()], 1)
    );
}

#[test]
fn the_second_try_is_one_of_the_other_family() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses = ["2001:db8::1", "2001:db8::2", "10.0.0.1"];
    let _servers = host(&simulation, &addresses, &["10.0.0.1:80"]);
    simulation.swallow("[2001:db8::1]:80");
    simulation.swallow("[2001:db8::2]:80");
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(251));
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn all_addresses_have_their_turn_within_the_limit_and_at_most_eight_at_the_same_time() {
    let simulation = Simulation::new();
    let log = Log::default();
    let addresses: Vec<String> = (1..=12).map(|n| format!("10.0.0.{n}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let _servers = host(&simulation, &addresses, &["10.0.0.12:80"]);
    for ip in &addresses[..11] {
        simulation.swallow(format!("{ip}:80"));
    }
    let _connector = connect(&simulation, &log);
    for _ in 0..300 {
        simulation.run_for(millis(100));
        assert!(simulation.descriptors() <= 8);
    }
    assert_eq!(log.entries(), ["made"]);

    // With less time there are shorter waits.
    let log = Log::default();
    let hasty = Client {
        limits: Limits {
            connect: millis(300),
            ..Limits::default()
        },
        ..client(&log)
    };
    let _servers = host(&simulation, &addresses[9..], &[]);
    let _connector = simulation.reactor().connect_tcp("example.org", 80, hasty);
    simulation.run_for(millis(202));
    assert_eq!(log.entries(), ["made"]);
}

#[test]
fn an_attempt_ends_at_its_limit_however_many_addresses_are_tried() {
    let simulation = Simulation::new();
    let log = Log::default();
    let _servers = host(&simulation, &["10.0.0.1", "10.0.0.2", "10.0.0.3"], &[]);
    for n in 1..=3 {
        simulation.swallow(format!("10.0.0.{n}:80"));
    }
    let _connector = connect(&simulation, &log);
    simulation.run_for(millis(29_999));
    assert_eq!((log.entries().len(), simulation.descriptors()), (0, 3));
    simulation.run_for(millis(1));
    let late = "failed: the connection was not established in time";
    assert_eq!(
        (log.take(), simulation.descriptors()),
        (vec![late.to_owned()], 0)
    );

    let connector = connect(&simulation, &log);
    simulation.run_for(SECOND);
    connector.cancel();
    simulation.run_for(SECOND);
    let cancelled = "failed: the attempt to connect was cancelled";
    assert_eq!(
        (log.take(), simulation.descriptors()),
        (vec![cancelled.to_owned()], 0)
    );
}

#[test]
fn a_limit_of_zero_is_a_mistake_that_says_so() {
    let simulation = Simulation::new();
    let _server = simulation.listen("10.0.0.1:80");
    let log = Log::default();
    let never = Client {
        limits: Limits {
            connect: millis(0),
            ..Limits::default()
        },
        ..client(&log)
    };
    let _connector = simulation.reactor().connect_tcp("10.0.0.1", 80, never);
    simulation.run_until_idle();
    let said = "failed: Limits::connect is zero, which leaves no time to connect";
    assert_eq!(log.entries(), [said]);
}

#[test]
fn a_socket_that_is_connected_to_itself_counts_as_refused() {
    let simulation = Simulation::new();
    let log = Log::default();
    let reactor = simulation.reactor();
    // The network gives out its ports one after the other.
    let port = reactor.listen_tcp("127.0.0.1:0", |_| listener(&Log::default()));
    let port = port.expect("a port");
    let next = port.local_addr().socket_addr().expect("TCP").port() + 1;
    let _connector = reactor.connect_tcp("127.0.0.1", next, client(&log));
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["failed: connection refused"]);
    assert_eq!(simulation.descriptors(), 1);
}

/// What became of a Deferred.
type Outcome = Rc<RefCell<Option<Result<Transport, Failure>>>>;

fn outcome(deferred: Deferred<Transport>) -> Outcome {
    let outcome = Outcome::default();
    let to = Rc::clone(&outcome);
    deferred.add_both(move |result| {
        to.replace(Some(result));
    });
    outcome
}

/// What is said of it, in short.
fn said(outcome: &Outcome) -> String {
    match &*outcome.borrow() {
        None => "nothing".to_owned(),
        Some(Ok(_)) => "connected".to_owned(),
        Some(Err(failure)) if failure.check::<Cancelled>().is_some() => "cancelled".to_owned(),
        Some(Err(failure)) => failure.to_string(),
    }
}

/// A connector that its own callbacks can reach.
type Shared<T> = Rc<RefCell<Option<T>>>;

#[test]
fn an_attempt_may_be_given_up_while_its_protocol_is_built() {
    let simulation = Simulation::new();
    let server = simulation.listen("10.0.0.1:80");
    let (log, own) = (Log::default(), Shared::<Connector>::default());
    let (to, connector) = (log.clone(), Rc::clone(&own));
    let factory = move |_| {
        let connector = connector.borrow().clone().expect("it was set");
        to.note(format!("connecting: {}", connector.is_connecting()));
        connector.cancel();
        to.note(format!("connecting: {}", connector.is_connecting()));
        listener(&to)
    };
    let reactor = simulation.reactor();
    let connector = reactor.connect_tcp("10.0.0.1", 80, factory);
    own.replace(Some(connector.clone()));
    let outcome = outcome(connector.connected());
    simulation.run_until_idle();
    assert_eq!(log.entries(), ["connecting: true", "connecting: false"]);
    assert_eq!(said(&outcome), "the attempt to connect was cancelled");
    assert!(server.accept().is_some_and(|peer| peer.has_ended()));
    assert_eq!(simulation.descriptors(), 0);
}

/// A client that does this when its connection is made, and an attempt to connect with it.
fn when_made(
    simulation: &Simulation,
    log: &Log,
    does: impl Fn(&Transport) + Clone + 'static,
) -> Connector {
    let log = log.clone();
    let factory = move |_| {
        let does = does.clone();
        Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                does(transport);
            }
            Then::Default
        })
    };
    simulation.reactor().connect_tcp("10.0.0.1", 80, factory)
}

#[test]
fn one_that_is_cancelled_while_the_connection_is_made_ends_it() {
    let simulation = Simulation::new();
    let _server = simulation.listen("10.0.0.1:80");
    let (log, cancel) = (Log::default(), Rc::<RefCell<Canceller>>::default());
    let canceller = Rc::clone(&cancel);
    let connector = when_made(&simulation, &log, move |_| canceller.borrow().cancel());
    let deferred = connector.connected();
    cancel.replace(deferred.canceller());
    let outcome = outcome(deferred);
    simulation.run_until_idle();
    assert_eq!(said(&outcome), "cancelled");
    let lost = "lost: the attempt to connect was cancelled";
    assert_eq!(log.entries(), ["made", lost]);
}

#[test]
fn of_two_that_wait_one_may_be_cancelled_and_the_other_gets_the_connection() {
    for after in [0, 30, 70] {
        let simulation = Simulation::new();
        let _server = simulation.listen("10.0.0.1:80");
        let log = Log::default();
        let reactor = simulation.reactor();
        let connector = reactor.connect_tcp("10.0.0.1", 80, client(&log));
        let (one, other) = (connector.connected(), connector.connected());
        simulation.run_for(std::time::Duration::from_micros(after));
        one.cancel();
        assert!(connector.is_connecting());
        let (one, other) = (outcome(one), outcome(other));
        simulation.run_until_idle();
        assert_eq!(
            (said(&one), said(&other)),
            ("cancelled".into(), "connected".into())
        );

        let connector = reactor.connect_tcp("10.0.0.1", 80, client(&log));
        let (one, other) = (connector.connected(), connector.connected());
        simulation.run_for(std::time::Duration::from_micros(after));
        one.cancel();
        other.cancel();
        assert!(!connector.is_connecting());
        simulation.run_until_idle();
        assert_eq!(log.entries(), ["made"]);
        assert_eq!(
            (said(&outcome(one)), said(&outcome(other))),
            ("cancelled".into(), "cancelled".into())
        );
    }
}

#[test]
fn a_deferred_asked_for_after_the_attempt_was_given_up_fails() {
    let simulation = Simulation::new();
    let _server = simulation.listen("10.0.0.1:80");
    let log = Log::default();
    let reactor = simulation.reactor();
    let connector = reactor.connect_tcp("10.0.0.1", 80, client(&log));
    connector.cancel();
    let (soon, cancelled) = (connector.connected(), connector.connected());
    cancelled.cancel();
    assert!(!soon.is_fired());
    simulation.run_until_idle();
    let later = connector.connected();
    assert_eq!(said(&outcome(soon)), "the attempt to connect was cancelled");
    assert_eq!(said(&outcome(cancelled)), "cancelled");
    assert_eq!(
        said(&outcome(later)),
        "the attempt to connect was cancelled"
    );
    assert_eq!(log.entries(), [""; 0], "it is told to those who asked");
}

#[test]
fn a_connection_that_was_dropped_as_it_was_made_is_a_failure() {
    type Does = fn(&Transport);
    let cases: [(Does, &str); 4] = [
        (
            |t| t.abort_connection(),
            "the connection was aborted on this side",
        ),
        (
            |t| t.fail_connection(Reason::IdleTimeout),
            "nothing was received for too long",
        ),
        (
            |_| panic!("a mistake"),
            "the callback connection_made panicked: a mistake",
        ),
        // What was written is sent, so this one is as good as any.
        (|t| t.lose_connection(), "connected"),
    ];
    for (does, expected) in cases {
        let simulation = Simulation::new();
        let _server = simulation.listen("10.0.0.1:80");
        let connector = when_made(&simulation, &Log::default(), does);
        let outcome = outcome(connector.connected());
        simulation.run_until_idle();
        assert_eq!(said(&outcome), expected);
    }
}

#[test]
fn a_deferred_asked_for_late_has_the_outcome_of_the_attempt() {
    let simulation = Simulation::new();
    let _server = simulation.listen("10.0.0.1:80");
    let asked = Shared::<Outcome>::default();
    let own = Shared::<Connector>::default();
    let (to, connector) = (Rc::clone(&asked), Rc::clone(&own));
    let made = when_made(&simulation, &Log::default(), move |_| {
        let connector = connector.borrow().clone().expect("it was set");
        to.replace(Some(outcome(connector.connected())));
        let in_time = to.borrow().as_ref().map(said);
        assert_eq!(
            in_time.as_deref(),
            Some("nothing"),
            "connection_made comes first"
        );
    });
    own.replace(Some(made.clone()));
    simulation.run_until_idle();
    assert_eq!(
        asked.borrow().as_ref().map(said).as_deref(),
        Some("connected")
    );
    let transport = outcome(made.connected());
    assert_eq!(said(&transport), "connected");
    if let Some(Ok(transport)) = &*transport.borrow() {
        transport.abort_connection();
    }
    simulation.run_until_idle();
    let lost = outcome(made.connected());
    assert_eq!(said(&lost), "the connection was aborted on this side");

    let log = Log::default();
    let refused = simulation
        .reactor()
        .connect_tcp("10.0.0.1", 81, client(&log));
    simulation.run_until_idle();
    assert_eq!(said(&outcome(refused.connected())), "connection refused");
    assert_eq!(log.entries(), ["failed: connection refused"]);
}

#[test]
fn a_deferred_of_an_attempt_is_abandoned_with_the_loop() {
    let simulation = Simulation::new();
    simulation.swallow("10.0.0.1:80");
    let (held, alive) = (Rc::new(Cell::new(())), Log::default());
    let kept = Rc::clone(&held);
    let connector = simulation.reactor().connect_tcp("10.0.0.1", 80, move |_| {
        let _ = &kept;
        listener(&alive)
    });
    let waits = outcome(connector.connected());
    simulation.run_for(SECOND);
    drop(simulation);
    let outcome = waits.take().expect("it has fired");
    assert!(outcome.is_err_and(|failure| failure.check::<Abandoned>().is_some()));
    assert!(!connector.is_connecting());
    assert_eq!(Rc::strong_count(&held), 1);
}
