//! Sees which connections come and go.

use std::cell::RefCell;
use std::rc::Rc;

use crate::connection_id::ConnectionId;
use crate::observe::{Cause, Event, Observer};
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::time::Instant;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// An observer that keeps the transports of connections, and why they were lost.
#[derive(Debug)]
pub(super) struct Witness {
    reactor: WeakReactor,
    made: RefCell<Vec<Transport>>,
    lost: RefCell<Vec<(ConnectionId, Reason)>>,
}

impl Witness {
    pub(super) fn attach(reactor: &Reactor) -> Rc<Self> {
        let witness = Rc::new(Self {
            reactor: reactor.downgrade(),
            made: RefCell::default(),
            lost: RefCell::default(),
        });
        reactor.add_observer(Rc::clone(&witness) as Rc<dyn Observer>);
        witness
    }

    pub(super) fn detach(self: &Rc<Self>) {
        if let Some(reactor) = self.reactor.upgrade() {
            let observer: Rc<dyn Observer> = Rc::clone(self) as _;
            reactor.remove_observer(&observer);
        }
    }

    pub(super) fn find(&self, wanted: impl Fn(&Transport) -> bool) -> Option<Transport> {
        self.made
            .borrow()
            .iter()
            .find(|transport| wanted(transport))
            .cloned()
    }

    pub(super) fn reason(&self, connection: ConnectionId) -> Option<Reason> {
        let lost = self.lost.borrow();
        let (_, reason) = lost.iter().find(|(id, _)| *id == connection)?;
        Some(reason.clone())
    }
}

impl Observer for Witness {
    fn event(&self, _: Instant, event: &Event<'_>) {
        match event {
            Event::CallbackBegan(callback) if callback.cause == Cause::ConnectionMade => {
                // Whose callback it is was noted just before it began.
                let reactor = self.reactor.upgrade();
                let transport = reactor.and_then(|reactor| reactor.0.loop_side().current());
                self.made.borrow_mut().extend(transport);
            }
            Event::ConnectionLost { connection, reason } => {
                self.lost
                    .borrow_mut()
                    .push((*connection, (*reason).clone()));
            }
            _ => {}
        }
    }
}
