//! One request on its way: who waits for the answer, where it is, and how long that may take.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::deferred::{Canceller, Deferred, Failure, Place, Resolver};
use crate::delayed_call::DelayedCall;
use crate::http::client::channel::ClientChannel;
use crate::http::client::error::RequestError;
use crate::http::client::pool::{Pool, Ticket};
use crate::http::client::request::{Asked, ClientRequest};
use crate::http::client::response::ClientResponse;
use crate::reactor::{Reactor, WeakReactor};
use crate::sources::attempt::Connector;
use crate::transport::Transport;

/// A request, and who waits for the answer.
pub(crate) struct Job {
    pub(crate) request: ClientRequest,
    pub(crate) resolver: Resolver<ClientResponse>,
    pub(crate) way: Rc<Way>,
    pub(crate) asked: Rc<Asked>,
    /// Whether it failed on a connection that had grown stale, so that it wants a new one.
    pub(crate) wants_new_connection: bool,
}

/// Where a job is, so that it can be cancelled there, and how long it may go on.
pub(crate) struct Way {
    pool: Weak<Pool>,
    progress: RefCell<Progress>,
    time: Duration,
    deadline: RefCell<Option<DelayedCall>>,
    /// Since when the answer is waited for.
    since: Cell<Instant>,
    /// When the socket took its first bytes of a request with a body.
    first_taken: Cell<Option<Instant>>,
    /// Which look at the socket was the last one since then.
    look: Cell<Look>,
    is_late: Cell<bool>,
}

/// After which part of the time the socket is looked at for the first time.
const SOON: u32 = 8;

/// A look at the socket, though no event has said that anything has changed.
#[derive(Clone, Copy)]
enum Look {
    NotYet,
    Soon,
    InTheEnd,
}

/// What becomes of a wait.
enum Step {
    Wait(Duration),
    /// Looks at the socket, and decides behind that.
    Look(Transport),
    GiveUp,
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
    /// A job that was asked for at this place, and the Deferred that it fires. Cancelling
    /// that stops the job wherever it is.
    pub(crate) fn new(
        request: ClientRequest,
        pool: &Rc<Pool>,
        reactor: &Reactor,
        place: Place,
    ) -> (Self, Deferred<ClientResponse>) {
        let time = pool.limits.head_time;
        let (resolver, deferred) = Deferred::pending();
        let way = Rc::new(Way {
            pool: Rc::downgrade(pool),
            progress: RefCell::new(Progress::Nowhere),
            time,
            deadline: RefCell::new(None),
            since: Cell::new(reactor.now()),
            first_taken: Cell::new(None),
            look: Cell::new(Look::NotYet),
            is_late: Cell::new(false),
        });
        let cancelled = Rc::clone(&way);
        resolver.on_cancel(move || cancelled.stop().map(|why| Err(Failure::from(why))));
        if !time.is_zero() {
            way.watch(reactor, time / SOON, deferred.canceller());
        }
        let asked = Rc::new(Asked::new(&request, place));
        let (at_the_end, said) = (Rc::clone(&way), Rc::clone(&asked));
        let deferred = deferred.add_both(move |answer| {
            at_the_end.end();
            answer.map_err(|failure| said.failure(failure))
        });
        let job = Self {
            request,
            resolver,
            way,
            asked,
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
    pub(crate) fn is_moving(&self, now: Instant) {
        self.begins_anew(now);
        if let Some(deadline) = &*self.deadline.borrow() {
            deadline.reset(self.time / SOON); // does nothing if the call was made
        }
    }

    /// The request has a body, of which the socket has taken what it takes at once. That says
    /// nothing of the server.
    pub(crate) fn has_body(&self, transport: &Transport) {
        self.first_taken.set(Some(transport.taken_at()));
    }

    fn begins_anew(&self, since: Instant) {
        self.since.set(since);
        self.look.set(Look::NotYet);
    }

    fn watch(self: &Rc<Self>, reactor: &Reactor, time: Duration, canceller: Canceller) {
        let (way, weak) = (Rc::clone(self), reactor.downgrade());
        let call = reactor.call_later(time, move || way.check_time(&weak, canceller));
        self.deadline.replace(Some(call));
    }

    fn check_time(self: &Rc<Self>, reactor: &WeakReactor, canceller: Canceller) {
        let Some(reactor) = reactor.upgrade() else {
            return;
        };
        match self.next_step(reactor.now()) {
            Step::Wait(time) => self.watch(&reactor, time, canceller),
            Step::Look(transport) => {
                let handle = transport.handle::<ClientChannel>();
                handle.call_after_look(|_, _| {});
                self.watch(&reactor, Duration::ZERO, canceller);
            }
            Step::GiveUp => {
                self.is_late.set(true);
                canceller.cancel();
            }
        }
    }

    /// What to do at this moment.
    ///
    /// A server that takes a large body slowly is waited for, but the operating system tells of what
    /// was taken only when that is much. So the socket is offered the rest soon after it has taken
    /// bytes, and again in the end: what it takes then, the server has taken in between. In the end
    /// there may also be an answer that nobody has read, because somebody has computed meanwhile.
    fn next_step(&self, now: Instant) -> Step {
        let progress = self.progress.borrow();
        let (Progress::Sending(transport) | Progress::Sent(transport)) = &*progress else {
            return self.wait_until(self.time, now).unwrap_or(Step::GiveUp);
        };
        let (unsent, taken_at) = (transport.unsent(), transport.taken_at());
        let counts = self.first_taken.get().is_some_and(|first| taken_at > first);
        if matches!(*progress, Progress::Sending(_)) && unsent == 0 && transport.is_open() {
            self.begins_anew(now); // it is not the server that is waited for
        } else if counts && taken_at > self.since.get() {
            self.begins_anew(taken_at);
        }
        let (time, look) = match self.look.get() {
            Look::NotYet if unsent > 0 => (self.time / SOON, Look::Soon),
            Look::NotYet | Look::Soon => (self.time, Look::InTheEnd),
            Look::InTheEnd => return Step::GiveUp,
        };
        self.wait_until(time, now).unwrap_or_else(|| {
            self.look.set(look);
            Step::Look(transport.clone())
        })
    }

    /// Waits until the answer was waited for so long, if it was not yet.
    fn wait_until(&self, time: Duration, now: Instant) -> Option<Step> {
        let waited = now.saturating_duration_since(self.since.get());
        (waited < time).then(|| Step::Wait(time - waited))
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
            deadline.cancel(); // does nothing if the call was made
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
