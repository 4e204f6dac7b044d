//! Which connections are used again, and which are ended with their request.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Agent, AgentLimits, ClientRequest, ClientResponse, Method, Request, RequestError, Response,
    Site, Tree,
};
use reactor::testing::Simulation;

use crate::{Game, HELLO, SERVER, error, heard, result, text, url};

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
        let request =
            ClientRequest::new(method, url("http://server/")).with_body("", body.to_owned());
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
    let limits = AgentLimits::default().connections_per_host(4);
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
    let agent = Agent::new(&reactor).with_limits(limits);
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
        let limits = AgentLimits::default().connections_per_host(1);
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
