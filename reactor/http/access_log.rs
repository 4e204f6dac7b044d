//! One line for each request, in the combined format of Apache.
//!
//! ```text
//! 127.0.0.1 - - [22/Nov/2026:23:55:30 +0000] "GET /users/ HTTP/1.1" 200 21 "-" "curl/8.5.0"
//! ```
//!
//! The lines go to the target `reactor::access` at the level `info`.

use std::time::SystemTime;

use crate::http::head::Head;
use crate::http::request::Request;
use crate::http::status::Status;

const TARGET: &str = "reactor::access";

/// What a line says of a request, taken down before the request goes to its resource.
#[derive(Debug)]
pub(crate) struct Entry {
    host: String,
    request_line: String,
    referer: String,
    user_agent: String,
    /// The status of the answer.
    pub(crate) status: Status,
}

/// Whether anybody reads the lines.
pub(crate) fn is_read() -> bool {
    log::log_enabled!(target: TARGET, log::Level::Info)
}

impl Entry {
    pub(crate) fn new(request: &Request) -> Self {
        let peer = request.peer_addr();
        let host = peer.socket_addr();
        Self {
            host: host.map_or_else(|| peer.to_string(), |address| address.ip().to_string()),
            request_line: escape(request.head().request_line()),
            referer: header(request.head(), "referer"),
            user_agent: header(request.head(), "user-agent"),
            status: Status::OK,
        }
    }

    /// Of a request that was none.
    pub(crate) fn of_nothing(peer: &crate::address::Address) -> Self {
        let host = peer.socket_addr();
        Self {
            host: host.map_or_else(|| peer.to_string(), |address| address.ip().to_string()),
            request_line: "-".to_owned(),
            referer: "-".to_owned(),
            user_agent: "-".to_owned(),
            status: Status::OK,
        }
    }

    /// Writes the line. `bytes` are those of the body that were sent.
    pub(crate) fn write(&self, bytes: u64) {
        let Self {
            host,
            request_line,
            referer,
            user_agent,
            status,
        } = self;
        let code = status.code();
        let bytes = if bytes == 0 {
            "-".to_owned()
        } else {
            bytes.to_string()
        };
        let time = time(SystemTime::now());
        log::info!(
            target: TARGET,
            "{host} - - [{time}] \"{request_line}\" {code} {bytes} \"{referer}\" \"{user_agent}\""
        );
    }
}

fn header(head: &Head, name: &str) -> String {
    let mut fields = head.fields();
    let found = fields.find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map_or_else(|| "-".to_owned(), |(_, value)| escape(value))
}

/// What could end a field or a line, or move somebody's cursor, is written as `\xNN`.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// `22/Nov/2026:23:55:30 +0000`, made of `Sun, 22 Nov 2026 23:55:30 GMT`.
fn time(now: SystemTime) -> String {
    let date = httpdate::fmt_http_date(now);
    let mut words = date.split(' ').skip(1);
    let mut word = || words.next().unwrap_or_default();
    let (day, month, year, clock) = (word(), word(), word(), word());
    format!("{day}/{month}/{year}:{clock} +0000")
}
