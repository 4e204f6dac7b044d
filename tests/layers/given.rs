//! Layers that a connection begins with, since its factories gave them to it.

use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::testing::{Conversation, Simulation};
use reactor::{Accepted, AcceptedBy, Address, Factory, IntoAccepted, Layer, Reason, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then};
use crate::{Polite, Shift};

/// Puts its name around what is sent, and takes nothing away.
struct Quote(u8);

impl Layer for Quote {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.push(self.0);
        down.extend(data);
        down.push(self.0);
        Ok(())
    }
}

type React = fn(&Heard<'_>, &Transport) -> Then;

fn says_hal(heard: &Heard<'_>, transport: &Transport) -> Then {
    if let Heard::Made = heard {
        transport.write(b"HAL");
    }
    Then::Default
}

#[test]
fn what_is_written_in_connection_made_passes_the_layer() {
    let log = Log::default();
    let probe = Probe::new(&log, says_hal as React);
    let conversation = Conversation::with(Accepted::new(probe).with_layer(Shift));
    assert_eq!(conversation.hear(), b"IBM");
    conversation.say(b"bcd");
    assert_eq!(log.entries(), ["made", "abc"]);
}

#[test]
fn a_client_begins_with_its_layers_too_also_where_the_first_bytes_come_at_once() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (server, client) = (Log::default(), log.clone());
    let factory = move |_| Probe::new(&server, says_hal as React);
    let reactor = simulation.reactor();
    reactor.listen_tcp("10.0.0.1:7", factory).expect("a port");
    let factory = move |_| {
        let probe = Probe::new(&client, (|_, _| Then::Default) as React);
        Accepted::new(probe).with_layer(Shift)
    };
    reactor.connect_tcp("10.0.0.1", 7, factory);
    simulation.run_for(SECOND);
    assert_eq!(log.entries(), ["made", "G@K"]);
}

/// Gives each connection a layer.
struct Quoting<F>(u8, F);

impl<F: Factory> Factory for Quoting<F> {
    type Protocol = AcceptedBy<F>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let accepted = self.1.build_protocol(address)?.into_accepted();
        Some(accepted.with_layer(Quote(self.0)))
    }
}

#[test]
fn the_layer_of_the_outermost_factory_is_the_nearest_to_the_socket() {
    let simulation = Simulation::new();
    let log = Log::default();
    let factory = move |_| {
        Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                transport.push_layer(Quote(b'p'), b"");
                transport.write(b"-");
            }
            Then::Default
        })
    };
    let factory = Quoting(b'o', Quoting(b'i', factory));
    let listening = simulation.reactor().listen_tcp("10.0.0.1:7", factory);
    listening.expect("the port is free");
    let peer = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"oip-pio");
}

#[test]
fn a_connection_that_is_aborted_in_connection_made_has_no_first_words_of_a_layer() {
    for aborts in [false, true] {
        let log = Log::default();
        let probe = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
            if let (Heard::Made, true) = (heard, aborts) {
                transport.abort_connection();
            }
            Then::Default
        });
        let simulation = Simulation::new();
        let factory = std::cell::Cell::new(Some(Accepted::new(probe)));
        let factory = move |_| {
            let accepted = factory.take().expect("it is asked once");
            accepted.with_layer(Polite::new(b'a'))
        };
        let listening = simulation.reactor().listen_tcp("10.0.0.1:7", factory);
        listening.expect("the port is free");
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_until_idle();
        assert_eq!(peer.read().is_empty(), aborts);
        assert_eq!(peer.error().is_some(), aborts);
    }
}

/// Answers each line with itself.
struct EchoLines;

impl LineProtocol for EchoLines {
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        transport.send_line(line);
    }
}

#[test]
fn a_protocol_that_is_wrapped_in_a_receiver_keeps_its_layers() {
    let accepted = Accepted::new(EchoLines).with_layer(Shift);
    let conversation = Conversation::with(accepted.map(LineReceiver::new));
    conversation.say(b"IBM\x0e\x0b");
    assert_eq!(conversation.hear(), b"IBM\x0e\x0b");
}
