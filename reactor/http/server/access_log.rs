//! One line for each request, in the combined format of Apache.
//!
//! ```text
//! 127.0.0.1 - - [22/Nov/2026:23:55:30 +0000] "GET /users/ HTTP/1.1" 200 21 "-" "curl/8.5.0"
//! ```
//!
//! The lines go to the target `reactor::access` at the level `info`, each when its answer is written
//! or broken off; of an answer that is larger than what the client takes at once, and of each while the loop
//! stops, when it is known how that has ended. The status is that of the answer that was begun, and `-` where there
//! was none. The bytes are those of the body that were handed to the connection. Behind an answer that is not whole
//! it is said why:
//!
//! ```text
//! 127.0.0.1 - - [22/Nov/2026:23:55:30 +0000] "GET /slow HTTP/1.1" - - "-" "-" broken off: the peer closed the connection
//! ```

use std::time::SystemTime;

use crate::address::Address;
use crate::driver::WallClock;
use crate::http::wire::head::RequestHead;
use crate::http::wire::status::Status;

const TARGET: &str = "reactor::access";

/// What a line says of a request, taken down before the request goes to its resource.
#[derive(Debug)]
pub(crate) struct Entry {
    host: String,
    request_line: String,
    referer: String,
    user_agent: String,
    /// The status of the answer, once there is one.
    pub(crate) status: Option<Status>,
}

/// Whether anybody reads the lines.
pub(crate) fn is_read() -> bool {
    log::log_enabled!(target: TARGET, log::Level::Info)
}

impl Entry {
    pub(crate) fn new(peer: &Address, head: &RequestHead) -> Self {
        Self {
            host: host(peer),
            request_line: escape(head.request_line()),
            referer: header(head, "referer"),
            user_agent: header(head, "user-agent"),
            status: None,
        }
    }

    /// For a request that could not be parsed, of which a first line came.
    pub(crate) fn unparsed(peer: &Address, line: &[u8]) -> Self {
        let line = if line.is_empty() { b"-" } else { line };
        Self {
            host: host(peer),
            request_line: escape(line),
            referer: "-".to_owned(),
            user_agent: "-".to_owned(),
            status: None,
        }
    }

    /// Writes the line, with the time by `wall_clock`. `bytes` are those of the body that were written, and `broken_off` says why
    /// these are not all.
    pub(crate) fn write(&self, wall_clock: &WallClock, bytes: u64, broken_off: Option<&str>) {
        let Self {
            host,
            request_line,
            referer,
            user_agent,
            status,
        } = self;
        let number_or_dash = |number: u64| match number {
            0 => "-".to_owned(),
            number => number.to_string(),
        };
        let code = number_or_dash(status.map_or(0, |status| u64::from(status.code())));
        let bytes = number_or_dash(bytes);
        let end = broken_off.map_or_else(String::new, |why| {
            format!(" broken off: {}", escape(why.as_bytes()))
        });
        // The wall's clock, which people compare with other logs; once a request that is logged.
        let time = time(wall_clock());
        log::info!(
            target: TARGET,
            "{host} - - [{time}] \"{request_line}\" {code} {bytes} \"{referer}\" \"{user_agent}\"{end}"
        );
    }
}

fn host(peer: &Address) -> String {
    let host = peer.socket_addr();
    host.map_or_else(|| peer.to_string(), |address| address.ip().to_string())
}

fn header(head: &RequestHead, name: &str) -> String {
    let mut fields = head.fields();
    let found = fields.find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map_or_else(|| "-".to_owned(), |(_, value)| escape(value))
}

/// What could end a field or a line, or move a terminal's cursor, is written as `\xNN`.
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
