//! One request and its answer: what is sent, what of the answer counts, and what becomes of the
//! connection.

use super::*;
use reactor::Reason;
use std::io::ErrorKind;

/// A connection that has answered once and is idle.
fn idle(game: &Game) -> Peer {
    let page = game.page("/first");
    let server = game.accept();
    game.say(&server, HELLO);
    assert_eq!(text(page), "hello");
    let _ = heard(&server);
    server
}

#[test]
fn a_connection_is_sent_nothing_before_its_answer_is_whole() {
    let game = Game::new();
    let first = game.get("/1");
    let server = game.accept();
    assert!(heard(&server).starts_with("GET /1 "));
    let _second = game.get("/2");
    assert!(heard(&game.accept()).starts_with("GET /2 "));
    game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    let first = result(first).expect("a head");
    let _third = game.get("/3");
    assert!(heard(&game.accept()).starts_with("GET /3 "));
    assert_eq!(heard(&server), "", "it is busy");
    game.say(&server, "lo");
    assert_eq!(text(first.read_body()), "hello");
    let _fourth = game.get("/4");
    assert!(heard(&server).starts_with("GET /4 "));
    assert!(game.listener.accept().is_none());
}

#[test]
fn a_request_that_waits_for_a_busy_connection_is_written_when_it_is_free() {
    let game = Game::with_limits(AgentLimits::default().connections_per_host(1));
    let pages = [game.page("/1"), game.page("/2")];
    let server = game.accept();
    let said = heard(&server);
    assert!(said.starts_with("GET /1 ") && said.ends_with("\r\n\r\n"));
    assert_eq!(said.matches("GET ").count(), 1, "{said}");
    game.wait(10.0);
    assert_eq!(heard(&server), "");
    game.say(&server, HELLO);
    assert!(heard(&server).starts_with("GET /2 "));
    game.say(&server, HELLO);
    assert!(pages.into_iter().all(|page| text(page) == "hello"));
    assert!(game.listener.accept().is_none());
}

#[test]
fn an_answer_that_breaks_off_says_how_the_connection_was_lost() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        for is_reset in [false, true] {
            let game = Game::new();
            let page = game.page("/");
            let server = game.accept();
            game.say(&server, said);
            if is_reset {
                server.reset();
            } else {
                server.close();
            }
            game.wait(1.0);
            let (RequestError::Broken(reason) | RequestError::NoAnswer(reason)) = error(page)
            else {
                panic!("{said:?} breaks off");
            };
            let expected = match reason {
                Reason::Reset => is_reset,
                Reason::PeerClosed => !is_reset,
                _ => false,
            };
            assert!(expected, "{said:?}, reset {is_reset}: {reason}");
        }
    }
}

#[test]
fn a_server_of_http_1_0_keeps_a_connection_if_it_says_so() {
    for (connection, is_kept) in [("keep-alive", true), ("keep-alive, close", false)] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        let _ = heard(&server);
        game.say(
            &server,
            &format!("HTTP/1.0 200 OK\r\nConnection: {connection}\r\nContent-Length: 2\r\n\r\nok"),
        );
        assert_eq!(text(page), "ok");
        assert_eq!(server.has_ended(), !is_kept, "{connection}");
        let _again = game.page("/again");
        assert_eq!(heard(&server).is_empty(), !is_kept, "{connection}");
    }
}

#[test]
fn an_answer_that_has_no_body_is_whole_with_its_head() {
    for (method, status) in [
        (Method::Head, "200 OK"),
        (Method::Head, "404 Not Found"),
        (Method::Get, "204 No Content"),
        (Method::Get, "304 Not Modified"),
    ] {
        for framing in [
            "Content-Length: 12\r\n",
            "Transfer-Encoding: chunked\r\n",
            "",
        ] {
            let game = Game::new();
            let answer = game.request(ClientRequest::new(method, url("http://server/")));
            let server = game.accept();
            let _ = heard(&server);
            game.say(&server, &format!("HTTP/1.1 {status}\r\n{framing}\r\n"));
            let response = result(answer).expect("an answer");
            assert_eq!(response.length(), Some(0), "{method} {status} {framing}");
            assert!(!response.may_be_cut_off(), "{method} {status} {framing}");
            assert_eq!(text(response.read_body()), "");
            let _again = game.get("/again");
            assert!(
                heard(&server).starts_with("GET /again "),
                "{method} {status} {framing}: the connection goes on"
            );
        }
    }
}

