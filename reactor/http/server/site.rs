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
use crate::network::Network;
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
            trusted_proxies: None,
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

    /// This site, behind proxies in these networks: of a request from one of them, the client, the scheme and the host are
    /// those that it writes into `Forwarded` (RFC 7239), or into `X-Forwarded-For`, `-Proto` and `-Host`.
    ///
    /// [`Request::client_addr`](crate::http::Request::client_addr), [`scheme`](crate::http::Request::scheme) and
    /// [`host`](crate::http::Request::host) have them, and the access log has the client. Lists are read from the right, over as many
    /// proxies as are in these networks, at most 32; what is further left was written by a client and is ignored, as
    /// all of it is without this method and from a peer in none of the networks. A peer over a UNIX socket is trusted.
    ///
    /// A proxy has to remove or to overwrite the headers that it does not write. A request that has both kinds is answered
    /// with 400 if they name different clients, and its scheme and host are only those that both say. Where a
    /// name is malformed or hidden, as `for=unknown` and `for=_a1` are, the client is the last address that was named
    /// before it, or the peer.
    ///
    /// ```
    /// use reactor::http::{Request, Response, Site};
    /// use reactor::testing::Simulation;
    ///
    /// let simulation = Simulation::new();
    /// let reactor = simulation.reactor();
    /// let greet = |request: Request| Response::text(format!("hello, {}\n", request.client_addr()));
    /// let site = Site::new(&reactor, greet).with_trusted_proxies(["10.0.0.0/8".parse()?]);
    /// reactor.listen_tcp("10.0.0.1:80", site)?;
    ///
    /// let proxy = simulation.connect_from("10.0.0.2".parse()?, "10.0.0.1:80");
    /// proxy.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1, 198.51.100.7\r\n\r\n");
    /// simulation.run_until_idle();
    /// assert!(proxy.read().ends_with(b"hello, 198.51.100.7:0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_trusted_proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        Rc::make_mut(&mut self.0).trusted_proxies = Some(networks.into_iter().collect());
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
