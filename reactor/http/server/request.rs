//! A request as its resource sees it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::address::Address;
use crate::http::body::budget::{Budget, Share};
use crate::http::body::incoming::BodyStream;
use crate::http::server::forwarded::Origin;
use crate::http::server::header_lines::HeaderLines;
use crate::http::wire::chunked::trailers;
use crate::http::wire::head::RequestHead;
use crate::http::wire::method::Method;
use crate::http::wire::request_reader::Heads;
use crate::http::wire::version::Version;
use crate::proxy_protocol::Proxied;
use crate::transport::Transport;

/// A request, which belongs to whoever answers it: it may be moved into a callback or an `async`
/// block, and outlive its connection.
pub struct Request {
    /// `None` once the head was given back, which is when the request is dropped.
    head: Option<Box<RequestHead>>,
    heads: Rc<Heads>,
    method: Method,
    transport: Transport,
    /// Where, in the target, the part of the path begins that lies below its resource.
    below: usize,
    body: Vec<u8>,
    /// What the body has of the memory that a site gives to all bodies.
    share: Option<Share>,
    parameters: RefCell<Vec<(&'static str, String)>>,
    rest: Option<Box<Rest>>,
}

/// What few requests have.
#[derive(Default)]
struct Rest {
    stream: Option<BodyStream>,
    trailers: Vec<u8>,
    origin: Option<Box<Origin>>,
}

impl Request {
    pub(crate) fn new(
        head: Box<RequestHead>,
        method: Method,
        heads: &Rc<Heads>,
        transport: &Transport,
    ) -> Self {
        Self {
            head: Some(head),
            heads: Rc::clone(heads),
            method,
            transport: transport.clone(),
            below: 0,
            body: Vec::new(),
            share: None,
            parameters: RefCell::default(),
            rest: None,
        }
    }

    #[inline]
    pub(crate) fn head(&self) -> &RequestHead {
        self.head
            .as_deref()
            .expect("a head is given back when its request is dropped")
    }

    /// The method. A resource that answers `GET` sees `HEAD` too; the body is left away for it.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head().version
    }

