//! An answer as its client sees it.

use std::rc::Rc;

use crate::deferred::Deferred;
use crate::http::body::incoming::BodyStream;
use crate::http::client::error::UnexpectedStatus;
use crate::http::client::request::Asked;
use crate::http::client::url::Url;
use crate::http::wire::framing::Framing;
use crate::http::wire::head::response::ResponseHead;
use crate::http::wire::headers::Headers;
use crate::http::wire::status::Status;
use crate::http::wire::version::Version;

/// At most this much of the body of an unexpected answer is kept.
const MOST_OF_AN_ERROR: usize = 1 << 10;

/// An answer whose head has come. Its body may still be on its way.
///
/// One that is dropped before its body has come aborts the connection.
#[derive(Debug)]
pub struct ClientResponse {
    head: ResponseHead,
    asked: Rc<Asked>,
    stream: BodyStream,
    body_limit: usize,
}

impl ClientResponse {
    pub(crate) fn new(
        head: ResponseHead,
        asked: Rc<Asked>,
        stream: BodyStream,
        body_limit: usize,
    ) -> Self {
        Self {
            head,
            asked,
            stream,
            body_limit,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.head.status
    }

    /// The version that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The value of the first header line of this name. What is not UTF-8 in it is U+FFFD;
    /// [`headers`](Self::headers) has the bytes, with [`Headers::get_bytes`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }

    /// All header lines.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Where the answer came from, behind all redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.asked.url
    }

    /// How long the body is, where the server says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self.head.framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Whether nothing but the end of the connection says that the body is whole, so that one
    /// which was cut off looks the same.
    #[must_use]
    pub fn may_be_cut_off(&self) -> bool {
        self.head.framing == Framing::UntilClose
    }

    /// The body as it comes.
    #[must_use]
    pub fn into_stream(self) -> BodyStream {
        self.stream
    }

    /// All of the body, up to the limit of the agent. Fails with
    /// [`BodyTooLong`](crate::http::BodyTooLong) when there is more, and with
    /// [`RequestError`](crate::http::RequestError) when it does not come whole. Cancelling it aborts
    /// the connection.
    #[must_use = "the result is lost with the Deferred"]
    pub fn read_body(self) -> Deferred<Vec<u8>> {
        let asked = self.asked;
        self.stream
            .collect(self.body_limit)
            .add_errback(move |failure| Err(asked.failure(failure)))
    }

    /// The answer itself if its status is 2xx; otherwise a failure with [`UnexpectedStatus`].
    #[must_use = "the result is lost with the Deferred"]
    pub fn expect_success(self) -> Deferred<Self> {
        if self.status().is_success() {
            return Deferred::succeed(self);
        }
        let (status, asked) = (self.status(), self.asked);
        self.stream
            .beginning(MOST_OF_AN_ERROR)
            .add_callback(move |body| {
                let body = String::from_utf8_lossy(&body).into_owned();
                Deferred::fail(asked.failure(UnexpectedStatus { status, body }))
            })
    }
}
