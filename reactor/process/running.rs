//! A child in the loop's hands: its protocol, which four sources call, and how much of it is left.
//!
//! The three streams and the exit are sources of their own, and no two callbacks of a loop run at the same time.
//! So the protocol is in a cell, out of which it is taken for the call.

use std::any::type_name;
use std::cell::Cell;
use std::rc::Rc;

use super::handle::Process;
use super::protocol::ProcessProtocol;
use crate::contained::Contained;
use crate::engine::Engine;
use crate::observe::{Callback, Cause};

type Boxed = Contained<Box<dyn ProcessProtocol>>;

pub(crate) struct Running {
    pub(crate) process: Process,
    /// `None` during a call, and at the end, so that a protocol that keeps its process is no circle.
    protocol: Cell<Option<Boxed>>,
    is_made: Cell<bool>,
    /// How many streams are not lost.
    streams: Cell<usize>,
    name: &'static str,
}

/// A protocol during a call. It goes back also when that panics.
struct Lent<'a> {
    home: &'a Cell<Option<Boxed>>,
    protocol: Option<Boxed>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.home.set(self.protocol.take());
    }
}

impl Running {
    pub(super) fn new<P: ProcessProtocol>(process: Process, protocol: P) -> Rc<Self> {
        Rc::new(Self {
            process,
            protocol: Cell::new(Some(Contained::new(Box::new(protocol)))),
            is_made: Cell::new(false),
            streams: Cell::new(0),
            name: type_name::<P>(),
        })
    }

    /// Calls the protocol, from inside a callback of the loop.
    pub(super) fn with(&self, f: impl FnOnce(&mut dyn ProcessProtocol, &Process)) {
        let mut lent = Lent {
            home: &self.protocol,
            protocol: self.protocol.take(),
        };
        let Some(protocol) = &mut lent.protocol else {
            return;
        };
        // Whichever of the four sources is served first.
        if !self.is_made.replace(true) {
            protocol.process_made(&self.process);
        }
        f(&mut ***protocol, &self.process);
    }

    /// Calls the protocol, as a callback of its own.
    pub(crate) fn call(&self, engine: &Engine, f: impl FnOnce(&mut dyn ProcessProtocol, &Process)) {
        let callback = || Callback {
            cause: Cause::ProcessEvent,
            connection: None,
            name: self.name,
            place: None,
        };
        let called = engine.dispatch().call(callback, || self.with(f));
        if called.is_err() {
            self.process.kill();
        }
    }

    pub(crate) fn is_made(&self) -> bool {
        self.is_made.get()
    }

    pub(crate) fn has_streams(&self) -> bool {
        self.streams.get() > 0
    }

    pub(super) fn stream_begins(&self) {
        self.streams.set(self.streams.get() + 1);
    }

    /// Has the source look whether it was the last.
    pub(super) fn stream_is_gone(&self) {
        self.streams.set(self.streams.get() - 1);
        if let Some(engine) = self.process.engine() {
            engine.wake(self.process.token());
        }
    }

    /// Nothing is to come any more.
    pub(crate) fn drop_protocol(&self) {
        drop(self.protocol.take());
    }
}
