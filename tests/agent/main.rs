//! The client: what it sends, what it makes of answers, and which connections it uses.

mod answers;
mod exchanges;
mod failures;
mod pool;
mod stale;
mod urls;
mod waiting;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Agent, AgentLimits, BadUrl, Body, BodyTooLong, ClientRequest, ClientResponse, Method, Request,
    RequestError, Response, Site, Status, Tree, UnexpectedStatus, Url, get, get_page,
};
use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::{Deferred, Failure};

/// An agent, and a server that the test plays.
struct Game {
    simulation: Simulation,
    agent: Agent,
    listener: PeerListener,
}

const SERVER: &str = "10.0.0.1:80";

impl Game {
    fn new() -> Self {
        Self::with_limits(AgentLimits::default())
    }

    fn with_limits(limits: AgentLimits) -> Self {
        let simulation = Simulation::new();
        let listener = simulation.listen(SERVER);
        simulation.add_host("server", &["10.0.0.1".parse().expect("an address")]);
        simulation.add_host("other", &["10.0.0.2".parse().expect("an address")]);
        let agent = Agent::with_limits(&simulation.reactor(), limits);
        Self {
            simulation,
            agent,
            listener,
        }
    }

    fn wait(&self, seconds: f64) {
        self.simulation.run_for(Duration::from_secs_f64(seconds));
    }

    fn request(&self, request: ClientRequest) -> Deferred<ClientResponse> {
        let answer = self.agent.request(request);
        self.wait(0.1);
        answer
    }

    fn get(&self, path: &str) -> Deferred<ClientResponse> {
        let answer = self.agent.get(&format!("http://server{path}"));
        self.wait(0.1);
        answer
    }

    /// Asks, and the body of the answer.
    fn page(&self, path: &str) -> Deferred<Vec<u8>> {
        let page = self.agent.get(&format!("http://server{path}"));
        let page = page.add_callback(ClientResponse::read_body);
        self.wait(0.1);
        page
    }

    fn accept(&self) -> Peer {
        self.listener.accept().expect("a connection")
    }

    /// The server says something.
    fn say(&self, server: &Peer, said: &str) {
        server.write(said.as_bytes());
        self.wait(0.1);
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn heard(peer: &Peer) -> String {
    String::from_utf8(peer.read()).expect("a request is text")
}

fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred
        .into_result()
        .unwrap_or_else(|_| panic!("it has fired"))
}

fn text(deferred: Deferred<Vec<u8>>) -> String {
    String::from_utf8(result(deferred).expect("a body")).expect("text")
}

fn error<T: 'static>(deferred: Deferred<T>) -> RequestError {
    let Err(failure) = result(deferred) else {
        panic!("it fails");
    };
    let error = failure.check::<RequestError>();
    error
        .unwrap_or_else(|| panic!("a RequestError: {failure}"))
        .clone()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_request_says_what_it_wants_and_of_whom() {
    let game = Game::new();
    let page = game.page("/a/../b?c=%20d#e");
    let server = game.accept();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        heard(&server),
        format!(
            "GET /b?c=%20d HTTP/1.1\r\nHost: server\r\nUser-Agent: reactor/{version}\r\nAccept: */*\r\n\r\n"
        )
    );
    game.say(&server, HELLO);
    assert_eq!(text(page), "hello");
}

#[test]
fn a_body_says_its_length_and_its_absence_is_said_where_one_is_usual() {
    for (method, body, said) in [
        (Method::Post, "abc", Some("Content-Length: 3\r\n")),
        (Method::Post, "", Some("Content-Length: 0\r\n")),
        (Method::Put, "", Some("Content-Length: 0\r\n")),
        (Method::Patch, "", Some("Content-Length: 0\r\n")),
        (Method::Get, "", None),
        (Method::Delete, "", None),
        (Method::Delete, "abc", Some("Content-Length: 3\r\n")),
    ] {
        let game = Game::new();
        let request = ClientRequest::new(method, url("http://server/")).with_body(body.to_owned());
        drop(game.request(request));
        let heard = heard(&game.accept());
        assert!(heard.starts_with(method.name()));
        assert_eq!(heard.contains("Content-Length"), said.is_some(), "{heard}");
        assert!(heard.contains(said.unwrap_or_default()), "{heard}");
        assert!(heard.ends_with(&format!("\r\n\r\n{body}")), "{heard}");
    }
}

