//! The places that a port has for connections, which its connections take and leave.

use std::cell::Cell;
use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::table::Token;

/// How many connections of a port are not lost.
pub(crate) struct Seats {
    port: Token,
    taken: Cell<usize>,
    /// How many it may have.
    most: usize,
}

impl Seats {
    pub(super) fn new(port: Token, most: usize) -> Rc<Self> {
        let taken = Cell::new(0);
        Rc::new(Self { port, taken, most })
    }

    /// A connection takes one.
    pub(super) fn take(self: &Rc<Self>) -> Rc<Self> {
        self.taken.set(self.taken.get() + 1);
        Rc::clone(self)
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }

    pub(super) fn are_taken(&self) -> bool {
        self.taken.get() >= self.most
    }

    /// One of the connections is lost, and its descriptor is free.
    pub(crate) fn leave(&self, engine: &Engine) {
        // Clients may wait for this in the backlog, for which no new event will come.
        let were_taken = self.are_taken();
        self.taken.set(self.taken.get() - 1);
        if were_taken {
            engine.wake(self.port);
        }
    }
}
