//! TLS between our client and our server on a simulated network, and against a peer whose every byte
//! the test decides.

#![cfg(feature = "tls")]

mod support;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use reactor::testing::{Conditions, Peer, PeerListener, Simulation};
use reactor::tls::{PemPart, TlsClientConfig, TlsError, TlsLayer, TlsServerConfig};
use reactor::{Factory, Layer, Limits, Protocol, Reason, Transport};
use support::{Heard, Log, Probe, SECOND, Then, millis, pattern};

const ROOT: &[u8] = include_bytes!("support/tls/ca.pem");
const OTHER_ROOT: &[u8] = include_bytes!("support/tls/other-ca.pem");
const CHAIN: &[u8] = include_bytes!("support/tls/server.pem");
const EXPIRED: &[u8] = include_bytes!("support/tls/expired.pem");
const AUTHORITY: &[u8] = include_bytes!("support/tls/authority.pem");
const OWN: &[u8] = include_bytes!("support/tls/own.pem");
const KEY: &[u8] = include_bytes!("support/tls/server.key");

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
    let _ = reactor.connect_tls(host, 443, tls_client, theirs.factory(asks));
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
        assert_eq!(ours.log.entries()[..3], ["made", "hello", "readclosed"]);
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

#[test]
fn half_a_close_leaves_the_other_half_open() {
    let (ours, theirs) = meet(
        &named(Simulation::new()),
        (&server(), |heard, transport| {
            if let Heard::ReadClosed = heard {
                transport.write(b"the answer");
            }
            Then::Default
        }),
        (&client(), |heard, transport| {
            if let Heard::Made = heard {
                transport.write(b"the question");
                transport.lose_write_connection();
            }
            Then::Default
        }),
        HOST,
    );
    assert_eq!(ours.data(), b"the question");
    assert_eq!(theirs.data(), b"the answer");
    assert!(ours.reason().is_clean() && theirs.reason().is_clean());
}

#[test]
fn a_certificate_that_a_server_has_made_for_itself_is_accepted_by_who_trusts_it() {
    let own = TlsServerConfig::from_pem(OWN, KEY).expect("a chain and its key");
    let trusts_it = TlsClientConfig::with_root_pem(OWN).expect("a root");
    let simulation = named(Simulation::new());
    let (ours, _) = meet(&simulation, (&own, listens), (&trusts_it, says_hello), HOST);
    assert_eq!(ours.data(), b"hello");
}

#[test]
fn a_certificate_that_is_not_accepted_ends_the_connection_and_both_know_why() {
    let expired = TlsServerConfig::from_pem(EXPIRED, KEY).expect("a chain and its key");
    let trusts_other = TlsClientConfig::with_root_pem(OTHER_ROOT).expect("a root");
    let cases = [
        (
            "wrong.test",
            server(),
            client(),
            "the certificate of wrong.test is not accepted: certificate not valid for name \
             \"wrong.test\"; certificate is only valid for DnsName(\"server.test\")",
            "BadCertificate",
        ),
        (
            HOST,
            expired,
            client(),
            "the certificate of server.test is not accepted: certificate expired:",
            "CertificateExpired",
        ),
        (
            HOST,
            server(),
            trusts_other,
            "the certificate of server.test is not accepted: it was signed by nobody who is \
             trusted",
            "UnknownCA",
        ),
        (
            HOST,
            TlsServerConfig::from_pem(AUTHORITY, KEY).expect("a chain and its key"),
            TlsClientConfig::with_root_pem(AUTHORITY).expect("a root"),
            "the certificate of server.test is not accepted: it is an authority's, for signing others, \
             and not a server's (openssl req -x509 makes one of a server with -addext \
             basicConstraints=critical,CA:FALSE)",
            "CertificateUnknown",
        ),
    ];
    for (host, tls_server, tls_client, expected, alert) in cases {
        let simulation = named(Simulation::new());
        let (ours, theirs) = meet(
            &simulation,
            (&tls_server, says_hello),
            (&tls_client, says_hello),
            host,
        );
        let reason = theirs.reason();
        assert!(reason.to_string().starts_with(expected), "{reason}");
        let error = TlsError::of(&reason);
        assert!(matches!(error, Some(TlsError::Certificate { peer, .. }) if peer == host));
        let told = format!("TLS with the client failed: received fatal alert: {alert}");
        assert_eq!(ours.reason().to_string(), told);
        assert!(ours.data().is_empty() && theirs.data().is_empty());
    }
}

