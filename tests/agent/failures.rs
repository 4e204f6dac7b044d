//! What a failure of the agent says: what was asked for, where, and why there is no answer.

use super::*;

#[test]
fn a_failure_says_what_was_asked_for_and_where_and_each_thing_once() {
    let game = Game::new();
    game.simulation.refuse("10.0.0.2:80");
    let reactor = game.simulation.reactor();
    for (url, expected) in [
        (
            "http://other/a b",
            "GET http://other/a%20b: no connection: ",
        ),
        ("http://server/", "GET http://server/: no answer: "),
    ] {
        let page = get_page(&reactor, url);
        let place = format!("{}:{}", file!(), line!() - 1);
        game.wait(0.1);
        if let Some(server) = game.listener.accept() {
            server.close();
        }
        game.wait(1.0);
        let Err(failure) = result(page) else {
            panic!("{url} fails");
        };
        let text = failure.to_string();
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(format!("{failure:#}"), text);
        let report = format!("{failure:?}");
        assert_eq!(report.matches("http://").count(), 1, "{report}");
        let reason = text.rsplit(": ").next().expect("a reason");
        assert_eq!(report.matches(reason).count(), 1, "{report}");
        assert!(!report.contains("reactor/http"), "{report}");
        assert_eq!(report.matches(&place).count(), 1, "{report}");
        assert!(failure.check::<RequestError>().is_some());
    }
}

#[test]
fn a_failure_behind_a_redirect_names_the_url_that_failed() {
    let game = Game::new();
    let answer = game.get("/a");
    let server = game.accept();
    let redirect = "HTTP/1.1 303 There\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    game.say(&server, redirect);
    game.say(&server, "what?\r\n\r\n");
    let Err(failure) = result(answer) else {
        panic!("it fails");
    };
    let said = "GET http://server/b: the answer is malformed: ";
    assert!(failure.to_string().starts_with(said), "{failure}");
}

#[test]
fn a_body_that_fails_names_its_url_however_it_is_read() {
    for is_streamed in [false, true] {
        let game = Game::new();
        let answer = game.get("/");
        let server = game.accept();
        game.say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        let response = result(answer).expect("a head");
        let failure = if is_streamed {
            let mut stream = response.into_stream();
            let chunk = stream.next_chunk();
            server.close();
            game.wait(1.0);
            result(chunk).expect_err("it broke off")
        } else {
            let body = response.read_body();
            server.close();
            game.wait(1.0);
            result(body).expect_err("it broke off")
        };
        assert_eq!(
            failure.to_string(),
            "GET http://server/: the answer broke off: the peer closed the connection"
        );
    }
    let game = Game::with_limits(AgentLimits::default().body(1));
    let page = game.page("/");
    game.say(&game.accept(), HELLO);
    let failure = result(page).expect_err("it is too long");
    assert_eq!(
        failure.to_string(),
        "GET http://server/: the body has more than 1 bytes"
    );
}

#[test]
fn an_unexpected_status_is_said_once() {
    for (body, said) in [
        ("", "404 Not Found"),
        ("404 Not Found\n", "404 Not Found"),
        ("404 not found", "404 Not Found"),
        ("no such page", "404 Not Found: no such page"),
        (
            "\u{1b}[31m\u{202e}red\r\nx",
            "404 Not Found: ^[[31m<U+202E>red^M^Jx",
        ),
    ] {
        let game = Game::new();
        let page = game.agent.get("http://server/x?y");
        let page = page.add_callback(ClientResponse::expect_success);
        game.wait(0.1);
        let length = body.len();
        game.say(
            &game.accept(),
            &format!("HTTP/1.1 404 Whatever\r\nContent-Length: {length}\r\n\r\n{body}"),
        );
        let Err(failure) = result(page) else {
            panic!("it is no success");
        };
        let expected = format!("GET http://server/x?y: the answer is {said}");
        assert_eq!(failure.to_string(), expected);
    }
}

#[test]
fn a_request_that_cannot_be_sent_names_itself_too() {
    let game = Game::new();
    let request = ClientRequest::new(Method::Post, url("http://server/"));
    let answer = game.agent.request(request.with_header("a b", "c"));
    let Err(failure) = result(answer) else {
        panic!("it fails");
    };
    let said = "POST http://server/: the request was not sent: ";
    assert!(failure.to_string().starts_with(said), "{failure}");
}
