//! Which connection a request gets, and what becomes of those who wait for one.

use super::*;
use reactor::Reason;
use reactor::lifecycle::{Phase, SystemEvent};

/// One connection, and no more.
fn narrow() -> AgentLimits {
    AgentLimits::default().connections_per_host(1)
}

fn is_shutdown(error: &RequestError) -> bool {
    matches!(error, RequestError::NotConnected(Reason::Shutdown))
}

#[test]
fn a_connection_is_free_before_anybody_hears_that_its_answer_is_whole() {
    for end in ["5\r\nworld\r\n0\r\n\r\n", "0\r\n\r\n"] {
        let game = Game::new();
        let agent = game.agent.clone();
        let second = game
            .page("/first")
            .add_callback(move |_| agent.get("http://server/second"));
        let server = game.accept();
        game.say(
            &server,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        );
        let _ = heard(&server);
        game.say(&server, end);
        assert!(heard(&server).starts_with("GET /second "));
        game.say(&server, HELLO);
        assert!(result(second).is_ok());
        assert_eq!(game.agent.connections(), 1);
    }
}

#[test]
fn a_body_whose_bytes_have_all_come_may_be_dropped_and_keeps_its_connection() {
    let game = Game::new();
    let answer = game.get("/");
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let mut stream = result(answer).expect("a head").into_stream();
    let chunk = stream.next_chunk().map(move |chunk| {
        drop(stream);
        chunk
    });
    game.say(&server, "hello");
    assert_eq!(
        result(chunk).expect("bytes").as_deref(),
        Some(&b"hello"[..])
    );
    assert!(server.is_connected());
    assert_eq!(game.agent.connections(), 1);
}

#[test]
fn of_idle_connections_the_oldest_goes() {
    let game = Game::with_limits(AgentLimits::default().idle_per_host(2));
    let pages = [game.page("/1"), game.page("/2"), game.page("/3")];
    let servers = [game.accept(), game.accept(), game.accept()];
    for server in &servers {
        game.say(server, HELLO);
    }
    assert!(pages.into_iter().all(|page| text(page) == "hello"));
    assert!(servers[0].has_ended());
    assert!(!servers[1].has_ended() && !servers[2].has_ended());
    let page = game.page("/4");
    assert!(
        heard(&servers[2]).contains("GET /4 "),
        "the one that was used last"
    );
    game.say(&servers[2], HELLO);
    assert_eq!(text(page), "hello");
}

#[test]
fn a_request_that_is_cancelled_in_line_leaves_it() {
    let game = Game::with_limits(narrow());
    let first = game.page("/first");
    let second = game.page("/second");
    let third = game.page("/third");
    second.cancel();
    let server = game.accept();
    game.say(&server, HELLO);
    assert_eq!(text(first), "hello");
    assert!(result(second).is_err());
    let said = heard(&server);
    assert!(
        said.contains("/third ") && !said.contains("/second "),
        "{said}"
    );
    game.say(&server, HELLO);
    assert_eq!(text(third), "hello");
}

/// Runs the loop, which is stopped at once, until that is done; meanwhile, `play` is called.
fn stop(game: &Game, play: impl FnOnce() + 'static) {
    let reactor = game.simulation.reactor();
    let weak = reactor.downgrade();
    reactor.call_soon(move || weak.upgrade().expect("it runs this").stop());
    reactor.call_later(Duration::from_secs(1), play);
    reactor.run().expect("it runs");
}

#[test]
fn a_stop_lets_the_request_under_way_end_and_refuses_those_in_line() {
    let game = Game::with_limits(narrow());
    let first = game.page("/first");
    let second = game.page("/second");
    let server = game.accept();
    let answering = server.clone();
    stop(&game, move || {
        answering.write(HELLO.as_bytes());
        answering.shut_write();
    });
    assert!(is_shutdown(&error(second)));
    assert_eq!(text(first), "hello");
    assert_eq!(heard(&server).matches("GET ").count(), 1);
    assert_eq!(game.agent.connections(), 0);
    assert!(game.simulation.elapsed() < Duration::from_secs(2));
    assert!(game.listener.accept().is_none(), "nobody connects any more");
}

#[test]
fn a_request_of_a_trigger_before_the_shutdown_is_answered() {
    let mut game = Game::new();
    let (agent, elsewhere) = (game.agent.clone(), game.simulation.listen("10.0.0.9:80"));
    let goodbye = move || {
        let said = agent.get("http://server/goodbye");
        said.add_callback(ClientResponse::read_body).map(drop)
    };
    let reactor = game.simulation.reactor();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, goodbye);
    let server = Rc::new(RefCell::new(None));
    let listener = std::mem::replace(&mut game.listener, elsewhere);
    let (played, closing) = (Rc::clone(&server), Rc::clone(&server));
    let ended = Rc::new(Cell::new(false));
    let has_ended = Rc::clone(&ended);
    reactor.call_later(Duration::from_millis(1_500), move || {
        let server: Peer = closing.take().expect("it was played");
        has_ended.set(server.has_ended());
        server.close();
    });
    stop(&game, move || {
        let server = listener.accept().expect("a connection");
        assert!(heard(&server).starts_with("GET /goodbye "));
        server.write(HELLO.as_bytes());
        played.replace(Some(server));
    });
    assert!(ended.get(), "the connection is kept for no next request");
    assert!(game.simulation.elapsed() < Duration::from_secs(2));
}

#[test]
fn every_request_fails_when_the_reactor_is_gone() {
    let Game {
        simulation,
        agent,
        listener,
    } = Game::with_limits(narrow());
    let pages: Vec<_> = (0..20_000).map(|_| agent.get("http://server/")).collect();
    simulation.run_for(Duration::from_millis(100));
    let _server = listener.accept().expect("a connection");
    drop(simulation);
    for page in pages {
        assert!(result(page).is_err());
    }
    assert_eq!(agent.connections(), 0);
    assert!(is_shutdown(&error(agent.get("http://server/"))));
}

#[test]
fn a_long_line_before_a_closed_door_is_told_one_by_one() {
    let game = Game::with_limits(narrow());
    game.simulation.refuse(SERVER);
    let pages: Vec<_> = (0..2_000)
        .map(|_| game.agent.get("http://server/"))
        .collect();
    game.simulation.run_until_idle();
    for page in pages {
        assert!(matches!(error(page), RequestError::NotConnected(_)));
    }
    assert_eq!(game.agent.connections(), 0);
}
