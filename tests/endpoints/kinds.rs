//! The kinds beside `tcp`, prefixes of a program's own, and the options of sockets, as the kernel sees them.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use reactor::endpoints::{
    BadPrefix, Mistake, client_from_string, register_client, register_server, server_from_string,
};
use reactor::testing::Simulation;
use reactor::{Address, Layer, Reactor};

use crate::support::{Echo, Silent};
use crate::{client, listens_at, server};

/// A message without the prefixes that tests have registered, which are the process's.
pub(crate) fn without_own(message: String) -> String {
    message.replace(", rot13", "").replace(", service", "")
}

#[test]
fn tcp6_is_every_ipv6_address() {
    assert_eq!(listens_at("tcp6:1400"), "[::]:1400");
    assert_eq!(server("tcp6:1400").to_string(), "tcp6:1400");
}

#[test]
fn what_is_shown_is_read_back_as_the_same() {
    for text in [
        "tcp:1400:interface=10.0.0.1:keepalive=90:backlog=5:reuse_port=yes",
        "tcp6:1400",
        "unix:/run/chat.sock:mode=660:backlog=5",
        "unix:@chat",
        r"unix:/run/a\:b",
        "stdio:",
        "haproxy:tcp:1400",
        "haproxy:trust=10.0.0.0/8,192.168.1.7:timeout=1.5:unix:/run/chat.sock",
        r"haproxy:trust=2001\:db8\:\:/32:tcp6:1400",
    ] {
        assert_eq!(server(text).to_string(), text);
    }
    for text in [
        r"tcp:h:80:timeout=5:bind_address=\:\:1:keepalive=30",
        "unix:/run/chat.sock:timeout=2",
        "stdio:",
    ] {
        assert_eq!(client(text).to_string(), text);
    }
    assert_eq!(server("stdio"), server("stdio:"));
}

#[test]
fn a_wrong_argument_of_any_kind_says_what_was_expected_and_where() {
    let cases = [
        ("unix:", "character 6: address is missing"),
        (
            "unix:/s:mode=888",
            r#"character 14: mode is an octal number, as 660, not "888""#,
        ),
        (
            "unix:/s:mode=7777",
            r#"character 14: mode is an octal number, as 660, not "7777""#,
        ),
        (
            "tcp:1:backlog=0",
            r#"character 15: backlog is a number of clients, at least 1, not "0""#,
        ),
        (
            "tcp:1:reuse_port=maybe",
            r#"character 18: reuse_port is yes or no, not "maybe""#,
        ),
        (
            "stdio:now",
            r"character 7: too many arguments, expected: none",
        ),
        (
            "haproxy:trust=everybody:tcp:1400",
            r#"character 15: trust is a list of networks, as 10.0.0.0/8,192.168.1.7, not "everybody""#,
        ),
        (
            "haproxy:timeout=0:tcp:1400",
            r#"character 17: timeout is a number of seconds above 0, not "0""#,
        ),
        (
            "haproxy:timeout=1:timeout=2:tcp:1400",
            "character 19: timeout is given twice",
        ),
        (
            "haproxy:haproxy:tcp:1400",
            "character 9: haproxy is given twice",
        ),
        (
            "haproxy:tcp:x",
            r#"character 13: port is a number from 0 to 65535, not "x""#,
        ),
    ];
    for (text, expected) in cases {
        let error = server_from_string(text).unwrap_err().to_string();
        assert_eq!(error, format!("endpoint {text:?}, {expected}"));
    }
    let error = client_from_string("tcp:h:1:bind_address=here").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"endpoint "tcp:h:1:bind_address=here", character 22: bind_address is an IP address, not "here""#
    );
}

#[test]
fn several_may_listen_at_one_port_if_all_of_them_say_so() {
    let reactor = Reactor::new().unwrap();
    let first = server("tcp:0:interface=127.0.0.1:reuse_port=yes")
        .listen(&reactor, |_| Silent)
        .unwrap();
    let port = first.local_addr().socket_addr().unwrap().port();
    let shared = server(&format!("tcp:{port}:interface=127.0.0.1:reuse_port=yes"));
    shared.listen(&reactor, |_| Silent).unwrap();
    let alone = server(&format!("tcp:{port}:interface=127.0.0.1"));
    assert!(alone.listen(&reactor, |_| Silent).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_connects_from_the_address_that_it_is_bound_to() {
    let reactor = Reactor::new().unwrap();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let peers = Rc::clone(&seen);
    let port = server("tcp:0:interface=127.0.0.1")
        .listen(&reactor, move |peer: Address| {
            peers.borrow_mut().push(peer);
            Silent
        })
        .unwrap();
    let number = port.local_addr().socket_addr().unwrap().port();
    let endpoint = client(&format!("tcp:127.0.0.1:{number}:bind_address=127.0.0.2"));
    let connected = endpoint.connect(&reactor, |_| Silent).connected();
    let transport = reactor.run_until(connected).unwrap();
    let ip = |address: &Address| address.socket_addr().unwrap().ip();
    let expected: IpAddr = "127.0.0.2".parse().unwrap();
    assert_eq!(ip(transport.local_addr()), expected);
    while seen.borrow().is_empty() {
        reactor.turn(Some(Duration::from_secs(10))).unwrap();
    }
    assert_eq!(ip(&seen.borrow()[0]), expected);
}

#[cfg(unix)]
#[test]
fn the_mode_of_a_unix_socket_is_that_of_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("reactor-endpoint-{}", std::process::id()));
    let reactor = Reactor::new().unwrap();
    let endpoint = server(&format!("unix:{}:mode=600", path.display()));
    let port = endpoint.listen(&reactor, |_| Silent).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    port.stop_listening();
    assert!(!path.exists());
}