#[test]
fn a_certificate_that_is_added_is_trusted_as_well() {
    let both = TlsClientConfig::with_root_pem(OTHER_ROOT)
        .and_then(|tls| tls.with_alpn(&["first"]).and_root_pem(ROOT))
        .expect("two roots");
    let tls_server = server().with_alpn(&["first"]);
    let simulation = named(Simulation::new());
    let (ours, _) = meet(
        &simulation,
        (&tls_server, listens),
        (&both, says_hello),
        HOST,
    );
    assert_eq!(ours.data(), b"hello");
    // The list of protocols was not lost on the way.
    let tls_server = server().with_alpn(&["second"]);
    let (_, theirs) = meet(
        &simulation,
        (&tls_server, listens),
        (&both, says_hello),
        HOST,
    );
    let told = "TLS with server.test failed: received fatal alert: NoApplicationProtocol";
    assert_eq!(theirs.reason().to_string(), told);
}

#[test]
fn the_certificates_of_the_system_do_not_include_ours() {
    // A machine may have none at all, and say so.
    let tls = match TlsClientConfig::with_system_roots() {
        Ok(tls) => tls,
        Err(error) => return assert!(matches!(error, TlsError::NoRoots(_)), "{error}"),
    };
    let simulation = named(Simulation::new());
    let (_, theirs) = meet(&simulation, (&server(), listens), (&tls, says_hello), HOST);
    let error = theirs.reason();
    assert!(matches!(
        TlsError::of(&error),
        Some(TlsError::Certificate { .. })
    ));
}

#[test]
fn a_host_that_nobody_can_have_a_certificate_for_is_not_connected_to() {
    let simulation = named(Simulation::new());
    let listener = simulation.listen(PLACE);
    let side = Side::default();
    let reactor = simulation.reactor();
    let connector = reactor.connect_tls("no host", 443, &client(), side.factory(listens));
    assert!(
        connector.is_connecting(),
        "nothing is called before it has returned"
    );
    let connected = connector.connected();
    simulation.run_until_idle();
    let outcome = connected.into_result().ok().and_then(Result::err);
    let failure = outcome.expect("it has failed").to_string();
    assert_eq!(
        failure,
        "\"no host\" is neither a host's name nor an IP address"
    );
    assert!(listener.accept().is_none() && side.log.entries().is_empty());
}