#[test]
fn what_cannot_be_sent_fails_before_anybody_is_connected_to() {
    let game = Game::new();
    for bad in [
        "",
        "server",
        "http://ser ver/",
        "http://server/\r\nX: y",
        "ftp://server/",
    ] {
        let Err(failure) = result(game.agent.get(bad)) else {
            panic!("{bad:?} is no URL");
        };
        assert!(failure.check::<BadUrl>().is_some(), "{bad:?}: {failure}");
    }
    for (name, value) in [
        ("X", "a\r\nY: b"),
        ("X\r\nY", "b"),
        ("", "b"),
        ("X", "a\0b"),
    ] {
        let request = ClientRequest::new(Method::Get, url("http://server/"));
        let request = request.with_header(name, value);
        assert!(matches!(
            error(game.agent.request(request)),
            RequestError::BadRequest(_)
        ));
    }
    game.wait(1.0);
    assert!(game.listener.accept().is_none());
}

#[test]
#[cfg(not(feature = "tls"))]
fn https_says_which_feature_it_needs() {
    let game = Game::new();
    let failed = game.agent.get("https://server/");
    let said = error(failed).to_string();
    assert!(said.contains("the feature `tls`"), "{said}");
}

#[test]
fn every_answer_is_the_same_wherever_it_is_split() {
    for (said, status, expected) in [
        (HELLO, 200, "hello"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n, a\r\n0\r\nA: b\r\n\r\n",
            200,
            "hello, a",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
            404,
            "x",
        ),
        ("HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 12\r\n\r\n",
            204,
            "",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n",
            304,
            "",
        ),
        (
            "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok",
            200,
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            200,
            "ok",
        ),
    ] {
        for split in 0..said.len() {
            let game = Game::new();
            let answer = game.agent.get("http://server/");
            let answer = answer.add_callback(|response| {
                let status = response.status();
                response.read_body().map(move |body| (status, body))
            });
            game.wait(0.1);
            let server = game.accept();
            game.say(&server, &said[..split]);
            assert!(!answer.is_fired(), "{said:?} after {split}");
            game.say(&server, &said[split..]);
            let (heard, body) = result(answer).expect("an answer");
            assert_eq!(heard.code(), status, "{said:?} at {split}");
            assert_eq!(body, expected.as_bytes(), "{said:?} at {split}");
        }
    }
}

#[test]
fn what_is_no_answer_fails_and_ends_the_connection() {
    for said in [
        "what?\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        game.say(&server, said);
        assert!(
            matches!(error(page), RequestError::Malformed(_)),
            "{said:?}"
        );
        assert!(!server.is_connected(), "{said:?}");
        assert_eq!(game.agent.connections(), 0);
    }
}

#[test]
fn a_head_without_end_is_given_up() {
    let game = Game::new();
    let page = game.page("/");
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\n");
    for _ in 0..70 {
        game.say(&server, &format!("X: {}\r\n", "y".repeat(1000)));
    }
    assert!(matches!(error(page), RequestError::Malformed(_)));
}

#[test]
fn an_answer_that_ends_too_early_says_how_far_it_came() {
    for (said, begun) in [
        ("", false),
        ("HTTP/1.1 20", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            true,
        ),
    ] {
        for end in [Peer::close, Peer::reset] {
            let game = Game::new();
            let page = game.page("/");
            let server = game.accept();
            game.say(&server, said);
            end(&server);
            game.wait(1.0);
            let error = error(page);
            assert_eq!(
                matches!(error, RequestError::Broken(_)),
                begun,
                "{said:?}: {error}"
            );
            assert_eq!(
                matches!(error, RequestError::NoAnswer(_)),
                !begun,
                "{said:?}: {error}"
            );
            assert_eq!(game.agent.connections(), 0);
        }
    }
}

#[test]
fn a_body_that_only_the_end_ends_may_have_been_cut_off() {
    let game = Game::new();
    let answer = game.get("/");
    let server = game.accept();
    game.say(&server, "HTTP/1.0 200 OK\r\n\r\nall that");
    let response = result(answer).expect("a head");
    assert!(response.may_be_cut_off());
    assert_eq!(response.length(), None);
    let body = response.read_body();
    game.say(&server, " there is");
    assert!(!body.is_fired());
    server.close();
    game.wait(1.0);
    assert_eq!(text(body), "all that there is");
}

