//! A line protocol that writes down what it hears, and does what a test says.

#![allow(
    dead_code,
    reason = "each test has this module to itself, and uses its part of it"
)]

use std::cell::RefCell;
use std::rc::Rc;

use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Reason, Transport};

/// What happened, in order, in words.
pub(crate) type Log = Rc<RefCell<Vec<String>>>;

/// What a test does about a line, or about raw data.
pub(crate) type OnBytes = Box<dyn FnMut(&LineTransport<'_>, &[u8])>;

/// Notes every event, and does what the test says about lines and raw data.
pub(crate) struct Script {
    pub(crate) log: Log,
    on_line: OnBytes,
    on_raw: OnBytes,
}

impl Script {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }
}

impl LineProtocol for Script {
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        self.note(line.escape_ascii().to_string());
        (self.on_line)(transport, line);
    }

    fn raw_data_received(&mut self, transport: &LineTransport<'_>, data: &[u8]) {
        self.note(format!("raw {}", data.escape_ascii()));
        (self.on_raw)(transport, data);
    }

    fn line_too_long(&mut self, _: &LineTransport<'_>, prefix: &[u8]) {
        self.note(format!("too long {}", prefix.escape_ascii()));
    }

    fn read_closed(&mut self, transport: &LineTransport<'_>) {
        self.note("read_closed");
        transport.lose_connection();
    }

    fn reading_resumed(&mut self, _: &LineTransport<'_>) {
        self.note("reading_resumed");
    }

    fn timed_out(&mut self, transport: &LineTransport<'_>) {
        self.note("timed_out");
        transport.abort_connection();
    }

    fn connection_lost(&mut self, _: &LineTransport<'_>, reason: &Reason) {
        self.note(format!("lost: {reason}"));
    }
}

/// A conversation with a script. What is said in one piece arrives in one piece.
pub(crate) struct Lines {
    pub(crate) conversation: Conversation<LineReceiver<Script>>,
    pub(crate) log: Log,
}

impl Lines {
    pub(crate) fn new(
        configure: impl Fn(LineReceiver<Script>) -> LineReceiver<Script>,
        on_line: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
        on_raw: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
    ) -> Self {
        Self::in_simulation(&Simulation::new(), configure, on_line, on_raw)
    }

    pub(crate) fn in_simulation(
        simulation: &Simulation,
        configure: impl Fn(LineReceiver<Script>) -> LineReceiver<Script>,
        on_line: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
        on_raw: impl FnMut(&LineTransport<'_>, &[u8]) + 'static,
    ) -> Self {
        let log = Log::default();
        let script = Script {
            log: Rc::clone(&log),
            on_line: Box::new(on_line),
            on_raw: Box::new(on_raw),
        };
        let receiver = configure(LineReceiver::new(script));
        let conversation = Conversation::begin(simulation, receiver, Limits::default());
        Self { conversation, log }
    }

    /// A script that does `on_line`, and for the rest only listens.
    pub(crate) fn doing(on_line: impl FnMut(&LineTransport<'_>, &[u8]) + 'static) -> Self {
        Self::new(|receiver| receiver, on_line, |_, _| {})
    }

    pub(crate) fn listening(
        configure: impl Fn(LineReceiver<Script>) -> LineReceiver<Script>,
    ) -> Self {
        Self::new(configure, |_, _| {}, |_, _| {})
    }

    pub(crate) fn say(&self, bytes: &[u8]) {
        self.conversation.say(bytes);
    }

    pub(crate) fn transport(&self) -> &Transport {
        self.conversation.transport()
    }

    pub(crate) fn resume(&self) {
        self.transport().resume_reading();
        self.conversation.simulation().run_until_idle();
    }

    /// What happened since this was last asked.
    #[track_caller]
    pub(crate) fn happened(&self, expected: &[&str]) {
        assert_eq!(self.log.take(), expected);
    }

    /// The peer says no more, and all that is left happens.
    #[track_caller]
    pub(crate) fn ends(&self, expected: &[&str]) {
        self.conversation.shut_write();
        self.happened(expected);
    }
}

pub(crate) const CLOSED: &str = "lost: the peer closed the connection";
pub(crate) const LOST: &str = "lost: the connection was closed on this side";
