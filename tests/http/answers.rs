//! What comes back for a request.

use std::time::{Duration, SystemTime};

use reactor::http::server::get;
use reactor::http::{Body, Guard, Method, Request, Response, Site, Status, Tree, Validators};
use reactor::testing::Simulation;

use crate::visitor::{Visitor, answer, request};

#[test]
fn an_answer_says_how_long_it_is_and_of_when() {
    let heard = answer(&request("GET /"));
    assert_eq!((heard.status, heard.body.as_str()), (200, "root"));
    assert_eq!(
        heard.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let date = heard.header("date").expect("a date");
    assert!(date.starts_with("Sat, 01 Jan 2000 00:00:0"), "{date}");
    assert!(date.ends_with(" GMT"), "{date}");
    assert_eq!(heard.headers.len(), 3, "{heard:?}");
}

#[test]
fn an_answer_of_unknown_length_comes_in_chunks_to_http_1_1() {
    let heard = answer(&request("GET /chunks"));
    assert_eq!(heard.header("transfer-encoding"), Some("chunked"));
    assert_eq!(heard.header("content-length"), None);
    assert_eq!(heard.body, "0 1 2 ");
}

#[test]
fn http_1_0_gets_its_own_version_no_chunks_and_the_end() {
    let visitor = Visitor::new();
    visitor.say("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    visitor.wait(1.0);
    let heard = visitor.answers().remove(0);
    assert_eq!(heard.version, "HTTP/1.0");
    assert_eq!(heard.header("transfer-encoding"), None);
    assert_eq!(heard.header("connection"), Some("close"));
    assert_eq!(heard.body, "0 1 2 ");
    assert!(visitor.is_closed());
}

#[test]
fn head_is_get_without_the_body() {
    let get = answer(&request("GET /"));
    let visitor = Visitor::new();
    visitor.say(request("HEAD /"));
    let mut head = visitor.hear();
    head.push_str("root");
    let head = crate::visitor::parse(&head).expect("an answer").remove(0);
    assert_eq!(head.headers[1..], get.headers[1..], "but for the date");
}

#[test]
fn head_of_a_stream_has_neither_length_nor_chunks() {
    let visitor = Visitor::new();
    visitor.say(request("HEAD /chunks"));
    let heard = visitor.hear();
    assert!(heard.ends_with("\r\n\r\n"), "{heard:?}");
    assert!(
        !heard.contains("Content-Length") && !heard.contains("chunked"),
        "{heard:?}"
    );
    // The connection goes on.
    assert_eq!(
        visitor.exchange(request("GET /")),
        [(200, "root".to_owned())]
    );
}

#[test]
fn no_content_has_no_body_and_says_no_length() {
    let heard = answer(&request("GET /nothing"));
    assert_eq!((heard.status, heard.body.as_str()), (204, ""));
    assert_eq!(heard.header("content-length"), None);
}

#[test]
fn an_answer_that_has_no_body_says_no_length_whatever_its_resource_says() {
    for status in [Status::NO_CONTENT, Status::NOT_MODIFIED] {
        for is_streamed in [false, true] {
            let simulation = Simulation::new();
            let site = Site::new(&simulation.reactor(), move |_: Request| {
                let body = if is_streamed {
                    Body::from_chunks([Ok("nobody "), Ok("sees this")])
                } else {
                    Body::from("nobody sees this")
                };
                Response::text(body)
                    .with_status(status)
                    .with_header("Content-Length", "12")
                    .with_header("Transfer-Encoding", "chunked")
            });
            let visitor = Visitor::visit(simulation, site);
            visitor.say(request("GET /").repeat(2));
            let answers = visitor.answers();
            assert_eq!(answers.len(), 2, "{status}: the connection goes on");
            for heard in answers {
                assert_eq!((heard.status, heard.body.as_str()), (status.code(), ""));
                assert_eq!(heard.header("content-length"), None, "{status}");
                assert_eq!(heard.header("transfer-encoding"), None, "{status}");
            }
        }
    }
}

#[test]
fn a_client_that_has_it_already_gets_304_when_it_reads_and_412_when_it_writes() {
    let simulation = Simulation::new();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let show = move |request: Request| {
        let validators = Validators::new()
            .with_etag("\"a\"")
            .with_modified(modified)
            .with_header("Cache-Control", "max-age=60")
            .with_header("Vary", "Accept");
        match validators.check(&request) {
            Err(answer) => answer,
            Ok(()) => validators.add_to(Response::text("done")),
        }
    };
    let page = get(show).post(show).put(show).delete(show);
    let visitor = Visitor::visit(
        simulation.clone(),
        Site::new(&simulation.reactor(), page.on(Method::Patch, show)),
    );
    for (header, reads, writes) in [
        ("If-None-Match: \"a\"", 304, 412),
        ("If-None-Match: *", 304, 412),
        ("If-None-Match: \"a\", \"b\"", 304, 412),
        ("If-None-Match: \"b\",\"a\"", 304, 412),
        ("If-None-Match: \"b\"", 200, 200),
        ("If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT", 304, 200),
        ("If-Modified-Since: Sun, 13 Sep 2020 12:26:39 GMT", 200, 200),
        ("If-Modified-Since: the day before", 200, 200),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let is_read = matches!(method, "GET" | "HEAD");
            let status = if is_read { reads } else { writes };
            visitor.say(format!(
                "{method} / HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n"
            ));
            let heard = visitor.hear();
            let begins = format!("HTTP/1.1 {status} ");
            assert!(heard.starts_with(&begins), "{method} {header}: {heard}");
            if status == 304 {
                assert!(heard.ends_with("\r\n\r\n"), "{method} {header}: {heard}");
                assert!(
                    heard.contains("ETag: \"a\"\r\nLast-Modified: Sun, 13 Sep 2020 12:26:40 GMT\r\nCache-Control: max-age=60\r\nVary: Accept\r\n"),
                    "{method} {header}: {heard}"
                );
            }
        }
    }
}

#[test]
fn a_resource_that_panics_or_fails_is_500_without_details_and_the_connection_goes_on() {
    let visitor = Visitor::new();
    let error = [(500, "500 Internal Server Error\n".to_owned())];
    for path in ["/panics", "/fails"] {
        assert_eq!(
            visitor.exchange(request(&format!("GET {path}"))),
            error,
            "{path}"
        );
    }
    assert_eq!(
        visitor.exchange(request("GET /")),
        [(200, "root".to_owned())]
    );
}

#[test]
fn a_site_says_in_its_own_words_what_goes_wrong() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    let secret = get(|_: Request| Response::text("secret"));
    root.put_child("guarded", Guard::bearer("realm", secret, |_| false));
    root.put_child("panics", get(|_: Request| -> Response { panic!("oh") }));
    root.put_child(
        "own",
        get(|_: Request| Response::text("own").with_status(Status::CONFLICT)),
    );
    let site = Site::new(&reactor, root).with_error_pages(|status, what| match status {
        Status::NOT_IMPLEMENTED => panic!("no words for it"),
        _ => Response::html(format!("<p>{what}")).with_header("X-Extra", "is not sent"),
    });
    let visitor = Visitor::visit(simulation, site);
    for (said, status, body, header) in [
        ("GET /nowhere", 404, "<p>Not Found", ("X-Extra", None)),
        (
            "GET /guarded",
            401,
            "<p>Unauthorized",
            ("WWW-Authenticate", Some("Bearer realm=\"realm\"")),
        ),
        (
            "POST /own",
            405,
            "<p>Method Not Allowed",
            ("Allow", Some("GET, HEAD, OPTIONS")),
        ),
        (
            "GET /panics",
            500,
            "<p>Internal Server Error",
            ("Content-Type", Some("text/html; charset=utf-8")),
        ),
        (
            "GET /own",
            409,
            "own",
            ("Content-Type", Some("text/plain; charset=utf-8")),
        ),
        ("HEAD /nowhere", 404, "", ("Content-Length", Some("12"))),
        (
            "FLY /own",
            501,
            "501 Not Implemented: no such method\n",
            ("Connection", Some("close")),
        ),
    ] {
        is_answered_with(&visitor, said, status, body, header);
    }
}