#[test]
fn head_waits_for_no_body() {
    let game = Game::new();
    let answer = game.request(ClientRequest::new(Method::Head, url("http://server/")));
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let response = result(answer).expect("an answer");
    assert_eq!(response.header("content-length"), Some("5"));
    assert_eq!(text(response.read_body()), "");
    drop(game.page("/again"));
    assert!(
        heard(&server).contains("GET /again"),
        "the connection goes on"
    );
}

#[test]
fn a_connection_is_used_again_when_its_answer_was_taken() {
    let game = Game::new();
    let server = {
        let page = game.page("/1");
        let server = game.accept();
        game.say(&server, HELLO);
        assert_eq!(text(page), "hello");
        server
    };
    let page = game.page("/2");
    assert!(heard(&server).contains("GET /2"));
    game.say(&server, HELLO);
    assert_eq!(text(page), "hello");
    assert_eq!(game.agent.connections(), 1);
    assert!(game.listener.accept().is_none());
}

#[test]
fn a_connection_is_not_used_again_when_it_cannot_be_trusted() {
    for said in [
        "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: foo, close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        game.say(&server, said);
        assert_eq!(text(page), "ok", "{said:?}");
        assert!(server.has_ended() || !server.is_connected(), "{said:?}");
        drop(game.page("/again"));
        assert!(game.listener.accept().is_some(), "{said:?}");
    }
}

#[test]
fn an_idle_connection_that_speaks_or_ends_is_dropped() {
    for event in ["speaks", "ends", "waits"] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        game.say(&server, HELLO);
        drop(page);
        assert_eq!(game.agent.connections(), 1);
        match event {
            "speaks" => game.say(&server, "HTTP/1.1 200 OK\r\n"),
            "ends" => server.close(),
            _ => game.wait(60.0),
        }
        game.wait(3.0);
        assert_eq!(game.agent.connections(), 0, "{event}");
    }
}

#[test]
fn a_request_that_met_a_tired_connection_is_sent_once_more_if_it_is_safe_to() {
    for (method, body, again) in [
        (Method::Get, "", true),
        (Method::Put, "", true),
        (Method::Post, "", false),
        (Method::Put, "body", false),
    ] {
        let game = Game::new();
        let page = game.page("/");
        let tired = game.accept();
        game.say(&tired, HELLO);
        drop(page);
        let request = ClientRequest::new(method, url("http://server/")).with_body(body.to_owned());
        let answer = game.agent.request(request);
        // The server's end crosses the request on the way.
        tired.close();
        game.wait(1.0);
        match game.listener.accept() {
            Some(server) if again => {
                assert!(heard(&server).starts_with(method.name()));
                server.close();
                game.wait(1.0);
                assert!(game.listener.accept().is_none(), "once");
            }
            other => assert!(other.is_none() && !again, "{method} {body}"),
        }
        assert!(matches!(error(answer), RequestError::NoAnswer(_)));
    }
}

#[test]
fn only_so_many_connections_are_made_and_the_others_wait_in_line() {
    let limits = AgentLimits {
        connections_per_host: 4,
        ..AgentLimits::default()
    };
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let site = {
        let (reactor, now, most) = (reactor.clone(), Rc::clone(&now), Rc::clone(&most));
        let root = Tree::new();
        root.put_parameter("number", move |request: Request| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            let now = Rc::clone(&now);
            let target = request.target().to_owned();
            reactor
                .defer_later(Duration::from_millis(10))
                .map(move |()| {
                    now.set(now.get() - 1);
                    Response::text(target)
                })
        });
        Site::new(&simulation.reactor(), root)
    };
    reactor
        .listen_tcp(SERVER, site.without_access_log())
        .expect("listens");
    let agent = Agent::with_limits(&reactor, limits);
    let pages: Vec<_> = (0..100)
        .map(|n| {
            let page = agent.get(&format!("http://{SERVER}/{n}"));
            page.add_callback(ClientResponse::read_body)
        })
        .collect();
    simulation.run_for(Duration::from_secs(2));
    for (n, page) in pages.into_iter().enumerate() {
        assert_eq!(text(page), format!("/{n}"));
    }
    assert_eq!((most.get(), agent.connections()), (4, 4));
    drop(agent);
    simulation.run_for(Duration::from_secs(3));
    assert_eq!(
        simulation.descriptors(),
        1,
        "idle connections go with their agent"
    );
}

