//! One attempt of a service, from its beginning to a connection that is prepared.

use std::rc::Rc;

use super::factory::ClientFactory;
use super::service::Service;
use super::state::{Event, State};
use crate::address::Address;
use crate::contained::contain;
use crate::deferred::{Deferred, Failure};
use crate::lifecycle::{Phase, SystemEvent};
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::transport::Transport;

impl<P: Protocol> Service<P> {
    pub(super) fn connect(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return self.abandon();
        };
        self.stop_with(&reactor);
        // Where a stop was in between, its Deferreds are due: nothing of the old run is left.
        let before = std::mem::take(&mut self.ended.borrow_mut().before);
        let attempt = {
            let mut run = self.run.borrow_mut();
            run.attempt += 1;
            run.attempt
        };
        let Some(mut endpoint) = self.endpoint.take() else {
            return;
        };
        let factory = self.factory_of(attempt);
        let connecting = contain(|| endpoint.connect(&reactor, factory));
        self.endpoint.replace(Some(endpoint));
        match connecting {
            Ok(connector) => {
                self.run.borrow_mut().connector = Some(connector.clone());
                if self.state.get() != State::Connecting {
                    connector.cancel(); // the endpoint itself has stopped the service
                }
                let this = Rc::clone(self);
                let connected = connector.connected();
                connected.add_both(move |outcome| this.attempted(attempt, outcome));
            }
            Err(panicked) => self.failed(Failure::new(panicked)),
        }
        before.into_iter().for_each(|stopped| stopped.callback(()));
    }

    /// The factory of one attempt, whose connection tells the service when it is lost.
    fn factory_of(self: &Rc<Self>, attempt: u64) -> ClientFactory<P> {
        let limits = self.options.borrow().limits.clone();
        let this = Rc::clone(self);
        let build = move |address: &Address| {
            let built = (this.factory.borrow_mut())(address)?;
            let service = Rc::clone(&this);
            Some(built.with_permit(Tie { service, attempt }))
        };
        ClientFactory::new(build, limits)
    }

    /// Lets a stop of the loop stop the service.
    fn stop_with(self: &Rc<Self>, reactor: &Reactor) {
        if self.trigger.get().is_some() {
            return;
        }
        let weak = Rc::downgrade(self);
        let stop = move || {
            if let Some(service) = weak.upgrade() {
                service.trigger.set(None);
                service.on(Event::Shutdown);
            }
        };
        // Not "before": during a lame-duck time ports still accept, and who is served there may need this
        // connection. And returning nothing: the stop waits for the connection as for all others.
        let triggers = reactor.0.triggers();
        let place = std::panic::Location::caller();
        let id = triggers.add(Phase::During, SystemEvent::Shutdown, stop, place);
        self.trigger.set(Some(id));
    }

    fn attempted(self: &Rc<Self>, attempt: u64, outcome: Result<Transport, Failure>) {
        if !self.is_current(attempt) {
            return;
        }
        self.run.borrow_mut().connector = None;
        match (outcome, self.reactor.upgrade()) {
            (_, None) => self.abandon(),
            (Ok(connection), Some(reactor)) => {
                let mut run = self.run.borrow_mut();
                run.made = Some(reactor.now());
                run.connection = Some(connection);
                drop(run);
                self.on(Event::Made);
            }
            (Err(failure), Some(_)) => self.failed(failure),
        }
    }

    pub(super) fn cancel_attempt(&self) {
        let connector = self.run.borrow().connector.clone();
        if let Some(connector) = connector {
            connector.cancel();
        }
    }

    pub(super) fn prepare(self: &Rc<Self>) {
        let (connection, attempt) = {
            let run = self.run.borrow();
            (run.connection.clone(), run.attempt)
        };
        let prepare = self.options.borrow_mut().prepare.take();
        let (Some(connection), Some(mut prepare)) = (connection, prepare) else {
            return self.on(Event::Ready);
        };
        let preparing = contain(|| prepare(connection.handle()));
        self.options.borrow_mut().prepare = Some(prepare);
        let preparing = preparing.unwrap_or_else(Deferred::fail);
        let canceller = preparing.canceller();
        let this = Rc::clone(self);
        if self.state.get() == State::Preparing {
            self.run.borrow_mut().canceller = canceller;
        } else {
            canceller.cancel(); // the hook itself has stopped the service
        }
        preparing.add_both(move |result| this.prepared(attempt, result));
    }

    fn prepared(self: &Rc<Self>, attempt: u64, result: Result<(), Failure>) {
        if !self.is_current(attempt) || self.state.get() != State::Preparing {
            return;
        }
        let Err(failure) = result else {
            return self.on(Event::Ready);
        };
        let mut run = self.run.borrow_mut();
        run.unprepared = Some(failure);
        let connection = run.connection.clone();
        drop(run);
        // Not `lose_connection`: the next attempt begins when this connection is gone, and a peer that
        // does not read would hold it up for as long as it lingers.
        if let Some(connection) = connection {
            connection.abort_connection();
        }
    }
}

/// What a connection keeps for as long as it is there.
struct Tie<P: Protocol> {
    service: Rc<Service<P>>,
    attempt: u64,
}

impl<P: Protocol> Drop for Tie<P> {
    fn drop(&mut self) {
        self.service.lost(self.attempt);
    }
}
