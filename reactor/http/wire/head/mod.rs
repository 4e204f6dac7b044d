//! The head of a request: its bytes as they came, and where in them everything is.
//!
//! `httparse` finds the lines; this file holds them to the rules under which no two parsers can
//! read the same bytes in different ways (RFC 9112, sections 2, 3, 6 and 11):
//!
//! - Lines end in CRLF, and no header is folded.
//! - One `Host`, which is a host. One `Content-Length` or one `Transfer-Encoding`, never both; the
//!   first is digits and nothing else, the other is `chunked` and nothing else; another coding is
//!   understood to be one, and not implemented.
//! - The target is a path, a URL, or, for `OPTIONS`, an asterisk.
//!
//! This folder is the one place that knows `httparse`.

pub(crate) mod response;

use std::mem::MaybeUninit;

use httparse::Header;

use crate::http::wire::framing::{BodyFields, Framing};
use crate::http::wire::headers::members;
use crate::http::wire::host::{is_host, split};
use crate::http::wire::limits::{HeadLimits, MOST_HEADERS};
use crate::http::wire::message_error::MessageError;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;
use crate::http::wire::version::Version;

/// Where something is in the bytes of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    from: u32,
    to: u32,
}

impl Span {
    /// Where `part` is in `whole`, of which it is a part.
    fn of(part: &[u8], whole: &[u8]) -> Self {
        let from = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize) as u32;
        Self {
            from,
            to: from + part.len() as u32,
        }
    }

    pub(crate) fn of_bytes(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.from as usize..self.to as usize]
    }
}

/// The head of a request. One may be used again for many requests, so that their heads cost no
/// allocation.
#[derive(Debug, Default)]
pub struct RequestHead {
    pub(crate) bytes: Vec<u8>,
    fields: Vec<(Span, Span)>,
    method: Option<Method>,
    /// The target without scheme and host: a path and perhaps a query, or an asterisk.
    target: String,
    /// How much of it is the path.
    path_length: usize,
    host: Option<Span>,
    /// A host that was found to be one. The next request mostly is for the same.
    known_host: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
    /// Whether the sender means to send more requests on this connection.
    pub(crate) persistent: bool,
    /// Whether the body is held back until it is asked for.
    pub(crate) expects_continue: bool,
}

