//! How long a request waits, for what, and who notices that it waits in vain.

use reactor::Reason;
use reactor::http::BodySink;

use super::*;

fn hasty() -> AgentLimits {
    AgentLimits::default()
        .head_time(Duration::from_secs(5))
        .body_time(Duration::from_secs(7))
}

/// An upload whose body is being written.
fn upload(game: &Game) -> (Deferred<ClientResponse>, BodySink) {
    let (sink, body) = Body::stream();
    let request = ClientRequest::new(Method::Post, url("http://server/"));
    (game.request(request.with_body("", body)), sink)
}

#[test]
fn the_time_for_the_head_begins_when_a_slow_writer_has_written_the_body() {
    let game = Game::with_limits(hasty());
    let (answer, sink) = upload(&game);
    let server = game.accept();
    for _ in 0..4 {
        game.wait(8.0);
        assert!(sink.write(b"a little"));
    }
    sink.finish();
    game.wait(4.9);
    assert!(!answer.is_fired() && server.is_connected());
    game.wait(0.2);
    assert!(matches!(error(answer), RequestError::TimedOut(_)));
}

#[test]
fn an_upload_takes_as_long_as_the_server_goes_on_taking_it() {
    for is_streamed in [true, false] {
        let game = Game::with_limits(hasty());
        let megabyte = vec![b'x'; 1 << 20];
        let body = if is_streamed {
            Body::from_chunks(
                megabyte
                    .chunks(1 << 14)
                    .map(|c| Ok(c.to_vec()))
                    .collect::<Vec<_>>(),
            )
        } else {
            Body::from(megabyte)
        };
        let request = ClientRequest::new(Method::Post, url("http://server/")).with_body("", body);
        let answer = game.request(request);
        let server = game.accept();
        server.pause_reading();
        server.set_window(1 << 14);
        let mut taken = 0;
        while taken < 1 << 20 {
            game.wait(1.0);
            let now = server.read_at_most(1 << 14).len();
            assert!(
                now > 0 && !answer.is_fired(),
                "streamed {is_streamed}: {taken}"
            );
            taken += now;
        }
        server.resume_reading();
        game.say(&server, HELLO);
        assert!(result(answer).is_ok());
    }
}

#[test]
fn an_upload_that_the_server_does_not_take_is_given_up() {
    let game = Game::with_limits(hasty());
    let chunks = (0..1_000).map(|_| Ok(vec![b'x'; 10_000]));
    let request = ClientRequest::new(Method::Post, url("http://server/"));
    let answer = game.request(request.with_body("", Body::from_chunks(chunks)));
    let server = game.accept();
    server.pause_reading();
    game.wait(11.0);
    assert!(matches!(error(answer), RequestError::TimedOut(_)));
    game.wait(1.0);
    assert_eq!(game.agent.connections(), 0);
}

/// The bodies of a large upload, in memory and in pieces.
fn large_bodies() -> [Body; 2] {
    let chunks = (0..1_000).map(|_| Ok(vec![b'x'; 10_000]));
    [Body::from(vec![b'x'; 10 << 20]), Body::from_chunks(chunks)]
}

#[test]
fn the_time_for_the_head_is_that_time_where_nothing_is_taken() {
    for body in large_bodies() {
        let game = Game::with_limits(hasty());
        let request = ClientRequest::new(Method::Post, url("http://server/"));
        let answer = game.agent.request(request.with_body("", body));
        game.wait(0.001);
        let server = game.accept();
        server.pause_reading();
        game.wait(4.9);
        assert!(!answer.is_fired());
        game.wait(0.2);
        assert!(matches!(error(answer), RequestError::TimedOut(_)));
    }
}

#[test]
fn the_time_for_the_head_begins_anew_with_what_the_server_takes_and_only_then() {
    for body in large_bodies() {
        let game = Game::with_limits(hasty());
        let request = ClientRequest::new(Method::Post, url("http://server/"));
        let answer = game.agent.request(request.with_body("", body));
        game.wait(0.001);
        let server = game.accept();
        server.pause_reading();
        let _ = server.read();
        game.wait(4.0);
        assert!(!server.read().is_empty());
        game.wait(4.9);
        assert!(!answer.is_fired(), "it has taken some after 4 seconds");
        game.wait(0.2);
        assert!(matches!(error(answer), RequestError::TimedOut(_)));
    }
}

#[test]
fn connecting_is_a_part_of_the_time_for_the_head() {
    for body in [Body::empty(), Body::from("x")] {
        let game = Game::with_limits(hasty());
        let latency = Duration::from_secs(1);
        game.simulation
            .set_conditions(reactor::testing::Conditions::calm().latency(latency..=latency));
        let request = ClientRequest::new(Method::Post, url("http://server/"));
        let answer = game.agent.request(request.with_body("", body));
        game.wait(4.9);
        assert!(!answer.is_fired());
        game.wait(0.2);
        assert!(matches!(error(answer), RequestError::TimedOut(_)));
    }
}

