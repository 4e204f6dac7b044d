//! What an answer has to be: a status line, three or four fields in any order, the body; every byte
//! is known but those of the date.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use comparison::Result;

use crate::routes::Route;

/// How far a date may be from the time, since it is renewed once a second and cut to seconds.
const TOLERANCE: Duration = Duration::from_millis(2500);

/// An answer that was right. All others to the same request differ from it in the date only.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    date: Range<usize>,
}

impl Answer {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether other bytes are this answer, at whatever time.
    pub(super) fn is(&self, other: &[u8]) -> bool {
        let Range { start, end } = self.date;
        other.len() == self.bytes.len()
            && other[..start] == self.bytes[..start]
            && other[end..] == self.bytes[end..]
    }

    /// Looks at the first answer among some bytes; `None` while it is not complete.
    pub(super) fn check(bytes: &[u8], route: Route, closes: bool) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head) = response.parse(bytes)? else {
            return Ok(None);
        };
        let wrong = |what: &str| {
            let text = String::from_utf8_lossy(bytes);
            Err(format!("wrong {what} in the answer to {}:\n{text}", route.path()).into())
        };
        if (response.version, response.code, response.reason) != (Some(1), Some(200), Some("OK")) {
            return wrong("status line");
        }
        let date = match response.headers.iter().find(|field| is_date(field)) {
            Some(field) if is_now(field.value) => range_in(bytes, field.value),
            _ => return wrong("date"),
        };
        if !fields_are_right(response.headers, route, closes) {
            return wrong("fields");
        }
        let end = head + body(route).len();
        match bytes.get(head..end) {
            None if body(route).as_bytes().starts_with(&bytes[head..]) => Ok(None),
            Some(own) if own == body(route).as_bytes() => Ok(Some(Self {
                bytes: bytes[..end].to_vec(),
                date,
            })),
            _ => wrong("body"),
        }
    }
}

/// Written down once more, for the servers have theirs from `routes`.
fn content_type(route: Route) -> &'static str {
    match route {
        Route::Plaintext => "text/plain; charset=utf-8",
        Route::Users => "application/json",
    }
}

fn body(route: Route) -> &'static str {
    match route {
        Route::Plaintext => "Hello, World!",
        Route::Users => "{\n    \"users\": 3\n}\n",
    }
}

/// All fields but the date, each once and none else.
fn fields_are_right(fields: &[httparse::Header<'_>], route: Route, closes: bool) -> bool {
    let length = body(route).len().to_string();
    let mut expected = vec![
        ("content-length", length.as_str()),
        ("content-type", content_type(route)),
    ];
    if closes {
        expected.push(("connection", "close"));
    }
    let others: Vec<_> = fields.iter().filter(|field| !is_date(field)).collect();
    let is_there = |(name, value): &(&str, &str)| {
        let is_it = |field: &&httparse::Header<'_>| {
            field.name.eq_ignore_ascii_case(name) && field.value == value.as_bytes()
        };
        others.iter().copied().any(|field| is_it(&field))
    };
    others.len() == expected.len() && expected.iter().all(is_there)
}

fn is_date(field: &httparse::Header<'_>) -> bool {
    field.name.eq_ignore_ascii_case("date")
}

fn is_now(date: &[u8]) -> bool {
    let text = std::str::from_utf8(date).unwrap_or_default();
    let Ok(date) = httpdate::parse_http_date(text) else {
        return false;
    };
    let now = SystemTime::now();
    let difference = now
        .duration_since(date)
        .or_else(|_| date.duration_since(now));
    difference.is_ok_and(|difference| difference < TOLERANCE)
}

/// Where a part lies in the whole.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::Answer;
    use crate::routes::Route;

    fn answer(fields: &str, body: &str) -> Vec<u8> {
        let date = httpdate::fmt_http_date(SystemTime::now());
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\n{fields}\r\n{body}").into_bytes()
    }

    fn is_right(bytes: &[u8]) -> bool {
        Answer::check(bytes, Route::Plaintext, false).is_ok_and(|answer| answer.is_some())
    }

    const FIELDS: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n";

    #[test]
    fn an_answer_is_right_in_every_byte_or_wrong() {
        assert!(is_right(&answer(FIELDS, "Hello, World!")));
        assert!(!is_right(&answer(FIELDS, "Hello, World?")));
        assert!(!is_right(&answer(
            "Content-Length: 13\r\n",
            "Hello, World!"
        )));
        let more = format!("{FIELDS}Server: a\r\n");
        assert!(!is_right(&answer(&more, "Hello, World!")));
        let twice = "Content-Length: 13\r\nContent-Length: 13\r\n";
        assert!(!is_right(&answer(twice, "Hello, World!")));
    }

    #[test]
    fn an_answer_that_is_not_complete_is_waited_for() {
        let whole = answer(FIELDS, "Hello, World!");
        for length in 0..whole.len() {
            let answer = Answer::check(&whole[..length], Route::Plaintext, false);
            assert!(matches!(answer, Ok(None)), "at {length}");
        }
    }

    #[test]
    fn an_old_date_is_wrong() {
        let whole = format!(
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{FIELDS}\r\nHello, World!"
        );
        assert!(!is_right(whole.as_bytes()));
    }

    #[test]
    fn the_same_answer_at_another_time_is_the_same() {
        let whole = answer(FIELDS, "Hello, World!");
        let Ok(Some(answer)) = Answer::check(&whole, Route::Plaintext, false) else {
            panic!("the answer is right");
        };
        let mut later = whole.clone();
        later[30] ^= 1;
        assert!(answer.is(&later));
        later[5] ^= 1;
        assert!(!answer.is(&later));
    }
}
