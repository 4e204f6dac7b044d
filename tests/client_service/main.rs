//! Clients that come back, on the simulated network.

mod connecting_once;
mod herds;
mod logged;
mod stopping;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::deferred::Cancelled;
use reactor::endpoints::{ClientEndpoint, client_from_string};
use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::{
    Backoff, ClientFactory, ClientService, Deferred, Failure, Handle, Limits, Protocol, Reactor,
    Reason, Transport,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const SERVER: &str = "10.0.0.1:80";

/// Says who it is.
pub(crate) struct Bot {
    pub(crate) number: u32,
}

impl Protocol for Bot {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(b"hello\n");
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

pub(crate) fn endpoint() -> ClientEndpoint {
    client_from_string("tcp:10.0.0.1:80:timeout=5").expect("an endpoint")
}

/// A service whose bots are numbered.
pub(crate) fn service(simulation: &Simulation) -> ClientService<Bot> {
    let mut number = 0;
    ClientService::new(&simulation.reactor(), endpoint(), move |_| {
        number += 1;
        Bot { number }
    })
}

/// What becomes of a Deferred.
pub(crate) type Fate<T> = Rc<RefCell<Option<Result<T, Failure>>>>;

pub(crate) fn fate<T: 'static>(deferred: Deferred<T>) -> Fate<T> {
    let fate = Fate::default();
    let to = Rc::clone(&fate);
    deferred.add_both(move |result| {
        to.replace(Some(result));
    });
    fate
}

/// In short.
pub(crate) fn said<T>(fate: &Fate<T>) -> String {
    match &*fate.borrow() {
        None => "nothing".to_owned(),
        Some(Ok(_)) => "fired".to_owned(),
        Some(Err(failure)) if failure.check::<Cancelled>().is_some() => "cancelled".to_owned(),
        Some(Err(failure)) => failure.to_string(),
    }
}

/// The next connection that comes within this time.
pub(crate) fn comes(simulation: &Simulation, server: &PeerListener, within: Duration) -> Peer {
    let came = RefCell::new(None);
    let looks = || {
        let peer = server.accept();
        let is_there = peer.is_some();
        *came.borrow_mut() = peer;
        is_there
    };
    assert!(simulation.run_until_true(within, looks), "nobody came");
    came.take().expect("it was there")
}

/// How many connections come in this time, each of which is closed at once.
fn come_and_are_closed(simulation: &Simulation, server: &PeerListener, time: Duration) -> u32 {
    let count = Cell::new(0);
    simulation.run_until_true(time, || {
        while let Some(peer) = server.accept() {
            peer.close();
            count.set(count.get() + 1);
        }
        false
    });
    count.get()
}

#[test]
fn a_connection_that_is_lost_is_made_again_within_a_second() {
    for seed in 0..200 {
        let simulation = Simulation::chaotic(seed);
        simulation.restore(SERVER);
        let server = simulation.listen(SERVER);
        let service = service(&simulation);
        service.start();
        let first = comes(&simulation, &server, 10 * SECOND);
        simulation.run_for(90 * SECOND);
        first.close();
        drop(first);
        // A second, and what a chaotic network needs.
        let _second = comes(&simulation, &server, 3 * SECOND);
        let handle = fate(service.when_connected());
        simulation.run_for(3 * SECOND);
        assert_eq!(said(&handle), "fired", "seed {seed}");
    }
}

#[test]
fn a_server_that_refuses_is_asked_more_and_more_rarely_and_found_when_it_is_back() {
    for seed in 0..100 {
        let simulation = Simulation::with_conditions(reactor::testing::Conditions::calm(), seed);
        let attempts = Rc::new(Cell::new(0));
        let counted = Rc::clone(&attempts);
        let counting = move |reactor: &Reactor, factory| {
            counted.set(counted.get() + 1);
            reactor.connect_tcp("10.0.0.1", 80, factory)
        };
        let service = ClientService::new(&simulation.reactor(), counting, |_| Bot { number: 0 });
        service.start();
        simulation.run_for(3600 * SECOND);
        // Half a minute each on average, once the longest wait is reached; and a few before.
        let tried = attempts.get();
        assert!((90..190).contains(&tried), "{tried} attempts in an hour");
        let server = simulation.listen(SERVER);
        let _peer = comes(&simulation, &server, 60 * SECOND);
    }
}

#[test]
fn a_server_that_accepts_and_closes_at_once_is_asked_as_rarely() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let service = service(&simulation);
    service.start();
    let came = come_and_are_closed(&simulation, &server, 3600 * SECOND);
    assert!((90..190).contains(&came), "{came} connections in an hour");
}

