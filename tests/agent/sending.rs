//! What of a request goes out, and what cannot.

use std::time::Duration;

use reactor::http::{
    Agent, BadUrl, Body, ClientRequest, ClientResponse, Method, Request, RequestError, Response,
    Site, Tree,
};
use reactor::testing::Simulation;

use crate::{Game, HELLO, SERVER, error, heard, result, text, url};

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
        let request =
            ClientRequest::new(method, url("http://server/")).with_body("", body.to_owned());
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
fn a_streamed_body_is_not_sent_twice() {
    let game = Game::new();
    let body = Body::from_chunks([Ok("abc")]);
    let answer =
        game.request(ClientRequest::new(Method::Post, url("http://server/")).with_body("", body));
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
        let answer = game.request(request.with_body("", body.with_length(5)));
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
        .request(request.with_body("", Body::from_chunks(chunks)))
        .add_callback(ClientResponse::read_body);
    simulation.run_for(Duration::from_secs(20));
    assert_eq!(text(answer), "10000000");
}