#[test]
fn cancelling_ends_a_request_wherever_it_is() {
    for place in ["resolving", "connecting", "sent", "head", "line"] {
        let limits = AgentLimits {
            connections_per_host: 1,
            ..AgentLimits::default()
        };
        let game = Game::with_limits(limits);
        if place == "connecting" {
            game.simulation.swallow(SERVER);
        }
        let first = (place == "line").then(|| game.get("/first"));
        let answer = game.agent.get("http://server/");
        if place != "resolving" {
            game.wait(0.1);
        }
        if place == "head" {
            let server = game.accept();
            game.say(&server, "HTTP/1.1 200 OK\r\nX:");
            server.read().clear();
        }
        answer.cancel();
        game.wait(1.0);
        let Err(failure) = result(answer) else {
            panic!("{place}");
        };
        assert!(
            failure.check::<reactor::deferred::Cancelled>().is_some(),
            "{place}: {failure}"
        );
        if let Some(first) = first {
            game.say(&game.accept(), HELLO);
            assert!(result(first).is_ok(), "the one before it goes on");
            continue;
        }
        assert_eq!(game.agent.connections(), 0, "{place}");
        assert_eq!(game.simulation.descriptors(), 0, "{place}");
    }
}

#[test]
fn a_body_that_is_cancelled_or_dropped_ends_its_connection() {
    for how in ["cancelled", "dropped", "never taken"] {
        let game = Game::new();
        let answer = game.get("/");
        let server = game.accept();
        game.say(
            &server,
            "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhello",
        );
        let response = result(answer).expect("a head");
        match how {
            "cancelled" => {
                let body = response.read_body();
                body.cancel();
                assert!(result(body).is_err());
            }
            "dropped" => drop(response.into_stream()),
            _ => drop(response),
        }
        game.wait(1.0);
        assert!(!server.is_connected(), "{how}");
        assert_eq!(game.agent.connections(), 0, "{how}");
    }
}

#[test]
fn a_short_answer_that_nobody_looks_at_keeps_its_connection() {
    let game = Game::new();
    let answer = game.get("/");
    game.say(&game.accept(), HELLO);
    drop(result(answer));
    assert_eq!(game.agent.connections(), 1);
}

#[test]
fn each_wait_has_its_end() {
    let limits = AgentLimits {
        connect: Duration::from_secs(3),
        head_time: Duration::from_secs(5),
        body_time: Duration::from_secs(7),
        ..AgentLimits::default()
    };
    let game = Game::with_limits(limits.clone());
    game.simulation.swallow(SERVER);
    let answer = game.get("/");
    game.wait(2.0);
    assert!(!answer.is_fired());
    game.wait(1.5);
    assert!(matches!(error(answer), RequestError::NotConnected(_)));

    for said in ["", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"] {
        let game = Game::with_limits(limits.clone());
        let answer = game.get("/");
        let server = game.accept();
        game.say(&server, said);
        game.wait(4.5);
        assert!(!answer.is_fired());
        game.wait(0.5);
        assert!(matches!(error(answer), RequestError::TimedOut(_)));
        game.wait(0.1);
        assert!(!server.is_connected());
    }

    let game = Game::with_limits(limits);
    let page = game.page("/");
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    for _ in 0..4 {
        game.wait(6.0);
        game.say(&server, "x");
    }
    assert!(!page.is_fired());
    game.wait(7.5);
    assert!(matches!(error(page), RequestError::TimedOut(_)));
    assert!(!server.is_connected());
}

#[test]
fn a_body_has_a_limit() {
    let limits = AgentLimits {
        body: 5,
        ..AgentLimits::default()
    };
    let game = Game::with_limits(limits);
    let page = game.page("/");
    let server = game.accept();
    game.say(&server, HELLO);
    assert_eq!(text(page), "hello");
    let page = game.page("/");
    game.say(
        &server,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n",
    );
    let Err(failure) = result(page) else {
        panic!("it is too long");
    };
    assert_eq!(failure.check(), Some(&BodyTooLong { limit: 5 }));
    game.wait(0.1);
    assert!(!server.is_connected());
}