#[test]
fn the_standard_input_is_the_one_connection_of_a_server_and_of_a_client() {
    let simulation = Simulation::new();
    let terminal = simulation.stdio();
    let port = server("stdio:").listen(&simulation.reactor(), |_| Echo);
    let port = port.unwrap();
    assert_eq!(port.local_addr().to_string(), "stdio");
    port.stop_listening();
    terminal.write(b"hello");
    simulation.run_until_idle();
    assert_eq!(terminal.read(), b"hello");

    let simulation = Simulation::new();
    let terminal = simulation.stdio();
    let reactor = simulation.reactor();
    let connected = client("stdio:").connect(&reactor, |_| Echo).connected();
    simulation.run_until_idle();
    let transport = connected.into_result().unwrap().unwrap();
    assert_eq!(transport.peer_addr().to_string(), "stdio");
    terminal.write(b"hello");
    simulation.run_until_idle();
    assert_eq!(terminal.read(), b"hello");
    transport.lose_connection();
    simulation.run_until_idle();
    assert!(terminal.has_ended());
}

#[test]
fn behind_a_proxy_the_factory_is_asked_with_the_client() {
    let simulation = Simulation::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let peers = Rc::clone(&seen);
    server("haproxy:trust=10.0.0.0/8:tcp:1400")
        .listen(&simulation.reactor(), move |peer: Address| {
            peers.borrow_mut().push(peer.to_string());
            Echo
        })
        .unwrap();
    let proxy = simulation.connect_from("10.1.2.3".parse().unwrap(), "10.0.0.1:1400");
    proxy.write(b"PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\nhello");
    let stranger = simulation.connect_from("192.0.2.9".parse().unwrap(), "10.0.0.1:1400");
    stranger.write(b"PROXY TCP4 198.51.100.8 203.0.113.1 49152 443\r\nhello");
    simulation.run_until_idle();
    assert_eq!(proxy.read(), b"hello");
    assert!(!stranger.is_connected());
    assert_eq!(*seen.borrow(), ["198.51.100.7:49152"]);
}

/// Letters thirteen places on, in both directions.
struct Rot13;

fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        other => other,
    }
}

impl Layer for Rot13 {
    fn receive(
        &mut self,
        received: &[u8],
        up: &mut Vec<u8>,
        _: &mut Vec<u8>,
    ) -> Result<(), reactor::Reason> {
        up.extend(received.iter().copied().map(rot13));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), reactor::Reason> {
        down.extend(data.iter().copied().map(rot13));
        Ok(())
    }
}

#[test]
fn a_prefix_of_ones_own_is_read_by_ones_own_code() {
    register_server("rot13", |rest| {
        Ok(server_from_string(rest)?.with_layer(|| Rot13))
    })
    .unwrap();
    register_client("rot13", |rest| {
        Ok(client_from_string(rest)?.with_layer(|| Rot13))
    })
    .unwrap();
    let endpoint = server("rot13:tcp:1400");
    assert_eq!(endpoint.to_string(), "rot13:tcp:1400");
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let received = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&received);
    endpoint
        .listen(&reactor, move |_| Notes(Rc::clone(&notes)))
        .unwrap();
    let peer = simulation.connect("10.0.0.1:1400");
    peer.write(b"uryyb");
    simulation.run_until_idle();
    assert_eq!(*received.borrow(), b"hello");
    assert_eq!(
        peer.read(),
        b"uryyb",
        "what it writes goes through the layer"
    );
    // A mistake behind the prefix is one of the whole.
    let error = server_from_string("rot13:tcp:x").unwrap_err();
    assert!(matches!(error.mistake(), Mistake::Unusable(_)));
    assert_eq!(error.position(), "rot13:".len());
    // And it may be in front of others.
    assert_eq!(
        server("haproxy:rot13:tcp:1").to_string(),
        "haproxy:rot13:tcp:1"
    );
    let taken = register_server("rot13", |_| Ok(server_from_string("tcp:1")?));
    assert_eq!(taken, Err(BadPrefix::Known("rot13".to_owned())));
    for prefix in ["tcp", "haproxy"] {
        let taken = register_server(prefix, |_| Ok(server_from_string("tcp:1")?));
        assert_eq!(taken, Err(BadPrefix::Known(prefix.to_owned())));
    }
    for prefix in ["", "a b", "a:b"] {
        let wrong = register_client(prefix, |_| Ok(client_from_string("tcp:h:1")?));
        assert_eq!(wrong, Err(BadPrefix::Invalid(prefix.to_owned())));
    }
}

