//! What is a request and what is not. Everything here is said whole, byte by byte, and split in two
//! at every place, and is answered in the same way each time.

use reactor::http::{HttpLimits, Request, Response, Site, Tree, post};
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
    let site = Site::new(&simulation.reactor(), root).with_http_limits(limits.clone());
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
fn chunks_are_read() {
    let chunked = |body: &str| post_with("Transfer-Encoding: chunked\r\n", body);
    accepted(chunked("0\r\n\r\n"), "POST / \"h\" \"\" []");
    accepted(
        chunked("5\r\nhello\r\n0\r\n\r\n"),
        "POST / \"h\" \"hello\" []",
    );
    accepted(
        chunked("2\r\nhe\r\n003\r\nllo\r\n000\r\n\r\n"),
        "POST / \"h\" \"hello\" []",
    );
    accepted(
        chunked("A;a=b;c=\"d\"\r\n0123456789\r\n0;x\r\n\r\n"),
        "POST / \"h\" \"0123456789\" []",
    );
    accepted(
        chunked("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"),
        "POST / \"h\" \"x\" [(\"A\", \"b\"), (\"C\", \"\")]",
    );
    accepted(
        post_with("Transfer-Encoding: CHUNKED\r\n", "1\r\nx\r\n0\r\n\r\n"),
        "POST / \"h\" \"x\" []",
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
fn what_is_no_request_line_is_refused() {
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
fn what_is_no_header_is_refused() {
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
fn one_host_is_named_and_is_one() {
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

#[test]
fn a_body_whose_length_could_be_read_in_two_ways_is_refused() {
    for headers in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 5e0\r\n",
        "Content-Length: \r\n",
        "Content-Length: five\r\n",
        "Content-Length: \u{ff15}\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: gzip;q\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\x0c\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
    ] {
        refused(400, post_with(headers, "0\r\n\r\n"));
    }
}

#[test]
fn a_transfer_coding_that_nobody_here_knows_is_not_implemented() {
    for headers in [
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: x\r\nTransfer-encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
    ] {
        refused(501, post_with(headers, "0\r\n\r\n"));
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

#[test]
fn chunks_that_could_be_read_in_two_ways_are_refused() {
    for body in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\t;a\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5 ;a\r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;a;\r\nhello\r\n0\r\n\r\n",
        "5;=b\r\nhello\r\n0\r\n\r\n",
        "5;a=\r\nhello\r\n0\r\n\r\n",
        "5;a b\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\nA b\r\n\r\n",
        "5\r\nhello\r\n0\r\n: b\r\n\r\n",
        "5\r\nhello\r\n0\r\n A: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\0\r\n\r\n",
        "5\r\nhello\r\nG\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    ] {
        refused(400, post_with("Transfer-Encoding: chunked\r\n", body));
    }
}

#[test]
fn the_line_with_a_size_has_1024_bytes_with_its_end() {
    for (length, status) in [(1024, 200), (1025, 400)] {
        let extension = "x".repeat(length - "5;\r\n".len());
        let body = format!("5;{extension}\r\nhello\r\n0\r\n\r\n");
        let said = post_with("Transfer-Encoding: chunked\r\n", &body);
        let heard = heard(&HttpLimits::default(), &[said.as_bytes()]);
        assert_eq!((heard.len(), heard[0].0), (1, status), "{length}");
    }
}

#[test]
fn trailers_have_the_limit_of_the_headers() {
    let limits = HttpLimits {
        headers: 40,
        ..HttpLimits::default()
    };
    for (length, expected) in [(40, &[200, 200][..]), (41, &[431])] {
        for lines in [1, 2] {
            let line = "T: \r\n".len();
            let rest = "x".repeat(length - lines * line);
            let trailers = format!("{}T: {rest}\r\n", "T: \r\n".repeat(lines - 1));
            let body = format!("1\r\nx\r\n0\r\n{trailers}\r\n");
            let said = post_with("Transfer-Encoding: chunked\r\n", &body);
            let said = said + "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
            let heard = verdict_with(&limits, said.as_bytes());
            let statuses: Vec<u16> = heard.iter().map(|(status, _)| *status).collect();
            assert_eq!(statuses, expected, "{length} bytes in {lines} lines");
        }
    }
}

#[test]
fn lengths_do_not_wrap() {
    for length in [
        "18446744073709551616",
        "18446744073709551621",
        "99999999999999999999999",
    ] {
        refused(
            413,
            post_with(&format!("Content-Length: {length}\r\n"), "hello"),
        );
    }
    let said = post_with("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n");
    let said = said + &"x".repeat(2_000_000);
    let heard = heard(&HttpLimits::default(), &[said.as_bytes()]);
    assert_eq!((heard.len(), heard[0].0), (1, 413));
}

#[test]
fn limits_strike_as_soon_as_they_are_passed() {
    let limits = HttpLimits {
        request_line: 20,
        headers: 30,
        header_count: 3,
        body: 5,
        ..HttpLimits::default()
    };
    for (said, status) in [
        ("GET /?34567 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 200),
        ("GET /?345678 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 414),
        ("x".repeat(30), 414),
        (format!("GET /{}", "x".repeat(30)), 414),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nX: 56789012345678\r\n\r\n".to_owned(),
            200,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(40)),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(40)),
            431,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\n\r\n".to_owned(),
            200,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\nC:\r\n\r\n".to_owned(),
            431,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n".to_owned(),
            413,
        ),
    ] {
        let heard = verdict_with(&limits, said.as_bytes());
        assert_eq!(heard[0].0, status, "{said:?}: {heard:?}");
    }
    // Without waiting for the end of anything.
    for (said, status) in [
        ("x".repeat(30), "414"),
        (format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(40)), "431"),
        ("what is this\r\n".to_owned(), "400"),
    ] {
        let visitor = mirror(&limits);
        visitor.say(&said);
        assert!(
            visitor.hear().starts_with(&format!("HTTP/1.1 {status} ")),
            "{said:?}"
        );
    }
}

#[test]
fn the_usual_limits_hold_for_each_request_anew() {
    let head = |line: usize, headers: usize, count: usize| {
        let target = "x".repeat(line - "GET /? HTTP/1.1".len());
        let others = "A:\r\n".repeat(count - 2);
        let value = "x".repeat(headers - "Host: h\r\nX:\r\n".len() - others.len());
        format!("GET /?{target} HTTP/1.1\r\nHost: h\r\n{others}X:{value}\r\n\r\n")
    };
    let largest = head(16_384, 16_384, 500);
    for (beyond, status) in [
        (head(16_385, 16_384, 500), 414),
        (head(16_384, 16_385, 500), 431),
        (head(16_384, 16_384, 501), 431),
    ] {
        let said = [largest.clone(), largest.clone(), beyond].concat();
        for size in [1000, said.len()] {
            let pieces: Vec<&[u8]> = said.as_bytes().chunks(size).collect();
            let heard = heard(&HttpLimits::default(), &pieces);
            let statuses: Vec<u16> = heard.iter().map(|(status, _)| *status).collect();
            assert_eq!(statuses, [200, 200, status], "in pieces of {size}");
        }
    }
}

#[test]
fn what_can_be_no_request_any_more_is_told_so_without_waiting_for_the_rest() {
    for said in [
        "GET /\r\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.1\nHost: h\n\n",
        "hello\r\n",
        "\x16\x03\x01\x02",
    ] {
        let visitor = mirror(&HttpLimits::default());
        visitor.say(said);
        let answers = visitor.answers();
        assert_eq!((answers.len(), answers[0].status), (1, 400), "{said:?}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{said:?}");
        assert!(answers[0].header("content-length").is_some(), "{said:?}");
        assert!(visitor.is_closed(), "{said:?}");
    }
}

/// Numbers that look like chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn pieces<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(1 + self.below(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// A valid request, in one of the ways in which it may be written, and what it means.
fn valid(chance: &mut Chance) -> (String, String) {
    let method = chance.one_of(&["GET", "POST"]);
    let path = chance.one_of(&["/", "/a"]);
    let query = chance.one_of(&["", "?", "?q", "?a=b&c=%20"]);
    let host = chance.one_of(&["h", "example.org", "10.0.0.1:8080", "[::1]"]);
    let target = match chance.below(4) {
        0 => format!("http://{host}{path}{query}"),
        _ => format!("{path}{query}"),
    };
    let name = |chance: &mut Chance, name: &str| match chance.below(3) {
        0 => name.to_ascii_lowercase(),
        1 => name.to_ascii_uppercase(),
        _ => name.to_owned(),
    };
    let space = |chance: &mut Chance| chance.one_of(&["", " ", "\t", "  \t"]);
    let mut lines = vec![("Host", host.to_owned())];
    for n in 0..chance.below(4) {
        lines.push((
            ["X-A", "X-B", "Accept"][n.min(2)],
            chance.one_of(&["", "b", "a, b", "\u{e9}"]).to_owned(),
        ));
    }
    let body = "x".repeat(chance.below(40));
    let (mut trailers, mut sent) = ("[]", String::new());
    match chance.below(3) {
        0 => {
            lines.push(("Content-Length", body.len().to_string()));
            sent = body.clone();
        }
        1 => {
            lines.push(("Transfer-Encoding", "chunked".to_owned()));
            let mut rest = body.as_str();
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(1 + chance.below(rest.len()));
                let extension = chance.one_of(&["", ";a", ";a=\"b\""]);
                sent.push_str(&format!("{:x}{extension}\r\n{piece}\r\n", piece.len()));
                rest = left;
            }
            sent.push_str("0\r\n");
            if chance.below(2) == 0 {
                sent.push_str("T: v\r\n");
                trailers = "[(\"T\", \"v\")]";
            }
            sent.push_str("\r\n");
        }
        _ => {}
    }
    let body = if sent.is_empty() { "" } else { body.as_str() };
    let mut said = format!(
        "{}{method} {target} HTTP/1.1\r\n",
        chance.one_of(&["", "\r\n"])
    );
    let order = chance.below(lines.len());
    lines.rotate_left(order);
    for (line, value) in lines {
        let (name, before, after) = (name(chance, line), space(chance), space(chance));
        said.push_str(&format!("{name}:{before}{value}{after}\r\n"));
    }
    said.push_str("\r\n");
    said.push_str(&sent);
    (
        said,
        format!("{method} {path}{query} {host:?} {body:?} {trailers}"),
    )
}

#[test]
fn what_is_valid_is_read_as_it_was_meant_however_it_is_written_and_split() {
    for seed in 0..1500 {
        let mut chance = Chance(seed);
        let (mut said, mut meant) = (String::new(), Vec::new());
        for _ in 0..=chance.below(4) {
            let (request, means) = valid(&mut chance);
            said.push_str(&request);
            meant.push((200, means));
        }
        let pieces = chance.pieces(said.as_bytes());
        assert_eq!(
            heard(&HttpLimits::default(), &pieces),
            meant,
            "seed {seed}: {said:?}"
        );
    }
}

#[test]
fn what_is_damaged_is_judged_in_the_same_way_however_it_is_split() {
    let mut refusals = 0;
    for seed in 0..3000 {
        let mut chance = Chance(seed);
        let mut said = Vec::new();
        for _ in 0..=chance.below(2) {
            said.extend(valid(&mut chance).0.into_bytes());
        }
        for _ in 0..=chance.below(2) {
            let at = chance.below(said.len());
            match chance.below(5) {
                0 => said[at] = chance.below(256) as u8,
                1 => said.insert(at, b"\r\n\0 :,;\t0xgG/"[chance.below(13)]),
                2 => drop(said.remove(at)),
                3 => said.truncate(at.max(1)),
                _ => {
                    let line = said[at..]
                        .iter()
                        .position(|b| *b == b'\n')
                        .map_or(said.len(), |n| at + n + 1);
                    let copy = said[at..line].to_vec();
                    said.splice(at..at, copy);
                }
            }
        }
        // In words an end that came too early may be called by another name.
        let verdict = |pieces: &[&[u8]]| {
            let mut answers = heard(&HttpLimits::default(), pieces);
            let refused = answers.iter_mut().filter(|(status, _)| *status >= 400);
            refused.for_each(|(_, text)| text.clear());
            answers
        };
        let whole = verdict(&[&said]);
        let pieces = chance.pieces(&said);
        let split = verdict(&pieces);
        assert_eq!(split, whole, "seed {seed}: {}", said.escape_ascii());
        refusals += usize::from(whole.iter().any(|(status, _)| *status >= 400));
    }
    assert!(refusals > 1000, "{refusals}: damage shows");
}
