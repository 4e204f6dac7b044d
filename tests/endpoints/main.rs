//! Endpoint strings: what they mean, and what is said about wrong ones.

mod kinds;
#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::endpoints::{ClientEndpoint, ServerEndpoint, client_from_string, server_from_string};
use reactor::testing::Simulation;
use reactor::{Address, Factory, Limits, Reactor, Reason};
use support::Silent;

fn silent(_: Address) -> Silent {
    Silent
}

#[track_caller]
fn server(endpoint: &str) -> ServerEndpoint {
    server_from_string(endpoint).unwrap()
}

#[track_caller]
fn client(endpoint: &str) -> ClientEndpoint {
    client_from_string(endpoint).unwrap()
}

/// Where a server with this endpoint listens.
#[track_caller]
fn listens_at(endpoint: &str) -> String {
    let reactor = Simulation::new().reactor();
    let port = server(endpoint).listen(&reactor, silent).unwrap();
    port.local_addr().to_string()
}

#[test]
fn a_server_listens_on_every_address_or_on_one() {
    assert_eq!(listens_at("tcp:1400"), "0.0.0.0:1400");
    assert_eq!(listens_at("tcp:1400:10.0.0.1"), "10.0.0.1:1400");
    assert_eq!(
        listens_at("tcp:port=1400:interface=10.0.0.1"),
        "10.0.0.1:1400"
    );
    assert_eq!(
        listens_at("tcp:interface=10.0.0.1:port=1400"),
        "10.0.0.1:1400"
    );
    let localhost = listens_at("tcp:1400:localhost");
    assert!(["127.0.0.1:1400", "[::1]:1400"].contains(&&*localhost));
}

#[test]
fn an_ipv6_address_is_written_with_escapes() {
    assert_eq!(listens_at(r"tcp:interface=\:\:1:port=1400"), "[::1]:1400");
    assert_eq!(listens_at(r"tcp:1400:\:\:"), "[::]:1400");
}

#[test]
fn a_port_that_is_in_use_cannot_be_listened_at() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let endpoint = server(&format!("tcp:{port}:interface=127.0.0.1"));
    let reactor = Reactor::new().unwrap();
    let error = endpoint.listen(&reactor, silent).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")));
}

#[test]
fn a_client_connects_to_a_server_by_place_and_by_name() {
    let reactor = Reactor::new().unwrap();
    let made = Rc::new(RefCell::new(0));
    let count = Rc::clone(&made);
    let port = server("tcp:0:interface=127.0.0.1")
        .listen(&reactor, silent)
        .unwrap();
    let port = port.local_addr().socket_addr().unwrap().port();
    let factory = move |_| {
        *count.borrow_mut() += 1;
        Silent
    };
    let by_place = client(&format!("tcp:127.0.0.1:{port}"));
    let by_name = client(&format!("tcp:timeout=5:port={port}:host=127.0.0.1"));
    by_place.connect(&reactor, factory.clone());
    by_name.connect(&reactor, factory);
    let began = Instant::now();
    while *made.borrow() < 2 && began.elapsed() < Duration::from_secs(5) {
        reactor.turn(Some(Duration::from_millis(20))).unwrap();
    }
    assert_eq!(*made.borrow(), 2);
}

/// Notes why it could not connect.
struct Noting(Rc<RefCell<Option<Reason>>>);

impl Factory for Noting {
    type Protocol = Silent;

    fn build_protocol(&mut self, _: &Address) -> Option<Silent> {
        Some(Silent)
    }

    fn limits(&self) -> Limits {
        Limits::default().connect(Duration::from_secs(1000))
    }

    fn connection_failed(&mut self, reason: &Reason) {
        *self.0.borrow_mut() = Some(reason.clone());
    }
}

#[test]
fn the_timeout_of_an_endpoint_takes_the_place_of_the_factorys() {
    for (endpoint, seconds) in [
        ("tcp:10.0.0.1:9:timeout=2.5", 2.5),
        ("tcp:10.0.0.1:9", 1000.0),
    ] {
        let simulation = Simulation::new();
        simulation.swallow("10.0.0.1:9");
        let failed = Rc::new(RefCell::new(None));
        let factory = Noting(Rc::clone(&failed));
        client(endpoint).connect(&simulation.reactor(), factory);
        simulation.run_for(Duration::from_secs_f64(seconds - 0.1));
        assert!(failed.borrow().is_none());
        simulation.run_for(Duration::from_secs_f64(0.2));
        assert!(matches!(*failed.borrow(), Some(Reason::ConnectTimeout)));
    }
}

