//! The end of a service, at any moment.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::deferred::{Abandoned, UnhandledFailures};
use reactor::lifecycle::StopLimits;
use reactor::testing::{Conditions, Simulation};
use reactor::{Backoff, ClientService, Handle, Protocol, Transport};

use crate::{Bot, SECOND, SERVER, comes, endpoint, fate, said, service};

/// What a server may be like.
#[derive(Clone, Copy, Debug)]
enum Server {
    Accepts,
    Refuses,
    Swallows,
    /// Accepts and closes at once.
    Closes,
}

const SERVERS: [Server; 4] = [
    Server::Accepts,
    Server::Refuses,
    Server::Swallows,
    Server::Closes,
];

/// A service that prepares its connections for a while, and such a server; run up to a moment.
fn run_until(seed: u64, server: Server, moment: Duration) -> (Simulation, ClientService<Bot>) {
    let simulation = Simulation::with_conditions(Conditions::chaotic(), seed);
    let reactor = simulation.reactor();
    match server {
        Server::Accepts => drop(reactor.listen_tcp(SERVER, |_| Bot { number: 0 })),
        Server::Closes => drop(reactor.listen_tcp(SERVER, |_| Closes)),
        Server::Refuses => {}
        Server::Swallows => simulation.swallow(SERVER),
    }
    let clock = reactor.downgrade();
    let prepare = move |_: Handle<Bot>| {
        let clock = clock.upgrade().expect("it calls");
        clock.defer_later(Duration::from_millis(3))
    };
    let service = service(&simulation)
        .prepare(prepare)
        .backoff(Backoff::default().first(Duration::from_millis(5)));
    drop(service.start());
    simulation.run_for(moment);
    (simulation, service)
}

struct Closes;

impl Protocol for Closes {
    fn connection_made(&mut self, transport: &Transport) {
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Moments of the first 20 ms, and a later one.
fn moments(seed: u64) -> impl Iterator<Item = Duration> {
    let fine = (0..25).map(move |step| Duration::from_micros(step * 800 + seed * 37 % 800));
    fine.chain([Duration::from_secs(20)])
}

#[test]
fn a_stop_at_any_moment_leaves_no_connection_no_attempt_and_no_timer() {
    for seed in 0..40 {
        for server in SERVERS {
            for moment in moments(seed) {
                let (simulation, service) = run_until(seed, server, moment);
                let others = usize::from(matches!(server, Server::Accepts | Server::Closes));
                let waits = fate(service.when_connected());
                let stopped = fate(service.stop());
                let late = fate(service.when_connected());
                let is_over = || said(&stopped) == "fired";
                let what = format!("seed {seed}, {server:?}, at {moment:?}: {service:?}");
                assert!(simulation.run_until_true(40 * SECOND, is_over), "{what}");
                assert!(said(&waits) != "nothing", "{what}");
                assert_eq!(said(&late), "cancelled", "{what}");
                let stopped = simulation.elapsed();
                // The listening port is what is left, and the server's half of the last connection.
                let _ =
                    simulation.run_until_true(40 * SECOND, || simulation.descriptors() == others);
                assert_eq!(simulation.descriptors(), others, "{what}");
                if matches!(server, Server::Refuses | Server::Swallows) {
                    // Nothing is left to wait for, so this returns; a real loop would not sleep.
                    simulation.reactor().run().expect("it runs");
                    let took = simulation.elapsed() - stopped;
                    assert!(took < Duration::from_millis(1), "{what} took {took:?}");
                }
            }
        }
    }
}

#[test]
fn a_stop_of_the_loop_at_any_moment_stops_the_service_and_is_not_held_up() {
    for seed in 0..20 {
        for server in SERVERS {
            for moment in moments(seed) {
                let (simulation, service) = run_until(seed, server, moment);
                let ended = fate(service.start());
                let waits = fate(service.when_connected());
                let before = simulation.elapsed();
                simulation.reactor().stop();
                simulation.reactor().run().expect("it stops");
                let took = simulation.elapsed() - before;
                let what = format!("seed {seed}, {server:?}, at {moment:?}: {service:?}");
                assert!(took < Duration::from_millis(500), "{what} took {took:?}");
                assert!(said(&waits) != "nothing", "{what}");
                assert_eq!(
                    (said(&ended), service.is_running()),
                    ("fired".into(), false),
                    "{what}"
                );
                assert_eq!(simulation.descriptors(), 0, "{what}");
            }
        }
    }
}

#[test]
fn a_connection_is_kept_up_during_the_lame_duck_time_of_a_stop() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor.set_stop_limits(StopLimits::default().lame_duck(10 * SECOND));
    let server = simulation.listen(SERVER);
    // A stop of a loop with nothing open has no lame-duck time.
    let port = reactor.listen_tcp("10.0.0.2:80", |_| Bot { number: 0 });
    port.expect("the port is free");
    let service = service(&simulation);
    let ended = fate(service.start());
    let first = comes(&simulation, &server, SECOND);
    simulation.run_until_idle();
    reactor.stop();
    simulation.run_for(SECOND);
    assert_eq!(said(&fate(service.when_connected())), "fired");
    first.close();
    let _second = comes(&simulation, &server, 2 * SECOND);
    simulation.run_for(15 * SECOND); // with the grace, for this peer does not close
    assert_eq!(
        (said(&ended), service.is_running()),
        ("fired".into(), false)
    );
    assert!(server.accept().is_none() && simulation.descriptors() == 0);
}

#[test]
fn a_service_that_is_started_while_it_stops_connects_again_when_the_old_connection_is_gone() {
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let server = simulation.listen(SERVER);
        let service = service(&simulation);
        let first_run = fate(service.start());
        let first = comes(&simulation, &server, 10 * SECOND);
        let connected = fate(service.when_connected());
        simulation.run_for(SECOND);
        assert_eq!(said(&connected), "fired");
        let stopped = fate(service.stop());
        let second_run = fate(service.start());
        let again = fate(service.when_connected());
        assert!(service.is_running());
        let _second = comes(&simulation, &server, 40 * SECOND);
        assert!(
            first.has_ended() || first.error().is_some(),
            "never two at a time"
        );
        simulation.run_for(SECOND);
        assert_eq!([&stopped, &first_run].map(said), ["fired", "fired"]);
        assert_eq!(
            (said(&again), said(&second_run)),
            ("fired".into(), "nothing".into())
        );
    }
}

