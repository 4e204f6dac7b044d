//! What is a request and what is not. Everything here is said whole, byte by byte, and split in two
//! at every place, and is answered in the same way each time.

mod chunks;
mod limits;
mod random;

use reactor::http::server::post;
use reactor::http::{HttpLimits, Request, Response, Site, Tree};
use reactor::testing::Simulation;

use crate::visitor::{Visitor, parse};

/// Answers with everything that it was asked.
fn mirror(limits: &HttpLimits) -> Visitor {
    let simulation = Simulation::new();
    let root = Tree::new();
    let show = |mut request: Request| {
        let body = request.take_body();
        let text = String::from_utf8_lossy(&body).into_owned();
        Response::text(format!(
            "{} {} {:?} {text:?} {:?}",
            request.method(),
            request.target(),
            request.host().unwrap_or_default(),
            request.trailers()
        ))
    };
    root.put_child("", post(show).on(reactor::http::Method::Get, show));
    root.put_child("a", post(show).on(reactor::http::Method::Get, show));
    let site = Site::new(&simulation.reactor(), root).with_limits(limits.clone());
    Visitor::visit(simulation, site)
}

/// What is heard when the bytes are said in these pieces and then nothing more.
fn heard(limits: &HttpLimits, pieces: &[&[u8]]) -> Vec<(u16, String)> {
    let visitor = mirror(limits);
    for piece in pieces {
        visitor.peer.write(piece);
        visitor.wait(0.001);
    }
    visitor.peer.shut_write();
    visitor.wait(5.0);
    let text = visitor.hear();
    assert!(visitor.is_closed());
    let answers = parse(&text).unwrap_or_else(|| panic!("whole answers: {text:?}"));
    answers.into_iter().map(|a| (a.status, a.body)).collect()
}

/// What is heard wherever the bytes are split, which is always the same.
fn verdict_with(limits: &HttpLimits, said: &[u8]) -> Vec<(u16, String)> {
    let whole = heard(limits, &[said]);
    let bytes: Vec<&[u8]> = said.chunks(1).collect();
    assert_eq!(heard(limits, &bytes), whole, "{}", said.escape_ascii());
    for at in 1..said.len() {
        let (one, other) = said.split_at(at);
        assert_eq!(
            heard(limits, &[one, other]),
            whole,
            "{} at {at}",
            said.escape_ascii()
        );
    }
    whole
}

fn verdict(said: impl AsRef<[u8]>) -> Vec<(u16, String)> {
    verdict_with(&HttpLimits::default(), said.as_ref())
}

