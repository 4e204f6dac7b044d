//! A tree of resources on a port: what its connections share, and the way from a path to a resource.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::address::Address;
use crate::http::body::budget::Budget;
use crate::http::server::access_log;
use crate::http::server::channel::HttpChannel;
use crate::http::server::function::IntoResource;
use crate::http::server::limits::HttpLimits;
use crate::http::server::request::Request;
use crate::http::server::resource::Resource;
use crate::http::server::response::Response;
use crate::http::wire::date::DateCache;
use crate::http::wire::method::Method;
use crate::http::wire::mistake::Mistake;
use crate::http::wire::request_reader::Heads;
use crate::http::wire::status::Status;
use crate::limits::Limits;
use crate::protocol::Factory;
use crate::reactor::{Reactor, WeakReactor};

/// Serves a tree of resources over HTTP. A factory, to be given to
/// [`Reactor::listen_tcp`] or to an endpoint. Clones are the same site.
///
/// ```
/// use reactor::http::{Request, Response, Site};
/// use reactor::Reactor;
///
/// let reactor = Reactor::new()?;
/// let site = Site::new(&reactor, |_: Request| Response::text("hello\n"));
/// let port = reactor.listen_tcp("127.0.0.1:0", site)?;
/// # port.stop_listening();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Site(Rc<Shared>);

/// What the connections of a site share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) reactor: WeakReactor,
    root: Rc<dyn Resource>,
    pub(crate) limits: HttpLimits,
    connection_limits: Limits,
    pub(crate) heads: Rc<Heads>,
    pub(crate) date: Rc<DateCache>,
    pub(crate) budget: Budget,
    /// Where the answers of one read are gathered.
    pub(crate) scratch: Rc<Cell<Vec<u8>>>,
    /// Whether requests are logged, if anybody reads the log.
    logs_access: bool,
    /// What is said instead of plain text where something goes wrong.
    pub(crate) error_pages: Option<Rc<ErrorPages>>,
}

pub(crate) type ErrorPages = dyn Fn(Status, &str) -> Response;

impl Site {
    /// A site whose paths begin at `root`.
    #[must_use]
    pub fn new<K>(reactor: &Reactor, root: impl IntoResource<K>) -> Self {
        Self(Rc::new(Shared {
            reactor: reactor.downgrade(),
            root: Rc::new(root.into_resource()),
            limits: HttpLimits::default(),
            connection_limits: Limits::default(),
            heads: Rc::default(),
            date: Rc::default(),
            budget: Budget::default(),
            scratch: Rc::default(),
            logs_access: true,
            error_pages: None,
        }))
    }

    /// This site, with other limits. Those of its connections' buffers are set by
    /// [`Factory::with_limits`].
    #[must_use]
    pub fn with_http_limits(mut self, limits: HttpLimits) -> Self {
        Rc::make_mut(&mut self.0).limits = limits;
        self
    }

    /// This site, which says in another way than in plain text what goes wrong: that there is nothing
    /// behind a path, that a guard lets nobody in, that a request is malformed or too long, that a
    /// resource has failed; each answer that is [`Response::error`].
    ///
    /// `page` gets the status, and what there is to say of it in a few words. Its body and the type
    /// of that are used; the status and headers such as `Allow` stay what they are.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// # use reactor::http::{Response, Site, Tree};
    /// # let reactor = Reactor::new()?;
    /// let site = Site::new(&reactor, Tree::new())
    ///     .with_error_pages(|_, what| Response::json(format!("{{\"error\": \"{what}\"}}\n")));
    /// # drop(site);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_error_pages(mut self, page: impl Fn(Status, &str) -> Response + 'static) -> Self {
        Rc::make_mut(&mut self.0).error_pages = Some(Rc::new(page));
        self
    }

    /// This site, without a line in the log for each request.
    #[must_use]
    pub fn without_access_log(mut self) -> Self {
        Rc::make_mut(&mut self.0).logs_access = false;
        self
    }
}

impl Factory for Site {
    type Protocol = HttpChannel;

    fn build_protocol(&mut self, _: &Address) -> Option<HttpChannel> {
        Some(HttpChannel::new(&self.0))
    }

    fn limits(&self) -> Limits {
        self.0.connection_limits.clone()
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("root", &self.0.root.name())
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether a line for a request is read by anybody now.
    #[inline]
    pub(crate) fn logs_access(&self) -> bool {
        self.logs_access && access_log::is_read()
    }

    /// Finds the resource that answers a request, or the answer that there is none.
    pub(crate) fn locate(&self, request: &mut Request) -> Result<Rc<dyn Resource>, Response> {
        if request.target() == "*" {
            return Err(about_everything(request.method()));
        }
        if request.method() == Method::Connect {
            return Err(Response::error(Status::NOT_IMPLEMENTED));
        }
        let (resource, below) = self.walk(request)?;
        request.set_below(below);
        let allowed = resource.methods();
        let method = request.method();
        if allowed.contains(&method) || (method == Method::Head && allowed.contains(&Method::Get)) {
            return Ok(resource);
        }
        let answer = match method {
            Method::Options => Response::ok(),
            _ => Response::error(Status::METHOD_NOT_ALLOWED),
        };
        Err(answer.with_header("Allow", list(allowed)))
    }

    /// Follows the path. Returns where it leads, and where in the path that was.
    fn walk(&self, request: &Request) -> Result<(Rc<dyn Resource>, usize), Response> {
        let nowhere = || Response::error(Status::NOT_FOUND);
        let path = request.path();
        let mut resource = Rc::clone(&self.root);
        resource.admit(request)?;
        let mut at = 0;
        while at < path.len() && !resource.is_leaf() {
            let rest = &path[at + 1..];
            let segment = first_segment(rest);
            let length = segment.len();
            if segment.is_empty() {
                if rest.is_empty() {
                    break; // the slash at the end
                }
                return Err(nowhere());
            }
            let segment = decode(segment)?;
            let Some(child) = resource.get_child(&segment, request) else {
                let fallback = resource.fallback().ok_or_else(nowhere)?;
                fallback.admit(request)?;
                return Ok((fallback, at));
            };
            resource = child;
            resource.admit(request)?;
            at += 1 + length;
        }
        if !resource.is_leaf()
            && let Some(index) = resource.index()
        {
            resource = index;
            resource.admit(request)?;
        }
        Ok((resource, at))
    }
}

/// What is before the first slash.
fn first_segment(path: &str) -> &str {
    let slash = path.bytes().position(|byte| byte == b'/');
    &path[..slash.unwrap_or(path.len())]
}

/// A segment of a path without its escapes.
fn decode(segment: &str) -> Result<Cow<'_, str>, Response> {
    if segment.bytes().all(|byte| byte != b'%') {
        return Ok(Cow::Borrowed(segment));
    }
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let wrong = |what| Response::mistake(&Mistake::bad(what));
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(wrong("% in a path is followed by two hexadecimal digits"));
    }
    percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| wrong("the escapes of a path make UTF-8"))
}

/// The answer to a request for `*`, which means the server as a whole: RFC 9110, section 9.3.7.
fn about_everything(method: Method) -> Response {
    match method {
        Method::Options => Response::ok(),
        _ => Response::error(Status::METHOD_NOT_ALLOWED).with_header("Allow", "OPTIONS"),
    }
}

fn list(methods: &[Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    if methods.contains(&Method::Get) && !methods.contains(&Method::Head) {
        names.push(Method::Head.name());
    }
    if !methods.contains(&Method::Options) {
        names.push(Method::Options.name());
    }
    names.join(", ")
}
