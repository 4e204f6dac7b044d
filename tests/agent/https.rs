//! HTTP over TLS.

use std::time::Duration;

use reactor::http::{Agent, Body, ClientResponse, Request, RequestError, Response, Site, Tree};
use reactor::testing::Simulation;

use crate::{error, text};

#[test]
fn https_is_http_that_nobody_else_can_read() {
    use reactor::tls::{TlsClientConfig, TlsError, TlsServerConfig};
    let simulation = Simulation::new();
    simulation.add_host("server.test", &["10.0.0.1".parse().expect("an address")]);
    simulation.add_host("other.test", &["10.0.0.1".parse().expect("an address")]);
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("", |_: Request| Response::text("secret"));
    root.put_child("large", |_: Request| {
        Response::text(Body::from_chunks((0..500).map(|_| Ok(vec![b'x'; 10_000]))))
    });
    root.put_child("version", |request: Request| {
        let tls = request.tls().expect("it is https");
        Response::text(tls.version().to_string())
    });
    let server = TlsServerConfig::from_pem(
        include_bytes!("../support/tls/server.pem"),
        include_bytes!("../support/tls/server.key"),
    );
    let server = server.expect("a certificate and its key");
    let site = Site::new(&reactor, root);
    reactor
        .listen_tls("10.0.0.1:443", &server, site)
        .expect("it listens");
    let trusts = TlsClientConfig::with_root_pem(include_bytes!("../support/tls/ca.pem"));
    let agent = Agent::new(&reactor).with_tls(trusts.expect("a root"));
    let page = |url: &str| agent.get(url).add_callback(ClientResponse::read_body);
    let pages = [
        "https://server.test/",
        "https://server.test/large",
        "https://other.test/",
    ]
    .map(page);
    simulation.run_for(Duration::from_secs(30));
    let [small, large, other] = pages;
    assert_eq!(text(small), "secret");
    assert_eq!(text(large).len(), 5_000_000);
    let RequestError::NoAnswer(reason) = error(other) else {
        panic!("it is not who it says");
    };
    assert!(TlsError::of(&reason).is_some(), "{reason}");
    // A second page goes out on the same connection.
    let before = agent.connections();
    let again = page("https://server.test/version");
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(text(again), "TLSv1.3");
    assert_eq!(agent.connections(), before);
}

/// A server whose answer has no length, and no end.
struct Half;

impl reactor::Protocol for Half {
    fn data_received(&mut self, transport: &reactor::Transport, _: &[u8]) {
        transport.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of the truth");
    }
}

#[test]
fn a_body_that_somebody_on_the_way_has_cut_off_is_not_taken_for_the_whole() {
    use reactor::tls::{TlsClientConfig, TlsError, TlsServerConfig};
    let simulation = Simulation::new();
    simulation.add_host("server.test", &["10.0.0.2".parse().expect("an address")]);
    let reactor = simulation.reactor();
    let server = TlsServerConfig::from_pem(
        include_bytes!("../support/tls/server.pem"),
        include_bytes!("../support/tls/server.key"),
    );
    let server = server.expect("a certificate and its key");
    let factory = |_| Half;
    reactor
        .listen_tls("10.0.0.1:443", &server, factory)
        .expect("it listens");
    let on_the_way = simulation.listen("10.0.0.2:443");
    let trusts = TlsClientConfig::with_root_pem(include_bytes!("../support/tls/ca.pem"));
    let agent = Agent::new(&reactor).with_tls(trusts.expect("a root"));
    let page = agent
        .get("https://server.test/")
        .add_callback(ClientResponse::read_body);
    simulation.run_for(Duration::from_millis(100));
    let (front, back) = (
        on_the_way.accept().expect("the client"),
        simulation.connect("10.0.0.1:443"),
    );
    for _ in 0..20 {
        back.write(&front.read());
        front.write(&back.read());
        simulation.run_for(Duration::from_millis(50));
    }
    assert!(!page.is_fired());
    front.shut_write();
    simulation.run_for(Duration::from_secs(1));
    let RequestError::Broken(reason) = error(page) else {
        panic!("it is broken off");
    };
    let error = TlsError::of(&reason);
    assert!(
        matches!(error, Some(TlsError::Truncated { .. })),
        "{reason}"
    );
}