#[test]
fn an_endpoint_is_shown_as_a_string_that_means_the_same() {
    let servers = [
        ("tcp:1400", "tcp:1400"),
        (
            "tcp:port=1400:interface=127.0.0.1",
            "tcp:1400:interface=127.0.0.1",
        ),
        (
            r"tcp:interface=\:\:1:port=1400",
            r"tcp:1400:interface=\:\:1",
        ),
        (r"tcp:1400:a\=b\\c", r"tcp:1400:interface=a\=b\\c"),
        (r"\t\cp:14\00", "tcp:1400"),
        (
            "tcp:keepalive=90:port=1400:interface=h",
            "tcp:1400:interface=h:keepalive=90",
        ),
        ("tcp:1400:h:1.5", "tcp:1400:interface=h:keepalive=1.5"),
    ];
    for (text, shown) in servers {
        assert_eq!(server(text).to_string(), shown);
        assert_eq!(server(shown), server(text));
    }
    let clients = [
        ("tcp:example.com:80", "tcp:example.com:80"),
        (
            "tcp:host=example.com:80:timeout=1.5",
            "tcp:example.com:80:timeout=1.5",
        ),
        (r"tcp:\:\:1:80:timeout=30", r"tcp:\:\:1:80:timeout=30"),
        ("tcp:host=a=b:port=1", r"tcp:a\=b:1"),
    ];
    for (text, shown) in clients {
        assert_eq!(client(text).to_string(), shown);
        assert_eq!(client(shown), client(text));
    }
    assert_eq!("tcp:80".parse(), Ok(server("tcp:80")));
    assert_eq!("tcp:h:80".parse(), Ok(client("tcp:h:80")));
}

#[test]
fn an_unknown_kind_says_which_ones_are_known() {
    let cases = [
        (
            "",
            r#"character 1: unknown kind "", expected one of: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy"#,
        ),
        (
            "udp:5",
            r#"character 1: unknown kind "udp", expected one of: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy"#,
        ),
        (
            "1400",
            r#"character 1: unknown kind "1400", expected one of: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy; perhaps tcp:1400 is meant"#,
        ),
        (
            "tcp=1400",
            r#"character 1: unknown kind "tcp=1400", expected one of: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy"#,
        ),
    ];
    for (text, expected) in cases {
        let error = server_from_string(text).unwrap_err().to_string();
        let error = kinds::without_own(error);
        assert_eq!(error, format!("endpoint {text:?}, {expected}"));
    }
}

#[test]
fn a_string_that_is_no_server_says_what_was_expected_and_where() {
    let cases = [
        ("tcp", "character 4: port is missing"),
        ("tcp:", "character 5: port is missing"),
        ("tcp:port=", "character 10: port is missing"),
        ("tcp:interface=127.0.0.1", "character 24: port is missing"),
        ("tcp:1:interface=", "character 17: interface is missing"),
        (
            "tcp:x",
            r#"character 5: port is a number from 0 to 65535, not "x""#,
        ),
        (
            "tcp:port=-1",
            r#"character 10: port is a number from 0 to 65535, not "-1""#,
        ),
        (
            "tcp:+1",
            r#"character 5: port is a number from 0 to 65535, not "+1""#,
        ),
        (
            "tcp:65536",
            r#"character 5: port is a number from 0 to 65535, not "65536""#,
        ),
        (
            "tcp:1400:colour=red",
            r#"character 10: unknown argument "colour", expected one of: port, interface, keepalive, backlog, reuse_port"#,
        ),
        ("tcp:1:port=2", "character 7: port is given twice"),
        ("tcp:port=1:port=1", "character 12: port is given twice"),
        (
            "tcp:[::1]:80",
            r#"character 5: port is a number from 0 to 65535, not "["; perhaps tcp:80:interface=\:\:1 is meant"#,
        ),
        (
            "tcp:80\\",
            "character 7: a backslash needs a character to escape",
        ),
    ];
    for (text, expected) in cases {
        let error = server_from_string(text).unwrap_err().to_string();
        assert_eq!(
            kinds::without_own(error),
            format!("endpoint {text:?}, {expected}")
        );
    }
}

