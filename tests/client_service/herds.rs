//! A thousand clients of one server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::testing::{Conditions, Simulation};
use reactor::{Backoff, ClientService, Factory, Group, Limits, ListeningPort, Protocol, Transport};

use crate::{Bot, SECOND, SERVER, endpoint};

const CLIENTS: usize = 1_000;

/// Notes when each client came.
struct Noting {
    everyone: Group,
    came: Rc<RefCell<Vec<Duration>>>,
    clock: Simulation,
}

impl Protocol for Noting {
    fn connection_made(&mut self, transport: &Transport) {
        self.came.borrow_mut().push(self.clock.elapsed());
        self.everyone.add(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// In which window of 100 ms after `since` how many came.
fn windows(came: &[Duration], since: Duration) -> Vec<usize> {
    let mut windows = Vec::new();
    for time in came {
        let window = ((*time - since).as_millis() / 100) as usize;
        windows.resize(windows.len().max(window + 1), 0);
        windows[window] += 1;
    }
    windows
}

/// A thousand clients, and their server.
struct Herd {
    simulation: Simulation,
    services: Vec<ClientService<Bot>>,
    everyone: Group,
    came: Rc<RefCell<Vec<Duration>>>,
}

impl Herd {
    /// All of them are started, and not connected yet.
    fn new(seed: u64) -> Self {
        let latency = Duration::from_micros(50)..=Duration::from_millis(1);
        let conditions = Conditions::calm().latency(latency);
        let simulation = Simulation::with_conditions(conditions, seed);
        let reactor = simulation.reactor();
        let service = |_| ClientService::new(&reactor, endpoint(), |_| Bot { number: 0 });
        let services: Vec<_> = (0..CLIENTS).map(service).collect();
        for service in &services {
            drop(service.start());
        }
        Self {
            simulation,
            services,
            everyone: Group::new(),
            came: Rc::default(),
        }
    }

    fn listen(&self) -> ListeningPort {
        let (everyone, came) = (self.everyone.clone(), Rc::clone(&self.came));
        let clock = self.simulation.clone();
        let factory = move |_| Noting {
            everyone: everyone.clone(),
            came: Rc::clone(&came),
            clock: clock.clone(),
        };
        let limits = Limits::default().connections(2 * CLIENTS);
        let port = self.simulation.reactor();
        let port = port.listen_tcp(SERVER, factory.with_limits(limits));
        port.expect("the port is free")
    }

    /// The server crashes.
    fn crash(&self, port: &ListeningPort) {
        port.stop_listening();
        for connection in self.everyone.members() {
            connection.abort_connection();
        }
    }

    /// How many come in each window from now on, until all are there.
    fn come_within(&self, time: Duration) -> Vec<usize> {
        self.came.take();
        let since = self.simulation.elapsed();
        self.simulation.run_for(time);
        let spread = windows(&self.came.take(), since);
        assert_eq!(spread.iter().sum::<usize>(), self.services.len());
        spread
    }
}

#[test]
fn after_a_restart_of_the_server_a_thousand_clients_come_back_spread_over_a_second() {
    for seed in 0..10 {
        let herd = Herd::new(seed);
        let port = herd.listen();
        herd.come_within(100 * SECOND);
        // A restart that takes no time is the worst there is, for nobody has waited yet.
        herd.crash(&port);
        let _port = herd.listen();
        let spread = herd.come_within(2 * SECOND);
        if seed == 0 {
            println!("windows of 100 ms after a restart: {spread:?}");
        }
        assert!(spread.iter().all(|n| *n <= CLIENTS * 3 / 20), "{spread:?}");
    }
}

#[test]
fn after_five_minutes_without_the_server_they_come_back_spread_over_a_minute() {
    let herd = Herd::new(42);
    let port = herd.listen();
    herd.come_within(100 * SECOND);
    herd.crash(&port);
    herd.simulation.run_for(300 * SECOND);
    let _port = herd.listen();
    let spread = herd.come_within(61 * SECOND);
    let most = spread.iter().max().copied().unwrap_or_default();
    println!("at most {most} in one of {} windows", spread.len());
    assert!(most <= 30, "{spread:?}");
}

#[test]
fn a_herd_that_is_stopped_leaves_nothing() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let backoff = Backoff::default().longest(5 * SECOND);
    let services: Vec<ClientService<Bot>> = (0..CLIENTS)
        .map(|_| ClientService::new(&reactor, endpoint(), |_| Bot { number: 0 }))
        .map(|service| service.backoff(backoff.clone()))
        .collect();
    for _ in 0..3 {
        services.iter().for_each(|service| drop(service.start()));
        simulation.run_for(20 * SECOND);
        services.iter().for_each(|service| drop(service.stop()));
        let stopped = simulation.elapsed();
        reactor.run().expect("nothing is left to wait for");
        assert!(simulation.elapsed() - stopped < SECOND);
        assert_eq!(simulation.descriptors(), 0);
    }
}
