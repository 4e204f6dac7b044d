//! Redirects: the method, the credentials and the URL of the next request.

use reactor::http::{AgentLimits, ClientRequest, Method, RequestError, Status};

use crate::{Game, HELLO, error, heard, result, url};

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
            request = request.with_body("text/plain", "body");
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
    let game = Game::with_limits(AgentLimits::default().redirects(0));
    let answer = game.get("/");
    game.say(
        &game.accept(),
        "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(result(answer).expect("an answer").status(), Status::FOUND);
}