/// Says a request, and looks at the answer and at one line of its head, which may have to be absent.
#[track_caller]
fn is_answered_with(
    visitor: &Visitor,
    said: &str,
    status: u16,
    body: &str,
    (name, value): (&str, Option<&str>),
) {
    visitor.say(request(said));
    let heard = visitor.hear();
    let (head, heard_body) = heard.split_once("\r\n\r\n").expect("an answer");
    let begins = format!("HTTP/1.1 {status} ");
    assert!(head.starts_with(&begins), "{said}: {head}");
    assert_eq!(heard_body, body, "{said}");
    let prefix = format!("{name}: ");
    let found = head.lines().find_map(|line| line.strip_prefix(&prefix));
    assert_eq!(found, value, "{said}: {head}");
}

#[test]
fn a_malformed_request_is_answered_in_the_words_of_the_site() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), Tree::new())
        .with_error_pages(|status, what| Response::json(format!("{} {what}", status.code())));
    let visitor = Visitor::visit(simulation, site);
    visitor.say("GET / HTTP/1.1\r\n\r\n");
    let heard = visitor.hear();
    assert!(heard.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{heard}");
    assert!(
        heard.ends_with("\r\n\r\n400 a request of HTTP/1.1 has a Host header"),
        "{heard}"
    );
}