#[test]
fn a_service_may_be_stopped_and_started_inside_each_of_its_callbacks() {
    for restarts in [false, true] {
        for place in ["factory", "prepare", "connected", "stopped"] {
            let simulation = Simulation::new();
            let server = simulation.listen(SERVER);
            let own = Rc::new(RefCell::new(None::<ClientService<Bot>>));
            let done = Rc::new(Cell::new(false));
            let act = {
                let (own, done) = (Rc::clone(&own), Rc::clone(&done));
                move |here: &str| {
                    let service = own.borrow().clone();
                    if let Some(service) = service.filter(|_| here == place && !done.replace(true))
                    {
                        drop(service.stop());
                        if restarts {
                            drop(service.start());
                        }
                    }
                }
            };
            let (in_factory, in_prepare) = (act.clone(), act.clone());
            let factory = move |_| {
                in_factory("factory");
                Bot { number: 0 }
            };
            let service = ClientService::new(&simulation.reactor(), endpoint(), factory)
                .prepare(move |_| in_prepare("prepare"));
            own.replace(Some(service.clone()));
            drop(service.start());
            let (connected, stopped) = (act.clone(), act.clone());
            service
                .when_connected()
                .add_both(move |_| connected("connected"));
            simulation.run_for(SECOND);
            if place == "stopped" {
                service.stop().add_callback(move |()| stopped("stopped"));
            }
            simulation.run_for(5 * SECOND);
            let connections = std::iter::from_fn(|| server.accept());
            let open = connections.filter(|peer| peer.is_connected() && !peer.has_ended());
            let what = format!("{place}, restarts: {restarts}");
            assert_eq!(open.count(), usize::from(restarts), "{what}");
            assert_eq!(service.is_running(), restarts, "{what}");
            assert!(done.get(), "{what}");
            own.take();
        }
    }
}

#[test]
fn one_whose_wait_is_ended_by_a_stop_may_start_the_service_again() {
    for (moment, fail_after) in [(0, 0), (50, 0), (2_000, 0), (50, 1)] {
        let simulation = Simulation::new();
        let mut service = service(&simulation);
        if fail_after > 0 {
            service = service.fail_after(fail_after);
        }
        drop(service.start());
        let (again, waits) = (service.clone(), Rc::new(RefCell::new(None)));
        let to = Rc::clone(&waits);
        service.when_connected().add_errback(move |_| {
            drop(again.start());
            to.replace(Some(fate(again.when_connected())));
        });
        simulation.run_for(Duration::from_millis(moment));
        if fail_after == 0 {
            drop(service.stop());
        }
        let _server = simulation.listen(SERVER);
        simulation.run_for(60 * SECOND);
        let waits = waits.take().expect("it was started again");
        // The second run of the one that gives up has failed as well, by then.
        let expected = match fail_after {
            0 => ("fired", true),
            _ => ("connection refused", false),
        };
        let became = said(&waits);
        assert_eq!(
            (became.as_str(), service.is_running()),
            expected,
            "{moment}"
        );
    }
}

#[test]
fn one_that_was_never_started_stops_at_once() {
    let simulation = Simulation::new();
    let service = service(&simulation);
    let waits = fate(service.when_connected());
    assert_eq!(said(&fate(service.stop())), "fired");
    assert_eq!(said(&waits), "cancelled");
    assert_eq!(said(&fate(service.stop())), "fired");
    simulation
        .reactor()
        .run()
        .expect("nothing is left to wait for");
}

#[test]
fn a_service_goes_on_without_its_handles_and_is_gone_after_a_stop() {
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let held = Rc::new(());
    let kept = Rc::clone(&held);
    let factory = move |_| {
        let _ = &kept;
        Bot { number: 0 }
    };
    let reactor = simulation.reactor();
    let service = ClientService::new(&reactor, endpoint(), factory);
    drop(service.start());
    drop(service.clone());
    let stops = service.clone();
    reactor.call_later(1000 * SECOND, move || drop(stops.stop()));
    drop(service);
    comes(&simulation, &server, SECOND).close();
    let _peer = comes(&simulation, &server, 2 * SECOND);
    assert_eq!(Rc::strong_count(&held), 2);
    simulation.run_for(1100 * SECOND);
    drop(server);
    simulation.run_for(100 * SECOND);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn those_who_wait_are_abandoned_with_the_loop_and_a_dropped_deferred_of_the_end_makes_no_noise() {
    for server in SERVERS {
        for moment in moments(3) {
            let unhandled = UnhandledFailures::watch();
            let (simulation, service) = run_until(3, server, moment);
            let ended = fate(service.start());
            let waits = service.when_connected();
            let was_connected = waits.is_fired();
            let waits = fate(waits);
            drop(simulation);
            let outcome = waits.take().expect("it has fired");
            let is_abandoned = outcome.is_err_and(|failure| failure.check::<Abandoned>().is_some());
            assert_eq!(is_abandoned, !was_connected, "{server:?} {moment:?}");
            assert_eq!(
                (said(&ended), service.is_running()),
                ("fired".into(), false)
            );
            assert!(unhandled.take().is_empty());
        }
    }
}