#[test]
fn the_waits_begin_anew_after_a_connection_that_lasted() {
    for (lasts, at_most) in [(59, 62), (60, 1)] {
        let mut longest = Duration::ZERO;
        for seed in 0..40 {
            let conditions = reactor::testing::Conditions::calm();
            let simulation = Simulation::with_conditions(conditions, seed);
            let service = service(&simulation);
            service.start();
            simulation.run_for(1000 * SECOND);
            let server = simulation.listen(SERVER);
            let peer = comes(&simulation, &server, 61 * SECOND);
            simulation.run_for(lasts * SECOND);
            peer.close();
            let closed = simulation.elapsed();
            let _peer = comes(&simulation, &server, 61 * SECOND);
            longest = longest.max(simulation.elapsed() - closed);
        }
        let is_short = longest <= SECOND + Duration::from_millis(10);
        assert_eq!(is_short, at_most == 1, "after {lasts} s: {longest:?}");
    }
}

#[test]
fn a_server_whose_cable_is_cut_is_noticed_and_left() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let service = service(&simulation);
    service.start();
    let first = comes(&simulation, &server, SECOND);
    simulation.run_for(1000 * SECOND);
    first.vanish();
    simulation.run_for(119 * SECOND);
    assert!(server.accept().is_none(), "it was patient");
    let second = comes(&simulation, &server, 3 * SECOND);
    drop(service.stop());
    simulation.run_until_idle();
    drop(second);

    // One that asks for another time, and one that asks for none.
    let eager = (|_| Bot { number: 0 }).with_keepalive(10);
    for (service, after) in [
        (
            ClientService::new(&simulation.reactor(), endpoint(), eager),
            Some(13),
        ),
        (crate::service(&simulation).keepalive(None), None),
    ] {
        service.start();
        let peer = comes(&simulation, &server, SECOND);
        peer.vanish();
        simulation.run_for(after.unwrap_or(1000) * SECOND);
        assert_eq!(server.accept().is_some(), after.is_some());
        drop(service.stop());
        simulation.run_for(100 * SECOND);
        while server.accept().is_some() {}
    }
}

trait WithKeepalive: reactor::Factory + Sized {
    fn with_keepalive(self, seconds: u32) -> reactor::WithLimits<Self> {
        self.with_limits(Limits::default().keepalive(seconds * SECOND))
    }
}

impl<F: reactor::Factory> WithKeepalive for F {}

#[test]
fn those_who_wait_get_a_handle_of_the_connection_that_there_is() {
    let simulation = Simulation::new();
    let service = service(&simulation);
    let early = fate(service.when_connected());
    simulation.run_for(SECOND);
    assert_eq!(said(&early), "nothing");
    service.start();
    simulation.run_for(SECOND);
    let server = simulation.listen(SERVER);
    let peer = comes(&simulation, &server, 100 * SECOND);
    simulation.run_until_idle();
    let late = fate(service.when_connected());
    let number = Rc::new(Cell::new(0));
    for fate in [&early, &late] {
        let handle = fate.take().expect("it has fired").expect("a handle");
        let to = Rc::clone(&number);
        handle.call(move |bot, transport| {
            to.set(to.get() + bot.number);
            transport.write(b"called\n");
        });
    }
    simulation.run_until_idle();
    assert_eq!(
        (number.get(), peer.read()),
        (2, b"hello\ncalled\ncalled\n".to_vec())
    );
    peer.close();
    simulation.run_until_idle();
    assert_eq!(
        said(&fate(service.when_connected())),
        "nothing",
        "it is lost"
    );
}

#[test]
fn one_who_waits_for_so_many_failures_fails_with_the_last_and_the_service_goes_on() {
    let simulation = Simulation::new();
    let service = service(&simulation);
    service.start();
    let one = fate(service.when_connected_within(1));
    let three = fate(service.when_connected_within(3));
    let for_ever = fate(service.when_connected());
    simulation.run_for(SECOND / 1000);
    assert_eq!(
        [&one, &three, &for_ever].map(said),
        ["connection refused", "nothing", "nothing"]
    );
    simulation.swallow(SERVER);
    simulation.run_for(100 * SECOND);
    assert_eq!(said(&three), "the connection was not established in time");
    assert_eq!(said(&for_ever), "nothing");
    simulation.restore(SERVER);
    let server = simulation.listen(SERVER);
    let _peer = comes(&simulation, &server, 100 * SECOND);
    simulation.run_until_idle();
    assert_eq!(said(&for_ever), "fired");
}

