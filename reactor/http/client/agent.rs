//! Asks servers, and follows where they send it.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::deferred::{Deferred, Place};
use crate::http::client::error::RequestError;
use crate::http::client::job::Job;
use crate::http::client::limits::AgentLimits;
use crate::http::client::pool::Pool;
use crate::http::client::redirect::{is_redirect, redirected};
use crate::http::client::request::{Asked, ClientRequest};
use crate::http::client::response::ClientResponse;
use crate::http::client::url::Url;
use crate::http::wire::method::Method;
use crate::reactor::Reactor;
use crate::reason::Reason;
#[cfg(feature = "tls")]
use crate::tls::TlsClientConfig;

/// A client for HTTP, with a pool of connections. Clones share the pool.
///
/// Requests are sent at once, as many at a time as [`AgentLimits::connections_per_host`] allows.
/// When the last clone is dropped, connections that are idle are closed, and what waits for a new
/// one fails.
///
/// ```
/// use reactor::Reactor;
/// use reactor::http::{Agent, Request, Response, Site};
///
/// let reactor = Reactor::new()?;
/// let site = Site::new(&reactor, |_: Request| Response::text("hello"));
/// let port = reactor.listen_tcp("127.0.0.1:0", site)?;
///
/// let agent = Agent::new(&reactor);
/// let page = agent
///     .get(&format!("http://{}/", port.local_addr()))
///     .add_callback(|response| response.read_body());
/// assert_eq!(reactor.run_until(page).unwrap(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Agent(Rc<Pool>);

impl Agent {
    /// An agent with the usual limits.
    #[must_use]
    pub fn new(reactor: &Reactor) -> Self {
        Self(Pool::new(reactor.downgrade(), AgentLimits::default()))
    }

    /// This agent, with other limits, and with a pool of its own.
    #[must_use]
    pub fn with_limits(self, limits: AgentLimits) -> Self {
        Self(self.0.with_limits(limits))
    }

    /// This agent, which trusts whom `config` names instead of whom the system trusts. Connections
    /// that there are already stay.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, config: TlsClientConfig) -> Self {
        self.0.secure.trust(config);
        self
    }

    /// Asks for what is at `url`. As [`request`](Self::request), and fails with
    /// [`BadUrl`](crate::http::BadUrl) for a text that is no URL.
    #[must_use = "the result is lost with the Deferred"]
    #[track_caller]
    pub fn get(&self, url: &str) -> Deferred<ClientResponse> {
        match Url::parse(url) {
            Ok(url) => self.request(ClientRequest::new(Method::Get, url)),
            Err(error) => Deferred::fail(error),
        }
    }

    /// Sends a request. Fires when the head of the answer has come, whatever its status is; the
    /// body may still be on its way. Fails with a [`RequestError`]; the failure's text begins with the
    /// method and the URL, and its place is that of this call.
    ///
    /// Redirects are followed: credentials are left behind where one leads to another origin, and
    /// the method changes as RFC 9110, section 15.4, says. A request that met a connection which
    /// the server had just closed is sent once more, if it is safe to and has no body. So is one,
    /// whatever it is, whose body is in memory and which crossed with a 408, by which a server says
    /// that it has waited for a request in vain.
    ///
    /// Cancelling the Deferred ends the request wherever it is, and closes its connection.
    #[must_use = "the result is lost with the Deferred"]
    #[track_caller]
    pub fn request(&self, request: ClientRequest) -> Deferred<ClientResponse> {
        let place = Location::caller();
        match request.check() {
            Ok(()) => self.follow(request, 0, place),
            Err(error) => Deferred::fail(Asked::new(&request, place).failure(error)),
        }
    }

    /// How many connections the agent has, or is about to have.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.open()
    }

    fn follow(
        &self,
        mut request: ClientRequest,
        redirects: usize,
        place: Place,
    ) -> Deferred<ClientResponse> {
        let limit = self.0.limits.redirects;
        if limit == 0 {
            return self.send(request, place);
        }
        let asked = Asked::new(&request, place);
        let (headers, again) = (request.headers.clone(), request.again());
        let agent = self.clone();
        self.send(request, place).add_both(move |response| {
            // Not `add_callback`, which a failure would say that it has passed.
            let response = match response {
                Ok(response) => response,
                Err(failure) => return Deferred::fail(failure),
            };
            let status = response.status();
            // One that does not say where is an answer like others: RFC 9110, section 15.4.
            let Some(location) = response.header("location").filter(|_| is_redirect(status)) else {
                return Deferred::succeed(response);
            };
            if redirects == limit {
                return Deferred::fail(asked.failure(RequestError::TooManyRedirects(limit)));
            }
            match redirected(&asked.url, asked.method, headers, again, status, location) {
                Ok(next) => {
                    // A body that is whole has left its connection free; another one ends it.
                    drop(response);
                    agent.follow(next, redirects + 1, place)
                }
                Err(error) => Deferred::fail(asked.failure(error)),
            }
        })
    }

    fn send(&self, mut request: ClientRequest, place: Place) -> Deferred<ClientResponse> {
        for (name, value) in [("User-Agent", USER_AGENT), ("Accept", "*/*")] {
            if request.headers.get(name).is_none() {
                request
                    .headers
                    .append(name, value)
                    .expect("what an agent says of itself can be sent");
            }
        }
        let Some(reactor) = self.0.reactor.upgrade() else {
            let error = RequestError::NotConnected(Reason::Shutdown);
            return Deferred::fail(Asked::new(&request, place).failure(error));
        };
        let time = self.0.limits.head_time;
        let (job, deferred) = Job::new(request, time, &reactor, place);
        self.0.submit(job);
        deferred
    }
}

const USER_AGENT: &str = concat!("reactor/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("connections", &self.connections())
            .field("limits", &self.0.limits)
            .finish()
    }
}

/// The body of what is at `url`, behind all redirects: the short way, for one page.
///
/// Fails with [`UnexpectedStatus`](crate::http::UnexpectedStatus) for a status other than 2xx. For
/// more than one request, keep an [`Agent`], and with it the connection.
#[must_use = "the result is lost with the Deferred"]
#[track_caller]
pub fn get_page(reactor: &Reactor, url: &str) -> Deferred<Vec<u8>> {
    let agent = Agent::new(reactor);
    agent
        .get(url)
        .add_callback(ClientResponse::expect_success)
        .add_callback(ClientResponse::read_body)
        .add_both(move |page| {
            drop(agent);
            page
        })
}
