//! What a service does at each change of its state.
//!
//! Everything that it waits for comes back with the number of the attempt that it belongs to: the outcome of
//! the attempt, the end of the preparation, the loss of the connection, and the timer behind it. What comes
//! from an earlier attempt is ignored.
//!
//! Invariant: none of its cells is borrowed while code of the program runs, except that of the factory, which
//! nothing else borrows.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::backoff::Backoff;
use super::connect::Connect;
use super::factory::Build;
use super::run::{Ended, Options, Run};
use super::state::{Action, Event, State};
use super::waiters::Waiters;
use crate::deferred::{Cancelled, Canceller, Deferred, Failure};
use crate::handle::Handle;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::time::Instant;
use crate::weak_reactor::WeakReactor;

/// How long a server may be silent by default. A cut cable goes unnoticed for so long; much less would wake
/// the radio of every telephone on the way.
const KEEPALIVE: Duration = Duration::from_secs(120);

pub(super) struct Service<P: 'static> {
    pub(super) reactor: WeakReactor,
    name: String,
    /// Out while it is called.
    pub(super) endpoint: RefCell<Option<Box<dyn Connect<P>>>>,
    pub(super) factory: RefCell<Build<P>>,
    pub(super) options: RefCell<Options<P>>,
    pub(super) state: Cell<State>,
    pub(super) run: RefCell<Run>,
    waiters: Waiters<P>,
    pub(super) ended: RefCell<Ended>,
    /// By what the trigger of the loop's stop is removed.
    pub(super) trigger: Cell<Option<u64>>,
}

impl<P: Protocol> Service<P> {
    pub(super) fn new(
        reactor: &Reactor,
        endpoint: Box<dyn Connect<P>>,
        build: Build<P>,
        limits: Limits,
    ) -> Self {
        let keepalive = limits.keepalive.unwrap_or(KEEPALIVE);
        Self {
            reactor: reactor.downgrade(),
            name: endpoint.name(),
            endpoint: RefCell::new(Some(endpoint)),
            factory: RefCell::new(build),
            options: RefCell::new(Options {
                backoff: Backoff::default(),
                limits: limits.keepalive(keepalive),
                fail_after: None,
                prepare: None,
            }),
            state: Cell::new(State::New),
            run: RefCell::default(),
            waiters: Waiters::new(),
            ended: RefCell::default(),
            trigger: Cell::new(None),
        }
    }

    /// A Deferred of the end of this run, which is fired already if there is none.
    #[track_caller]
    pub(super) fn ended(&self) -> Deferred<()> {
        let (resolver, deferred) = Deferred::pending();
        match self.state.get() {
            State::Stopped => resolver.callback(()),
            _ => {
                let now = &mut self.ended.borrow_mut().now;
                now.retain(|waiting| !waiting.is_cancelled()); // a program that polls does not fill it
                now.push(resolver);
            }
        }
        deferred
    }

    #[track_caller]
    pub(super) fn when_connected(&self, failures: Option<u32>) -> Deferred<Handle<P>> {
        let state = self.state.get();
        if state.is_ending() {
            return Deferred::fail(Cancelled);
        }
        let connection = self.run.borrow().connection.clone();
        match connection {
            Some(connection) if state == State::Connected => Deferred::succeed(connection.handle()),
            _ => self.waiters.wait(failures),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.state.get() != State::New && !self.state.get().is_ending()
    }

    /// Whether this comes from the attempt, or the connection, that there is now.
    pub(super) fn is_current(&self, attempt: u64) -> bool {
        self.run.borrow().attempt == attempt
    }
}

/// From one state to the next.
impl<P: Protocol> Service<P> {
    pub(super) fn on(self: &Rc<Self>, event: Event) {
        let before = self.state.get();
        let (state, action) = before.on(event);
        self.state.set(state);
        if (before, state) == (State::Stopping, State::Restarting) {
            let ended = &mut *self.ended.borrow_mut();
            ended.before.append(&mut ended.now);
        }
        if (before, state) == (State::Restarting, State::Connecting) {
            self.clear(); // of the run that has ended here there is nothing to cancel
        }
        // Taken now and fired last: a callback of theirs may start the service again, and neither that run nor
        // those who wait for it must end with this one.
        let in_vain = match state.is_ending() && !before.is_ending() {
            true => self.waiters.take(),
            false => Vec::new(),
        };
        let failure = match event {
            Event::GaveUp => self.run.borrow_mut().last_failure.take(),
            _ => None,
        };
        let failure = failure.unwrap_or_else(|| Failure::new(Cancelled));
        match action {
            Action::Nothing => {}
            Action::Connect => self.connect(),
            Action::Cancel => self.cancel_attempt(),
            Action::Prepare => self.prepare(),
            Action::Announce => self.announce(),
            Action::Wait => self.wait(),
            Action::Lose => self.lose(),
            Action::Finish => self.finish(Ok(())),
            Action::Fail => self.finish(Err(failure.clone())),
        }
        for waiter in in_vain {
            waiter.errback(failure.clone());
        }
    }

    fn announce(&self) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let mut run = self.run.borrow_mut();
        run.failures = 0;
        run.canceller = Canceller::default();
        let attempt = run.attempt;
        run.outage.note_connected(&self.name, reactor.now());
        let Some(connection) = run.connection.clone() else {
            return;
        };
        drop(run);
        // A callback may stop the service: the others have failed then, and none is left.
        while self.is_current(attempt) && self.state.get() == State::Connected {
            let Some(waiter) = self.waiters.next() else {
                return;
            };
            waiter.callback(connection.handle());
        }
    }
}