    /// The path, still in its escapes, and the query behind it.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head().target()
    }

    /// The path, still in its escapes.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head().path_and_query().0
    }

    /// What is left of the path below the resource that answers: for a leaf at `/files`, a request
    /// for `/files/a/b` has `/a/b` left, and one for `/files` nothing. Still in its escapes.
    #[must_use]
    pub fn path_below(&self) -> &str {
        self.path().get(self.below..).unwrap_or_default()
    }

    pub(crate) fn set_below(&mut self, below: usize) {
        self.below = below;
    }

    /// The query, still in its escapes: what is behind the first question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head().path_and_query().1.strip_prefix('?')
    }

    /// The names and values of the query, with `+` and escapes decoded, in their order.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.query().unwrap_or_default().as_bytes())
    }

    /// The first value that the query has for this name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// The part of the path that a resource on the way has given this name to; see
    /// [`Tree::put_parameter`](crate::http::Tree::put_parameter). Escapes are decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let parameters = self.parameters.borrow();
        // From the end: the deepest resource on the way wins.
        let found = parameters.iter().rev().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.clone())
    }

    /// Gives a part of the path a name. Called by a [`Resource::get_child`](crate::http::Resource::get_child) that takes any segment.
    pub fn set_parameter(&self, name: &'static str, value: impl Into<String>) {
        self.parameters.borrow_mut().push((name, value.into()));
    }

    /// The value of the first header line of this name, if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    /// The header lines.
    #[must_use]
    pub fn headers(&self) -> HeaderLines<'_> {
        HeaderLines(self.head())
    }

    /// The host that the request is for, and perhaps a port. There always is one, except in HTTP/1.0. Behind
    /// [trusted proxies](crate::http::Site::with_trusted_proxies) it is that which the client has asked for.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let forwarded = self.origin().and_then(|origin| origin.host.as_deref());
        forwarded.or_else(|| self.head().host())
    }

    /// How the client has sent the request to the first of [trusted proxies](crate::http::Site::with_trusted_proxies): `http` or `https`. `None` where no
    /// such proxy says it.
    #[must_use]
    pub fn scheme(&self) -> Option<&'static str> {
        self.origin()?.scheme
    }

    /// The type of the body, without its parameters, or nothing.
    #[must_use]
    pub fn content_type(&self) -> &str {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }

    /// The body, where it is kept in memory.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes the body out. From then on it does not count among the
    /// [bodies](crate::http::HttpLimits::bodies) of the site.
    #[must_use]
    pub fn take_body(&mut self) -> Vec<u8> {
        // What its consumer takes out is the consumer's memory, of which nothing is known here.
        self.share = None;
        std::mem::take(&mut self.body)
    }

    /// Appends to the body, which gets at most `limit` bytes, unless all bodies of the site would
    /// then have more than `most`. Returns whether it did.
    pub(crate) fn push_body(
        &mut self,
        bytes: &[u8],
        limit: u64,
        budget: &Budget,
        most: u64,
    ) -> bool {
        // Only a request with a body has a share, and it gives it back when it is dropped, wherever it
        // is by then.
        let share = self.share.get_or_insert_with(|| budget.share());
        if !share.grow(bytes.len(), most) {
            return false;
        }
        let (length, room) = (self.body.len(), self.body.capacity());
        if room - length < bytes.len() {
            // Twice as much, as usual, but no more than may come.
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let room = room.saturating_mul(2).min(limit).max(length + bytes.len());
            self.body.reserve_exact(room - length);
        }
        self.body.extend_from_slice(bytes);
        true
    }

    pub(crate) fn body_length(&self) -> u64 {
        self.body.len() as u64
    }

    /// Takes out the body of a resource that asked for it as it comes; see
    /// [`Resource::intake`](crate::http::Resource::intake). It is there once.
    #[must_use]
    pub fn take_stream(&mut self) -> Option<BodyStream> {
        self.rest.as_mut()?.stream.take()
    }

    pub(crate) fn set_stream(&mut self, stream: BodyStream) {
        self.rest.get_or_insert_default().stream = Some(stream);
    }

    /// The names and values of a form in the body, as browsers send it, in their order.
    ///
    /// # Errors
    ///
    /// The body is not of the type `application/x-www-form-urlencoded`.
    pub fn form(&self) -> Result<Vec<(String, String)>, NotAForm> {
        if !self.content_type().eq_ignore_ascii_case(NotAForm::EXPECTED) {
            return Err(NotAForm {
                content_type: self.content_type().to_owned(),
            });
        }
        Ok(form_urlencoded::parse(&self.body).into_owned().collect())
    }

    /// Names and values of the lines behind a chunked body that was kept in memory.
    #[must_use]
    pub fn trailers(&self) -> Vec<(String, String)> {
        let rest = self.rest.as_ref();
        rest.map_or_else(Vec::new, |rest| trailers(&rest.trailers))
    }

    pub(crate) fn set_trailers(&mut self, lines: Vec<u8>) {
        if !lines.is_empty() {
            self.rest.get_or_insert_default().trailers = lines;
        }
    }

    pub(crate) fn set_origin(&mut self, origin: Box<Origin>) {
        self.rest.get_or_insert_default().origin = Some(origin);
    }

    fn origin(&self) -> Option<&Origin> {
        self.rest.as_ref()?.origin.as_deref()
    }

    /// The address of the client: the peer's, or, behind [trusted proxies](crate::http::Site::with_trusted_proxies), that which they name. Its
    /// port is zero where they name none.
    #[must_use]
    pub fn client_addr(&self) -> &Address {
        let forwarded = self.origin().and_then(|origin| origin.client.as_ref());
        forwarded.unwrap_or_else(|| self.peer_addr())
    }

    /// The proxy that passes the connection on by the [PROXY protocol](crate::proxy_protocol), if one does.
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.transport.proxied()
    }

    /// The address of the connection's peer: the client, or a proxy that does not speak the
    /// [PROXY protocol](crate::proxy_protocol).
    #[must_use]
    pub fn peer_addr(&self) -> &Address {
        self.transport.peer_addr()
    }

    /// Where the request came in.
    #[must_use]
    pub fn local_addr(&self) -> &Address {
        self.transport.local_addr()
    }

    /// What TLS has agreed on with the client, and its certificate, if it was asked for one. `None` in the
    /// clear, which it also is between this server and a proxy that speaks TLS for it.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn tls(&self) -> Option<std::rc::Rc<crate::tls::TlsInfo>> {
        self.transport.tls()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(head) = self.head.take() {
            self.heads.put(head);
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.target())
    }
}

/// A body is not a form as browsers send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAForm {
    content_type: String,
}

impl NotAForm {
    const EXPECTED: &'static str = "application/x-www-form-urlencoded";
}

impl fmt::Display for NotAForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, found) = (Self::EXPECTED, &self.content_type);
        write!(f, "the body has to be {expected}, and is {found:?}")
    }
}

impl std::error::Error for NotAForm {}
