//! One request on its way: who waits for the answer, and where it is, so that it can be cancelled.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::connecting::Connector;
use crate::deferred::{Deferred, Resolver};
use crate::http::client::error::RequestError;
use crate::http::client::pool::Pool;
use crate::http::client::request::ClientRequest;
use crate::http::client::response::ClientResponse;
use crate::transport::Transport;

/// A request, and who waits for the answer.
pub(crate) struct Job {
    pub(crate) request: ClientRequest,
    pub(crate) resolver: Resolver<ClientResponse>,
    pub(crate) progress: Rc<RefCell<Progress>>,
    /// Whether it failed on a connection that had grown stale, so that it wants a new one.
    pub(crate) wants_new_connection: bool,
}

/// Where a job is.
pub(crate) enum Progress {
    /// In line.
    Waiting,
    Connecting(Connector),
    /// On this connection.
    Sent(Transport),
}

impl Job {
    /// A job, and the Deferred that it fires. Cancelling that stops the job wherever it is.
    pub(crate) fn new(request: ClientRequest) -> (Self, Deferred<ClientResponse>) {
        let (resolver, deferred) = Deferred::pending();
        let progress = Rc::new(RefCell::new(Progress::Waiting));
        let at = Rc::clone(&progress);
        resolver.on_cancel(move || match &*at.borrow() {
            Progress::Waiting => {}
            Progress::Connecting(connector) => connector.cancel(),
            Progress::Sent(transport) => transport.abort_connection(),
        });
        let job = Self {
            request,
            resolver,
            progress,
            wants_new_connection: false,
        };
        (job, deferred)
    }

    pub(crate) fn fail(self, error: RequestError) {
        self.resolver.errback(error);
    }
}

/// A job on its way to a connection. If that is lost by then, the job goes back to the pool.
pub(crate) struct Handover {
    job: Option<Job>,
    pool: Weak<Pool>,
}

impl Handover {
    pub(crate) fn new(job: Job, pool: Weak<Pool>) -> Self {
        Self {
            job: Some(job),
            pool,
        }
    }

    pub(crate) fn accept(mut self) -> Option<Job> {
        self.job.take()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let (Some(mut job), Some(pool)) = (self.job.take(), self.pool.upgrade()) {
            job.wants_new_connection = true;
            pool.submit(job);
        }
    }
}