#[test]
fn who_does_not_connect_or_does_not_exist_is_named() {
    let game = Game::new();
    let other = game.agent.get("http://other/");
    let nobody = game.agent.get("http://nobody/");
    game.wait(1.0);
    for answer in [other, nobody] {
        assert!(matches!(error(answer), RequestError::NotConnected(_)));
    }
}

/// A redirect, and what is sent because of it.
fn redirected(request: ClientRequest, status: u16, location: &str) -> String {
    let game = Game::new();
    let elsewhere = game.simulation.listen("10.0.0.2:80");
    let secure = game.simulation.listen("10.0.0.1:8080");
    let answer = game.request(request);
    let server = game.accept();
    let first = heard(&server);
    let body = if first.starts_with("HEAD") { "" } else { "bye" };
    game.say(
        &server,
        &format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\n{body}"
        ),
    );
    let next = [elsewhere.accept(), secure.accept(), Some(server)];
    let next = next.into_iter().flatten().next().expect("the server");
    let said = heard(&next);
    assert!(!said.is_empty(), "after {first:?}");
    game.say(&next, HELLO);
    assert!(result(answer).is_ok());
    said
}

#[test]
fn a_redirect_keeps_or_changes_the_method_as_its_status_says() {
    for (status, method, becomes, body) in [
        (301, Method::Get, "GET", ""),
        (301, Method::Post, "GET", ""),
        (301, Method::Put, "PUT", "body"),
        (302, Method::Post, "GET", ""),
        (302, Method::Delete, "DELETE", "body"),
        (303, Method::Post, "GET", ""),
        (303, Method::Put, "GET", ""),
        (303, Method::Get, "GET", ""),
        (303, Method::Head, "HEAD", ""),
        (307, Method::Post, "POST", "body"),
        (308, Method::Post, "POST", "body"),
    ] {
        let mut request = ClientRequest::new(method, url("http://server/a"));
        if (status, method) != (301, Method::Get) {
            request = request
                .with_header("Content-Type", "text/plain")
                .with_body("body");
        }
        let said = redirected(request, status, "/b");
        assert!(
            said.starts_with(&format!("{becomes} /b HTTP/1.1\r\n")),
            "{status} {method}: {said}"
        );
        assert_eq!(
            said.contains("Content-Type"),
            !body.is_empty(),
            "{status} {method}: {said}"
        );
        assert_eq!(
            said.contains("Content-Length"),
            !body.is_empty(),
            "{status} {method}: {said}"
        );
        assert!(
            said.ends_with(&format!("\r\n\r\n{body}")),
            "{status} {method}: {said}"
        );
    }
}

#[test]
fn credentials_stay_with_the_origin_that_they_are_for() {
    for (location, stays) in [
        ("/b", true),
        ("//server/b", true),
        ("http://server:80/b", true),
        ("http://SERVER/b", true),
        ("http://other/b", false),
        ("http://server:8080/b", false),
    ] {
        let request = ClientRequest::new(Method::Get, url("http://server/a"))
            .with_header("Authorization", "Basic eDp5")
            .with_header("Cookie", "a=b")
            .with_header("X-Other", "c");
        let said = redirected(request, 302, location);
        assert!(said.contains("X-Other: c"), "{location}: {said}");
        assert_eq!(said.contains("Authorization"), stays, "{location}: {said}");
        assert_eq!(said.contains("Cookie"), stays, "{location}: {said}");
    }
}

#[test]
fn a_relative_redirect_is_relative_to_where_it_came_from() {
    let game = Game::new();
    let answer = game.get("/a/b/c");
    let server = game.accept();
    for (location, target) in [
        ("../d/e", "/a/d/e"),
        ("f", "/a/d/f"),
        ("?g", "/a/d/f?g"),
        ("/", "/"),
    ] {
        server.read().clear();
        game.say(
            &server,
            &format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"),
        );
        let said = heard(&server);
        assert!(
            said.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{said}"
        );
    }
    game.say(&server, HELLO);
    let response = result(answer).expect("an answer");
    assert_eq!(response.url().as_str(), "http://server/");
}

