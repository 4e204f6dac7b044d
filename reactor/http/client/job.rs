//! One request on its way: who waits for the answer, where it is, and how long that may take.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::connecting::Connector;
use crate::deferred::{Canceller, Deferred, Failure, Resolver};
use crate::delayed_call::DelayedCall;
use crate::http::client::error::RequestError;
use crate::http::client::pool::{Pool, Ticket};
use crate::http::client::request::ClientRequest;
use crate::http::client::response::ClientResponse;
use crate::reactor::{Reactor, WeakReactor};
use crate::transport::Transport;

/// A request, and who waits for the answer.
pub(crate) struct Job {
    pub(crate) request: ClientRequest,
    pub(crate) resolver: Resolver<ClientResponse>,
    pub(crate) way: Rc<Way>,
    /// Whether it failed on a connection that had grown stale, so that it wants a new one.
    pub(crate) wants_new_connection: bool,
}

/// Where a job is, so that it can be cancelled there, and how long it may go on.
pub(crate) struct Way {
    pool: Weak<Pool>,
    progress: RefCell<Progress>,
    time: Duration,
    deadline: RefCell<Option<DelayedCall>>,
    /// How many bytes of the request the operating system had not taken at the last look.
    unsent: Cell<usize>,
    is_late: Cell<bool>,
}

/// Where a job is.
pub(crate) enum Progress {
    /// Nowhere yet, or not any more.
    Nowhere,
    InLine(Ticket),
    Connecting(Connector),
    /// On this connection, where its body is still being written.
    Sending(Transport),
    /// On this connection, and written as a whole.
    Sent(Transport),
}

impl Job {
    /// A job that may wait for its answer for so long, and the Deferred that it fires. Cancelling
    /// that stops the job wherever it is.
    pub(crate) fn new(
        request: ClientRequest,
        pool: &Rc<Pool>,
        reactor: &Reactor,
        time: Duration,
    ) -> (Self, Deferred<ClientResponse>) {
        let (resolver, deferred) = Deferred::pending();
        let way = Rc::new(Way {
            pool: Rc::downgrade(pool),
            progress: RefCell::new(Progress::Nowhere),
            time,
            deadline: RefCell::new(None),
            unsent: Cell::new(usize::MAX),
            is_late: Cell::new(false),
        });
        let cancelled = Rc::clone(&way);
        resolver.on_cancel(move || cancelled.stop().map(|why| Err(Failure::from(why))));
        way.watch(reactor, deferred.canceller());
        let at_the_end = Rc::clone(&way);
        let deferred = deferred.add_both(move |answer| {
            at_the_end.end();
            answer
        });
        let job = Self {
            request,
            resolver,
            way,
            wants_new_connection: false,
        };
        (job, deferred)
    }

    pub(crate) fn fail(self, error: RequestError) {
        self.resolver.errback(error);
    }
}

impl Way {
    pub(crate) fn is_at(&self, progress: Progress) {
        self.progress.replace(progress);
    }

    /// The server has taken some of the request, or all of it is written: the time for the answer
    /// begins anew.
    pub(crate) fn is_moving(&self) {
        if let Some(deadline) = &*self.deadline.borrow() {
            // It fails when the call was made.
            let _ = deadline.reset(self.time);
        }
    }

    fn watch(self: &Rc<Self>, reactor: &Reactor, canceller: Canceller) {
        let (way, weak) = (Rc::clone(self), reactor.downgrade());
        let call = reactor.call_later(self.time, move || way.time_is_over(&weak, canceller));
        self.deadline.replace(Some(call));
    }

    fn time_is_over(self: &Rc<Self>, reactor: &WeakReactor, canceller: Canceller) {
        if self.is_on_its_way() {
            if let Some(reactor) = reactor.upgrade() {
                self.watch(&reactor, canceller);
            }
            return;
        }
        self.is_late.set(true);
        canceller.cancel();
    }

    /// Whether it is not the server that is waited for: it has taken all that was written of the
    /// body so far, or goes on taking it.
    fn is_on_its_way(&self) -> bool {
        match &*self.progress.borrow() {
            Progress::Nowhere | Progress::InLine(_) | Progress::Connecting(_) => false,
            Progress::Sending(transport) if transport.unsent() == 0 => transport.is_open(),
            Progress::Sending(transport) | Progress::Sent(transport) => {
                let unsent = transport.unsent();
                unsent > 0 && unsent < self.unsent.replace(unsent)
            }
        }
    }

    /// What cancelling does. Returns why the request fails, if not because somebody cancelled it.
    fn stop(&self) -> Option<RequestError> {
        match self.progress.replace(Progress::Nowhere) {
            Progress::Nowhere => {}
            Progress::InLine(ticket) => {
                if let Some(pool) = self.pool.upgrade() {
                    pool.leave_line(&ticket);
                }
            }
            Progress::Connecting(connector) => connector.cancel(),
            Progress::Sending(transport) | Progress::Sent(transport) => {
                transport.abort_connection();
            }
        }
        let is_late = self.is_late.get();
        is_late.then_some(RequestError::TimedOut(self.time))
    }

    /// There is an answer, or there will be none.
    fn end(&self) {
        self.progress.replace(Progress::Nowhere);
        if let Some(deadline) = self.deadline.take() {
            // It fails when the call was made.
            let _ = deadline.cancel();
        }
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