#[test]
fn some_answers_may_say_that_there_will_be_one_but_not_without_end() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for (number, is_split) in [(32, false), (32, true), (33, false), (33, true)] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        let _ = heard(&server);
        if is_split {
            for _ in 0..number {
                game.say(&server, interim);
            }
            game.say(&server, HELLO);
        } else {
            game.say(&server, &format!("{}{HELLO}", interim.repeat(number)));
        }
        if number > 32 {
            assert!(matches!(error(page), RequestError::Malformed(_)));
            assert!(!server.is_connected());
            continue;
        }
        assert_eq!(text(page), "hello");
        let again = game.page("/again");
        assert!(heard(&server).starts_with("GET /again "));
        // They are counted for each answer.
        game.say(&server, &format!("{interim}{HELLO}"));
        assert_eq!(text(again), "hello");
    }
    let game = Game::new();
    let page = game.page("/");
    let said = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n";
    game.say(&game.accept(), said);
    assert!(matches!(error(page), RequestError::Malformed(_)));
}

#[test]
fn a_request_that_is_cancelled_resets_its_connection() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
    ] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        game.say(&server, said);
        page.cancel();
        game.wait(0.1);
        let Err(failure) = result(page) else {
            panic!("{said:?}: it was cancelled");
        };
        assert!(failure.check::<reactor::deferred::Cancelled>().is_some());
        assert_eq!(server.error(), Some(ErrorKind::ConnectionReset), "{said:?}");
    }
}

