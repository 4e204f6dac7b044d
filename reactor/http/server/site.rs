//! A tree of resources on a port: the factory of its connections.

use std::fmt;
use std::rc::Rc;

use crate::address::Address;
use crate::factory::Factory;
use crate::http::body::budget::Budget;
use crate::http::server::channel::HttpChannel;
use crate::http::server::function::IntoResource;
use crate::http::server::limits::HttpLimits;
use crate::http::server::response::Response;
use crate::http::server::shared::SiteState;
use crate::http::wire::status::Status;
use crate::limits::Limits;
use crate::reactor::Reactor;

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
pub struct Site(Rc<SiteState>);

impl Site {
    /// A site whose paths begin at `root`.
    #[must_use]
    pub fn new<K>(reactor: &Reactor, root: impl IntoResource<K>) -> Self {
        Self(Rc::new(SiteState {
            reactor: reactor.downgrade(),
            root: Rc::new(root.into_resource()),
            limits: HttpLimits::default(),
            connection_limits: Limits::default(),
            heads: Rc::default(),
            date: Rc::default(),
            wall_clock: reactor.0.wall_clock(),
            budget: Budget::default(),
            scratch: Rc::default(),
            logs_access: true,
            error_pages: None,
        }))
    }

    /// This site, with other limits for requests and answers.
    #[must_use]
    pub fn with_limits(mut self, limits: HttpLimits) -> Self {
        Rc::make_mut(&mut self.0).limits = limits;
        self
    }

    /// This site, with other limits for the buffers of its connections: what
    /// [`Factory::with_limits`] is for other factories.
    #[must_use]
    pub fn with_connection_limits(mut self, limits: Limits) -> Self {
        Rc::make_mut(&mut self.0).connection_limits = limits;
        self
    }

    /// This site, which says in another way than in plain text what goes wrong: that there is nothing
    /// behind a path, that a guard refuses, that a request is malformed or too long, that a
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
        // A clone that serves already keeps what it has.
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