#[test]
#[cfg(feature = "tls")]
fn the_time_for_the_head_is_that_time_where_the_server_does_not_shake_hands() {
    use reactor::tls::TlsClientConfig;
    for body in [Body::empty(), Body::from(vec![b'x'; 1 << 20])] {
        let game = Game::with_limits(hasty());
        let _listener = game.simulation.listen("10.0.0.1:443");
        let trusts = TlsClientConfig::with_root_pem(include_bytes!("../support/tls/ca.pem"));
        let agent = game.agent.clone().with_tls(trusts.expect("a root"));
        let request = ClientRequest::new(Method::Post, url("https://server/"));
        let answer = agent.request(request.with_body("", body));
        game.wait(4.9);
        assert!(!answer.is_fired());
        game.wait(0.2);
        assert!(matches!(error(answer), RequestError::TimedOut(_)));
        assert_eq!(agent.connections(), 0);
    }
}

#[test]
fn an_answer_that_has_come_is_read_before_the_time_is_over() {
    let game = Game::with_limits(hasty());
    let reactor = game.simulation.reactor();
    game.simulation.set_conditions(
        reactor::testing::Conditions::calm().latency(Duration::ZERO..=Duration::ZERO),
    );
    let (agent, resolved) = (game.agent.clone(), Rc::new(RefCell::new(None)));
    // A timer of the same instant as the deadline, and before it.
    let server: Rc<RefCell<Option<Peer>>> = Rc::default();
    let answering = Rc::clone(&server);
    reactor.call_later(Duration::from_secs(5), move || {
        let server = answering.take().expect("a connection");
        server.write(HELLO.as_bytes());
    });
    resolved.replace(Some(agent.get("http://server/")));
    game.wait(1.0);
    server.replace(Some(game.accept()));
    game.wait(4.5);
    let answer = resolved.take().expect("it was asked");
    assert!(result(answer).is_ok());
}

#[test]
fn a_server_that_closes_during_an_upload_is_noticed_at_once() {
    let game = Game::new();
    let chunks = (0..1_000).map(|_| Ok(vec![b'x'; 10_000]));
    let request = ClientRequest::new(Method::Post, url("http://server/"));
    let answer = game.request(request.with_body("", Body::from_chunks(chunks)));
    let server = game.accept();
    server.pause_reading();
    server.shut_write();
    game.wait(0.2);
    let error = error(answer);
    assert!(
        matches!(error, RequestError::NoAnswer(Reason::PeerClosed)),
        "{error}"
    );
    assert_eq!(game.agent.connections(), 0);
}

#[test]
fn the_time_for_a_body_runs_while_somebody_waits_for_it() {
    let game = Game::with_limits(hasty());
    let answer = game.get("/");
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    let mut stream = result(answer).expect("a head").into_stream();
    game.wait(100.0);
    let chunk = stream.next_chunk();
    assert_eq!(result(chunk).expect("bytes").as_deref(), Some(&b"he"[..]));
    game.wait(100.0);
    let chunk = stream.next_chunk();
    game.wait(6.9);
    assert!(!chunk.is_fired());
    game.wait(0.2);
    assert!(matches!(error(chunk), RequestError::TimedOut(_)));
    game.wait(0.1);
    assert!(!server.is_connected());
}

#[test]
fn a_redirect_is_followed_while_its_body_still_drips() {
    for is_cancelled in [false, true] {
        let game = Game::new();
        let answer = game.get("/a");
        let first = game.accept();
        game.say(
            &first,
            "HTTP/1.1 302 There\r\nLocation: /b\r\nContent-Length: 1000\r\n\r\nno",
        );
        let second = game.accept();
        assert!(heard(&second).starts_with("GET /b "));
        assert!(
            !first.is_connected(),
            "the rest of it is not worth the waiting"
        );
        if is_cancelled {
            answer.cancel();
            game.wait(0.1);
            assert!(result(answer).is_err() && !second.is_connected());
        } else {
            game.say(&second, HELLO);
            assert_eq!(
                result(answer).expect("a head").url(),
                &url("http://server/b")
            );
        }
    }
}

#[test]
fn how_long_everything_may_take_is_a_timeout_behind_the_body() {
    let game = Game::new();
    let page = game
        .page("/")
        .add_timeout(Duration::from_secs(10), &game.simulation.reactor());
    let server = game.accept();
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
    for _ in 0..4 {
        game.wait(3.0);
        server.write(b"x");
    }
    let Err(failure) = result(page) else {
        panic!("it takes too long");
    };
    assert!(failure.check::<reactor::deferred::TimedOut>().is_some());
    game.wait(0.1);
    assert!(!server.is_connected());
    assert_eq!(game.agent.connections(), 0);
}

#[test]
fn a_time_of_zero_is_no_limit() {
    let game = Game::with_limits(
        AgentLimits::default()
            .head_time(Duration::ZERO)
            .body_time(Duration::ZERO),
    );
    let (answer, sink) = upload(&game);
    let server = game.accept();
    game.wait(1000.0);
    sink.finish();
    let page = answer.add_callback(ClientResponse::read_body);
    for piece in HELLO.split_inclusive('\n') {
        game.wait(1000.0);
        assert!(!page.is_fired());
        game.say(&server, piece);
    }
    assert_eq!(text(page), "hello");
}

#[test]
fn each_wait_has_its_end() {
    let limits = AgentLimits::default()
        .connect(Duration::from_secs(3))
        .head_time(Duration::from_secs(5))
        .body_time(Duration::from_secs(7));
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
fn a_host_that_refuses_or_does_not_exist_is_not_connected_to() {
    let game = Game::new();
    let other = game.agent.get("http://other/");
    let nobody = game.agent.get("http://nobody/");
    game.wait(1.0);
    for answer in [other, nobody] {
        assert!(matches!(error(answer), RequestError::NotConnected(_)));
    }
}