#[test]
fn what_only_the_agent_knows_only_the_agent_says() {
    let game = Game::new();
    let mut request =
        ClientRequest::new(Method::Post, url("http://server/a")).with_body("", "body");
    for (name, value) in [
        ("Host", "elsewhere"),
        ("hOST", "nowhere"),
        ("Content-Length", "400"),
        ("Transfer-Encoding", "gzip"),
        ("Connection", "upgrade"),
        ("Expect", "100-continue"),
    ] {
        request = request.with_header(name, value);
    }
    let _answer = game.request(request);
    let server = game.accept();
    let said = heard(&server);
    assert_eq!(said.to_ascii_lowercase().matches("\r\nhost:").count(), 1);
    assert!(said.contains("\r\nHost: server\r\n"), "{said}");
    assert!(said.contains("\r\nContent-Length: 4\r\n"), "{said}");
    for other in ["400", "gzip", "upgrade", "where", "100"] {
        assert!(!said.contains(other), "{said}");
    }
    // The request that a redirect makes of it has no body, and does not say that it has one.
    game.say(
        &server,
        "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    );
    let said = heard(&server);
    assert!(said.starts_with("GET /b "), "{said}");
    assert!(!said.contains("Content-Length"), "{said}");
}

#[test]
fn a_method_is_a_word_that_is_known() {
    for name in ["", "GE T", "GET ", "GET\r\n", "get", "FROB"] {
        assert_eq!(Method::from_name(name), None, "{name:?}");
    }
}

#[test]
fn chunks_of_another_length_than_was_said_fail_and_end_the_connection() {
    for written in [&["fo", "ur"][..], &["six", "six"], &[]] {
        let game = Game::new();
        let chunks: Vec<Result<&str, Failure>> = written.iter().map(|chunk| Ok(*chunk)).collect();
        let body = Body::from_chunks(chunks).with_length(5);
        let request = ClientRequest::new(Method::Put, url("http://server/"));
        let answer = game.request(request.with_body("", body));
        let server = game.accept();
        assert!(
            matches!(error(answer), RequestError::BadBody(_)),
            "{written:?}"
        );
        assert_eq!(server.error(), Some(ErrorKind::ConnectionReset));
        assert!(heard(&server).len() < 200, "{written:?}: nothing too much");
        game.wait(1.0);
        assert!(game.listener.accept().is_none(), "{written:?}: not again");
    }
}

#[test]
fn a_circle_of_redirects_is_left_after_twenty() {
    let game = Game::new();
    let answer = game.get("/");
    let server = game.accept();
    let mut asked = 0;
    while heard(&server).starts_with("GET / ") {
        asked += 1;
        assert!(asked < 100, "for ever");
        game.say(
            &server,
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        );
    }
    assert_eq!(asked, 21, "the first, and twenty redirects");
    assert!(matches!(error(answer), RequestError::TooManyRedirects(20)));
}

#[test]
fn credentials_that_were_left_behind_do_not_come_back() {
    let game = Game::new();
    let elsewhere = game.simulation.listen("10.0.0.2:80");
    let request = ClientRequest::new(Method::Get, url("http://server/a"))
        .with_header("Authorization", "Basic eDp5")
        .with_header("Proxy-Authorization", "Basic eDp5")
        .with_header("Cookie", "a=b")
        .with_header("cookie", "c=d");
    let answer = game.request(request);
    let server = game.accept();
    let redirect =
        |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    assert!(heard(&server).contains("Authorization: "));
    game.say(&server, &redirect("http://other/b"));
    let other = elsewhere.accept().expect("a connection");
    let said = [heard(&other), {
        game.say(&other, &redirect("http://server/c"));
        heard(&server)
    }];
    for said in &said {
        assert!(said.starts_with("GET /"), "{said}");
        let said = said.to_ascii_lowercase();
        assert!(!said.contains("authorization") && !said.contains("cookie"));
    }
    game.say(&server, HELLO);
    assert_eq!(
        result(answer).expect("an answer").url(),
        &url("http://server/c")
    );
}

#[test]
fn an_idle_connection_is_kept_for_its_time() {
    let game = Game::with_limits(AgentLimits::default().idle(Duration::from_secs(10)));
    let server = idle(&game);
    game.wait(9.5);
    let page = game.page("/again");
    assert!(heard(&server).starts_with("GET /again "));
    game.wait(20.0);
    game.say(&server, HELLO);
    assert_eq!(text(page), "hello", "while it is busy it is not idle");
    game.wait(9.5);
    assert!(!server.has_ended());
    game.wait(1.0);
    assert!(server.has_ended());
    let _page = game.page("/new");
    assert!(heard(&game.accept()).starts_with("GET /new "));
}

#[test]
fn only_a_connection_that_was_used_before_excuses_a_second_try() {
    let game = Game::new();
    let page = game.page("/");
    game.accept().close();
    game.wait(1.0);
    assert!(matches!(error(page), RequestError::NoAnswer(_)));
    assert!(game.listener.accept().is_none(), "it was a new one");

    let game = Game::new();
    let server = idle(&game);
    let page = game.page("/");
    game.say(&server, "HTTP/1.1 2");
    server.close();
    game.wait(1.0);
    assert!(matches!(error(page), RequestError::Broken(_)));
    assert!(game.listener.accept().is_none(), "it has begun to answer");
}

#[test]
fn a_request_that_is_cancelled_is_not_tried_again() {
    for moment in ["before it is sent", "before the end", "after the end"] {
        let game = Game::new();
        let tired = idle(&game);
        let answer = game.agent.get("http://server/again");
        if moment != "before it is sent" {
            game.wait(0.1);
            assert!(heard(&tired).starts_with("GET /again "));
        }
        if moment == "after the end" {
            tired.close();
            answer.cancel();
        } else {
            answer.cancel();
            tired.close();
        }
        game.wait(1.0);
        let Err(failure) = result(answer) else {
            panic!("{moment}: it was cancelled");
        };
        assert!(failure.check::<reactor::deferred::Cancelled>().is_some());
        assert!(game.listener.accept().is_none(), "{moment}");
        assert_eq!(game.agent.connections(), 0, "{moment}");
    }
}

#[test]
fn a_second_try_is_the_last_on_whichever_connection_it_is() {
    let game = Game::with_limits(AgentLimits::default().connections_per_host(2));
    let pages = [game.page("/1"), game.page("/2")];
    let servers = [game.accept(), game.accept()];
    for server in &servers {
        let _ = heard(server);
        game.say(server, HELLO);
    }
    assert!(pages.into_iter().all(|page| text(page) == "hello"));
    // The one that was used last is asked first.
    let [first, second] = servers;
    let busy = game.page("/busy");
    assert!(heard(&second).starts_with("GET /busy "));
    let tried = game.page("/tried");
    assert!(heard(&first).starts_with("GET /tried "));
    let _in_line = game.page("/in-line");
    first.close();
    game.wait(0.1);
    let third = game.accept();
    assert!(heard(&third).starts_with("GET /in-line "));
    game.say(&second, HELLO);
    assert_eq!(text(busy), "hello");
    assert!(heard(&second).starts_with("GET /tried "), "the second try");
    second.close();
    game.wait(1.0);
    assert!(matches!(error(tried), RequestError::NoAnswer(_)));
    assert!(game.listener.accept().is_none());
}