#[test]
fn a_place_as_other_programs_take_it_is_explained() {
    let cases = [
        ("1400", "tcp:1400", "tcp:127.0.0.1:1400"),
        (
            "127.0.0.1:1400",
            "tcp:1400:interface=127.0.0.1",
            "tcp:127.0.0.1:1400",
        ),
        ("tcp:[::1]:80", r"tcp:80:interface=\:\:1", r"tcp:\:\:1:80"),
        ("[::]:80", r"tcp:80:interface=\:\:", r"tcp:\:\::80"),
        ("*:80", "tcp:80", "tcp:127.0.0.1:80"),
        (
            "localhost:80",
            "tcp:80:interface=localhost",
            "tcp:localhost:80",
        ),
        (
            "example.com:80",
            "tcp:80:interface=example.com",
            "tcp:example.com:80",
        ),
    ];
    for (text, to_listen, to_connect) in cases {
        let error = server_from_string(text).unwrap_err();
        assert_eq!(error.suggestion(), Some(to_listen));
        assert!(server_from_string(to_listen).is_ok());
        let said = error.to_string();
        assert!(
            said.ends_with(&format!("; perhaps {to_listen} is meant")),
            "{said}"
        );
        let error = client_from_string(text).unwrap_err();
        assert_eq!(error.suggestion(), Some(to_connect));
        assert!(client_from_string(to_connect).is_ok());
    }
    let error = server_from_string("tcp:127.0.0.1:1400").unwrap_err();
    assert_eq!(error.suggestion(), Some("tcp:1400:interface=127.0.0.1"));
    assert_eq!(
        format!("{error:?}"),
        error.to_string(),
        "as `main` shows it"
    );
    for text in [
        "",
        "udp:5",
        "udp:/tmp/x",
        "chat",
        "http://example.com",
        "a b.c:1",
        "tcp:x",
    ] {
        let error = server_from_string(text).unwrap_err();
        assert_eq!(error.suggestion(), None, "{text}");
    }
}

#[test]
fn no_time_at_all_and_no_port_at_all_are_mistakes() {
    for text in [
        "tcp:h:1:timeout=0",
        "tcp:h:1:timeout=0.0",
        "tcp:h:1:timeout=1e-12",
    ] {
        let error = client_from_string(text).unwrap_err().to_string();
        assert!(
            error.contains("timeout is a number of seconds above 0"),
            "{error}"
        );
    }
    let error = server_from_string("tcp:1:keepalive=0")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("keepalive is a number of seconds above 0"),
        "{error}"
    );
    let error = client_from_string("tcp:h:0").unwrap_err().to_string();
    assert!(
        error.contains("port is a number from 1 to 65535"),
        "{error}"
    );
}

#[test]
fn the_keepalive_of_an_endpoint_takes_the_place_of_the_factorys() {
    for (endpoint, seconds) in [("tcp:7:keepalive=90", 90), ("tcp:7", 120)] {
        let simulation = Simulation::new();
        let limits = Limits::default().keepalive(Duration::from_secs(120));
        let factory = (|_| Silent).with_limits(limits);
        server(endpoint)
            .listen(&simulation.reactor(), factory)
            .unwrap();
        let peer = simulation.connect("10.0.0.1:7");
        simulation.run_for(Duration::from_secs(1));
        peer.vanish();
        simulation.run_for(Duration::from_secs(seconds - 1));
        assert_eq!(simulation.descriptors(), 2);
        simulation.run_for(Duration::from_secs(2));
        assert_eq!(simulation.descriptors(), 1);
    }
}

#[test]
fn a_string_that_is_no_client_says_what_was_expected_and_where() {
    let cases = [
        (
            "tcp:80",
            "character 7: port is missing; perhaps tcp:127.0.0.1:80 is meant",
        ),
        (
            "tcp::80",
            "character 5: host is missing; perhaps tcp:127.0.0.1:80 is meant",
        ),
        ("tcp:port=80", "character 12: host is missing"),
        (
            "tcp:é:x",
            r#"character 7: port is a number from 1 to 65535, not "x""#,
        ),
        (
            "tcp:h:1:timeout=-1",
            r#"character 17: timeout is a number of seconds above 0, not "-1""#,
        ),
        (
            "tcp:h:1:timeout=soon",
            r#"character 17: timeout is a number of seconds above 0, not "soon""#,
        ),
        (
            "tcp:h:1:timeout=nan",
            r#"character 17: timeout is a number of seconds above 0, not "nan""#,
        ),
        (
            "tcp:h:1:bindAddress=1.2.3.4",
            r#"character 9: unknown argument "bindAddress", expected one of: host, port, timeout, bind_address, keepalive"#,
        ),
    ];
    for (text, expected) in cases {
        let error = client_from_string(text).unwrap_err().to_string();
        assert_eq!(error, format!("endpoint {text:?}, {expected}"));
    }
}
