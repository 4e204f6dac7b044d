//! TLS between our client and our server on a simulated network, and against a peer whose every byte
//! the test decides.

#![cfg(feature = "tls")]

mod bounds;
mod certificates;
mod clients;
mod endings;
mod handshakes;
mod names;
mod policies;
mod records;
mod renewal;
mod resumption;
#[path = "../support/mod.rs"]
mod support;
mod upgrades;

use std::cell::RefCell;
use std::rc::Rc;

use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::tls::{TlsClientConfig, TlsLayer, TlsServerConfig};
use reactor::{Factory, Layer, Protocol, Reason, Transport};

use support::{Heard, Log, Probe, SECOND, Then, pattern};

const ROOT: &[u8] = include_bytes!("../support/tls/ca.pem");

const CHAIN: &[u8] = include_bytes!("../support/tls/server.pem");

const KEY: &[u8] = include_bytes!("../support/tls/server.key");

/// Where servers are, and a name that leads there.
const PLACE: &str = "10.0.0.1:443";

const HOST: &str = "server.test";

fn server() -> TlsServerConfig {
    TlsServerConfig::from_pem(CHAIN, KEY).expect("a chain and its key")
}

fn client() -> TlsClientConfig {
    TlsClientConfig::with_root_pem(ROOT).expect("a root")
}

fn named(simulation: Simulation) -> Simulation {
    let place = "10.0.0.1".parse().expect("an address");
    for name in [HOST, "wrong.test"] {
        simulation.add_host(name, &[place]);
    }
    simulation
}

/// What one side has heard.
#[derive(Clone, Default)]
struct Side {
    log: Log,
    data: Rc<RefCell<Vec<u8>>>,
    reason: Rc<RefCell<Option<Reason>>>,
    transport: Rc<RefCell<Option<Transport>>>,
}

impl Side {
    /// A protocol that notes all that it hears here, and does what `react` says.
    fn protocol<F>(&self, react: F) -> impl Protocol + use<F>
    where
        F: Fn(&Heard<'_>, &Transport) -> Then + 'static,
    {
        let this = self.clone();
        Probe::new(
            &self.log,
            move |heard: &Heard<'_>, transport: &Transport| {
                match heard {
                    Heard::Made => *this.transport.borrow_mut() = Some(transport.clone()),
                    Heard::Data(data) => this.data.borrow_mut().extend_from_slice(data),
                    Heard::Lost(reason) => *this.reason.borrow_mut() = Some((*reason).clone()),
                    _ => {}
                }
                react(heard, transport)
            },
        )
    }

