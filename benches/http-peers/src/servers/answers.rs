//! The answers of the servers that have no framework: bytes made beforehand, in which only the date
//! changes, once a second.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::routes::{HELLO, Route, users};

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// The body of `/users/` around the number.
const USERS: (&[u8], &[u8]) = (b"{\n    \"users\": ", b"\n}\n");

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) path: &'a [u8],
    /// Whether the connection is to be closed after the answer.
    pub(super) closes: bool,
}

/// Answers that are ready but for what differs from request to request.
pub(super) struct Answers {
    second: u64,
    kept: Pages,
    closed: Pages,
}

/// The answers on connections that are all kept, or all closed.
struct Pages {
    /// The whole answer.
    plaintext: Prepared,
    /// The answer up to its content length.
    users: Prepared,
}

/// Bytes that begin with a head whose first field is the date.
struct Prepared(Vec<u8>);

impl Answers {
    pub(super) fn new() -> Self {
        let mut answers = Self {
            second: 0,
            kept: Pages::new(""),
            closed: Pages::new("connection: close\r\n"),
        };
        answers.renew_date();
        answers
    }

    /// Reads the clock, and renews the dates when the second has changed. Once a turn of the loop
    /// is often enough.
    pub(super) fn renew_date(&mut self) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second {
            self.second = second;
            let date = httpdate::fmt_http_date(now);
            for pages in [&mut self.kept, &mut self.closed] {
                pages.plaintext.set_date(&date);
                pages.users.set_date(&date);
            }
        }
    }

    /// Appends the answer to a request.
    #[inline]
    pub(super) fn write(&self, request: Request<'_>, output: &mut Vec<u8>) {
        let pages = if request.closes {
            &self.closed
        } else {
            &self.kept
        };
        if request.path == Route::Plaintext.path().as_bytes() {
            output.extend_from_slice(&pages.plaintext.0);
        } else if request.path == Route::Users.path().as_bytes() {
            pages.write_users(output);
        } else {
            output.extend_from_slice(NOT_FOUND);
        }
    }
}

impl Pages {
    fn new(connection: &str) -> Self {
        let mut plaintext = Prepared::new(Route::Plaintext, connection);
        let body = format!("{}\r\n\r\n{HELLO}", HELLO.len());
        plaintext.0.extend_from_slice(body.as_bytes());
        Self {
            plaintext,
            users: Prepared::new(Route::Users, connection),
        }
    }

    fn write_users(&self, output: &mut Vec<u8>) {
        let (mut number, mut length) = ([0; 20], [0; 20]);
        let number = decimal(users(), &mut number);
        let length = decimal(
            (USERS.0.len() + number.len() + USERS.1.len()) as u64,
            &mut length,
        );
        for part in [&self.users.0, length, b"\r\n\r\n", USERS.0, number, USERS.1] {
            output.extend_from_slice(part);
        }
    }
}

impl Prepared {
    /// Where the date is; every date is as long as `Sun, 06 Nov 1994 08:49:37 GMT`.
    const DATE: Range<usize> = 23..52;

    /// A head up to its content length.
    fn new(route: Route, connection: &str) -> Self {
        let no_date = " ".repeat(Self::DATE.len());
        let content_type = route.content_type();
        let head = format!(
            "HTTP/1.1 200 OK\r\ndate: {no_date}\r\n{connection}content-type: {content_type}\r\ncontent-length: "
        );
        Self(head.into_bytes())
    }

    fn set_date(&mut self, date: &str) {
        self.0[Self::DATE].copy_from_slice(date.as_bytes());
    }
}

/// A number in decimal digits, at the end of a buffer that any number fits.
#[inline]
pub(super) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_have_no_leading_zeros() {
        let mut digits = [0; 20];
        for number in [0, 7, 10, 205, u64::MAX] {
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }
}