#[test]
fn a_redirect_that_leads_nowhere_or_in_circles_fails() {
    let redirect = |location: &str| {
        let game = Game::new();
        let answer = game.get("/");
        let server = game.accept();
        for _ in 0..30 {
            game.say(
                &server,
                &format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"),
            );
        }
        error(answer)
    };
    assert!(matches!(
        redirect("Location: ftp://server/\r\n"),
        RequestError::BadRedirect(_)
    ));
    assert!(matches!(
        redirect("Location: http://u:p@server/\r\n"),
        RequestError::BadRedirect(_)
    ));
    assert!(matches!(
        redirect("Location: /\r\n"),
        RequestError::TooManyRedirects(20)
    ));
}

#[test]
fn without_redirects_they_are_answers() {
    let game = Game::with_limits(AgentLimits {
        redirects: 0,
        ..AgentLimits::default()
    });
    let answer = game.get("/");
    game.say(
        &game.accept(),
        "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(result(answer).expect("an answer").status(), Status::FOUND);
}

#[test]
fn a_streamed_body_is_not_sent_twice() {
    let game = Game::new();
    let body = Body::from_chunks([Ok("abc")]);
    let answer =
        game.request(ClientRequest::new(Method::Post, url("http://server/")).with_body(body));
    let server = game.accept();
    assert!(heard(&server).ends_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    game.say(
        &server,
        "HTTP/1.1 307 There\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(matches!(error(answer), RequestError::CannotRepeatBody));
}

#[test]
fn a_body_of_another_length_than_was_said_fails_and_ends_the_connection() {
    for written in ["four", "sixsix"] {
        let game = Game::new();
        let (sink, body) = Body::stream();
        let request = ClientRequest::new(Method::Put, url("http://server/"));
        let answer = game.request(request.with_body(body.with_length(5)));
        sink.write(written.as_bytes());
        sink.finish();
        game.wait(1.0);
        let server = game.accept();
        assert!(
            matches!(error(answer), RequestError::BadBody(_)),
            "{written}"
        );
        assert!(server.error().is_some(), "{written}");
    }
}

#[test]
fn an_answer_before_the_end_of_the_request_is_heard_and_the_last() {
    let game = Game::new();
    let (sink, body) = Body::stream();
    let request = ClientRequest::new(Method::Post, url("http://server/")).with_body(body);
    let answer = game
        .request(request)
        .add_callback(ClientResponse::read_body);
    sink.write(b"the beginning");
    game.wait(0.1);
    let server = game.accept();
    game.say(&server, HELLO);
    assert_eq!(text(answer), "hello");
    assert!(sink.is_over());
    assert_eq!(game.agent.connections(), 0);
}

#[test]
fn large_bodies_pass_both_ways_with_bounded_memory() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("down", |_: Request| {
        Response::text(Body::from_chunks(
            (0..1000).map(|n| Ok(vec![b'a' + (n % 26) as u8; 10_000])),
        ))
    });
    struct Length;
    impl reactor::http::Resource for Length {
        fn methods(&self) -> &[Method] {
            &[Method::Post]
        }
        fn intake(&self, _: &Request) -> reactor::http::Intake {
            reactor::http::Intake::Stream
        }
        fn render(&self, mut request: Request) -> reactor::http::Answer {
            let body = request.take_stream().expect("a stream");
            body.collect(20_000_000)
                .map(|body| Response::text(body.len().to_string()))
                .into()
        }
    }
    root.put_child("up", Length);
    reactor
        .listen_tcp(SERVER, Site::new(&reactor, root))
        .expect("listens");
    let agent = Agent::new(&reactor);
    let answer = agent.get(&format!("http://{SERVER}/down"));
    simulation.run_for(Duration::from_secs(1));
    let mut stream = result(answer).expect("an answer").into_stream();
    simulation.run_for(Duration::from_secs(1));
    let mut length = 0;
    let mut largest = 0;
    loop {
        let next = stream.next_chunk();
        simulation.run_for(Duration::from_millis(10));
        match result(next).expect("a chunk") {
            Some(chunk) => {
                length += chunk.len();
                largest = largest.max(chunk.len());
            }
            None => break,
        }
    }
    assert_eq!(length, 10_000_000);
    assert!(largest < 300_000, "{largest}");
    let chunks = (0..1000).map(|_| Ok(vec![b'x'; 10_000]));
    let request = ClientRequest::new(Method::Post, url(&format!("http://{SERVER}/up")));
    let answer = agent
        .request(request.with_body(Body::from_chunks(chunks)))
        .add_callback(ClientResponse::read_body);
    simulation.run_for(Duration::from_secs(20));
    assert_eq!(text(answer), "10000000");
}

#[test]
fn get_page_is_the_body_or_says_which_status_there_was_instead() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("", get(|_: Request| Response::text("page")));
    root.put_child("moved", |_: Request| Response::redirect(Status::FOUND, "/"));
    reactor
        .listen_tcp(SERVER, Site::new(&reactor, root))
        .expect("listens");
    let base = format!("http://{SERVER}");
    let pages =
        ["/", "/moved", "/nowhere"].map(|path| get_page(&reactor, &format!("{base}{path}")));
    simulation.run_for(Duration::from_secs(5));
    let [page, moved, nowhere] = pages;
    assert_eq!(text(page), "page");
    assert_eq!(text(moved), "page");
    let Err(failure) = result(nowhere) else {
        panic!("there is no such page");
    };
    let status = failure.check::<UnexpectedStatus>().expect("a status");
    assert_eq!(status.status, Status::NOT_FOUND);
    assert_eq!(
        failure.to_string(),
        format!("GET {base}/nowhere: the answer is 404 Not Found").replace(":80/", "/")
    );
    assert_eq!(simulation.descriptors(), 1, "no connection is left");
}

#[test]
fn an_unexpected_status_says_how_its_body_begins_however_long_that_is() {
    let game = Game::new();
    let page = game.agent.get("http://server/");
    let page = page.add_callback(ClientResponse::expect_success);
    game.wait(0.1);
    let server = game.accept();
    game.say(
        &server,
        "HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\nbecause ",
    );
    game.say(&server, &"x".repeat(100_000));
    let Err(failure) = result(page) else {
        panic!("it is no success");
    };
    let status = failure.check::<UnexpectedStatus>().expect("a status");
    assert_eq!(status.body, format!("because {}", "x".repeat(1024 - 8)));
    game.wait(0.1);
    assert!(!server.is_connected(), "nobody wants the rest");
}

#[test]
fn whatever_the_network_does_every_request_is_answered_once() {
    for seed in 0..200 {
        let simulation = Simulation::chaotic(seed);
        let reactor = simulation.reactor();
        let root = Tree::new();
        root.put_child("page", |request: Request| {
            Response::text(request.target().to_owned())
        });
        root.put_child("chunks", |_: Request| {
            Response::text(Body::from_chunks(
                (0..50).map(|n| Ok(format!("{n} ").repeat(100))),
            ))
        });
        root.put_child("moved", |_: Request| {
            Response::redirect(Status::FOUND, "/page?moved")
        });
        root.put_child("rude", |_: Request| {
            Response::text("bye").with_header("Connection", "close")
        });
        reactor
            .listen_tcp(SERVER, Site::new(&reactor, root))
            .expect("listens");
        let limits = AgentLimits {
            connections_per_host: 1 + seed as usize % 4,
            ..AgentLimits::default()
        };
        let agent = Agent::with_limits(&reactor, limits);
        let fired = Rc::new(RefCell::new(Vec::new()));
        for n in 0..30 {
            let path = ["page?x", "chunks", "moved", "rude", "nowhere"][(n + seed as usize) % 5];
            let fired = Rc::clone(&fired);
            let page = agent.get(&format!("http://{SERVER}/{path}"));
            let _ = page
                .add_callback(ClientResponse::read_body)
                .add_both(move |page| {
                    fired.borrow_mut().push((n, page.map(|page| page.len())));
                    Ok(())
                });
        }
        simulation.run_for(Duration::from_secs(100));
        let fired = fired.borrow();
        assert_eq!(fired.len(), 30, "seed {seed}");
        assert!(
            fired.iter().all(|(_, page)| page.is_ok()),
            "seed {seed}: {fired:?}"
        );
    }
}

#[test]
#[cfg(feature = "tls")]
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
    let again = page("https://server.test/");
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(text(again), "secret");
    assert_eq!(agent.connections(), before);
}

/// A server whose answer has no length, and no end.
#[cfg(feature = "tls")]
struct Half;

#[cfg(feature = "tls")]
impl reactor::Protocol for Half {
    fn data_received(&mut self, transport: &reactor::Transport, _: &[u8]) {
        transport.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of the truth");
    }
}

#[test]
#[cfg(feature = "tls")]
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