/// What has failed or ended.
impl<P: Protocol> Service<P> {
    /// An attempt has failed, or its preparation has, and nothing of it is left.
    pub(super) fn failed(self: &Rc<Self>, failure: Failure) {
        self.heed_stop();
        if !matches!(self.state.get(), State::Connecting | State::Preparing) {
            return self.on(Event::Failed); // it was given up, which is no failure
        }
        let fail_after = self.options.borrow().fail_after;
        let mut run = self.run.borrow_mut();
        run.failures = run.failures.saturating_add(1);
        let gives_up = fail_after.is_some_and(|limit| run.failures >= limit);
        if let Some(reactor) = self.reactor.upgrade()
            && !gives_up
        {
            run.outage.note(&self.name, &failure, reactor.now());
        }
        run.last_failure = Some(failure.clone());
        drop(run);
        if gives_up {
            return self.on(Event::GaveUp);
        }
        let impatient = self.waiters.count_failure();
        // The timer is set before callbacks run, which may stop the service.
        self.on(Event::Failed);
        for waiter in impatient {
            waiter.errback(failure.clone());
        }
    }

    /// A stop ends attempts and connections before it calls the trigger of this service, which must not
    /// begin others then.
    fn heed_stop(self: &Rc<Self>) {
        if self
            .reactor
            .upgrade()
            .is_some_and(|reactor| reactor.0.is_draining())
        {
            self.on(Event::Shutdown);
        }
    }

    /// A connection is lost, with its protocol.
    pub(super) fn lost(self: &Rc<Self>, attempt: u64) {
        if !self.is_current(attempt) {
            return;
        }
        self.heed_stop();
        let mut run = self.run.borrow_mut();
        // Without one the attempt has not succeeded, and its own outcome comes.
        let Some(connection) = run.connection.take() else {
            return;
        };
        let reason = connection.reason();
        let canceller = std::mem::take(&mut run.canceller);
        let unprepared = run.unprepared.take();
        let lasted = |now: Instant| run.made.map(|made| now.saturating_duration_since(made));
        let Some(now) = self.reactor.upgrade().map(|reactor| reactor.now()) else {
            drop(run);
            return self.abandon();
        };
        let lasted = lasted(now).unwrap_or_default();
        if self.options.borrow().backoff.is_steady(lasted) {
            run.waits = 0;
            run.outage.end();
        }
        if self.state.get() == State::Preparing {
            drop(run);
            self.failed(unprepared.unwrap_or_else(|| Failure::new(reason)));
        } else {
            if self.state.get() == State::Connected {
                run.outage.note(&self.name, &reason, now);
            }
            drop(run);
            self.on(Event::Lost);
        }
        canceller.cancel();
    }

    fn wait(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return self.abandon();
        };
        let random = reactor.0.driver().random();
        let mut run = self.run.borrow_mut();
        let wait = self.options.borrow().backoff.wait(run.waits, random);
        run.waits = run.waits.saturating_add(1);
        let attempt = run.attempt;
        let due = reactor.defer_later(wait);
        run.canceller = due.canceller();
        drop(run);
        let this = Rc::clone(self);
        due.add_both(move |outcome| {
            // Cancelled, or abandoned with the loop, it is not due, but `connect` sees to the latter.
            let is_due = outcome.is_ok() || this.reactor.upgrade().is_none();
            if is_due && this.is_current(attempt) {
                this.on(Event::Due);
            }
        });
    }

    fn lose(&self) {
        let mut run = self.run.borrow_mut();
        let connection = run.connection.clone();
        let canceller = std::mem::take(&mut run.canceller);
        drop(run);
        if let Some(connection) = connection {
            connection.lose_connection();
        }
        canceller.cancel();
    }

    /// Nothing is left of this run.
    fn finish(&self, outcome: Result<(), Failure>) {
        let canceller = self.clear();
        canceller.cancel();
        if let (Some(id), Some(reactor)) = (self.trigger.take(), self.reactor.upgrade()) {
            reactor.0.triggers().remove(id);
        }
        let Ended { now, before } = self.ended.take();
        for resolver in before.into_iter().chain(now) {
            resolver.fire(outcome.clone());
        }
    }

    /// Forgets the run, except the number of its last attempt. Returns what cancels its timer.
    fn clear(&self) -> Canceller {
        let mut run = self.run.borrow_mut();
        let attempt = run.attempt + 1; // what still comes of the last one is ignored
        let old = std::mem::take(&mut *run);
        run.attempt = attempt;
        old.canceller
    }

    /// The loop is gone, and with it the attempt, the connection or the timer. Those who wait for a
    /// connection fail as abandoned.
    pub(super) fn abandon(&self) {
        self.state.set(State::Stopped);
        drop(self.waiters.take());
        // It is stopped. An abandoned Deferred that the program has dropped would be reported as a failure.
        self.finish(Ok(()));
    }
}

impl<P: 'static> fmt::Debug for Service<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("endpoint", &self.name)
            .field("state", &self.state.get())
            .field("waiting", &self.waiters.len())
            .finish_non_exhaustive()
    }
}
