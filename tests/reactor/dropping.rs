//! A loop that is dropped.

use std::time::Duration;

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::testing::Simulation;
use reactor::{Protocol, Transport, WeakReactor};

use crate::support::{Alive, Log, SECOND, listener};

/// Keeps the loop alive from within: through a timer, a queued call, a protocol, a handle's call.
struct Holder {
    reactor: WeakReactor,
    _alive: Alive,
}

impl Protocol for Holder {
    fn connection_made(&mut self, transport: &Transport) {
        let (alive, kept) = (self._alive.clone(), transport.clone());
        // A call that is never made, for the loop is dropped first.
        let reactor = self.reactor.upgrade().expect("it runs this");
        reactor.call_later(SECOND, move || drop((alive, kept)));
    }

    fn data_received(&mut self, transport: &Transport, _: &[u8]) {
        let (alive, kept) = (self._alive.clone(), transport.clone());
        transport
            .handle::<Self>()
            .call(move |_, _| drop((alive, kept)));
    }
}

#[test]
fn a_loop_that_is_dropped_in_the_middle_of_everything_drops_all_it_has() {
    for micros in 0..250 {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let alive = Alive::default();
        let (weak, for_factory) = (reactor.downgrade(), alive.clone());
        let factory = move |_| Holder {
            reactor: weak.clone(),
            _alive: for_factory.clone(),
        };
        reactor
            .listen_tcp("10.0.0.1:7", factory.clone())
            .expect("the port is free");
        reactor.connect_tcp("10.0.0.1", 7, factory.clone());
        reactor.connect_tcp("10.0.0.2", 7, factory);
        let peer = simulation.connect("10.0.0.1:7");
        peer.write(b"hello");
        simulation.run_for(Duration::from_micros(micros));
        let held = alive.clone();
        reactor.call_soon(move || drop(held));
        let held = alive.clone();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, || drop(held));
        // Asked from outside of the loop, and never answered.
        let (join, held) = (
            simulation.join(listener(&Log::default()), listener(&Log::default())),
            alive.clone(),
        );
        join.0.handle::<Holder>().call(move |_, _| drop(held));
        let kept = join.0.clone();
        join.1.handle::<Holder>().call(move |_, _| drop(kept));
        let weak = reactor.downgrade();
        drop((join, peer, simulation, reactor));
        assert!(weak.upgrade().is_none(), "{micros}");
        assert_eq!(alive.others(), 0, "{micros}");
    }
}

#[test]
fn a_kept_transport_of_a_loop_that_is_gone_does_nothing() {
    let simulation = Simulation::new();
    let (transport, _) = simulation.join(listener(&Log::default()), listener(&Log::default()));
    let handle = transport.handle::<Holder>();
    drop(simulation);
    transport.write(b"to nobody");
    transport.lose_connection();
    transport.abort_connection();
    transport.set_timeout(Some(SECOND));
    transport.pause_reading();
    transport.resume_reading();
    let (alive, kept) = (Alive::default(), transport.clone());
    let held = alive.clone();
    handle.call(move |_, _| drop((held, kept)));
    assert_eq!(
        alive.others(),
        0,
        "there is no loop that could make this call"
    );
    assert!(!transport.write(b"still nobody") && transport.is_lost());
}
