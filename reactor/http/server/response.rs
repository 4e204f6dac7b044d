//! An answer: a status, header lines and a body.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::fmt;

use crate::deferred::Failure;
use crate::http::body::Body;
use crate::http::wire::headers::{BadHeader, Headers};
use crate::http::wire::message_error::MessageError;
use crate::http::wire::status::Status;

/// What a [`Resource`](crate::http::Resource) answers.
///
/// `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are added when it is sent, as
/// the body and the request need them.
///
/// ```
/// use reactor::http::{Response, Status};
///
/// let hello = Response::text("hello\n");
/// let nowhere = Response::text("no such user\n").with_status(Status::NOT_FOUND);
/// let elsewhere = Response::redirect(Status::SEE_OTHER, "/users/");
/// # drop((hello, nowhere, elsewhere));
/// ```
#[derive(Debug, Default)]
pub struct Response {
    pub(crate) status: StatusOrOk,
    pub(crate) headers: Headers,
    /// What was wrong with a header that could not be added.
    pub(crate) bad_header: Option<Box<BadHeader>>,
    pub(crate) body: Body,
    /// What went wrong, where the body says just that, so that a site may say it in its own way.
    pub(crate) problem: Option<&'static str>,
}

/// A status which is 200 by default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusOrOk(pub(crate) Status);

impl Default for StatusOrOk {
    fn default() -> Self {
        Self(Status::OK)
    }
}

impl Response {
    /// `200 OK` without a body.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    /// A status without a body.
    #[must_use]
    pub fn empty(status: Status) -> Self {
        Self::ok().with_status(status)
    }

    /// Plain text in UTF-8.
    #[must_use]
    pub fn text(text: impl Into<Body>) -> Self {
        Self::of_type("text/plain; charset=utf-8", text.into())
    }

    /// A page in UTF-8.
    #[must_use]
    pub fn html(page: impl Into<Body>) -> Self {
        Self::of_type("text/html; charset=utf-8", page.into())
    }

    /// JSON, which was made by whatever library made it.
    #[must_use]
    pub fn json(json: impl Into<Body>) -> Self {
        Self::of_type("application/json", json.into())
    }

    /// A body of a type that is known to be one.
    #[inline]
    fn of_type(content_type: &'static str, body: Body) -> Self {
        Self {
            status: StatusOrOk(Status::OK),
            headers: Headers::of_type(content_type),
            bad_header: None,
            body,
            problem: None,
        }
    }

    /// The answer is at `location`, a URL or a path. Which of the statuses 301, 302, 303, 307 and
    /// 308 says whether for good, and with which method: RFC 9110, section 15.4.
    #[must_use]
    pub fn redirect(status: Status, location: impl Into<Cow<'static, str>>) -> Self {
        Self::empty(status).with_header("Location", location)
    }

    /// The status in words, as plain text or as the site has it
    /// ([`Site::with_error_pages`](crate::http::Site::with_error_pages)): what one answers when there
    /// is nothing else to say.
    #[must_use]
    pub fn error(status: Status) -> Self {
        let mut response = Self::text(format!("{status}\n")).with_status(status);
        response.problem = Some(status.reason());
        response
    }

    /// A status and what was expected, as [`error`](Self::error) says it.
    pub(crate) fn mistake(mistake: &MessageError) -> Self {
        let status = mistake.status();
        let mut response = Self::text(format!("{status}: {mistake}\n")).with_status(status);
        response.problem = Some(mistake.what());
        response
    }

    /// Whether it goes out as it is: it can be sent, and does not stand for an error page.
    #[inline]
    pub(crate) fn is_as_meant(&self) -> bool {
        self.bad_header.is_none() && self.problem.is_none() && !self.status.0.is_informational()
    }

    /// This answer, with another status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = StatusOrOk(status);
        self
    }

    /// This answer, with another body of the given type. An empty type says nothing of it.
    #[must_use]
    pub fn with_body(
        mut self,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Body>,
    ) -> Self {
        self.body = body.into();
        self.problem = None;
        self.with_header("Content-Type", content_type)
    }

    /// This answer, with one header line more. `Content-Type` is replaced.
    ///
    /// A line that cannot be sent, because its name or its value is invalid, turns the whole answer into
    /// a 500 with a line in the log, since no part of it can be trusted. To see the error, add it to [`headers_mut`](Self::headers_mut).
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (name, value) = (name.into(), value.into());
        let result = if name.eq_ignore_ascii_case("content-type") {
            self.headers.set_content_type(value)
        } else {
            self.headers.append(name, value)
        };
        if let Err(error) = result {
            self.bad_header = Some(Box::new(error));
        }
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.0
    }

    /// The type of the body, or nothing.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }

    /// The value of the first header line of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The header lines, with `Content-Type` and without those that are added when it is sent.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The header lines, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }
}

/// A response that is the answer instead of what would have come, by way of an error.
struct Early(Cell<Option<Response>>);

/// `?` in a function that returns a `Result<Response, Failure>` answers with the response, wherever it
/// comes up to the site: in that function, or in a Deferred or a future that it returned.
///
/// ```
/// use reactor::Failure;
/// use reactor::http::{Request, Response, Status};
///
/// fn double(request: Request) -> Result<Response, Failure> {
///     let text = request.query().unwrap_or_default();
///     let number: u32 = text.parse().map_err(|error| {
///         Response::text(format!("{error}\n")).with_status(Status::BAD_REQUEST)
///     })?;
///     Ok(Response::text(format!("{}\n", number * 2)))
/// }
/// # let _ = double;
/// ```
impl From<Response> for Failure {
    #[track_caller]
    fn from(response: Response) -> Self {
        Self::new(Early(Cell::new(Some(response))))
    }
}

impl Response {
    /// The response that a failure carries, if it does and it was not taken yet.
    pub(crate) fn of_failure(failure: &Failure) -> Option<Self> {
        failure.check::<Early>()?.0.take()
    }
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Early")
    }
}

impl fmt::Display for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a response was to be the answer")
    }
}

impl Error for Early {}
