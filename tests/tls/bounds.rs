//! What TLS holds in memory is bounded.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Conditions, Simulation};
use reactor::{Protocol, Reason};

use crate::support::{Heard, SECOND, Then, UNSENT, pattern};
use crate::{PLACE, Puppet, Side, client, echoes, listens, server};

/// Sends so many bytes, as fast as the other side takes them, and notes how much is unsent.
fn pours(side: &Side, bytes: usize, most: &Rc<RefCell<usize>>) -> impl Protocol + use<> {
    let (left, most) = (RefCell::new(bytes), Rc::clone(most));
    let flows = RefCell::new(true);
    side.protocol(move |heard, transport| {
        match heard {
            Heard::WritingPaused => *flows.borrow_mut() = false,
            Heard::WritingResumed => *flows.borrow_mut() = true,
            _ => {}
        }
        // Something is heard all the time, since the other side pours as well.
        while *flows.borrow() && *left.borrow() > 0 && transport.unsent() <= 64 << 10 {
            let piece = (*left.borrow()).min(16 << 10);
            *left.borrow_mut() -= piece;
            transport.write(&vec![b'x'; piece]);
            if *left.borrow() == 0 {
                transport.lose_write_connection();
            }
        }
        let mut most = most.borrow_mut();
        *most = transport.unsent().max(*most);
        Then::Nothing
    })
}

#[test]
fn much_flows_both_ways_and_little_of_it_is_held() {
    const MUCH: usize = 10 << 20;
    let rough = Conditions::calm().surprises(50).segment(1..=60_000);
    let simulation = Simulation::with_conditions(rough, 7);
    let most = Rc::default();
    let (ours, theirs) = (Side::default(), Side::default());
    let reactor = simulation.reactor();
    let pour = |side: &Side| {
        let mut protocol = Some(pours(side, MUCH, &most));
        move |_| protocol.take().expect("one connection")
    };
    reactor
        .listen_tls(PLACE, &server(), pour(&ours))
        .expect("the port is free");
    reactor.connect_tls("10.0.0.1", 443, &client(), pour(&theirs));
    simulation.run_for(1000 * SECOND);
    for side in [&ours, &theirs] {
        assert!(side.reason().is_clean());
        assert_eq!(side.data().len(), MUCH);
        assert_eq!(side.log.count("readclosed"), 1);
    }
    assert!(*most.borrow() < 100 << 10, "{}", most.borrow());
}

#[test]
fn a_peer_that_does_not_read_is_not_written_to_without_end() {
    let mut puppet = Puppet::with_client(Simulation::new(), echoes);
    puppet.talk();
    puppet.peer.pause_reading();
    // By default a protocol that only answers does not read while its answers are not taken.
    for _ in 0..100 {
        puppet.end.send(&pattern(100_000));
        puppet.peer.write(&std::mem::take(&mut puppet.end.down));
        puppet.simulation.run_until_idle();
        assert!(puppet.theirs.transport().unsent() < 400 << 10);
    }
    puppet.peer.resume_reading();
    puppet.simulation.run_until_idle();
    puppet.talk();
    assert!(puppet.end.up == pattern(100_000).repeat(100));
}

#[test]
fn what_is_written_before_the_handshake_is_done_is_bounded() {
    let puppet = Puppet::with_client(Simulation::new(), listens);
    let (limit, transport) = (UNSENT, puppet.theirs.transport());
    for _ in 0..50 {
        transport.write(&pattern(100_000));
        puppet.simulation.run_until_idle();
        assert!(transport.unsent() < 2 * limit);
    }
    assert!(matches!(
        puppet.theirs.reason(),
        Reason::UnsentOverflow { .. }
    ));
}
