//! Limits on connections: who is refused, and when there is room again.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::policies::{LimitConnectionsByPeer, LimitTotalConnections};
use reactor::testing::{Peer, Simulation};
use reactor::{Address, Factory, Limits, Protocol, Reason, Transport};
use support::Silent;

/// Says hello, and panics where it is told to.
struct Host {
    log: Rc<RefCell<Vec<String>>>,
}

impl Protocol for Host {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        assert_ne!(data, b"panic", "as it was told to");
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.log.borrow_mut().push(reason.to_string());
        assert!(!matches!(reason, Reason::Reset), "a reset makes it panic");
    }
}

fn host(_: Address) -> Host {
    let log = Rc::default();
    Host { log }
}

/// Somebody who has connected, and whether there was room.
#[track_caller]
fn visit(simulation: &Simulation, from: &str, is_let_in: bool) -> Peer {
    let peer = simulation.connect_from(from.parse().unwrap(), "10.0.0.1:7");
    simulation.run_until_idle();
    let said: &[u8] = if is_let_in { b"hello" } else { b"" };
    assert_eq!(peer.read(), said);
    assert_ne!(peer.has_ended() || peer.error().is_some(), is_let_in);
    peer
}

fn serve(factory: impl Factory) -> Simulation {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor.listen_tcp("10.0.0.1:7", factory).unwrap();
    simulation
}

/// Each way in which a connection ends makes room for one more, and for one only.
fn every_end_makes_room(simulation: &Simulation) {
    let ends: [fn(&Peer); 4] = [
        Peer::close,
        Peer::reset,
        |peer| assert!(peer.write(b"panic")),
        Peer::shut_write,
    ];
    for end in ends {
        let first = visit(simulation, "10.0.0.2", true);
        let refused = visit(simulation, "10.0.0.2", false);
        end(&first);
        simulation.run_until_idle();
        let next = visit(simulation, "10.0.0.2", true);
        let _ = visit(simulation, "10.0.0.2", false);
        drop((first, refused, next));
        simulation.run_until_idle();
    }
}

#[test]
fn a_connection_above_the_total_limit_is_refused_until_another_is_lost() {
    let simulation = serve(LimitTotalConnections::new(host, 1));
    every_end_makes_room(&simulation);
    let _one = visit(&simulation, "10.0.0.2", true);
    let _other_peer = visit(&simulation, "10.0.0.3", false);
}

#[test]
fn a_peer_above_its_limit_is_refused_until_one_of_its_connections_is_gone() {
    let simulation = serve(LimitConnectionsByPeer::new(host, 1));
    every_end_makes_room(&simulation);
    let _one = visit(&simulation, "10.0.0.2", true);
    let _other_peer = visit(&simulation, "10.0.0.3", true);
}

#[test]
fn each_connection_that_is_gone_makes_room_for_one() {
    let one = serve(LimitConnectionsByPeer::new(host, 3));
    let other = serve(LimitTotalConnections::new(host, 3));
    for simulation in [one, other] {
        let come = |is_let_in| visit(&simulation, "10.0.0.2", is_let_in);
        let (first, second, _third) = (come(true), come(true), come(true));
        let _ = come(false);
        drop(first);
        simulation.run_until_idle();
        let _fourth = come(true);
        let _ = come(false);
        drop(second);
        simulation.run_until_idle();
        let _fifth = come(true);
        let _ = come(false);
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_address_is_the_same_peer() {
    let mut factory = LimitConnectionsByPeer::new(host, 1);
    let mut build = |address: &str| {
        let address = Address::from(address.parse::<std::net::SocketAddr>().unwrap());
        factory.build_protocol(&address)
    };
    let first = build("10.0.0.2:1");
    assert!(first.is_some());
    assert!(build("[::ffff:10.0.0.2]:2").is_none());
    drop(first);
    assert!(build("[::ffff:10.0.0.2]:3").is_some());
}

/// Refuses every other connection, and panics at every third.
struct Moody(usize);

impl Factory for Moody {
    type Protocol = Host;

    fn build_protocol(&mut self, address: &Address) -> Option<Host> {
        self.0 += 1;
        assert_ne!(self.0 % 3, 0, "as it does every third time");
        (self.0 % 2 == 1).then(|| host(address.clone()))
    }

    fn limits(&self) -> Limits {
        Limits::default().unsent(42)
    }
}

#[test]
fn a_connection_that_the_factory_refuses_takes_no_room() {
    let factory = LimitConnectionsByPeer::new(Moody(0), 1);
    let simulation = serve(LimitTotalConnections::new(factory, 1));
    for _ in 0..3 {
        let first = visit(&simulation, "10.0.0.2", true); // the first, seventh, …
        drop(first);
        simulation.run_until_idle();
        let _ = visit(&simulation, "10.0.0.2", false); // refused
        let _ = visit(&simulation, "10.0.0.2", false); // panicked
        let _ = visit(&simulation, "10.0.0.2", false); // refused
        drop(visit(&simulation, "10.0.0.2", true));
        simulation.run_until_idle();
        let _ = visit(&simulation, "10.0.0.2", false); // panicked
    }
}

#[test]
fn a_policy_leaves_limits_handles_and_failures_to_what_it_wraps() {
    let factory = LimitTotalConnections::new(Moody(0), 1);
    let factory = LimitConnectionsByPeer::new(factory, 1);
    assert_eq!(factory.limits(), Limits::default().unsent(42));

    let simulation = Simulation::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    let to_log = Rc::clone(&log);
    let host = move |_| Host {
        log: Rc::clone(&to_log),
    };
    let mut policy = LimitConnectionsByPeer::new(LimitTotalConnections::new(host, 1), 1);
    let address = Address::from("10.0.0.2:1".parse::<std::net::SocketAddr>().unwrap());
    let host = policy.build_protocol(&address).unwrap();
    let (server, _client) = simulation.join(host, Silent);
    server.handle().call(|host: &mut Host, transport| {
        host.log.borrow_mut().push("called".to_owned());
        transport.abort_connection();
    });
    simulation.run_for(Duration::from_secs(1));
    let lost = "the connection was aborted on this side";
    assert_eq!(*log.borrow(), ["called", lost]);
    assert!(policy.build_protocol(&address).is_some());
}
