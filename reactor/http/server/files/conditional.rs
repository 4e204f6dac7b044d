//! Whether a client has what it asks for already.
//!
//! Source: RFC 9110, section 13.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::http::server::request::Request;
use crate::http::server::response::Response;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;

/// By what a client knows one state of something from another.
///
/// ```
/// use reactor::http::{Request, Response, Validators};
///
/// fn page(request: Request) -> Response {
///     let validators = Validators::new()
///         .with_etag("\"v7\"")
///         .with_header("Cache-Control", "max-age=60");
///     match validators.check(&request) {
///         Err(answer) => answer, // 304, or 412
///         Ok(()) => validators.add_to(Response::text("the seventh version\n")),
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<String>,
    /// In whole seconds, as a header has it.
    modified: Option<SystemTime>,
    /// What both answers say besides.
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

/// The end of the year 9999, behind which no header line can say a time.
const LAST_SECOND: u64 = 253_402_300_799;

impl Validators {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a tag that changes whenever the thing does: `"…"`, or `W/"…"` where two states with the
    /// same tag are alike, but not the same to the byte.
    #[must_use]
    pub fn with_etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// With the time of the last change.
    #[must_use]
    pub fn with_modified(mut self, modified: SystemTime) -> Self {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs().min(LAST_SECOND);
        self.modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        self
    }

    /// With a header line that says how the thing is kept, and which the 304 has as the 200 does:
    /// `Cache-Control`, `Content-Location`, `Expires` or `Vary` (RFC 9110, section 15.4.5). A client
    /// would go on with what it was told by an older 200 otherwise.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether the request wants the thing in this state.
    ///
    /// # Errors
    ///
    /// The answer where it does not: 304 for a client that has it already, and 412 for one that
    /// wants another state of it.
    pub fn check(&self, request: &Request) -> Result<(), Response> {
        let failed = || Err(Response::error(Status::PRECONDITION_FAILED));
        let reads = matches!(request.method(), Method::Get | Method::Head);
        // In the order of RFC 9110, section 13.2.2: a tag goes before a time, which is only as good as
        // a second.
        if let Some(tags) = list(request, "if-match") {
            if !self.matches(&tags, is_same) {
                return failed();
            }
        } else if let Some(time) = date(request, "if-unmodified-since")
            && self.modified.is_some_and(|modified| modified > time)
        {
            return failed();
        }
        if let Some(tags) = list(request, "if-none-match") {
            if self.matches(&tags, is_alike) {
                return if reads {
                    Err(self.not_modified())
                } else {
                    failed()
                };
            }
        } else if reads
            && let Some(time) = date(request, "if-modified-since")
            && self.modified.is_some_and(|modified| modified <= time)
        {
            return Err(self.not_modified());
        }
        Ok(())
    }

    /// Whether a part of the thing is of use to a client that has another part.
    pub(crate) fn allows_range(&self, request: &Request) -> bool {
        let Some(condition) = request.header("if-range") else {
            return true;
        };
        // A weak tag never matches here: parts of two states that are only alike make no whole.
        if condition.starts_with('"') || condition.starts_with("W/") {
            return self
                .etag
                .as_deref()
                .is_some_and(|etag| is_same(etag, condition));
        }
        let time = httpdate::parse_http_date(condition).ok();
        time.is_some() && time == self.modified
    }

    /// The answer, with the header lines that say which state this is, and how it is kept.
    #[must_use]
    pub fn add_to(&self, mut response: Response) -> Response {
        if let Some(etag) = &self.etag {
            response = response.with_header("ETag", etag.clone());
        }
        if let Some(modified) = self.modified {
            response = response.with_header("Last-Modified", httpdate::fmt_http_date(modified));
        }
        for (name, value) in &self.headers {
            response = response.with_header(name.clone(), value.clone());
        }
        response
    }

    fn not_modified(&self) -> Response {
        self.add_to(Response::empty(Status::NOT_MODIFIED))
    }

    /// Whether one of the tags of a list is this one's. An asterisk is every tag.
    fn matches(&self, tags: &[String], compare: fn(&str, &str) -> bool) -> bool {
        tags.iter()
            .any(|tag| tag == "*" || self.etag.as_deref().is_some_and(|etag| compare(etag, tag)))
    }
}

/// The same to the byte: neither tag is weak.
fn is_same(one: &str, other: &str) -> bool {
    one == other && !one.starts_with("W/")
}

/// Alike, whether to the byte or not.
fn is_alike(one: &str, other: &str) -> bool {
    one.trim_start_matches("W/") == other.trim_start_matches("W/")
}

/// The tags of all header lines of this name. A comma may be part of a tag.
fn list(request: &Request, name: &str) -> Option<Vec<String>> {
    let mut values = request.headers().get_all_bytes(name).peekable();
    values.peek()?;
    let mut tags = Vec::new();
    for value in values {
        let (mut tag, mut quoted) = (String::new(), false);
        for character in String::from_utf8_lossy(value).chars() {
            match character {
                ',' if !quoted => tags.push(std::mem::take(&mut tag)),
                _ => {
                    quoted ^= character == '"';
                    tag.push(character);
                }
            }
        }
        tags.push(tag);
    }
    tags.iter_mut().for_each(|tag| *tag = tag.trim().to_owned());
    Some(tags)
}

/// A header with a date. One that cannot be parsed is ignored.
fn date(request: &Request, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(request.header(name)?).ok()
}
