//! The head of an answer, as a client reads it.
//!
//! A client has one server before it and no other parser behind it, so it is not as strict as a
//! server: a line may end in LF alone, a header may be folded, and two equal lengths are one. An
//! answer whose end could be taken to be in two places is refused all the same.
//!
//! Source: RFC 9112, sections 4, 5.2 and 6.3.

use std::mem::MaybeUninit;
use std::time::Duration;

use httparse::Header;

use crate::http::wire::framing::Framing;
use crate::http::wire::head::ConnectionOptions;
use crate::http::wire::headers::{Headers, members};
use crate::http::wire::limits::MOST_HEADERS;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::method::Method;
use crate::http::wire::number::decimal;
use crate::http::wire::status::Status;
use crate::http::wire::version::Version;

/// A client takes heads of at most this many bytes.
pub(crate) const LONGEST_HEAD: usize = 64 << 10;

/// What an answer begins with.
#[derive(Debug)]
pub struct ResponseHead {
    pub(crate) status: Status,
    pub(crate) version: Version,
    pub(crate) headers: Headers,
    pub(crate) framing: Framing,
    /// Whether another request may be sent on the connection.
    pub(crate) persistent: bool,
    /// How long the server then waits for it, if it says so.
    pub(crate) keep_alive: Option<Duration>,
}

impl ResponseHead {
    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The version that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The header lines.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// How the end of the body behind this head is found.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether another request may be sent on the connection.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// How long the server then waits for it, if it says so.
    #[must_use]
    pub fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive
    }

    /// Takes the head of an answer to a request with `method` off the front of `data`. Returns how
    /// long it was, or nothing while its end has not come.
    ///
    /// # Errors
    ///
    /// What is wrong with the head.
    pub fn parse(data: &[u8], method: Method) -> Result<Option<(Self, usize)>, MessageError> {
        let mut space = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response_with_uninit_headers(&mut response, data, &mut space);
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if data.len() <= LONGEST_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(MessageError::bad("the head of the answer is too long"));
            }
            Err(_) => return Err(MessageError::bad("the head of the answer is malformed")),
        };
        let status = response.code.and_then(Status::new);
        let status = status.ok_or(MessageError::bad("an answer has a status of 100 to 999"))?;
        let version = match response.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        };
        let mut head = Self {
            status,
            version,
            headers: Headers::new(),
            framing: Framing::None,
            persistent: false,
            keep_alive: None,
        };
        head.read_fields(response.headers, method)?;
        Ok(Some((head, length)))
    }

    fn read_fields(&mut self, headers: &[Header<'_>], method: Method) -> Result<(), MessageError> {
        let mut connection = ConnectionOptions::default();
        let (mut length, mut chunked) = (None, false);
        for Header { name, value } in headers {
            let value = unfolded(value);
            if name.eq_ignore_ascii_case("connection") {
                connection.read(&value);
            } else if name.eq_ignore_ascii_case("keep-alive") {
                self.keep_alive = self.keep_alive.or(keep_alive(&value));
            } else if name.eq_ignore_ascii_case("content-length") {
                let this = decimal(&value);
                let this = this.ok_or(MessageError::bad("Content-Length is digits"))?;
                // Two that are the same come from broken servers, and cannot be read in two ways.
                if length.replace(this).is_some_and(|before| before != this) {
                    return Err(MessageError::bad("the answer has two lengths"));
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                // No `TE` is sent, so that a server has no reason for another coding.
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(MessageError::bad("Transfer-Encoding is chunked, once"));
                }
                chunked = true;
            }
            self.headers.append_received(name, value);
        }
        // With both, chunks win, and the connection ends: RFC 9112, section 6.1.
        let is_certain = !(chunked && length.is_some());
        self.persistent = is_certain
            && match self.version {
                Version::Http11 => !connection.closes,
                Version::Http10 => connection.keeps_alive && !connection.closes,
            };
        self.framing = match length {
            _ if method == Method::Head || self.status.has_no_body() => Framing::None,
            _ if chunked => Framing::Chunked,
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        };
        self.persistent &= self.framing != Framing::UntilClose;
        Ok(())
    }
}

/// The time in `timeout=5, max=100`, the usual form of what RFC 2068, section 19.7.1.1, has left
/// open.
fn keep_alive(value: &[u8]) -> Option<Duration> {
    let seconds = members(value).find_map(|member| {
        let (name, seconds) = member.split_at_checked("timeout=".len())?;
        name.eq_ignore_ascii_case(b"timeout=").then_some(seconds)
    })?;
    decimal(seconds).map(Duration::from_secs)
}

/// A value on one line: each line end and the white space around it become one space.
fn unfolded(value: &[u8]) -> Vec<u8> {
    if !value.contains(&b'\n') {
        return value.to_vec();
    }
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(&b' ')
}
