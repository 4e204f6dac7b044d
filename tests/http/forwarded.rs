//! Behind proxies: whom a request comes from, and who may say so.

use reactor::http::{Request, Response, Site};
use reactor::proxy_protocol::ProxyProtocol;
use reactor::testing::Simulation;

/// What a site that trusts two networks says of a request from `peer` with these header lines: client, scheme, host.
#[track_caller]
fn seen(peer: &str, lines: &str) -> String {
    let (status, body) = answered(peer, lines);
    assert_eq!(status, 200, "{body}");
    body
}

#[track_caller]
fn answered(peer: &str, lines: &str) -> (u16, String) {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let show = |request: Request| {
        let client = request.client_addr().socket_addr().expect("an IP address");
        let (scheme, host) = (request.scheme().unwrap_or("-"), request.host());
        Response::text(format!("{client} {scheme} {}", host.unwrap_or("-")))
    };
    let networks =
        ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
    let site = Site::new(&reactor, show).with_trusted_proxies(networks);
    reactor.listen_tcp("10.0.0.1:80", site).expect("it listens");
    let peer = simulation.connect_from(peer.parse().expect("an address"), "10.0.0.1:80");
    let lines = lines.replace('\n', "\r\n");
    peer.write(format!("GET / HTTP/1.1\r\nHost: internal\r\n{lines}\r\n\r\n").as_bytes());
    simulation.run_until_idle();
    let answer = String::from_utf8(peer.read()).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.trim_end().to_owned())
}

/// As the peer without a header.
const PLAIN: &str = "10.0.0.2:32768 - internal";

#[test]
fn the_client_is_the_one_that_a_trusted_proxy_names() {
    for lines in [
        "X-Forwarded-For: 198.51.100.7",
        "x-forwarded-for:198.51.100.7",
        "Forwarded: for=198.51.100.7",
        "forwarded: FOR=\"198.51.100.7\"",
    ] {
        assert_eq!(seen("10.0.0.2", lines), "198.51.100.7:0 - internal");
    }
    assert_eq!(
        seen(
            "10.0.0.2",
            "Forwarded: for=\"[2001:db9::7]:4711\";proto=HTTPS;by=_b;host=\"example.org:8443\""
        ),
        "[2001:db9::7]:4711 https example.org:8443"
    );
    let lines =
        "X-Forwarded-For: 2001:db9::7\nX-Forwarded-Proto: https\nX-Forwarded-Host: example.org";
    assert_eq!(seen("10.0.0.2", lines), "[2001:db9::7]:0 https example.org");
    assert_eq!(
        seen("10.0.0.2", "X-Forwarded-For: ::ffff:198.51.100.7"),
        "198.51.100.7:0 - internal"
    );
    assert_eq!(seen("10.0.0.2", "Accept: */*"), PLAIN);
}

#[test]
fn what_anyone_else_writes_is_ignored() {
    let lines =
        "X-Forwarded-For: 198.51.100.7\nX-Forwarded-Proto: https\nX-Forwarded-Host: example.org";
    assert_eq!(seen("192.0.2.9", lines), "192.0.2.9:32768 - internal");
    let lines = "Forwarded: for=198.51.100.7;proto=https;host=example.org";
    assert_eq!(seen("192.0.2.9", lines), "192.0.2.9:32768 - internal");
    // Nor is what cannot be right a mistake of theirs.
    assert_eq!(
        seen("192.0.2.9", "Forwarded: \"\nX-Forwarded-For: x"),
        "192.0.2.9:32768 - internal"
    );
}

#[test]
fn a_site_without_trust_ignores_all_of_it() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let show = |request: Request| Response::text(request.client_addr().to_string());
    let listening = reactor.listen_tcp("10.0.0.1:80", Site::new(&reactor, show));
    listening.expect("it listens");
    let peer = simulation.connect_from([10, 0, 0, 2].into(), "10.0.0.1:80");
    peer.write(
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=4.3.2.1\r\n\r\n",
    );
    simulation.run_until_idle();
    assert!(peer.read().ends_with(b"\r\n10.0.0.2:32768"));
}

