//! A task for each connection of a port.

use std::rc::Rc;

use reactor::deferred::UnhandledFailures;
use reactor::testing::Simulation;
use reactor::{Factory, Failure, Limits};

use crate::support::{Alive, Log, SECOND};

#[test]
fn each_connection_has_a_task_of_its_own() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let note = log.clone();
    let shout = reactor.spawning(move |connection| {
        let log = note.clone();
        async move {
            log.note(connection.transport().peer_addr());
            let mut lines = connection.lines();
            while let Some(line) = lines.next().await? {
                lines.write_line(&line.to_ascii_uppercase()).await?;
            }
            Ok(())
        }
    });
    let factory = shout.with_limits(Limits::default().connections(5));
    reactor.listen_tcp("10.0.0.1:7", factory).expect("a port");
    let clients = ["one", "two", "three"].map(|word| {
        let client = simulation.connect("10.0.0.1:7");
        client.write(format!("{word}\n").as_bytes());
        client
    });
    simulation.run_until_idle();
    assert_eq!(
        clients.each_ref().map(|client| client.read()),
        ["ONE\r\n", "TWO\r\n", "THREE\r\n"].map(Vec::from)
    );
    clients.iter().for_each(|client| client.shut_write());
    simulation.run_until_idle();
    assert!(clients.iter().all(|client| client.has_ended()));
    assert_eq!(log.entries().len(), 3);
}

#[test]
fn a_peer_that_resets_is_no_unhandled_failure_and_another_one_is() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let unhandled = UnhandledFailures::watch();
    let factory = reactor.spawning(|connection| async move {
        let mut lines = connection.lines();
        while let Some(line) = lines.next().await? {
            if line == b"fail" {
                return Err(Failure::message("a mistake"));
            }
        }
        Ok(())
    });
    reactor.listen_tcp("10.0.0.1:7", factory).expect("a port");
    let client = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    client.reset();
    simulation.run_for(SECOND);
    assert!(unhandled.take().is_empty());
    let client = simulation.connect("10.0.0.1:7");
    client.write(b"fail\n");
    simulation.run_until_idle();
    assert_eq!(unhandled.take().len(), 1);
    assert!(client.has_ended() && client.error().is_none());
}

#[test]
fn a_task_that_panics_resets_its_connection_and_no_other() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let unhandled = UnhandledFailures::watch();
    let factory = reactor.spawning(|connection| async move {
        let mut lines = connection.lines();
        while let Some(line) = lines.next().await? {
            assert_ne!(line, b"panic", "a mistake");
            lines.write_line(&line).await?;
        }
        Ok(())
    });
    reactor.listen_tcp("10.0.0.1:7", factory).expect("a port");
    let [bad, good] = ["panic\n", "hello\n"].map(|line| {
        let client = simulation.connect("10.0.0.1:7");
        client.write(line.as_bytes());
        client
    });
    simulation.run_until_idle();
    assert!(bad.error().is_some());
    assert_eq!(good.read(), b"hello\r\n");
    assert_eq!(unhandled.take().len(), 1);
}

#[test]
fn a_factory_of_tasks_keeps_neither_the_loop_nor_what_tasks_have_held() {
    let alive = Alive::default();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let held = alive.clone();
    let factory = reactor.spawning(move |mut connection| {
        let held = held.clone();
        async move {
            let _held = held;
            connection
                .read_some()
                .await
                .map(drop)
                .map_err(Failure::from)
        }
    });
    reactor.listen_tcp("10.0.0.1:7", factory).expect("a port");
    let clients = [(); 3].map(|()| simulation.connect("10.0.0.1:7"));
    simulation.run_until_idle();
    assert_eq!(alive.others(), 4, "the factory's, and one for each task");
    clients[0].write(b"x");
    simulation.run_until_idle();
    assert_eq!(alive.others(), 3);
    let weak = Rc::new(reactor.downgrade());
    drop((clients, simulation, reactor));
    assert!(weak.upgrade().is_none());
    assert_eq!(alive.others(), 0);
}
