//! Limits, and requests that are refused before they are whole.

use reactor::http::HttpLimits;

use crate::requests::{heard, mirror, verdict_with};

#[test]
fn limits_strike_as_soon_as_they_are_passed() {
    let limits = HttpLimits::default()
        .request_line(20)
        .headers(30)
        .header_count(3)
        .body(5);
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
