//! What the tests of the engine share: a protocol that writes down what it hears.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test has this module to itself, and uses its part of it"
)]

mod log;
#[cfg(feature = "os")]
pub mod real;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::observe::{Event, Observer};
use reactor::{Address, Factory, Limits, Protocol, Reactor, Reason, Transport};

pub use self::log::Log;

/// The defaults of [`Limits`], as its documentation has them.
pub const HIGH_WATER: usize = 64 << 10;
pub const LOW_WATER: usize = 16 << 10;
pub const UNSENT: usize = 1 << 20;
pub const LINGER: Duration = Duration::from_secs(30);

/// What a protocol can hear.
#[derive(Debug)]
pub enum Heard<'a> {
    Made,
    HandshakeDone,
    Data(&'a [u8]),
    ReadClosed,
    WritingPaused,
    WritingResumed,
    ReadingResumed,
    TimedOut,
    ShutdownRequested,
    Lost(&'a Reason),
}

impl fmt::Display for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) if data.len() > 40 => write!(f, "{} bytes", data.len()),
            Self::Data(data) => write!(f, "{}", data.escape_ascii()),
            Self::Lost(reason) => write!(f, "lost: {reason}"),
            other => write!(f, "{}", format!("{other:?}").to_lowercase()),
        }
    }
}

/// Whether to do also what a protocol does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Default,
    Nothing,
}

/// A protocol that notes what it hears, and then does what its closure says.
pub struct Probe<F> {
    log: Log,
    react: F,
    /// Counts the probes that exist.
    _alive: Alive,
}

impl<F: FnMut(&Heard<'_>, &Transport) -> Then + 'static> Probe<F> {
    pub fn new(log: &Log, react: F) -> Self {
        Self {
            log: log.clone(),
            react,
            _alive: Alive::default(),
        }
    }

    pub fn counted(log: &Log, alive: &Alive, react: F) -> Self {
        Self {
            log: log.clone(),
            react,
            _alive: alive.clone(),
        }
    }

    fn hear(&mut self, heard: &Heard<'_>, transport: &Transport) -> bool {
        self.log.note(heard);
        (self.react)(heard, transport) == Then::Default
    }
}

/// A probe that only listens.
pub fn listener(log: &Log) -> Probe<impl FnMut(&Heard<'_>, &Transport) -> Then + use<>> {
    Probe::new(log, |_, _| Then::Default)
}

impl<F: FnMut(&Heard<'_>, &Transport) -> Then + 'static> Protocol for Probe<F> {
    fn connection_made(&mut self, transport: &Transport) {
        self.hear(&Heard::Made, transport);
    }

    fn handshake_done(&mut self, transport: &Transport) {
        self.hear(&Heard::HandshakeDone, transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.hear(&Heard::Data(data), transport);
    }

    fn read_closed(&mut self, transport: &Transport) {
        if self.hear(&Heard::ReadClosed, transport) {
            transport.lose_connection();
        }
    }

    fn writing_paused(&mut self, transport: &Transport) {
        if self.hear(&Heard::WritingPaused, transport) {
            transport.pause_reading_until_sent();
        }
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.hear(&Heard::WritingResumed, transport);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        self.hear(&Heard::ReadingResumed, transport);
    }

    fn timed_out(&mut self, transport: &Transport) {
        if self.hear(&Heard::TimedOut, transport) {
            transport.fail_connection(Reason::IdleTimeout);
        }
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        if self.hear(&Heard::ShutdownRequested, transport) {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.hear(&Heard::Lost(reason), transport);
    }
}

/// Listens, and notes what each connection hears.
pub fn listen_noting(reactor: &Reactor, address: &str) -> Log {
    let log = Log::default();
    let for_factory = log.clone();
    let port = reactor.listen_tcp(address, move |_| listener(&for_factory));
    port.expect("the port is free");
    log
}

/// Counts turns.
#[derive(Debug, Default)]
pub struct Turns(Cell<usize>);

impl Turns {
    pub fn of(reactor: &Reactor) -> Rc<Self> {
        let turns = Rc::new(Self::default());
        reactor.add_observer(Rc::clone(&turns) as Rc<dyn Observer>);
        turns
    }

    pub fn count(&self) -> usize {
        self.0.get()
    }
}

impl Observer for Turns {
    fn event(&self, _: Instant, event: &Event<'_>) {
        if let Event::TurnBegan = event {
            self.0.set(self.0.get() + 1);
        }
    }
}

/// Sends back what it receives.
pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// Takes what it receives and answers nothing.
pub struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Counts its clones: who holds one is alive.
#[derive(Clone, Debug, Default)]
pub struct Alive(Rc<()>);

impl Alive {
    /// How many clones exist besides this one.
    pub fn others(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }
}

/// A cell that a closure writes and the test reads.
pub fn shared<T>(value: T) -> Rc<Cell<T>> {
    Rc::new(Cell::new(value))
}

/// A factory of one kind of probe, which also hears that a connection has failed.
pub struct Client<F> {
    pub log: Log,
    pub react: F,
    pub limits: Limits,
}

impl<F: Fn(&Heard<'_>, &Transport) -> Then + Clone + 'static> Client<F> {
    pub fn new(log: &Log, react: F) -> Self {
        Self {
            log: log.clone(),
            react,
            limits: Limits::default(),
        }
    }
}

impl<F: Fn(&Heard<'_>, &Transport) -> Then + Clone + 'static> Factory for Client<F> {
    type Protocol = Probe<F>;

    fn build_protocol(&mut self, _: &Address) -> Option<Probe<F>> {
        Some(Probe::new(&self.log, self.react.clone()))
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.log.note(format!("failed: {reason}"));
    }
}

/// Bytes in which each place can be told from its neighbours, so that a loss or a swap shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}

pub const SECOND: Duration = Duration::from_secs(1);

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