#[test]
fn a_header_cannot_carry_a_line_break() {
    for value in ["a%0D%0ASet-Cookie:%20x", "a%0Ab", "a%0Db", "a%00b", "a%7Fb"] {
        let heard = answer(&request(&format!("GET /injects?value={value}")));
        assert_eq!(heard.status, 500, "{value}");
        assert_eq!(heard.header("set-cookie"), None);
    }
    let heard = answer(&request("GET /injects?value=a%09b"));
    assert_eq!((heard.status, heard.header("x-value")), (200, Some("a\tb")));
}

#[test]
fn no_part_of_a_head_can_carry_a_line_break() {
    const BREAK: &str = "a\r\nSet-Cookie: x";
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |request: Request| {
        let response = Response::text("not this");
        match request.query().unwrap_or_default() {
            "name" => response.with_header(BREAK, "b"),
            "value" => response.with_header("X", BREAK),
            "type" => response.with_header("Content-Type", BREAK),
            "body" => response.with_body(BREAK, "not this"),
            _ => Response::redirect(Status::FOUND, BREAK),
        }
    });
    let visitor = Visitor::visit(simulation, site);
    for place in ["name", "value", "type", "body", "location"] {
        visitor.say(request(&format!("GET /?{place}")));
        let heard = visitor.answers().remove(0);
        assert_eq!(heard.status, 500, "{place}");
        assert_eq!(heard.body, "500 Internal Server Error\n", "{place}");
        assert_eq!(heard.header("set-cookie"), None, "{place}");
        assert_eq!(heard.header("location"), None, "{place}");
    }
    let mut response = Response::ok();
    assert!(response.headers_mut().append("X", BREAK).is_err());
    assert!(response.headers_mut().append(BREAK, "b").is_err());
    assert!(response.headers().is_empty());
}

#[test]
fn a_length_is_digits_and_a_chunk_has_a_size() {
    for length in ["0x3", "+3", "-3", "", "3, 3", "3 3", "３", "three"] {
        let said = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nabc");
        let heard = answer(&said);
        assert_eq!(heard.status, 400, "{length:?}");
        assert_eq!(heard.header("connection"), Some("close"), "{length:?}");
    }
    for size in ["0x3", "+3", "-3", "", " 3", "3 ", "3\t", "g"] {
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let heard = answer(&format!("{head}{size}\r\nabc\r\n0\r\n\r\n"));
        assert_eq!(heard.status, 400, "{size:?}");
        assert_eq!(heard.header("connection"), Some("close"), "{size:?}");
    }
}

#[test]
fn an_expectation_that_nobody_knows_is_ignored() {
    let said =
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc";
    let heard = answer(said);
    assert_eq!((heard.status, heard.body.as_str()), (200, "abc"));
}

#[test]
fn nothing_that_is_written_is_no_chunk() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        let (sink, body) = reactor::http::Body::stream();
        for written in ["", "x", "", "y"] {
            sink.write(written.as_bytes());
        }
        sink.finish();
        Response::text(body)
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    let heard = visitor.hear();
    assert!(heard.ends_with("\r\n0\r\n\r\n"), "{heard}");
    assert_eq!(heard.matches("0\r\n").count(), 1, "{heard}");
}

#[test]
fn requests_with_and_without_a_body_are_told_apart_byte_by_byte() {
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET";
    let said = format!("{post}{}", request("GET /"));
    for at_a_time in [1, said.len()] {
        let visitor = Visitor::new();
        for piece in said.as_bytes().chunks(at_a_time) {
            visitor.say(piece);
        }
        let answers = visitor.answers();
        let bodies: Vec<&str> = answers.iter().map(|answer| answer.body.as_str()).collect();
        assert_eq!(bodies, ["GET", "root"], "{at_a_time}");
    }
}

#[test]
fn a_form_that_cannot_be_read_is_the_clients_mistake() {
    let simulation = Simulation::new();
    let form = reactor::http::server::post(|request: Request| {
        let form = request.form()?;
        Ok::<_, reactor::Failure>(Response::text(format!("{} pairs", form.len())))
    });
    let visitor = Visitor::visit(simulation.clone(), Site::new(&simulation.reactor(), form));
    for (kind, status, body) in [
        ("application/x-www-form-urlencoded", 200, "1 pairs"),
        (
            "multipart/form-data; boundary=x",
            415,
            "415 Unsupported Media Type: the body has to be application/x-www-form-urlencoded\n",
        ),
    ] {
        let said = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 3\r\n\r\na=b"
        );
        assert_eq!(
            visitor.exchange(said),
            [(status, body.to_owned())],
            "{kind}"
        );
    }
}
