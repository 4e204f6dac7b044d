//! How an attempt ends: one of its addresses is connected and becomes a connection, or none is.

use std::rc::Rc;

use super::Attempt;
use super::connector::outcome;
use super::trial::Trial;
use crate::address::Address;
use crate::deferred::{Failure, Resolver};
use crate::engine::Engine;
use crate::observe::{Callback, Cause};
use crate::reason::Reason;
use crate::sources::connection::Connection;
use crate::sources::factories::build_protocol;
use crate::transport::Transport;

impl Attempt {
    /// One address is connected, and the others are given up.
    pub(super) fn succeeded(
        &self,
        engine: &Engine,
        trial: &mut Trial,
        peer: Address,
        local: Address,
    ) {
        self.search
            .borrow_mut()
            .trials
            .retain(|t| *t != trial.token);
        self.end_trials(engine);
        engine.disarm(&mut self.search.borrow_mut().timer);
        let Some(factory) = self.factory.take() else {
            return;
        };
        let built = build_protocol(engine, &factory, &peer);
        // The factory itself may have cancelled it while it built.
        let is_given_up = self.progress.is_given_up();
        match (built, trial.stream.take()) {
            (Some(built), Some(stream)) if !is_given_up => {
                engine.remove(self.token);
                drop(factory);
                let transport = Transport::new(
                    stream,
                    trial.token,
                    engine.loop_side(),
                    &self.limits,
                    peer,
                    Rc::new(local.into()),
                );
                transport.set_directions(trial.directions);
                let mut connection = Connection::new(transport.clone(), built, None);
                // The news that it is established may have come with bytes, and with the peer's end.
                connection.note_early(trial.seen, engine);
                self.begin_connection(engine, connection, transport);
            }
            (built, stream) => {
                drop((built, stream));
                engine.remove(trial.token);
                self.factory.set(Some(factory));
                self.note_error(match is_given_up {
                    true => Reason::Cancelled,
                    false => Reason::Refused,
                });
                self.failed(engine);
            }
        }
    }

    /// The connection takes over the slot of its address.
    fn begin_connection(&self, engine: &Engine, connection: Box<Connection>, transport: Transport) {
        engine.note_begun(transport.token());
        self.progress.established(transport.clone());
        connection.made(engine);
        let outcome = outcome(transport);
        fire(engine, self.progress.end(outcome.clone()), &outcome);
    }

    /// Ends the attempt, outside of any callback.
    pub(super) fn fail(&self, engine: &Engine, reason: Reason) {
        self.note_error(match self.progress.is_given_up() {
            true => Reason::Cancelled,
            false => reason,
        });
        self.failed(engine);
    }

    pub(super) fn failed(&self, engine: &Engine) {
        self.end_trials(engine);
        engine.disarm(&mut self.search.borrow_mut().timer);
        engine.remove(self.token);
        let last_error = self.search.borrow().last_error.clone();
        let outcome = Err(last_error);
        let waiting = self.progress.end(outcome.clone());
        let Some(factory) = self.factory.take() else {
            return;
        };
        // A failure is reported once: to the Deferreds, where there are any, and else to the factory.
        if !waiting.is_empty() {
            drop(factory);
            return fire(engine, waiting, &outcome);
        }
        let name = factory.borrow().name();
        let callback = || Callback {
            cause: Cause::ConnectionFailed,
            connection: None,
            name,
            place: None,
        };
        if let Err(reason) = &outcome {
            let call = || factory.borrow_mut().failed(reason);
            // A panic was logged, and affects nothing else.
            let _ = engine.dispatch().call(callback, call);
        }
    }
}

/// Fires the Deferreds of an attempt.
fn fire(engine: &Engine, waiting: Vec<Resolver<Transport>>, outcome: &Result<Transport, Reason>) {
    let callback = || Callback {
        cause: Cause::DeferredFired,
        connection: outcome.as_ref().ok().map(Transport::id),
        name: "connected",
        place: None,
    };
    for resolver in waiting {
        let outcome = outcome.clone().map_err(Failure::from);
        // A Deferred keeps the panics of its callbacks to itself.
        let _ = engine.dispatch().call(callback, || resolver.fire(outcome));
    }
}
