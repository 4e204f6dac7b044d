//! The head of an answer as bytes, and how the body behind it is framed.
//!
//! ```text
//!                        HTTP/1.1            HTTP/1.0             HEAD      1xx, 204, 304
//!   length is known      Content-Length      Content-Length       as GET    nothing
//!   it is not            chunked             until the end        nothing   nothing
//! ```
//!
//! Source: RFC 9112, sections 4, 6 and 9; RFC 9110, section 8.6.

use crate::http::server::date::DateLine;
use crate::http::server::response::Response;
use crate::http::wire::framing::Framing;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;
use crate::http::wire::version::Version;

/// What an answer has to know of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// Whether more requests may follow on the connection.
    pub(crate) persistent: bool,
}

impl Meta {
    /// Of a request that could not be parsed.
    pub(crate) const fn unparsed() -> Self {
        Self {
            method: Method::Get,
            version: Version::Http11,
            persistent: false,
        }
    }

    /// How a body of this length, if that is known, goes out with this status, and whether its end
    /// is that of the connection.
    #[inline]
    pub(crate) fn framing(self, status: Status, length: Option<u64>) -> Framing {
        if self.method == Method::Head || status.has_no_body() {
            return Framing::None;
        }
        match length {
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None if self.version == Version::Http11 => Framing::Chunked,
            None => Framing::UntilClose,
        }
    }

    /// Appends the status line, the header lines and the empty line behind them.
    pub(crate) fn write_head(
        self,
        response: &Response,
        framing: Framing,
        date: &DateLine<'_>,
        out: &mut Vec<u8>,
    ) {
        // Once, not for each line; the buffer is kept, so that it mostly does nothing.
        out.reserve(USUAL_HEAD);
        // Most answers begin so: two lines are one copy.
        if self.version == Version::Http11 && response.status.0 == Status::OK {
            out.extend_from_slice(date.behind_ok());
        } else {
            write_status_line(self.version, response.status.0, out);
            out.extend_from_slice(date.line());
        }
        let content_type = response.headers.content_type();
        if !content_type.is_empty() {
            write_line(b"Content-Type: ", content_type.as_bytes(), out);
        }
        for (name, value) in response.headers.others().filter(|(name, _)| !is_ours(name)) {
            out.extend_from_slice(name.as_bytes());
            write_line(b": ", value.as_bytes(), out);
        }
        match framing {
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::Length(length) => write_length(length, out),
            // No body follows, but its length is said: of what is empty, and of what `GET` would get.
            Framing::None => {
                if let Some(length) = response.body.length()
                    && !response.status.0.has_no_body()
                {
                    write_length(length, out);
                }
            }
            Framing::UntilClose => {}
        }
        if !self.persistent {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Header lines that say what only the connection knows.
fn is_ours(name: &str) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case("date"),
        10 => name.eq_ignore_ascii_case("connection"),
        14 => name.eq_ignore_ascii_case("content-length"),
        17 => name.eq_ignore_ascii_case("transfer-encoding"),
        _ => false,
    }
}

/// Room for a head with few header lines.
const USUAL_HEAD: usize = 256;

#[cold]
fn write_status_line(version: Version, status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(version.name().as_bytes());
    let code = status.code();
    let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + digit as u8);
    // The space behind the digits is there even where no reason follows: RFC 9112, section 4.
    out.extend_from_slice(&[b' ', digits[0], digits[1], digits[2], b' ']);
    write_line(b"", status.reason().as_bytes(), out);
}

#[inline]
fn write_line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn write_length(mut length: u64, out: &mut Vec<u8>) {
    // Filled from the right, so that the digits and the end of the line are one copy.
    let mut line = *b"00000000000000000000\r\n";
    let mut start = line.len() - 2;
    loop {
        start -= 1;
        line[start] = b'0' + (length % 10) as u8;
        length /= 10;
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(&line[start..]);
}
