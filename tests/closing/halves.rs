//! One half closed, by either side, and then the other.

use reactor::testing::{Conditions, Simulation};
use reactor::{Limits, Reason, Transport};

use crate::support::{SECOND, pattern};
use crate::{conversation, idle};

#[test]
fn a_protocol_that_stays_after_the_peer_has_closed_its_half_may_write_and_hears_it_once() {
    let (conversation, log) = conversation(
        |t| {
            t.write(b"one ");
        },
        true,
    );
    conversation.say(b"go");
    conversation.shut_write();
    for _ in 0..3 {
        // Each write and each event says again that the peer has closed.
        conversation.ask(|_, t| t.write(&[b'.'; 100_000]));
        conversation.run_for(SECOND);
    }
    assert!(conversation.reason().is_none());
    conversation.ask(|_, t| t.lose_connection());
    assert_eq!(conversation.hear().len(), 300_004);
    assert!(matches!(conversation.reason(), Some(Reason::PeerClosed)));
    assert_eq!(log.count("read closed"), 1);
}

#[test]
fn a_connection_whose_halves_are_both_closed_is_lost() {
    let (conversation, log) = conversation(Transport::lose_write_connection, true);
    conversation.say(b"go");
    conversation.shut_write();
    assert!(
        matches!(conversation.reason(), Some(Reason::PeerClosed)),
        "{log:?}"
    );
    let (conversation, log) = crate::conversation(Transport::lose_write_connection, true);
    conversation.shut_write();
    assert!(conversation.reason().is_none());
    conversation.ask(|_, t| t.lose_write_connection());
    assert!(
        matches!(conversation.reason(), Some(Reason::PeerClosed)),
        "{log:?}"
    );
}

#[test]
fn half_a_close_that_has_to_wait_for_room_comes_in_the_end() {
    // Fewer bytes than the mark at which the protocol is told, so that nothing else wakes it.
    for bytes in [1, 100, 30_000, 60_000, 90_000] {
        let narrow = Conditions::calm().send_buffer(1000..=1000);
        let simulation = Simulation::with_conditions(narrow, 1);
        let conversation = idle(&simulation, Limits::default());
        conversation.transport().write(&pattern(bytes));
        conversation.transport().lose_write_connection();
        simulation.run_until_idle();
        assert_eq!(conversation.hear().len(), bytes);
        assert!(conversation.peer().has_ended(), "{bytes}");
    }
}