impl RequestHead {
    /// The version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// How the end of the body behind this head is found.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client means to send more requests on this connection.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Whether the client holds the body back until it is asked for it, with `100 Continue`.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// The method, or nothing for one that is not known.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        self.method
    }

    /// The target without scheme and host: a path and perhaps a query, or an asterisk.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, and the question mark and the query behind it, if there are any.
    #[must_use]
    pub fn path_and_query(&self) -> (&str, &str) {
        self.target.split_at(self.path_length)
    }

    /// The host that the request is for, and perhaps a port. There is one, except in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.map(|host| text(host.of_bytes(&self.bytes)))
    }

    /// The request line, without its end.
    #[must_use]
    pub fn request_line(&self) -> &[u8] {
        request_line(&self.bytes)
    }

    /// Names and values of the header lines.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| {
            (
                text(name.of_bytes(&self.bytes)),
                value.of_bytes(&self.bytes),
            )
        })
    }

    /// Takes the head off the front of `data`. Returns how long it was, or nothing while its end
    /// has not come.
    ///
    /// # Errors
    ///
    /// What is wrong with the head, as far as it has come. The head means nothing then.
    pub fn parse(
        &mut self,
        data: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, MessageError> {
        // Not initialized: clearing 16 KiB for each head would be work for nothing.
        let mut space = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
        let space = &mut space[..limits.header_count.min(MOST_HEADERS)];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(data, space) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            // Which version it is shows when the line is whole.
            Err(httparse::Error::Version) if !data.contains(&b'\n') => return Ok(None),
            Err(httparse::Error::Version) => return self.parse_later_version(data, limits),
            Err(error) => return Err(mistake(error, data)),
        };
        let data = &data[..length];
        let (name, target) = (
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default(),
        );
        let request_line = name.len() + " ".len() + target.len() + " HTTP/1.1".len();
        // What `httparse` takes and others do not: a line that ends in LF alone is where request
        // smuggling begins.
        check_line_end(&data[request_line..])?;
        // The last line is empty, so these two bytes are all of it, or an LF behind an LF.
        check_line_end(&data[length - 2..])?;
        check_lengths(request_line, length, limits)?;
        // Copied, because the buffer that was read into serves the next connection.
        self.bytes.clear();
        self.bytes.extend_from_slice(data);
        self.method = Method::from_name(name);
        self.version = match request.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        };
        self.read_fields(request.headers, data)?;
        self.read_target(target, data)?;
        Ok(Some(length))
    }

    /// A later HTTP/1 is read as the latest that is known: RFC 9110, section 2.5.
    #[cold]
    fn parse_later_version(
        &mut self,
        data: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, MessageError> {
        let minor = match version(data) {
            Some((b'1', minor, at)) if minor > b'1' => at,
            _ => return Err(mistake(httparse::Error::Version, data)),
        };
        let mut known = data.to_vec();
        known[minor] = b'1';
        let length = self.parse(&known, limits)?;
        if length.is_some() {
            self.bytes[minor] = data[minor]; // the log has what was said
        }
        Ok(length)
    }

    fn read_fields(&mut self, headers: &[Header<'_>], data: &[u8]) -> Result<(), MessageError> {
        self.fields.clear();
        (self.host, self.expects_continue) = (None, false);
        let mut framing = BodyFields::default();
        let mut connection = ConnectionOptions::default();
        for Header { name, value } in headers {
            let (name, value) = (name.as_bytes(), *value);
            // Places and not slices, so that the head owns its bytes and can move to a consumer.
            let (name_span, value_span) = (Span::of(name, data), Span::of(value, data));
            check_line_end(&data[value_span.to as usize..])?;
            self.fields.push((name_span, value_span));
            // By length first: most lines are none of these, and that shows in one comparison.
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => {
                    if self.host.replace(value_span).is_some() {
                        return Err(MessageError::bad("a request has one Host header"));
                    }
                    self.check_host(value)?;
                }
                6 if name.eq_ignore_ascii_case(b"expect") => {
                    self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                }
                10 if name.eq_ignore_ascii_case(b"connection") => connection.read(value),
                14 if name.eq_ignore_ascii_case(b"content-length") => framing.length(value)?,
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => framing.encoding(value)?,
                _ => {}
            }
        }
        self.framing = framing.framing()?;
        if self.version == Version::Http10 {
            if self.framing == Framing::Chunked {
                return Err(MessageError::bad("HTTP/1.0 has no Transfer-Encoding"));
            }
            // RFC 9110, section 10.1.1, has a server ignore it in HTTP/1.0.
            self.expects_continue = false;
        } else if self.host.is_none() {
            return Err(MessageError::bad("a request of HTTP/1.1 has a Host header"));
        }
        self.persistent = self.version == Version::Http11 && !connection.closes;
        Ok(())
    }

    fn check_host(&mut self, host: &[u8]) -> Result<(), MessageError> {
        // A client says the same host in each request of a connection, and that was checked.
        if host == self.known_host && !host.is_empty() {
            return Ok(());
        }
        if !is_host(host) {
            return Err(MessageError::bad("Host is a host and perhaps a port"));
        }
        self.known_host.clear();
        self.known_host.extend_from_slice(host);
        Ok(())
    }

    fn read_target(&mut self, target: &str, data: &[u8]) -> Result<(), MessageError> {
        self.target.clear();
        match target.as_bytes() {
            [b'/', ..] => self.target.push_str(target),
            // For methods other than OPTIONS an asterisk is a path to nowhere.
            [b'*'] => self.target.push_str(target),
            _ if self.method == Some(Method::Connect) => self.target.push_str(target),
            _ => self.read_absolute_target(target, data)?,
        }
        self.path_length = path_length(&self.target)?;
        Ok(())
    }

    /// A URL as a target: RFC 9112, section 3.2.2. Its host has to be that of the `Host` header, in
    /// which the port of the scheme may be left out or not.
    fn read_absolute_target(&mut self, target: &str, data: &[u8]) -> Result<(), MessageError> {
        let wrong = MessageError::bad("the target of a request is a path or a URL");
        let (scheme, rest) = target.split_once("://").ok_or(wrong)?;
        let known = [("http", "80"), ("https", "443")];
        let mut known = known.into_iter();
        let (_, usual_port) = known
            .find(|(known, _)| scheme.eq_ignore_ascii_case(known))
            .ok_or(wrong)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if !is_host(host.as_bytes()) {
            return Err(wrong);
        }
        let differs = |other: Span| !is_same_host(other.of_bytes(data), host, usual_port);
        // RFC 9112, section 3.2.2, has the target win. A proxy that does not, and a server that does,
        // would see two hosts.
        if self.host.is_some_and(differs) {
            return Err(MessageError::bad(
                "the target's host is that of the Host header",
            ));
        }
        self.host = Some(Span::of(host.as_bytes(), data));
        if !path.starts_with('/') {
            self.target.push('/');
        }
        self.target.push_str(path);
        Ok(())
    }
}