    fn factory<F>(&self, react: F) -> impl Factory + use<F>
    where
        F: Fn(&Heard<'_>, &Transport) -> Then + Clone + 'static,
    {
        let this = self.clone();
        move |_| this.protocol(react.clone())
    }

    fn transport(&self) -> Transport {
        self.transport.borrow().clone().expect("it is connected")
    }

    fn data(&self) -> Vec<u8> {
        self.data.borrow().clone()
    }

    #[track_caller]
    fn reason(&self) -> Reason {
        let reason = self.reason.borrow().clone();
        reason.unwrap_or_else(|| panic!("it is not lost: {:?}", self.log))
    }
}

fn listens(_: &Heard<'_>, _: &Transport) -> Then {
    Then::Default
}

fn echoes(heard: &Heard<'_>, transport: &Transport) -> Then {
    if let Heard::Data(data) = heard {
        transport.write(data);
    }
    Then::Default
}

fn says_hello(heard: &Heard<'_>, transport: &Transport) -> Then {
    if let Heard::Made = heard {
        transport.write(b"hello");
    }
    Then::Default
}

/// A server and a client, who do what is said here, for a while.
fn meet(
    simulation: &Simulation,
    (tls_server, serves): (&TlsServerConfig, fn(&Heard<'_>, &Transport) -> Then),
    (tls_client, asks): (&TlsClientConfig, fn(&Heard<'_>, &Transport) -> Then),
    host: &str,
) -> (Side, Side) {
    let (ours, theirs) = (Side::default(), Side::default());
    let reactor = simulation.reactor();
    let port = reactor
        .listen_tls(PLACE, tls_server, ours.factory(serves))
        .expect("the port is free");
    reactor.connect_tls(host, 443, tls_client, theirs.factory(asks));
    simulation.run_for(SECOND);
    port.stop_listening();
    (ours, theirs)
}

#[test]
fn a_client_and_a_server_talk_and_part_in_order() {
    let simulation = named(Simulation::new());
    let (tls_server, tls_client) = (server(), client());
    // The second time the session is resumed.
    for host in [HOST, HOST, "10.0.0.1"] {
        let (ours, theirs) = meet(
            &simulation,
            (&tls_server, echoes),
            (&tls_client, says_hello),
            host,
        );
        assert_eq!(
            (ours.data(), theirs.data()),
            (b"hello".into(), b"hello".into())
        );
        theirs.transport().lose_connection();
        simulation.run_for(SECOND);
        assert!(matches!(theirs.reason(), Reason::LocalClosed));
        assert!(matches!(ours.reason(), Reason::PeerClosed));
        let heard = ["made", "handshakedone", "hello", "readclosed"];
        assert_eq!(ours.log.entries()[..4], heard);
    }
}

#[test]
fn what_was_written_before_the_close_arrives_whole_on_any_network() {
    fn speaks(heard: &Heard<'_>, transport: &Transport) -> Then {
        if let Heard::Made = heard {
            transport.write(&pattern(100_000));
            transport.lose_connection();
        }
        Then::Default
    }
    for seed in 0..40 {
        let simulation = named(Simulation::chaotic(seed));
        let (ours, theirs) = meet(&simulation, (&server(), listens), (&client(), speaks), HOST);
        simulation.run_for(100 * SECOND);
        assert!(ours.data() == pattern(100_000), "seed {seed}");
        assert!(
            matches!(theirs.reason(), Reason::LocalClosed),
            "seed {seed}"
        );
        assert!(matches!(ours.reason(), Reason::PeerClosed), "seed {seed}");

        // And the other way: the server is the one whose handshake takes longer.
        let simulation = named(Simulation::chaotic(seed));
        let (ours, theirs) = meet(&simulation, (&server(), speaks), (&client(), listens), HOST);
        simulation.run_for(100 * SECOND);
        assert!(theirs.data() == pattern(100_000), "seed {seed}");
        assert!(matches!(ours.reason(), Reason::LocalClosed), "seed {seed}");
        assert!(matches!(theirs.reason(), Reason::PeerClosed), "seed {seed}");
    }
}

/// One end of TLS, in the hands of the test.
struct End {
    layer: TlsLayer,
    /// What it has received.
    up: Vec<u8>,
    /// What is to be sent.
    down: Vec<u8>,
}

impl End {
    fn new(mut layer: TlsLayer) -> Self {
        let (up, mut down) = (Vec::new(), Vec::new());
        layer.started(&mut down).expect("it starts");
        Self { layer, up, down }
    }

    fn client() -> Self {
        Self::new(client().layer(HOST).expect("a host"))
    }

    fn server() -> Self {
        // Made once a test, since some need thousands.
        thread_local!(static TLS: TlsServerConfig = server());
        Self::new(TLS.with(TlsServerConfig::layer))
    }

    fn receive(&mut self, data: &[u8]) -> Result<(), Reason> {
        self.layer.receive(data, &mut self.up, &mut self.down)
    }

    fn send(&mut self, data: &[u8]) {
        let sent = self.layer.send(data, &mut self.down);
        sent.expect("it can be encrypted");
    }

    fn finish(&mut self) {
        let finished = self.layer.finish(&mut self.down);
        finished.expect("it can say close_notify");
    }

    /// Hands `other` what is to be sent, as many bytes at a time.
    fn pass_to(&mut self, other: &mut Self, at_a_time: usize) {
        for piece in std::mem::take(&mut self.down).chunks(at_a_time) {
            other.receive(piece).expect("it is in order");
        }
    }
}

/// Lets both talk until they have nothing more to say.
fn talk(one: &mut End, other: &mut End, at_a_time: usize) {
    while !one.down.is_empty() || !other.down.is_empty() {
        one.pass_to(other, at_a_time);
        other.pass_to(one, at_a_time);
    }
}

/// A server, played by the test, that speaks TLS when it wants to.
struct Puppet {
    simulation: Simulation,
    listener: PeerListener,
    peer: Peer,
    end: End,
    /// The client.
    theirs: Side,
}

impl Puppet {
    /// A client of ours that does as it is told, and a server that has said nothing yet.
    fn with_client(
        simulation: Simulation,
        react: impl Fn(&Heard<'_>, &Transport) -> Then + Clone + 'static,
    ) -> Self {
        Self::with_tls(simulation, &client(), react)
    }

    fn with_tls(
        simulation: Simulation,
        tls: &TlsClientConfig,
        react: impl Fn(&Heard<'_>, &Transport) -> Then + Clone + 'static,
    ) -> Self {
        let simulation = named(simulation);
        let listener = simulation.listen(PLACE);
        let theirs = Side::default();
        let factory = theirs.factory(react);
        simulation.reactor().connect_tls(HOST, 443, tls, factory);
        simulation.run_until_idle();
        let peer = listener.accept().expect("the client connects");
        simulation.run_until_idle();
        Self {
            simulation,
            listener,
            peer,
            end: End::server(),
            theirs,
        }
    }

    /// Hears what the client says, and answers it, until both have nothing more to say.
    fn talk(&mut self) {
        loop {
            let heard = self.peer.read();
            let received = self.end.receive(&heard);
            received.expect("the client is in order");
            let said = std::mem::take(&mut self.end.down);
            self.peer.write(&said);
            self.simulation.run_until_idle();
            if heard.is_empty() && said.is_empty() {
                return;
            }
        }
    }

    fn say(&mut self, data: &[u8]) {
        self.end.send(data);
        self.talk();
    }
}