#[test]
fn what_is_no_identity_and_no_root_is_said_to_be_none() {
    let of = |chain: &[u8], key: &[u8]| {
        let error = TlsServerConfig::from_pem(chain, key).expect_err("it is wrong");
        error.to_string()
    };
    assert_eq!(of(b"", KEY), "there is no certificate in the text");
    assert_eq!(of(KEY, KEY), "there is no certificate in the text");
    assert_eq!(of(CHAIN, b""), "there is no private key in the text");
    assert_eq!(of(CHAIN, CHAIN), "there is no private key in the text");
    let mismatched = of(ROOT, KEY);
    let expected = "the server's certificate and key are of no use: they do not belong together";
    assert_eq!(mismatched, expected);
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(of(CHAIN, encrypted).starts_with("a broken private key: it is encrypted"));
    let cut = &CHAIN[..CHAIN.len() / 4];
    assert!(of(cut, KEY).starts_with("a broken certificate: "));
    let error = TlsClientConfig::with_root_pem("").expect_err("it is empty");
    assert!(matches!(error, TlsError::BadPem(PemPart::Roots, None)));
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
        Self::new(server().layer())
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

#[test]
fn a_conversation_is_the_same_however_it_is_split() {
    let said = pattern(40_000);
    let whole = |mut client: End, mut server: End, cut: &mut dyn FnMut(&[u8]) -> usize| {
        client.send(&said);
        server.send(b"welcome");
        assert_eq!(client.layer.holds(), 40_000);
        let mut has_finished = false;
        loop {
            for (one, other) in [(&mut client, true), (&mut server, false)] {
                let _ = (one, other);
            }
            if client.down.is_empty() && server.down.is_empty() {
                if std::mem::replace(&mut has_finished, true) {
                    break;
                }
                client.finish();
                server.finish();
            }
            for from_client in [true, false] {
                let (one, other) = if from_client {
                    (&mut client, &mut server)
                } else {
                    (&mut server, &mut client)
                };
                let data = std::mem::take(&mut one.down);
                let (first, rest) = data.split_at(cut(&data));
                for piece in [first, rest] {
                    other.receive(piece).expect("it is in order");
                }
            }
        }
        assert!(server.up == said && client.up == b"welcome");
        assert!(client.layer.has_ended() && server.layer.has_ended());
        assert_eq!(client.layer.holds() + server.layer.holds(), 0);
    };
    // At every byte of the handshake, and at some of what follows.
    for at in (0..2_500).chain((2_500..42_000).step_by(997)) {
        let mut left = at;
        whole(End::client(), End::server(), &mut |data| {
            let cut = left.min(data.len());
            left -= cut;
            cut
        });
    }
    for at_a_time in 1..20 {
        let (mut client, mut server) = (End::client(), End::server());
        client.send(&said);
        talk(&mut client, &mut server, at_a_time);
        assert!(server.up == said);
    }
}

#[test]
fn a_bit_that_was_changed_on_the_way_is_noticed() {
    let (mut one, mut other) = (End::client(), End::server());
    talk(&mut one, &mut other, usize::MAX);
    one.send(b"the first");
    let first = one.down.len();
    one.send(b"the second");
    let sent = std::mem::take(&mut one.down);
    let header = 5;
    for bit in 0..8 * (sent.len() - first - header) {
        let (mut one, mut other) = (End::client(), End::server());
        talk(&mut one, &mut other, usize::MAX);
        one.send(b"the first");
        one.send(b"the second");
        one.down[first + header + bit / 8] ^= 1 << (bit % 8);
        let error = other.receive(&one.down).expect_err("it was changed");
        assert!(matches!(
            TlsError::of(&error),
            Some(TlsError::Failed { .. })
        ));
        assert_eq!(other.up, b"the first", "what was in order is delivered");
        // The other side is told.
        let told = one.receive(&other.down).expect_err("it is an alert");
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
    }
}

#[test]
fn a_record_that_is_too_large_is_an_error_and_not_waited_for() {
    let (mut one, mut other) = (End::client(), End::server());
    talk(&mut one, &mut other, usize::MAX);
    let error = other.receive(&[23, 3, 3, 0x50, 0]).expect_err("20 KiB");
    assert!(
        error
            .to_string()
            .starts_with("TLS with the client failed: ")
    );
    assert!(!other.down.is_empty(), "there is an alert");
    let mut hello = End::server();
    let error = hello.receive(&[22, 3, 1, 0xff, 0xff]).expect_err("64 KiB");
    assert!(
        error
            .to_string()
            .starts_with("TLS with the client failed: ")
    );
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
        let simulation = named(simulation);
        let listener = simulation.listen(PLACE);
        let theirs = Side::default();
        let factory = theirs.factory(react);
        let _ = simulation
            .reactor()
            .connect_tls(HOST, 443, &client(), factory);
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

#[test]
fn nothing_goes_out_in_the_clear() {
    let puppet = Puppet::with_client(Simulation::new(), says_hello);
    let heard = puppet.peer.read();
    assert_eq!(heard[..2], [22, 3], "a handshake of TLS");
    assert!(!heard.windows(5).any(|bytes| bytes == b"hello"));
    assert_eq!(puppet.theirs.transport().unsent(), 5);
    drop(puppet.listener);
}

#[test]
fn a_stream_without_close_notify_is_told_apart() {
    for says_it in [true, false] {
        let mut puppet = Puppet::with_client(Simulation::new(), listens);
        puppet.talk();
        puppet.say(b"half of the truth");
        if says_it {
            puppet.end.finish();
            puppet.talk();
        }
        puppet.peer.shut_write();
        puppet.simulation.run_for(SECOND);
        let side = &puppet.theirs;
        assert_eq!(side.data(), b"half of the truth");
        assert_eq!(side.log.contains("readclosed"), says_it);
        let reason = side.reason();
        let Reason::Error(error) = &reason else {
            assert!(says_it && matches!(reason, Reason::PeerClosed));
            continue;
        };
        assert!(!says_it);
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(
            matches!(TlsError::of(&reason), Some(TlsError::Truncated { peer }) if peer == HOST)
        );
        assert_eq!(
            reason.to_string(),
            "server.test closed the connection without TLS's close_notify, and something may be \
             missing"
        );
    }
}

#[test]
fn close_notify_is_answered_also_by_a_peer_that_does_not_close() {
    let mut puppet = Puppet::with_client(Simulation::new(), listens);
    puppet.talk();
    puppet.end.finish();
    puppet.talk();
    assert!(puppet.end.layer.has_ended(), "it is said from both sides");
    assert!(puppet.peer.has_ended());
    assert!(matches!(puppet.theirs.reason(), Reason::PeerClosed));
}

#[test]
fn a_close_says_close_notify() {
    let mut puppet = Puppet::with_client(Simulation::new(), says_hello);
    puppet.talk();
    puppet.theirs.transport().lose_connection();
    puppet.simulation.run_until_idle();
    puppet.talk();
    assert_eq!(puppet.end.up, b"hello");
    assert!(puppet.end.layer.has_ended() && puppet.peer.has_ended());
    puppet.peer.close();
    puppet.simulation.run_until_idle();
    assert!(matches!(puppet.theirs.reason(), Reason::LocalClosed));
}

#[test]
fn a_peer_that_closes_during_the_handshake_is_told_apart() {
    fn hurries(heard: &Heard<'_>, transport: &Transport) -> Then {
        says_hello(heard, transport);
        transport.lose_connection();
        Then::Default
    }
    for react in [says_hello, hurries, listens] {
        for says_it in [true, false] {
            let puppet = Puppet::with_client(Simulation::new(), react);
            if says_it {
                puppet.peer.write(&[21, 3, 3, 0, 2, 1, 0]); // close_notify, in the clear
                puppet.simulation.run_until_idle();
            }
            puppet.peer.shut_write();
            puppet.simulation.run_for(SECOND);
            let reason = puppet.theirs.reason();
            let said = "server.test closed the connection during the TLS handshake";
            assert_eq!(reason.to_string(), said);
            let error = TlsError::of(&reason);
            assert!(matches!(error, Some(TlsError::ClosedInHandshake { .. })));
        }
    }
}

#[test]
fn a_close_waits_for_a_handshake_as_long_as_for_a_peer_that_does_not_read() {
    let puppet = Puppet::with_client(Simulation::new(), |heard, transport| {
        says_hello(heard, transport);
        transport.lose_connection();
        Then::Default
    });
    let linger = Limits::default().linger;
    puppet.simulation.run_for(linger - millis(10));
    assert!(puppet.theirs.reason.borrow().is_none());
    puppet.simulation.run_for(millis(20));
    assert!(matches!(puppet.theirs.reason(), Reason::LingerTimeout));
}

#[test]
fn a_peer_that_speaks_something_else_is_told_apart() {
    // One that our client meets.
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"220 mail.test ESMTP\r\n",
    ] {
        for split in 1..10 {
            let puppet = Puppet::with_client(Simulation::new(), says_hello);
            puppet.peer.write(&answer[..split]);
            puppet.simulation.run_until_idle();
            puppet.peer.write(&answer[split..]);
            puppet.peer.shut_write();
            puppet.simulation.run_for(SECOND);
            let reason = puppet.theirs.reason();
            assert_eq!(
                reason.to_string(),
                "server.test does not speak TLS",
                "{split}"
            );
        }
    }
    // One that comes to our server.
    let simulation = named(Simulation::new());
    let side = Side::default();
    let reactor = simulation.reactor();
    let port = reactor.listen_tls(PLACE, &server(), side.factory(says_hello));
    let peer = simulation.connect(port.expect("the port is free").local_addr());
    peer.write(b"GET / HTTP/1.1\r\n\r\n");
    simulation.run_for(SECOND);
    assert_eq!(
        peer.read()[..3],
        [21, 3, 3],
        "an alert, and not a word in the clear"
    );
    assert!(peer.has_ended());
    peer.close();
    simulation.run_for(SECOND);
    assert_eq!(side.reason().to_string(), "the client does not speak TLS");
}

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
    let rough = Conditions {
        surprises: 50,
        segment: 1..=60_000,
        ..Conditions::calm()
    };
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
    let _ = reactor.connect_tls("10.0.0.1", 443, &client(), pour(&theirs));
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
    let (limit, transport) = (Limits::default().unsent, puppet.theirs.transport());
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
        let _ = simulation.join(
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
        let _ = simulation.join(server, client);
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
    let limits = Limits {
        unsent: 5,
        ..Limits::default()
    };
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