/// What is before the first end of a line.
pub(crate) fn request_line(head: &[u8]) -> &[u8] {
    let end = head.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    &head[..end.unwrap_or(head.len())]
}

/// How much of a target is the path. One walk, as each byte of each request comes by here.
fn path_length(target: &str) -> Result<usize, MessageError> {
    let bytes = target.as_bytes();
    let mut length = None;
    let mut all = 0;
    for (index, byte) in bytes.iter().enumerate() {
        all |= byte;
        match byte {
            b'?' if length.is_none() => length = Some(index),
            b'#' => return Err(MessageError::bad("the target of a request has no fragment")),
            _ => {}
        }
    }
    if !all.is_ascii() {
        return Err(NOT_ASCII);
    }
    Ok(length.unwrap_or(bytes.len()))
}

/// Most servers take such bytes, each as what it likes: two that do would not agree on a path.
const NOT_ASCII: MessageError =
    MessageError::bad("the target of a request is ASCII; other characters are percent-encoded");

/// What `Connection` lists.
#[derive(Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) closes: bool,
    pub(crate) keeps_alive: bool,
}

impl ConnectionOptions {
    pub(crate) fn read(&mut self, value: &[u8]) {
        for member in members(value) {
            self.closes |= member.eq_ignore_ascii_case(b"close");
            self.keeps_alive |= member.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// The limits are looked at when the head is whole, because it came in one piece mostly. Those of
/// a head that is not are the reader's.
fn check_lengths(
    request_line: usize,
    head: usize,
    limits: &HeadLimits,
) -> Result<(), MessageError> {
    if request_line > limits.request_line {
        return Err(too_long_line());
    }
    if head - request_line > limits.headers.saturating_add("\r\n\r\n".len()) {
        return Err(too_long_headers());
    }
    Ok(())
}

pub(crate) fn too_long_line() -> MessageError {
    MessageError::new(Status::URI_TOO_LONG, "the request line is too long")
}

pub(crate) fn too_long_headers() -> MessageError {
    let status = Status::REQUEST_HEADER_FIELDS_TOO_LARGE;
    MessageError::new(status, "the headers are too long")
}

fn mistake(error: httparse::Error, data: &[u8]) -> MessageError {
    match error {
        httparse::Error::HeaderName => MessageError::bad("a header is a name, a colon and a value"),
        httparse::Error::HeaderValue => {
            MessageError::bad("a header's value has a control character")
        }
        httparse::Error::TooManyHeaders => MessageError::new(
            Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "there are too many headers",
        ),
        httparse::Error::Version if version(data).is_some_and(|v| v.0 != b'1') => {
            MessageError::new(
                Status::HTTP_VERSION_NOT_SUPPORTED,
                "this server speaks HTTP/1.1 and HTTP/1.0",
            )
        }
        httparse::Error::Token if !request_line(data).is_ascii() => NOT_ASCII,
        httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::Version => {
            MessageError::bad("a request begins with a line like GET / HTTP/1.1")
        }
    }
}

/// The digits of the version, and where the second one is, if the request line is one.
fn version(data: &[u8]) -> Option<(u8, u8, usize)> {
    let line = data.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (_, target, version) = (words.next()?, words.next()?, words.next()?);
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            let is_line = !target.is_empty() && words.next().is_none();
            is_line.then_some((*major, *minor, line.len() - 1))
        }
        _ => None,
    }
}

/// Whether two authorities are the same, where the usual port may be said or not.
fn is_same_host(one: &[u8], other: &str, usual_port: &str) -> bool {
    let parts = |text| {
        let (host, port) = split(text);
        (
            host,
            port.filter(|port| !port.is_empty() && *port != usual_port.as_bytes()),
        )
    };
    let ((one, port), (other, other_port)) = (parts(one), parts(other.as_bytes()));
    one.eq_ignore_ascii_case(other) && port == other_port
}

/// Whether what is left of a line is white space and CRLF. `httparse` takes a CR only before an LF,
/// but also an LF alone.
#[inline]
fn check_line_end(rest: &[u8]) -> Result<(), MessageError> {
    let end = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    if end == Some(&b'\r') {
        Ok(())
    } else {
        Err(MessageError::bad("each line of a head ends in CR and LF"))
    }
}

/// What `httparse` and the rules here have found to be ASCII.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
