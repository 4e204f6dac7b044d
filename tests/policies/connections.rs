//! Limits on connections: who is refused, and when there is room again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::policies::{LimitConnectionsByPeer, LimitTotalConnections};
use reactor::testing::{Peer, Simulation};
use reactor::{Accepted, Address, Factory, Limits, Protocol, Reason, Transport};

use crate::support::Silent;

/// Says hello, and panics where it is told to.
pub(crate) struct Host {
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

pub(crate) fn host(_: Address) -> Host {
    let log = Rc::default();
    Host { log }
}

/// Somebody who has connected, and whether there was room.
#[track_caller]
pub(crate) fn visit(simulation: &Simulation, from: &str, is_let_in: bool) -> Peer {
    let peer = simulation.connect_from(from.parse().unwrap(), "10.0.0.1:7");
    simulation.run_until_idle();
    let said: &[u8] = if is_let_in { b"hello" } else { b"" };
    assert_eq!(peer.read(), said);
    assert_ne!(peer.has_ended() || peer.error().is_some(), is_let_in);
    peer
}

pub(crate) fn serve(factory: impl Factory) -> Simulation {
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

/// Counts how many of it are there, and is nothing else.
#[derive(Clone, Default)]
struct Permits(Rc<Cell<isize>>);

impl Permits {
    fn give(&self) -> Permit {
        self.0.set(self.0.get() + 1);
        Permit(self.clone())
    }

    fn given(&self) -> isize {
        self.0.get()
    }
}

struct Permit(Permits);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.set(self.0.given() - 1);
    }
}

/// Notes how many permits there are in `connection_lost`.
struct Looks(Permits, Rc<Cell<isize>>);

impl Protocol for Looks {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        assert_ne!(data, b"panic", "as it was told to");
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.1.set(self.0.given());
        assert!(!matches!(reason, Reason::Reset), "a reset makes it panic");
    }
}

#[test]
fn a_permit_lasts_until_connection_lost_has_returned_however_the_connection_ends() {
    let permits = Permits::default();
    let seen = Rc::new(Cell::new(0));
    let (give, see) = (permits.clone(), Rc::clone(&seen));
    let simulation = serve(move |_| {
        let looks = Looks(give.clone(), Rc::clone(&see));
        let accepted = Accepted::new(looks).with_permit(give.give());
        accepted.with_permit(give.give())
    });
    let ends: [fn(&Peer); 4] = [
        Peer::close,
        Peer::reset,
        |peer| assert!(peer.write(b"panic")),
        Peer::shut_write,
    ];
    for end in ends {
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_until_idle();
        assert_eq!(permits.given(), 2);
        end(&peer);
        simulation.run_until_idle();
        assert_eq!((seen.replace(0), permits.given()), (2, 0));
    }
    // A loop that is dropped calls nothing any more.
    let _peer = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert_eq!(permits.given(), 2);
    drop(simulation);
    assert_eq!((seen.get(), permits.given()), (0, 0));
}

#[test]
fn a_transport_that_is_kept_keeps_no_permit() {
    let permits = Permits::default();
    let simulation = Simulation::new();
    let one = Accepted::new(Silent).with_permit(permits.give());
    let (transport, other) = simulation.join(one, Silent);
    assert_eq!(permits.given(), 1);
    other.abort_connection();
    simulation.run_until_idle();
    assert!(transport.is_lost());
    assert_eq!(permits.given(), 0);
}

/// Asks another factory, and then refuses or panics.
struct AfterAll<F>(F, Rc<Cell<bool>>);

impl<F: Factory> Factory for AfterAll<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, address: &Address) -> Option<F::Protocol> {
        let _made = self.0.build_protocol(address)?;
        assert!(!self.1.get(), "as it was told to");
        None
    }
}

#[test]
fn the_permit_of_a_connection_that_an_outer_factory_refuses_is_given_back() {
    let panics = Rc::new(Cell::new(false));
    let permits = Permits::default();
    let give = permits.clone();
    let factory = move |_| Accepted::new(Silent).with_permit(give.give());
    let simulation = serve(AfterAll(factory, Rc::clone(&panics)));
    let _server = simulation.listen("10.0.0.9:9");
    for does in [false, true] {
        panics.set(does);
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_until_idle();
        assert!(peer.has_ended());
        let give = permits.clone();
        let factory = move |_| Accepted::new(Silent).with_permit(give.give());
        let factory = AfterAll(factory, Rc::clone(&panics));
        let connector = simulation.reactor().connect_tcp("10.0.0.9", 9, factory);
        let connected = connector.connected();
        simulation.run_until_idle();
        assert!(connected.into_result().is_ok_and(|it| it.is_err()));
        assert_eq!(permits.given(), 0);
    }
}

/// A factory that knows nothing of permits, around another one.
struct Plain<F>(F);

impl<F: Factory> Factory for Plain<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, address: &Address) -> Option<F::Protocol> {
        self.0.build_protocol(address)
    }
}

#[test]
fn policies_limit_in_any_order_and_behind_a_factory_that_knows_nothing_of_them() {
    let total = |factory| LimitTotalConnections::new(factory, 2);
    let one = serve(Plain(LimitConnectionsByPeer::new(total(host), 1)));
    let by_peer = Plain(LimitConnectionsByPeer::new(host, 1));
    let other = serve(LimitTotalConnections::new(by_peer, 2).with_limits(Limits::default()));
    for simulation in [one, other] {
        for _ in 0..3 {
            let first = visit(&simulation, "10.0.0.2", true);
            let _ = visit(&simulation, "10.0.0.2", false);
            let second = visit(&simulation, "10.0.0.3", true);
            let _ = visit(&simulation, "10.0.0.4", false);
            drop(first);
            simulation.run_until_idle();
            let third = visit(&simulation, "10.0.0.4", true);
            let _ = visit(&simulation, "10.0.0.2", false);
            drop((second, third));
            simulation.run_until_idle();
        }
    }
}
