//! TLS on a connection that began without, TLS in TLS, and the protocol inside.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::Simulation;
use reactor::tls::TlsLayer;
use reactor::{Factory, Limits, Protocol, Reason, Transport};

use crate::support::{Heard, SECOND, Then, millis, pattern};
use crate::{HOST, PLACE, Side, client, named, server};

/// Speaks TLS from the line `STARTTLS` on.
fn upgrades<F>(side: &Side, layer: F, asks: bool) -> impl Protocol + use<F>
where
    F: Fn() -> TlsLayer + 'static,
{
    let upgraded = RefCell::new(false);
    // The last word of each side in the clear.
    let (ours, theirs): (&[u8], &[u8]) = if asks {
        (b"STARTTLS\n", b"GO\n")
    } else {
        (b"GO\n", b"STARTTLS\n")
    };
    let clear = RefCell::new(Vec::new());
    side.protocol(move |heard, transport| {
        match heard {
            Heard::Made if asks => {
                transport.write(ours);
            }
            Heard::Data(data) if !*upgraded.borrow() => {
                let mut clear = clear.borrow_mut();
                clear.extend_from_slice(data);
                let Some(rest) = clear.strip_prefix(theirs) else {
                    return Then::Default;
                };
                *upgraded.borrow_mut() = true;
                if !asks {
                    transport.write(ours);
                }
                transport.push_layer(layer(), rest);
                transport.write(b"in private");
            }
            _ => {}
        }
        Then::Default
    })
}

#[test]
fn a_connection_that_begins_in_the_clear_can_be_upgraded() {
    for seed in 0..40 {
        let simulation = Simulation::chaotic(seed);
        let (ours, theirs) = (Side::default(), Side::default());
        simulation.join(
            upgrades(&ours, || server().layer(), false),
            upgrades(&theirs, || client().layer(HOST).expect("a host"), true),
        );
        simulation.run_for(100 * SECOND);
        assert_eq!(ours.data(), b"STARTTLS\nin private", "seed {seed}");
        assert_eq!(theirs.data(), b"GO\nin private", "seed {seed}");
    }
}

#[test]
fn tls_goes_through_tls() {
    for seed in 0..40 {
        let simulation = Simulation::chaotic(seed);
        let (ours, theirs) = (Side::default(), Side::default());
        let server = ours.protocol(|heard, transport| {
            if let Heard::Made = heard {
                transport.push_layer(server().layer(), b"");
                transport.push_layer(server().layer(), b"");
            }
            Then::Default
        });
        let client = theirs.protocol(|heard, transport| {
            if let Heard::Made = heard {
                for _ in 0..2 {
                    transport.push_layer(client().layer(HOST).expect("a host"), b"");
                }
                transport.write(&pattern(50_000));
                transport.lose_connection();
            }
            Then::Default
        });
        simulation.join(server, client);
        simulation.run_for(100 * SECOND);
        assert!(ours.data() == pattern(50_000), "seed {seed}");
        assert!(matches!(ours.reason(), Reason::PeerClosed), "seed {seed}");
        assert!(
            matches!(theirs.reason(), Reason::LocalClosed),
            "seed {seed}"
        );
    }
}

#[test]
fn the_protocol_inside_is_reached_and_its_factory_asked() {
    /// Counts what it is asked.
    struct Counting(usize);
    impl Protocol for Counting {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }
    let simulation = named(Simulation::new());
    let reactor = simulation.reactor();
    let limits = Limits::default().unsent(5);
    let factory = (|_| Counting(0)).with_limits(limits);
    reactor
        .listen_tls(PLACE, &server(), |_| Counting(0))
        .expect("the port is free");
    let connected = reactor
        .connect_tls(HOST, 443, &client(), factory)
        .connected();
    simulation.run_for(SECOND);
    let outcome = connected.into_result().ok().and_then(Result::ok);
    let transport = outcome.expect("it is connected");
    let seen = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&seen);
    transport
        .handle::<Counting>()
        .call(move |counting, transport| {
            counting.0 += 1;
            *counted.borrow_mut() = counting.0;
            transport.write(&[b'x'; 1 << 20]);
        });
    reactor.turn(Some(millis(0))).expect("a turn");
    assert!(transport.unsent() > 5, "it is left over");
    transport.write(b"and that is too much");
    simulation.run_for(SECOND);
    assert_eq!(*seen.borrow(), 1);
    assert!(transport.is_lost(), "its limits hold");
}