#[test]
fn a_service_gives_up_after_as_many_failures_in_a_row_as_it_may_have() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let service = service(&simulation).fail_after(3);
    let ended = fate(service.start());
    let peer = comes(&simulation, &server, SECOND);
    simulation.run_until_idle();
    drop((peer, server));
    let waits = fate(service.when_connected()); // which is the connection that is being lost
    simulation.run_until_idle();
    let waits_for_another = fate(service.when_connected());
    simulation.run_for(60 * SECOND);
    assert_eq!(
        (said(&waits), said(&waits_for_another), said(&ended)),
        (
            "fired".into(),
            "connection refused".into(),
            "connection refused".into()
        )
    );
    assert!(!service.is_running());
    let again = fate(service.start());
    simulation.run_for(60 * SECOND);
    assert_eq!(said(&again), "connection refused", "three more");
}

#[test]
fn a_connection_counts_when_it_is_prepared() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let prepared = Rc::new(RefCell::new(Vec::new()));
    let to = Rc::clone(&prepared);
    let service = service(&simulation).prepare(move |bot: Handle<Bot>| {
        let (resolver, deferred) = Deferred::pending();
        bot.call(|_, transport| {
            transport.write(b"log in\n");
        });
        to.borrow_mut().push(Some(resolver));
        deferred
    });
    service.start();
    let connected = fate(service.when_connected());
    let impatient = fate(service.when_connected_within(2));
    let settle = |nth: usize| prepared.borrow_mut()[nth].take().expect("it waits");

    let peer = comes(&simulation, &server, SECOND);
    simulation.run_until_idle();
    assert_eq!(
        (said(&connected), peer.read()),
        ("nothing".into(), b"hello\nlog in\n".to_vec())
    );
    settle(0).errback(Failure::message("wrong password"));
    simulation.run_until_idle();
    assert!(peer.error().is_some(), "it is reset");
    assert_eq!(said(&impatient), "nothing");

    let peer = comes(&simulation, &server, 2 * SECOND);
    simulation.run_until_idle();
    let second = settle(1);
    peer.close();
    simulation.run_until_idle();
    assert!(second.is_cancelled(), "its connection is lost");
    assert_eq!(said(&impatient), "the peer closed the connection");
    drop(second);

    let _peer = comes(&simulation, &server, 4 * SECOND);
    simulation.run_until_idle();
    settle(2).callback(());
    assert_eq!(said(&connected), "fired");
}

#[test]
fn a_hook_or_an_endpoint_that_panics_is_a_failed_attempt() {
    let simulation = Simulation::new();
    let _server = simulation.listen(SERVER);
    let panics = |_: Handle<Bot>| -> Result<(), Failure> { panic!("no luck") };
    let service = service(&simulation).prepare(panics).fail_after(2);
    let ended = fate(service.start());
    simulation.run_for(10 * SECOND);
    assert_eq!(said(&ended), "panicked: no luck");

    let panics = |_: &Reactor, _: ClientFactory<Bot>| -> reactor::Connector { panic!("nowhere") };
    let nowhere = ClientService::new(&simulation.reactor(), panics, |_| Bot { number: 0 });
    let ended = fate(nowhere.fail_after(2).start());
    simulation.run_for(10 * SECOND);
    assert_eq!(said(&ended), "panicked: nowhere");
}

#[test]
fn a_factory_that_refuses_is_a_failed_attempt() {
    struct Refuses;
    impl reactor::Factory for Refuses {
        type Protocol = Bot;
        fn build_protocol(&mut self, _: &reactor::Address) -> Option<Bot> {
            None
        }
        fn connection_failed(&mut self, _: &Reason) {
            panic!("a failure is reported once");
        }
    }
    let simulation = Simulation::new();
    let _server = simulation.listen(SERVER);
    let service = ClientService::new(&simulation.reactor(), endpoint(), Refuses).fail_after(3);
    let ended = fate(service.start());
    simulation.run_for(10 * SECOND);
    assert_eq!(said(&ended), Reason::Refused.to_string());
}

#[test]
fn a_run_is_the_same_for_the_same_seed() {
    let times = |seed| {
        let simulation = Simulation::chaotic(seed);
        let server = simulation.listen(SERVER);
        let service = service(&simulation);
        service.start();
        let times = (0..20).map(|_| {
            comes(&simulation, &server, 300 * SECOND).close();
            simulation.elapsed()
        });
        times.collect::<Vec<_>>()
    };
    assert_eq!(times(7), times(7));
    assert_ne!(times(7), times(8));
}

#[test]
fn those_who_have_left_are_not_kept() {
    let simulation = Simulation::new();
    let service = service(&simulation).backoff(Backoff::default().longest(SECOND));
    service.start();
    for _ in 0..10_000 {
        let waits = service.when_connected_within(7);
        waits.cancel();
        assert_eq!(said(&fate(waits)), "cancelled");
    }
    assert!(format!("{service:?}").contains("waiting: 0"), "{service:?}");
}