/// Notes what it receives, and sends it back.
struct Notes(Rc<RefCell<Vec<u8>>>);

impl reactor::Protocol for Notes {
    fn data_received(&mut self, transport: &reactor::Transport, data: &[u8]) {
        self.0.borrow_mut().extend(data);
        transport.write(data);
    }
}

#[cfg(not(feature = "descriptors"))]
#[test]
fn a_kind_that_was_not_compiled_says_which_feature_it_needs() {
    for text in ["systemd:0", "fd:3"] {
        let error = server_from_string(text).unwrap_err().to_string();
        assert!(error.contains("needs the feature `descriptors`"), "{error}");
    }
}

#[cfg(feature = "descriptors")]
#[test]
fn a_socket_that_listens_is_found_by_its_number() {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    let reactor = Reactor::new().unwrap();
    reactor.handle_signals(false);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let endpoint = server(&format!("fd:{}", listener.as_raw_fd()));
    let port = endpoint.listen(&reactor, |_| Echo).unwrap();
    assert_eq!(port.local_addr().to_string(), at.to_string());
    let remote = reactor.remote();
    let client = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(at).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        let _ = remote.call_from_thread(Reactor::stop);
        heard
    });
    reactor.run().unwrap();
    assert_eq!(&client.join().unwrap(), b"hello");
    for (endpoint, expected) in [
        ("systemd:0", "0 sockets were handed down"),
        ("systemd:name=chat", "no socket of that name"),
        ("fd:1022", "Bad file descriptor"),
    ] {
        let error = server(endpoint).listen(&reactor, |_| Echo).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let file = std::fs::File::open("/dev/null").unwrap();
    let no_socket = server(&format!("fd:{}", file.as_raw_fd()));
    assert!(no_socket.listen(&reactor, |_| Echo).is_err());
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_spoken_with_the_certificates_that_the_string_names() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tls");
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    simulation.add_host("localhost", &["127.0.0.1".parse().unwrap()]);
    let text = format!("tls:443:{folder}/server.pem:{folder}/server.key");
    assert_eq!(server(&text).to_string(), text);
    server(&text).listen(&reactor, |_| Echo).unwrap();
    let text = format!("tls:localhost:443:ca={folder}/ca.pem");
    assert_eq!(client(&text).to_string(), text);
    let received = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&received);
    let connected = client(&text)
        .connect(&reactor, move |_| Silently(Rc::clone(&notes)))
        .connected();
    simulation.run_until_idle();
    let transport = connected.into_result().unwrap().unwrap();
    transport.write(b"hello");
    simulation.run_until_idle();
    assert_eq!(*received.borrow(), b"hello");
    assert!(transport.tls().is_some());

    let error = server_from_string("tls:443:/no/such.pem:/no/such.key").unwrap_err();
    assert_eq!(error.position(), "tls:443:".len());
    assert!(error.to_string().contains("/no/such.pem"), "{error}");
    let error = server_from_string("tls:443:cert.pem").unwrap_err();
    assert!(error.to_string().contains("key is missing"), "{error}");
}

#[cfg(feature = "tls")]
struct Silently(Rc<RefCell<Vec<u8>>>);

#[cfg(feature = "tls")]
impl reactor::Protocol for Silently {
    fn data_received(&mut self, _: &reactor::Transport, data: &[u8]) {
        self.0.borrow_mut().extend(data);
    }
}

#[cfg(not(feature = "process"))]
#[test]
fn a_program_needs_the_feature_for_processes() {
    let error = client_from_string("process:/bin/cat").unwrap_err();
    assert!(error.to_string().contains("needs the feature `process`"));
}

#[cfg(feature = "process")]
#[test]
fn a_program_is_connected_to_by_its_input_and_output() {
    let endpoint = client(r"process:/bin/sh:-c:read line; echo a\=$line");
    assert_eq!(client(&endpoint.to_string()), endpoint);
    let reactor = Reactor::new().unwrap();
    reactor.handle_signals(false);
    let received = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&received);
    let connected = endpoint.connect(&reactor, move |_| Only(Rc::clone(&notes)));
    let transport = reactor.run_until(connected.connected()).unwrap();
    assert!(transport.peer_addr().to_string().starts_with("process "));
    transport.write(b"hello\n");
    reactor.run().unwrap();
    assert_eq!(*received.borrow(), b"a=hello\n");
    let missing = client("process:/no/such/program").connect(&reactor, |_| Silent);
    let failure = reactor.run_until(missing.connected()).unwrap_err();
    assert!(
        failure.to_string().contains("/no/such/program"),
        "{failure}"
    );
    let error = client_from_string("process:").unwrap_err();
    assert!(error.to_string().contains("program is missing"), "{error}");
}

#[cfg(feature = "process")]
struct Only(Rc<RefCell<Vec<u8>>>);

#[cfg(feature = "process")]
impl reactor::Protocol for Only {
    fn data_received(&mut self, _: &reactor::Transport, data: &[u8]) {
        self.0.borrow_mut().extend(data);
    }
}