/// That the bytes are refused with this status, and nothing behind them is answered.
fn refused(status: u16, said: impl AsRef<[u8]>) {
    let said = said.as_ref();
    let heard = verdict([said, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
    let statuses: Vec<u16> = heard.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [status], "{}: {heard:?}", said.escape_ascii());
    // The client need not go for it: the connection ends, and the answer says so.
    let visitor = mirror(&HttpLimits::default());
    visitor.say([said, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
    let answers = visitor.answers();
    assert_eq!((answers.len(), answers[0].status), (1, status));
    assert_eq!(answers[0].header("connection"), Some("close"));
    assert!(visitor.is_closed(), "{}", said.escape_ascii());
}

fn accepted(said: impl AsRef<[u8]>, expected: &str) {
    let said = said.as_ref();
    let heard = verdict([said, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
    let expected = [
        (200, expected.to_owned()),
        (200, "GET /a \"h\" \"\" []".to_owned()),
    ];
    assert_eq!(heard, expected, "{}", said.escape_ascii());
}

/// A request with these header lines, and what is behind them.
fn get(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\n{headers}\r\n")
}

fn post_with(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{headers}\r\n{body}")
}

#[test]
fn requests_are_read() {
    accepted(get("Host: h\r\n"), "GET / \"h\" \"\" []");
    accepted(format!("\r\n{}", get("Host: h\r\n")), "GET / \"h\" \"\" []");
    accepted(
        get("hOsT:h\r\nEmpty:\r\nSpaces: \t a b \t \r\n"),
        "GET / \"h\" \"\" []",
    );
    accepted(
        get("Host: [::1]:80\r\nX: \u{e9}\r\n"),
        "GET / \"[::1]:80\" \"\" []",
    );
    accepted(
        "GET /?a=b?c HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /?a=b?c \"h\" \"\" []",
    );
    accepted(
        "GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a \"h\" \"\" []",
    );
    accepted(
        "GET HTTP://H?x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /?x \"H\" \"\" []",
    );
    accepted(
        get("Host: h\r\nContent-Length: 5\r\n") + "hello",
        "GET / \"h\" \"hello\" []",
    );
    accepted(
        post_with("Content-Length: 0\r\n", ""),
        "POST / \"h\" \"\" []",
    );
    accepted(
        post_with("Content-Length: 005\r\n", "hello"),
        "POST / \"h\" \"hello\" []",
    );
    accepted(
        post_with("Expect: 200-ok\r\nContent-Length: 1\r\n", "x"),
        "POST / \"h\" \"x\" []",
    );
    let five_hundred: String = (0..499).map(|n| format!("X{n}: y\r\n")).collect();
    assert_eq!(
        heard(
            &HttpLimits::default(),
            &[get(&format!("Host: h\r\n{five_hundred}")).as_bytes()]
        )[0]
        .0,
        200
    );
}

#[test]
fn http_1_0_is_read_and_is_the_last_request() {
    for said in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let heard = verdict([said, "GET /a HTTP/1.0\r\n\r\n"].concat());
        assert_eq!((heard.len(), heard[0].0), (1, 200), "{said:?}");
    }
    refused(
        400,
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    refused(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
}

#[test]
fn an_invalid_request_line_is_refused() {
    for said in [
        "GET /\r\n\r\n",
        "GET / \r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1\r\nHost: h\r\n\r\n",
        "GET / HTP/1.1\r\nHost: h\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http:/h HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /?a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\r\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "\r\n: \r\n\r\n",
        "hello\r\n\r\n",
    ] {
        refused(400, said);
    }
    refused(501, "FROB / HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n");
    refused(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

#[test]
fn lines_end_in_crlf_and_in_nothing_else() {
    for said in [
        "GET / HTTP/1.1\nHost: h\n\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.1\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\n",
        "GET / HTTP/1.1\r\nHost: h \n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX:\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
    ] {
        refused(400, said);
    }
}

#[test]
fn an_invalid_header_is_refused() {
    for headers in [
        "Host : h\r\n",
        "Host: h\r\nX y\r\n",
        "Host: h\r\n: y\r\n",
        "Host: h\r\nX\r\n",
        "Host: h\r\n X: y\r\n",
        " Host: h\r\n",
        "Host: h\r\nX: a\r\n b\r\n",
        "Host: h\r\nX: a\r\n\tb\r\n",
        "Host: h\r\nX\0: y\r\n",
        "Host: h\r\nX: a\0b\r\n",
        "Host: h\r\nX: \x01\r\n",
        "Host: h\r\nX: \x7f\r\n",
        "Host: h\r\nX\u{e9}: y\r\n",
        "Host: h\r\nX(: y\r\n",
        "Host: h\r\nContent-Length : 5\r\n",
        "Host: h\r\nTransfer-Encoding : chunked\r\n",
        "Host: h\r\nTransfer-Encoding\t: chunked\r\n",
        "Host: h\r\n\x0bTransfer-Encoding: chunked\r\n",
    ] {
        refused(400, get(headers));
    }
}

#[test]
fn a_request_names_exactly_one_valid_host() {
    for headers in [
        "",
        "X: y\r\n",
        "Host: h\r\nHost: h\r\n",
        "Host: h\r\nhost: i\r\n",
        "Host:\r\n",
        "Host: h, i\r\n",
        "Host: user@h\r\n",
        "Host: h:8x\r\n",
        "Host: h:99999\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: h?x\r\n",
        "Host: h/x\r\n",
        "Host: h#x\r\n",
        "Host: h\\x\r\n",
        "Host: http://h\r\n",
        "Host: h i\r\n",
        "Host: \u{e9}\r\n",
        "Host: h%\r\n",
    ] {
        refused(400, get(headers));
    }
}

/// RFC 9110, section 2.5: a minor version is of one that can be read.
#[test]
fn a_later_http_1_is_read_as_http_1_1() {
    for minor in 2..=9 {
        accepted(
            format!("GET /a HTTP/1.{minor}\r\nHost: h\r\n\r\n"),
            "GET /a \"h\" \"\" []",
        );
    }
    refused(400, "GET / HTTP/1.2\r\n\r\n");
    refused(400, "GET / HTTP/1.2\nHost: h\n\n");
    refused(400, "GET / HTTP/1.10\r\nHost: h\r\n\r\n");
}

/// RFC 9110, section 4.2.3.
#[test]
fn the_usual_port_of_a_target_may_be_said_or_not() {
    for (target, host) in [
        ("http://h:80/a", "h"),
        ("http://h/a", "h:80"),
        ("http://h:/a", "h:80"),
        ("https://h:443/a", "H"),
        ("http://[::1]:80/a", "[::1]"),
    ] {
        let said = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let heard = verdict(&said);
        assert_eq!(heard[0].0, 200, "{target}: {heard:?}");
    }
    for (target, host) in [
        ("http://h:81/a", "h"),
        ("https://h:80/a", "h"),
        ("http://h:443/a", "h"),
    ] {
        refused(
            400,
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        );
    }
}

#[test]
fn a_target_that_is_not_ascii_is_told_so() {
    for target in [&b"/\xc3\xa9"[..], b"/\xe9"] {
        let heard = verdict([b"GET ", target, b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
        assert_eq!(heard[0].0, 400);
        assert!(heard[0].1.contains("percent-encoded"), "{heard:?}");
    }
}
