//! Attempts to connect: which address of several is taken, and what becomes of an attempt that is
//! given up, at any time, by those who asked for its outcome.

mod addresses;
#[path = "../support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use reactor::deferred::{Abandoned, Cancelled, Canceller};
use reactor::testing::Simulation;
use reactor::{Connector, Deferred, Failure, Reason, Transport};

use support::{Client, Heard, Log, Probe, SECOND, Then, listener};

type React = fn(&Heard<'_>, &Transport) -> Then;

fn client(log: &Log) -> Client<React> {
    Client::new(log, |_, _| Then::Default)
}

fn connect(simulation: &Simulation, log: &Log) -> Connector {
    let reactor = simulation.reactor();
    reactor.connect_tcp("Example.ORG", 80, client(log))
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
    let connector = when_made(&simulation, &log, move |_| {
        canceller.borrow().cancel();
    });
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
