//! One request on its way: what waits for the answer, where it is, and how long that may take.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::deferred::{Canceller, Deferred, Failure, Place, Resolver};
use crate::delayed_call::DelayedCall;
use crate::http::client::error::RequestError;
use crate::http::client::request::{Asked, ClientRequest};
use crate::http::client::response::ClientResponse;
use crate::reactor::Reactor;
use crate::time::Instant;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// A request, and what waits for the answer.
pub(crate) struct Job {
    pub(crate) request: ClientRequest,
    pub(crate) resolver: Resolver<ClientResponse>,
    pub(crate) progress: Rc<RequestProgress>,
    pub(crate) asked: Rc<Asked>,
    /// Whether it failed on a connection that had grown stale, so that it wants a new one.
    pub(crate) wants_new_connection: bool,
}

/// Where a request is, so that it can be stopped there, and how long it may go on.
pub(crate) struct RequestProgress {
    position: RefCell<Position>,
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
    Look(SentOn),
    GiveUp,
}

/// Where a request is.
pub(crate) enum Position {
    /// Nowhere yet, or not any more.
    Nowhere,
    /// Where this stops it: in line for a connection, or while one is being made.
    Before(Box<dyn FnOnce()>),
    /// On this connection, where its body is still being written.
    Sending(SentOn),
    /// On this connection, and written as a whole.
    Sent(SentOn),
}

/// The connection of a request.
#[derive(Clone)]
pub(crate) struct SentOn {
    pub(crate) transport: Transport,
    /// Looks at the socket, though no event has said that anything has changed.
    pub(crate) look: fn(&Transport),
}

impl Job {
    /// A job that was asked for at this place, and the Deferred that it fires. Cancelling
    /// that stops the job wherever it is.
    pub(crate) fn new(
        request: ClientRequest,
        time: Duration,
        reactor: &Reactor,
        place: Place,
    ) -> (Self, Deferred<ClientResponse>) {
        let (resolver, deferred) = Deferred::pending();
        let progress = Rc::new(RequestProgress {
            position: RefCell::new(Position::Nowhere),
            time,
            deadline: RefCell::new(None),
            since: Cell::new(reactor.now()),
            first_taken: Cell::new(None),
            look: Cell::new(Look::NotYet),
            is_late: Cell::new(false),
        });
        let cancelled = Rc::clone(&progress);
        resolver.on_cancel(move || cancelled.stop().map(|why| Err(Failure::from(why))));
        if !time.is_zero() {
            progress.watch(reactor, time / SOON, deferred.canceller());
        }
        let asked = Rc::new(Asked::new(&request, place));
        let (at_the_end, said) = (Rc::clone(&progress), Rc::clone(&asked));
        let deferred = deferred.add_both(move |answer| {
            at_the_end.end();
            answer.map_err(|failure| said.failure(failure))
        });
        let job = Self {
            request,
            resolver,
            progress,
            asked,
            wants_new_connection: false,
        };
        (job, deferred)
    }

    pub(crate) fn fail(self, error: RequestError) {
        self.resolver.errback(error);
    }
}

impl RequestProgress {
    pub(crate) fn set(&self, position: Position) {
        self.position.replace(position);
    }

    /// The server has taken some of the request, or all of it is written: the time for the answer
    /// begins anew.
    pub(crate) fn restart_deadline(&self, now: Instant) {
        self.restart_at(now);
        if let Some(deadline) = &*self.deadline.borrow() {
            deadline.reset(self.time / SOON); // does nothing if the call was made
        }
    }

    /// The request has a body, of which the socket has taken what it takes at once. That says
    /// nothing of the server.
    pub(crate) fn note_first_taken(&self, transport: &Transport) {
        self.first_taken.set(Some(transport.taken_at()));
    }

    fn restart_at(&self, since: Instant) {
        self.since.set(since);
        self.look.set(Look::NotYet);
    }

    fn watch(self: &Rc<Self>, reactor: &Reactor, time: Duration, canceller: Canceller) {
        let (this, weak) = (Rc::clone(self), reactor.downgrade());
        let call = reactor.call_later(time, move || this.check_time(&weak, canceller));
        self.deadline.replace(Some(call));
    }

    fn check_time(self: &Rc<Self>, reactor: &WeakReactor, canceller: Canceller) {
        let Some(reactor) = reactor.upgrade() else {
            return;
        };
        match self.next_step(reactor.now()) {
            Step::Wait(time) => self.watch(&reactor, time, canceller),
            Step::Look(SentOn { transport, look }) => {
                look(&transport);
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
    /// A server that takes a large body slowly is waited for, but the operating system reports what
    /// was taken only when that is much. So the socket is offered the rest soon after it has taken
    /// bytes, and again in the end: what it takes then, the server has taken in between. In the end
    /// there may also be an answer that was not read, because the loop was busy.
    fn next_step(&self, now: Instant) -> Step {
        let position = self.position.borrow();
        let (Position::Sending(sent_on) | Position::Sent(sent_on)) = &*position else {
            return self.wait_until(self.time, now).unwrap_or(Step::GiveUp);
        };
        let transport = &sent_on.transport;
        let (unsent, taken_at) = (transport.unsent(), transport.taken_at());
        let counts = self.first_taken.get().is_some_and(|first| taken_at > first);
        if matches!(*position, Position::Sending(_)) && unsent == 0 && transport.is_open() {
            self.restart_at(now); // it is not the server that is waited for
        } else if counts && taken_at > self.since.get() {
            self.restart_at(taken_at);
        }
        let (time, look) = match self.look.get() {
            Look::NotYet if unsent > 0 => (self.time / SOON, Look::Soon),
            Look::NotYet | Look::Soon => (self.time, Look::InTheEnd),
            Look::InTheEnd => return Step::GiveUp,
        };
        self.wait_until(time, now).unwrap_or_else(|| {
            self.look.set(look);
            Step::Look(sent_on.clone())
        })
    }

    /// Waits until the answer was waited for so long, if it was not yet.
    fn wait_until(&self, time: Duration, now: Instant) -> Option<Step> {
        let waited = now.saturating_duration_since(self.since.get());
        (waited < time).then(|| Step::Wait(time - waited))
    }

    /// What cancelling does. Returns why the request fails, if not because it was cancelled.
    fn stop(&self) -> Option<RequestError> {
        match self.position.replace(Position::Nowhere) {
            Position::Nowhere => {}
            Position::Before(stop) => stop(),
            Position::Sending(sent_on) | Position::Sent(sent_on) => {
                sent_on.transport.abort_connection();
            }
        }
        let is_late = self.is_late.get();
        is_late.then_some(RequestError::TimedOut(self.time))
    }

    /// There is an answer, or there will be none.
    fn end(&self) {
        self.position.replace(Position::Nowhere);
        if let Some(deadline) = self.deadline.take() {
            deadline.cancel(); // does nothing if the call was made
        }
    }
}
