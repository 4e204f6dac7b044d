//! Wrapped protocols: what passes, what is changed on the way, and who is reached by a handle.

//! Wrapped protocols: what passes, what is changed on the way, and who is reached by a handle.

use std::cell::Cell;
use std::rc::Rc;

use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::policies::{LimitTotalConnections, ProtocolWrapper, Wrapped, WrappingFactory};
use reactor::testing::{Conversation, Simulation};
use reactor::{
    Accepted, Address, Factory, IntoAccepted, Layer, Limits, Protocol, Reason, Transport,
};

use crate::support::{Heard, Log, Probe, SECOND, Silent, Then};

/// Passes everything on.
struct Transparent;

impl<P: Protocol> ProtocolWrapper<P> for Transparent {}

/// A protocol that notes each of its events, and stays when it is asked to go.
fn diary(log: &Log) -> Probe<impl FnMut(&Heard<'_>, &Transport) -> Then + use<>> {
    Probe::new(log, |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => {
                transport.set_timeout(Some(SECOND));
            }
            Heard::Data(b"flood") => {
                transport.write(&[0; 200_000]);
            }
            Heard::Data(b"pause") => {
                transport.pause_reading();
                transport.resume_reading();
            }
            Heard::TimedOut | Heard::ShutdownRequested => return Then::Nothing,
            _ => {}
        }
        Then::Default
    })
}

/// A layer whose handshake is the first byte of the peer.
struct Hello(bool);

impl Layer for Hello {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.0 = true;
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.0
    }
}

/// What a protocol is called for on a connection with a bit of everything.
fn events_of<P: Protocol>(wrap: impl FnOnce(&Log) -> P) -> Vec<String> {
    let log = Log::default();
    let conversation = Conversation::with(Accepted::new(wrap(&log)).with_layer(Hello(false)));
    let peer = conversation.peer();
    peer.set_window(1_000);
    peer.pause_reading();
    conversation.say(b"flood");
    peer.resume_reading();
    peer.set_window(1_000_000);
    conversation.run_for(SECOND / 10);
    conversation.say(b"pause");
    conversation.run_for(SECOND * 2);
    conversation.simulation().reactor().stop();
    conversation.run_for(SECOND / 10);
    peer.shut_write();
    conversation.run_for(SECOND / 10);
    peer.close();
    conversation.run_for(SECOND);
    log.take()
}

#[test]
fn a_wrapper_that_overrides_nothing_passes_every_event_on() {
    let plain = events_of(diary);
    let events = [
        "made",
        "handshakedone",
        "flood",
        "writingpaused",
        "writingresumed",
        "readingresumed",
        "pause",
        "readingresumed",
        "timedout",
        "shutdownrequested",
        "readclosed",
        "lost: the peer closed the connection",
    ];
    assert_eq!(plain, events);
    assert_eq!(
        events_of(|log| Wrapped::new(Transparent, diary(log))),
        plain
    );
    let twice = |log: &Log| Wrapped::new(Transparent, Wrapped::new(Transparent, diary(log)));
    assert_eq!(events_of(twice), plain);
}

/// Makes the bytes of a peer small, and keeps the end of its stream to itself.
struct Quiet(Log);

impl<P: Protocol> ProtocolWrapper<P> for Quiet {
    fn data_received(&mut self, protocol: &mut P, transport: &Transport, data: &[u8]) {
        protocol.data_received(transport, &data.to_ascii_lowercase());
    }

    fn read_closed(&mut self, _: &mut P, transport: &Transport) {
        self.0.note("closes");
        transport.lose_connection();
    }
}

#[test]
fn a_wrapper_alters_and_withholds_what_it_overrides() {
    let log = Log::default();
    let to_log = log.clone();
    let factory = move |_: Address| diary(&to_log);
    let to_log = log.clone();
    let mut factory = WrappingFactory::new(factory, move |_| Quiet(to_log.clone()));
    let address = "10.0.0.2:1".parse::<std::net::SocketAddr>().unwrap();
    let protocol = factory.build_protocol(&address.into()).unwrap();
    let conversation = Conversation::with(protocol);
    conversation.say(b"HELLO");
    conversation.shut_write();
    conversation.close();
    let lost = "lost: the peer closed the connection";
    assert_eq!(log.entries(), ["made", "hello", "closes", lost]);
}

/// A chat of lines.
struct Chat(Log);

impl LineProtocol for Chat {
    fn line_received(&mut self, _: &LineTransport<'_>, line: &[u8]) {
        self.0.note(line.escape_ascii());
    }
}

#[test]
fn handles_reach_the_wrapped_protocol_what_that_wraps_and_the_wrapper() {
    let log = Log::default();
    let lines = LineReceiver::new(Chat(log.clone()));
    let conversation = Conversation::with(Wrapped::new(Quiet(log.clone()), lines));
    let transport = conversation.transport().clone();
    conversation.say(b"HELLO\r\nYOU");
    transport
        .handle()
        .call(|chat: &mut Chat, _| chat.0.note("chat"));
    transport
        .handle()
        .call(|lines: &mut LineReceiver<Chat>, _| drop(format!("{lines:?}")));
    transport
        .handle()
        .call(|quiet: &mut Quiet, _| quiet.0.note("wrapper"));
    conversation.say(b"!\r\n");
    assert_eq!(log.entries(), ["hello", "chat", "wrapper", "you!"]);
}

/// Adds one to each byte on its way down.
struct Shift;

impl Layer for Shift {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data.iter().map(|byte| byte + 1));
        Ok(())
    }
}

#[test]
fn a_wrapping_factory_keeps_layers_permits_limits_and_refusals_of_its_factory() {
    let permit = Rc::new(());
    let made = Rc::new(Cell::new(0));
    let (give, count) = (Rc::clone(&permit), Rc::clone(&made));
    let factory = move |_| {
        let probe = Probe::new(&Log::default(), |heard: &Heard<'_>, transport| {
            if matches!(heard, Heard::Made) {
                transport.write(b"HAL");
            }
            Then::Default
        });
        Accepted::new(probe)
            .with_layer(Shift)
            .with_permit(Rc::clone(&give))
    };
    let limited = LimitTotalConnections::new(factory, 1);
    let limited = limited.with_limits(Limits::default().unsent(42));
    let factory = WrappingFactory::new(limited, move |_| {
        count.set(count.get() + 1);
        Transparent
    });
    assert_eq!(factory.limits(), Limits::default().unsent(42));
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor.listen_tcp("10.0.0.1:7", factory).unwrap();
    let first = simulation.connect("10.0.0.1:7");
    let second = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    assert_eq!(first.read(), b"IBM");
    assert!(second.has_ended() && second.read().is_empty());
    assert_eq!((made.get(), Rc::strong_count(&permit)), (1, 3));
    first.reset();
    simulation.run_until_idle();
    assert_eq!(Rc::strong_count(&permit), 2);
}

#[test]
fn wrapped_protocols_fit_other_wrapping_factories() {
    let inner = WrappingFactory::new(|_| Silent, |_| Transparent);
    let mut outer = WrappingFactory::new(inner, |_| Quiet(Log::default()));
    let address = "10.0.0.2:1".parse::<std::net::SocketAddr>().unwrap();
    let accepted = outer
        .build_protocol(&address.into())
        .map(IntoAccepted::into_accepted);
    assert!(accepted.is_some());
}
