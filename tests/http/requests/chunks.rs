//! Bodies: lengths, chunks and trailers.

use reactor::http::HttpLimits;

use crate::requests::{accepted, heard, post_with, refused, verdict_with};

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
    let limits = HttpLimits::default().headers(40);
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
