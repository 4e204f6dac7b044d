//! Answers as servers write them: which are taken for what they mean, and which are none.

use super::*;

/// What is made of an answer.
fn answered(said: &[u8]) -> Result<ClientResponse, RequestError> {
    let game = Game::new();
    let answer = game.get("/");
    game.accept().write(said);
    game.wait(0.1);
    result(answer).map_err(|failure| failure.check::<RequestError>().expect("one").clone())
}

fn chunked(body: &str) -> Result<String, RequestError> {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = answered(format!("{head}{body}").as_bytes())?;
    let body = result(response.read_body());
    let body = body.map_err(|failure| failure.check::<RequestError>().expect("one").clone())?;
    Ok(String::from_utf8(body).expect("text"))
}

#[test]
fn a_folded_header_of_an_answer_is_one_line() {
    for (folded, line) in [
        ("one\r\n two", "one two"),
        ("one \r\n\t two\r\n  three", "one two three"),
        ("\r\n one", "one"),
        ("one\r\n \r\n two", "one two"),
        ("one\n two", "one two"),
    ] {
        let said = format!("HTTP/1.1 200 OK\r\nX: {folded}\r\nContent-Length: 2\r\n\r\nok");
        let response = answered(said.as_bytes()).expect("an answer");
        assert_eq!(response.header("x"), Some(line), "{folded:?}");
        assert_eq!(text(response.read_body()), "ok", "{folded:?}");
    }
    for said in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
    ] {
        let error = answered(said.as_bytes()).expect_err("it is malformed");
        assert!(matches!(error, RequestError::Malformed(_)), "{said:?}");
    }
}

#[test]
fn white_space_behind_the_size_of_a_chunk_is_nothing() {
    for body in [
        "2 ;a=b\r\nok\r\n0\r\n\r\n",
        "2\t;a\r\nok\r\n0 ;a\r\n\r\n",
        "2  \r\nok\r\n0   \r\n\r\n",
        "2; a = b ; c\r\nok\r\n0\r\n\r\n",
        "2;a=\"; \\\" \u{e9}\"\r\nok\r\n0\r\n\r\n",
    ] {
        assert_eq!(chunked(body).expect(body), "ok", "{body:?}");
    }
    for body in [
        " 2\r\nok\r\n0\r\n\r\n",
        "\t2\r\nok\r\n0\r\n\r\n",
        "0 2\r\nok\r\n0\r\n\r\n",
        "2 2\r\nok\r\n0\r\n\r\n",
        "2 \nok\r\n0\r\n\r\n",
        "2\r\nok\r\n 0\r\n\r\n",
        "2;\r\nok\r\n0\r\n\r\n",
        "2 ; \r\nok\r\n0\r\n\r\n",
        "2;=b\r\nok\r\n0\r\n\r\n",
        "2;a=\r\nok\r\n0\r\n\r\n",
        "2;a b\r\nok\r\n0\r\n\r\n",
        "2;a;;b\r\nok\r\n0\r\n\r\n",
        "2;a=\"\r\"\r\nok\r\n0\r\n\r\n",
        "2;a=\"b\r\nok\r\n0\r\n\r\n",
        "2;a(b)\r\nok\r\n0\r\n\r\n",
    ] {
        let error = chunked(body).expect_err(body);
        assert!(matches!(error, RequestError::Malformed(_)), "{body:?}");
    }
}

#[test]
fn a_folded_trailer_is_one_line() {
    let said =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\nD: e\r\n\r\n";
    let mut stream = answered(said.as_bytes()).expect("an answer").into_stream();
    assert_eq!(result(stream.next_chunk()).expect("the end"), None);
    let trailers = stream.trailers();
    let value = trailers[0].1.split_whitespace().collect::<Vec<_>>();
    assert_eq!((trailers.len(), value), (2, vec!["b", "c"]));
    assert_eq!(trailers[1], ("D".to_owned(), "e".to_owned()));
    assert!(chunked("0\r\n b\r\n\r\n").is_err(), "it continues nothing");
}

#[test]
fn a_redirect_without_location_is_an_answer() {
    for status in [301, 302, 303, 307, 308] {
        let said = format!("HTTP/1.1 {status} There\r\nContent-Length: 2\r\n\r\nok");
        let response = answered(said.as_bytes()).expect("an answer");
        assert_eq!(response.status().code(), status);
        assert_eq!(text(response.read_body()), "ok");
    }
}

#[test]
fn a_header_in_another_encoding_has_its_bytes() {
    let said =
        b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nX-Other: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n";
    let response = answered(said).expect("an answer");
    let headers = response.headers();
    assert_eq!(response.header("x-name"), Some("caf\u{fffd}"));
    assert_eq!(headers.get_bytes("x-name"), Some(&b"caf\xe9"[..]));
    assert_eq!(response.header("x-other"), Some("caf\u{e9}"));
    assert_eq!(headers.get_bytes("x-other"), Some(&b"caf\xc3\xa9"[..]));
    assert_eq!(headers.get_bytes("x-none"), None);
    let all: Vec<_> = headers.iter_bytes().collect();
    assert_eq!(all[0], ("X-Name", &b"caf\xe9"[..]));
}

#[test]
fn a_request_that_crossed_with_a_408_is_sent_again() {
    let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for (method, body) in [
        (Method::Get, ""),
        (Method::Post, ""),
        (Method::Post, "body"),
        (Method::Put, "body"),
    ] {
        let game = Game::new();
        let page = game.page("/");
        let tired = game.accept();
        game.say(&tired, HELLO);
        drop(page);
        let request = ClientRequest::new(method, url("http://server/again"));
        let answer = game.request(request.with_body("", body));
        tired.write(late.as_bytes());
        tired.shut_write();
        game.wait(0.1);
        let server = game.accept();
        let said = heard(&server);
        assert!(said.starts_with(&format!("{method} /again ")), "{said}");
        assert!(said.ends_with(body), "{said}");
        // On a connection that is new it is the answer.
        game.say(&server, late);
        let response = result(answer).expect("an answer");
        assert_eq!(response.status(), Status::REQUEST_TIMEOUT);
        assert!(game.listener.accept().is_none(), "once");
    }
}

#[test]
fn a_408_is_the_answer_to_a_body_that_is_gone() {
    let game = Game::new();
    let page = game.page("/");
    let server = game.accept();
    game.say(&server, HELLO);
    drop(page);
    let request = ClientRequest::new(Method::Post, url("http://server/"));
    let answer = game.request(request.with_body("", Body::from_chunks([Ok("abc")])));
    game.say(
        &server,
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    );
    let response = result(answer).expect("an answer");
    assert_eq!(response.status(), Status::REQUEST_TIMEOUT);
}
