//! What the connections of a site share.

use std::cell::Cell;
use std::rc::Rc;

use crate::driver::WallClock;
use crate::http::body::budget::Budget;
use crate::http::server::access_log;
use crate::http::server::date::DateCache;
use crate::http::server::forwarded::{self, Ambiguous, Origin};
use crate::http::server::limits::HttpLimits;
use crate::http::server::resource::Resource;
use crate::http::server::response::Response;
use crate::http::wire::head::RequestHead;
use crate::http::wire::request_reader::Heads;
use crate::http::wire::status::Status;
use crate::limits::Limits;
use crate::network::Network;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// What the connections of a site share.
#[derive(Clone)]
pub(crate) struct SiteState {
    pub(crate) reactor: WeakReactor,
    pub(crate) root: Rc<dyn Resource>,
    pub(crate) limits: HttpLimits,
    pub(crate) connection_limits: Limits,
    pub(crate) heads: Rc<Heads>,
    pub(crate) date: Rc<DateCache>,
    pub(crate) wall_clock: WallClock,
    pub(crate) budget: Budget,
    /// Where the answers of one read are gathered.
    pub(crate) scratch: Rc<Cell<Vec<u8>>>,
    /// Whether requests are logged, if anybody reads the log.
    pub(crate) logs_access: bool,
    /// Whose `Forwarded` and `X-Forwarded-For` is believed. `None` and not empty, since a UNIX socket has no network.
    pub(crate) trusted_proxies: Option<Rc<[Network]>>,
    /// What is said instead of plain text where something goes wrong.
    pub(crate) error_pages: Option<Rc<ErrorPages>>,
}

pub(crate) type ErrorPages = dyn Fn(Status, &str) -> Response;

impl SiteState {
    /// What a trusted proxy says of a request.
    #[inline]
    pub(crate) fn origin(
        &self,
        transport: &Transport,
        head: &RequestHead,
    ) -> Result<Option<Box<Origin>>, Ambiguous> {
        match &self.trusted_proxies {
            Some(trusted) => forwarded::origin(trusted, transport, head),
            None => Ok(None),
        }
    }

    /// Whether a line for a request is read by anybody now.
    #[inline]
    pub(crate) fn logs_access(&self) -> bool {
        self.logs_access && access_log::is_read()
    }
}
