//! Ranges, and conditions on what the client has already.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::files::{Served, change_at, settle};

#[test]
fn ranges_are_what_was_asked_for_and_there_is() {
    let served = Served::new();
    for (range, status, body, header) in [
        ("bytes=0-4", 206, "01234", Some("bytes 0-4/10")),
        ("bytes=5-", 206, "56789", Some("bytes 5-9/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=0-99", 206, "0123456789", Some("bytes 0-9/10")),
        (
            "bytes=20-",
            416,
            "416 Range Not Satisfiable\n",
            Some("bytes */10"),
        ),
        (
            "bytes=-0",
            416,
            "416 Range Not Satisfiable\n",
            Some("bytes */10"),
        ),
        ("Bytes=0-4", 206, "01234", Some("bytes 0-4/10")),
        ("bytes=", 200, "0123456789", None),
        ("bytes=,", 200, "0123456789", None),
        ("bytes=5-2", 200, "0123456789", None),
        ("items=0-1", 200, "0123456789", None),
        ("abc", 200, "0123456789", None),
    ] {
        let heard = served.get("/ten.txt", &format!("Range: {range}\r\n"));
        assert_eq!((heard.status, heard.text()), (status, body), "{range}");
        assert_eq!(heard.header("Content-Range"), header, "{range}");
    }
    let heard = served.get("/ten.txt", "Range: bytes=0-0,-1\r\n");
    assert_eq!(heard.status, 206);
    let kind = heard.header("Content-Type").expect("a type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("parts");
    let part = |range: &str, text: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/10\r\n\r\n{text}"
        )
    };
    let expected = format!(
        "{}{}\r\n--{boundary}--\r\n",
        part("0-0", "0"),
        part("9-9", "9")
    );
    assert_eq!(heard.text(), expected);
}

#[test]
fn a_file_that_the_client_has_is_not_sent_again() {
    let served = Served::new();
    let path = served.put("page.html", b"<p>");
    settle(&path);
    let first = served.get("/page.html", "");
    let tag = first.header("ETag").expect("a tag").to_owned();
    let (before, at, after) = (
        "Sun, 13 Sep 2020 12:26:39 GMT",
        "Sun, 13 Sep 2020 12:26:40 GMT",
        "Sun, 13 Sep 2020 12:26:41 GMT",
    );
    assert_eq!(first.header("Last-Modified"), Some(at));
    for (headers, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: W/{tag}\r\n"), 304),
        (format!("If-None-Match: \"a,b\", {tag}\r\n"), 304),
        (
            format!("If-None-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"),
            304,
        ),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\n".to_owned(), 200),
        (
            format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {after}\r\n"),
            200,
        ),
        (format!("If-Modified-Since: {at}\r\n"), 304),
        (format!("If-Modified-Since: {after}\r\n"), 304),
        (format!("If-Modified-Since: {before}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Match: W/{tag}\r\n"), 412),
        ("If-Match: \"other\"\r\n".to_owned(), 412),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Unmodified-Since: {before}\r\n"), 412),
        (format!("If-Unmodified-Since: {at}\r\n"), 200),
        (
            format!("If-Match: {tag}\r\nIf-Unmodified-Since: {before}\r\n"),
            200,
        ),
        (format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n"), 206),
        (
            "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n".to_owned(),
            200,
        ),
        (format!("Range: bytes=0-0\r\nIf-Range: {at}\r\n"), 206),
        (format!("Range: bytes=0-0\r\nIf-Range: {after}\r\n"), 200),
    ] {
        let heard = served.get("/page.html", &headers);
        assert_eq!(heard.status, status, "{headers}");
        if status == 304 {
            assert_eq!(heard.body, b"");
            assert_eq!(heard.header("ETag"), Some(tag.as_str()));
            assert_eq!(heard.header("Content-Length"), None);
        }
    }
}

#[test]
fn one_state_of_a_file_is_never_taken_for_another() {
    let served = Served::new();
    let path = served.put("page", b"one");
    settle(&path);
    let one = served.get("/page", "");
    let other = served.put("other", b"two");
    settle(&other);
    fs::rename(other, &path).expect("it is moved");
    let tag = one.header("ETag").expect("a tag");
    let two = served.get("/page", &format!("Range: bytes=1-\r\nIf-Range: {tag}\r\n"));
    assert_eq!((two.status, two.text()), (200, "two"));
    assert_eq!(two.header("Last-Modified"), one.header("Last-Modified"));

    // What was changed a moment ago may be changed again in the same tick of the clock.
    served.put("page", b"one");
    let one = served.get("/page", "");
    let tag = one.header("ETag").expect("a tag");
    assert!(tag.starts_with("W/\"3-"), "{tag}");
    assert_eq!(one.header("Last-Modified"), None);
    for condition in ["If-None-Match", "Range: bytes=1-\r\nIf-Range"] {
        let again = served.get("/page", &format!("{condition}: {tag}\r\n"));
        assert_eq!((again.status, again.text()), (200, "one"), "{condition}");
    }

    // A time in the future is no time.
    change_at(&path, SystemTime::now() + Duration::from_secs(3600));
    let future = served.get("/page", "");
    assert_eq!((future.status, future.header("Last-Modified")), (200, None));
}