#[test]
fn a_client_does_not_become_another_one_by_what_it_writes_itself() {
    let expected = "198.51.100.7:0 - internal";
    for theirs in [
        "127.0.0.1",
        "10.0.0.3",
        "10.0.0.3, 10.0.0.4",
        "unknown",
        "\"",
        "\\",
        "\"10.0.0.3",
        "nonsense,,",
        "10.0.0.3\nX-Forwarded-For: 127.0.0.1",
    ] {
        let lines = format!("X-Forwarded-For: {theirs}, 198.51.100.7");
        assert_eq!(seen("10.0.0.2", &lines), expected, "{theirs}");
        let lines = format!("X-Forwarded-For: {theirs}\nX-Forwarded-For: 198.51.100.7, 10.9.9.9");
        assert_eq!(seen("10.0.0.2", &lines), expected, "{theirs}");
    }
    for theirs in [
        "for=127.0.0.1",
        "for=10.0.0.3;proto=https;host=evil",
        "for=\"",
        "for=\"\\",
        "\"",
        "by=\"a\\",
        ";;;",
        "x=",
        "for=10.0.0.3\nForwarded: for=\"",
    ] {
        for ours in [
            "for=198.51.100.7",
            "for=\"198.51.100.7:0\"",
            "by=\"[::1]:80\";for=198.51.100.7",
        ] {
            let lines = format!("Forwarded: {theirs}, {ours}");
            assert_eq!(seen("10.0.0.2", &lines), expected, "{lines}");
        }
    }
}

#[test]
fn the_walk_goes_over_trusted_proxies_and_no_further() {
    for (list, client) in [
        ("1.1.1.1, 2.2.2.2, 10.0.0.3, 10.0.0.4", "2.2.2.2:0"),
        ("1.1.1.1, 10.0.0.5, 2.2.2.2, 10.0.0.4", "2.2.2.2:0"),
        // A client of the network itself, whose own word is not asked for.
        ("10.0.0.5, 10.0.0.4", "10.0.0.5:0"),
        ("nonsense, 10.0.0.4", "10.0.0.4:0"),
        ("unknown, 10.0.0.4", "10.0.0.4:0"),
        ("nonsense", "10.0.0.2:32768"),
        ("2.2.2.2, nonsense", "10.0.0.2:32768"),
        ("2.2.2.2, unknown, 10.0.0.4", "10.0.0.4:0"),
        ("2.2.2.2, [2001:db8::1]:5, 10.0.0.4", "2.2.2.2:0"),
        ("", "10.0.0.2:32768"),
    ] {
        let lines = format!("X-Forwarded-For: {list}");
        assert_eq!(
            seen("10.0.0.2", &lines),
            format!("{client} - internal"),
            "{list}"
        );
    }
    for (list, client) in [
        ("for=1.1.1.1, for=2.2.2.2, for=10.0.0.3", "2.2.2.2:0"),
        ("for=_hidden, for=10.0.0.3", "10.0.0.3:0"),
        ("for=unknown", "10.0.0.2:32768"),
        ("for=1.1.1.1, by=10.0.0.3", "10.0.0.2:32768"),
        ("for=1.1.1.1, for=10.0.0.4;for=10.0.0.3", "10.0.0.2:32768"),
        ("for=1.1.1.1, for=\"[2001:db8::1]\"", "1.1.1.1:0"),
    ] {
        let lines = format!("Forwarded: {list}");
        assert_eq!(
            seen("10.0.0.2", &lines),
            format!("{client} - internal"),
            "{list}"
        );
    }
    let long = format!("X-Forwarded-For: 1.1.1.1{}", ", 10.0.0.3".repeat(31));
    assert_eq!(seen("10.0.0.2", &long), "1.1.1.1:0 - internal");
    let longer = format!("X-Forwarded-For: 1.1.1.1{}", ", 10.0.0.3".repeat(32));
    assert_eq!(seen("10.0.0.2", &longer), "10.0.0.3:0 - internal");
}

