//! How an answer is read, wherever it is cut and however it ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Agent, AgentLimits, Body, BodyTooLong, ClientRequest, ClientResponse, Method, Request,
    RequestError, Response, Site, Status, Tree,
};
use reactor::testing::{Peer, Simulation};

use crate::{Game, HELLO, SERVER, error, heard, result, text, url};

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
fn an_invalid_answer_fails_and_ends_the_connection() {
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
fn a_body_has_a_limit() {
    let limits = AgentLimits::default().body(5);
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
fn an_answer_before_the_end_of_the_request_is_heard_and_the_last() {
    let game = Game::new();
    let (sink, body) = Body::stream();
    let request = ClientRequest::new(Method::Post, url("http://server/")).with_body("", body);
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
        let limits = AgentLimits::default().connections_per_host(1 + seed as usize % 4);
        let agent = Agent::new(&reactor).with_limits(limits);
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
