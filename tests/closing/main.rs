//! How a connection ends, whoever ends it: the state machine of `Transport`, case by case.

mod draining;
mod halves;
mod made;
#[path = "../support/mod.rs"]
mod support;
mod table;

use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Protocol, Reason, Transport};

use crate::support::Log;

/// Does what the test says when it receives `go`, and writes down what it hears. It stays when the
/// peer has closed its sending half, if it was told to.
struct Steps {
    log: Log,
    ours: fn(&Transport),
    stays: bool,
}

impl Protocol for Steps {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.note(data.escape_ascii());
        if data == b"go" {
            (self.ours)(transport);
        }
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.log.note("read closed");
        if !self.stays {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.log.note(format!("lost: {reason}"));
        // None of this does anything any more.
        assert!(!transport.write(b"late") && transport.is_lost() && !transport.is_open());
        transport.lose_connection();
        transport.abort_connection();
        transport.lose_write_connection();
        transport.resume_reading();
        assert!(transport.peer_addr() != transport.local_addr());
    }
}

fn conversation(ours: fn(&Transport), stays: bool) -> (Conversation<Steps>, Log) {
    let log = Log::default();
    let protocol = Steps {
        log: log.clone(),
        ours,
        stays,
    };
    (Conversation::with(protocol), log)
}

/// A conversation with a protocol that does nothing of its own.
fn idle(simulation: &Simulation, limits: Limits) -> Conversation<Steps> {
    let protocol = Steps {
        log: Log::default(),
        ours: |_| {},
        stays: false,
    };
    Conversation::begin(simulation, protocol, limits)
}
