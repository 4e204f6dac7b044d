//! What a client asks for.

use std::borrow::Cow;
use std::rc::Rc;

use crate::deferred::{Failure, IntoFailure, Place};
use crate::http::body::{Body, Kind};
use crate::http::client::error::RequestError;
use crate::http::client::url::Url;
use crate::http::wire::framing::Framing;
use crate::http::wire::headers::{BadHeader, Headers};
use crate::http::wire::method::Method;

/// What was asked for, and where: so that a failure can say it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) place: Place,
}

impl Asked {
    pub(crate) fn new(request: &ClientRequest, place: Place) -> Self {
        Self {
            method: request.method,
            url: request.url.clone(),
            place,
        }
    }

    /// A failure of this.
    pub(crate) fn failure(&self, failure: impl IntoFailure) -> Failure {
        let about = format_args!("{} {}", self.method, self.url);
        failure.into_failure().of_asking(about, self.place)
    }
}

/// A request that an [`Agent`](crate::http::Agent) sends.
///
/// `Host`, `Content-Length`, `Transfer-Encoding`, `Connection` and `Expect` are the agent's: lines of
/// these names that are added here are not sent.
///
/// ```
/// use reactor::http::{ClientRequest, Method, Url};
///
/// let url = Url::parse("http://127.0.0.1:8080/banner/")?;
/// let request = ClientRequest::new(Method::Post, url)
///     .with_body("application/json", r#"{"banner": "hello"}"#);
/// # drop(request);
/// # Ok::<(), reactor::http::BadUrl>(())
/// ```
#[derive(Debug)]
pub struct ClientRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) bad_header: Option<BadHeader>,
}

impl ClientRequest {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Headers::new(),
            body: Body::empty(),
            bad_header: None,
        }
    }

    /// This request, with one header line more. An invalid line makes the request fail
    /// with [`RequestError::BadRequest`] before anything is sent.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let Err(error) = self.headers.append(name, value) {
            self.bad_header = Some(error);
        }
        self
    }

    /// This request, with another body of the given type. An empty type says nothing of it.
    #[must_use]
    pub fn with_body(
        mut self,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Body>,
    ) -> Self {
        self.body = body.into();
        // Replaced, not added: two types of one body would be read in two ways.
        self.headers.remove("content-type");
        match content_type.into() {
            none if none.is_empty() => self,
            content_type => self.with_header("Content-Type", content_type),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The value of the first header line of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The header lines.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Whether the request can be sent.
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        if let Some(bad_header) = &self.bad_header {
            return Err(RequestError::BadRequest(bad_header.to_string()));
        }
        if self.method == Method::Connect {
            return Err(RequestError::BadRequest(
                "CONNECT is for proxies".to_owned(),
            ));
        }
        Ok(())
    }

    /// A second request like this one, where the body is in memory.
    pub(crate) fn again(&mut self) -> Option<Self> {
        // An own body becomes a shared one, which costs a copy once.
        if let Kind::Owned(bytes) = &mut self.body.0 {
            self.body = Body(Kind::Shared(Rc::from(std::mem::take(bytes))));
        }
        let body = match &self.body.0 {
            Kind::Empty => Kind::Empty,
            Kind::Static(bytes) => Kind::Static(bytes),
            Kind::Shared(bytes) => Kind::Shared(Rc::clone(bytes)),
            Kind::Owned(_) | Kind::Chunks(_) | Kind::Stream(_) => return None,
        };
        Some(Self {
            method: self.method,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Body(body),
            bad_header: None,
        })
    }

    /// Whether sending it twice does no harm, though the server may have seen it.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.framing() == Framing::None && self.method.is_idempotent()
    }

    /// How the body goes out.
    pub(crate) fn framing(&self) -> Framing {
        match self.body.length() {
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        }
    }

    /// The head as bytes.
    pub(crate) fn head(&self) -> Vec<u8> {
        let (method, target) = (self.method, self.url.target());
        let host = self.url.host_and_port();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_ours(name)) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        match self.framing() {
            Framing::Length(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            // Where a body is usual, its absence is said: RFC 9110, section 8.6.
            Framing::None | Framing::UntilClose => {
                if matches!(self.method, Method::Post | Method::Put | Method::Patch) {
                    head.push_str("Content-Length: 0\r\n");
                }
            }
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

fn is_ours(name: &str) -> bool {
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
    ]
    .iter()
    .any(|ours| name.eq_ignore_ascii_case(ours))
}