#[test]
fn scheme_and_host_are_those_of_the_outermost_trusted_proxy() {
    let lines = "Forwarded: for=1.1.1.1;proto=http;host=evil, for=2.2.2.2;proto=https;host=shop, for=10.0.0.3;proto=http";
    assert_eq!(seen("10.0.0.2", lines), "2.2.2.2:0 https shop");
    let lines = "Forwarded: for=2.2.2.2;proto=https, for=10.0.0.3;proto=http;host=inner";
    assert_eq!(seen("10.0.0.2", lines), "2.2.2.2:0 https inner");
    let lines = "Forwarded: for=2.2.2.2, for=10.0.0.3;proto=https;host=inner";
    assert_eq!(seen("10.0.0.2", lines), "2.2.2.2:0 https inner");
    // One that hides its client knows what it was asked for.
    let lines = "Forwarded: for=_a;proto=https;host=shop, for=10.0.0.3";
    assert_eq!(seen("10.0.0.2", lines), "10.0.0.3:0 https shop");
    let x = |more: &str| {
        seen(
            "10.0.0.2",
            &format!("X-Forwarded-For: 9.9.9.9, 2.2.2.2, 10.0.0.3\n{more}"),
        )
    };
    assert_eq!(
        x("X-Forwarded-Proto: https\nX-Forwarded-Host: shop"),
        "2.2.2.2:0 https shop"
    );
    let lines = "X-Forwarded-Proto: http, https, http\nX-Forwarded-Host: evil, shop\nX-Forwarded-Host: inner";
    assert_eq!(x(lines), "2.2.2.2:0 https shop");
    // Of a list of another length it is not known who wrote what.
    assert_eq!(
        x("X-Forwarded-Proto: http, https\nX-Forwarded-Host: a, b, c, d"),
        "2.2.2.2:0 - internal"
    );
    // A scheme or a host that is none is not handed on.
    let lines = "X-Forwarded-Proto: javascript\nX-Forwarded-Host: a b";
    assert_eq!(x(lines), "2.2.2.2:0 - internal");
    let lines = "Forwarded: for=2.2.2.2;proto=ftp;host=\"a/b\"";
    assert_eq!(seen("10.0.0.2", lines), "2.2.2.2:0 - internal");
    let lines = "X-Forwarded-Proto: https";
    assert_eq!(seen("10.0.0.2", lines), "10.0.0.2:32768 https internal");
}

#[test]
fn of_two_kinds_of_headers_only_what_both_say_holds() {
    let both =
        |forwarded: &str, x: &str| answered("10.0.0.2", &format!("Forwarded: {forwarded}\n{x}"));
    let (status, body) = both("for=\"2.2.2.2:99\"", "X-Forwarded-For: 1.1.1.1, 2.2.2.2");
    assert_eq!((status, body.as_str()), (200, "2.2.2.2:99 - internal"));
    for (forwarded, x) in [
        ("for=127.0.0.1", "X-Forwarded-For: 2.2.2.2"),
        ("for=2.2.2.2", "X-Forwarded-For: 127.0.0.1"),
        ("for=2.2.2.2", "X-Forwarded-For: nonsense"),
        ("for=unknown", "X-Forwarded-For: 2.2.2.2"),
        ("for=2.2.2.2", "X-Forwarded-Proto: https"),
    ] {
        let (status, body) = both(forwarded, x);
        assert_eq!(status, 400, "{forwarded} and {x}: {body}");
        assert!(body.contains("different clients"), "{body}");
    }
    let x = "X-Forwarded-For: 2.2.2.2\nX-Forwarded-Proto: https\nX-Forwarded-Host: shop";
    for (forwarded, expected) in [
        ("for=2.2.2.2;proto=https;host=shop", "2.2.2.2:0 https shop"),
        ("for=2.2.2.2;proto=http;host=evil", "2.2.2.2:0 - internal"),
        ("for=2.2.2.2", "2.2.2.2:0 - internal"),
    ] {
        assert_eq!(both(forwarded, x), (200, expected.to_owned()));
    }
}

#[test]
fn over_a_unix_socket_the_proxy_is_trusted() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let show = |request: Request| Response::text(request.client_addr().to_string());
    let site = Site::new(&reactor, show);
    for (path, site) in [
        ("/run/a", site.clone().with_trusted_proxies([])),
        ("/run/b", site),
    ] {
        let client = match path {
            "/run/a" => "198.51.100.7:0",
            _ => "unix:unnamed",
        };
        reactor.listen_unix(path, site).expect("it listens");
        let peer = simulation.connect(format!("unix:{path}"));
        peer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n");
        simulation.run_until_idle();
        let answer = String::from_utf8(peer.read()).expect("text");
        assert!(answer.ends_with(&format!("\r\n{client}")), "{answer}");
    }
}

#[test]
fn a_unix_socket_that_a_proxy_header_names_is_not_ours() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let show = |request: Request| Response::text(request.client_addr().to_string());
    let site = Site::new(&reactor, show).with_trusted_proxies([]);
    let port = reactor.listen_tcp("10.0.0.1:80", site).expect("it listens");
    let any = "0.0.0.0/0".parse().expect("a network");
    port.expect_proxy(ProxyProtocol::from_networks([any]));
    let peer = simulation.connect("10.0.0.1:80");
    peer.write(&[&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[0; 216]].concat());
    peer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n");
    simulation.run_until_idle();
    assert!(peer.read().ends_with(b"\r\nunix:unnamed"));
}
