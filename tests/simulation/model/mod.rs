//! Protocols that do anything at any time, and a book in which it is checked what came of it.
//!
//! A violation is noted and not panicked with, because the engine catches the panics of callbacks.

mod peer;
mod protocol;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reactor::testing::Simulation;
use reactor::{Address, Limits, Reactor, Reason, Transport, WeakReactor};

use self::protocol::{Wild, WildFactory};
use crate::support::{Alive, Log, pattern};

pub(crate) use self::peer::WildPeer;

/// No write is larger.
pub(crate) const LARGEST_WRITE: usize = 12_000;

/// After so many bytes a stream repeats itself.
const NOISE_PERIOD: usize = 65_521;

const CONNECTIONS: usize = 12;

const SERVER: &str = "10.0.0.1";

const PORT: u16 = 1400;

/// Chance, by a seed.
pub(crate) struct Dice(Cell<u64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    pub(crate) fn below(&self, below: usize) -> usize {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        (x >> 11) as usize % below.max(1)
    }

    pub(crate) fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// One side of a connection: the client's port, and whether it is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Side {
    port: u16,
    client: bool,
}

impl Side {
    fn of(transport: &Transport) -> Self {
        let port = |address: &Address| address.socket_addr().expect("TCP").port();
        let client = port(transport.peer_addr()) == PORT;
        let port = port(if client {
            transport.local_addr()
        } else {
            transport.peer_addr()
        });
        Self { port, client }
    }

    fn other(self) -> Self {
        Self {
            client: !self.client,
            ..self
        }
    }

    /// What this side sends at a place of its stream.
    fn bytes(self, from: usize, count: usize) -> Vec<u8> {
        static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
        let noise = NOISE.get_or_init(|| {
            let period = pattern(NOISE_PERIOD);
            [&period[..], &period[..LARGEST_WRITE]].concat()
        });
        let offset = usize::from(self.port) * 17 + usize::from(self.client) * 4001;
        let start = (from + offset) % NOISE_PERIOD;
        let mut bytes = Vec::with_capacity(count);
        bytes.extend_from_slice(&noise[start..noise.len().min(start + count)]);
        if bytes.len() < count {
            bytes.extend(self.bytes(from + bytes.len(), count - bytes.len()));
        }
        bytes
    }
}

/// What one side has done and heard.
#[derive(Debug, Default)]
struct Page {
    written: usize,
    /// How much of it at the last moment at which something was written, when that was, and how much at
    /// the moment before: each is one turn, or several that take no time.
    at_once: (Option<Instant>, usize, usize),
    received: usize,
    made: bool,
    read_closed: bool,
    above_high_water: bool,
    lost: Option<Reason>,
    /// It has said that it sends no more.
    shut: bool,
    /// It was closed by a test, or its cable cut: nothing is promised of it.
    gone: bool,
}

/// What all that is wild in one simulation shares.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) violations: Log,
    /// What exists: protocols, factories, closures.
    pub(crate) alive: Alive,
    reactor: WeakReactor,
    pages: RefCell<BTreeMap<Side, Page>>,
    transports: RefCell<Vec<Transport>>,
    inside: Cell<bool>,
    calm: Cell<bool>,
    connections: Cell<usize>,
    limits: Limits,
    timers: RefCell<Vec<reactor::DelayedCall>>,
}

impl World {
    pub(crate) fn new(simulation: &Simulation, seed: u64, limits: Limits) -> Rc<Self> {
        let world = Rc::new(Self {
            dice: Dice::new(seed),
            violations: Log::default(),
            alive: Alive::default(),
            reactor: simulation.reactor().downgrade(),
            pages: RefCell::default(),
            transports: RefCell::default(),
            inside: Cell::new(false),
            calm: Cell::new(false),
            connections: Cell::new(0),
            limits,
            timers: RefCell::default(),
        });
        let factory = WildFactory::new(&world);
        let port = simulation.reactor().listen_tcp((SERVER, PORT), factory);
        port.expect("the port is free");
        world
    }

    fn reactor(&self) -> Reactor {
        self.reactor.upgrade().expect("it runs this")
    }

    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.note(what());
        }
    }

    fn page<R>(&self, side: Side, f: impl FnOnce(&mut Page) -> R) -> R {
        f(self.pages.borrow_mut().entry(side).or_default())
    }

    /// A client of the reactor.
    pub(crate) fn connect(self: &Rc<Self>) {
        if self.connections.get() >= CONNECTIONS {
            return;
        }
        self.connections.set(self.connections.get() + 1);
        let factory = WildFactory::new(self);
        let connector = self.reactor().connect_tcp(SERVER, PORT, factory);
        if self.dice.one_in(20) {
            connector.cancel();
        }
    }

    /// Does nothing wild any more, and reads what comes.
    pub(crate) fn sit_still(&self) {
        self.calm.set(true);
        for transport in self.transports.borrow().iter() {
            transport.resume_reading();
            transport.set_timeout(None);
        }
    }

    /// When all have sat still for long, nothing is on its way: who is there has heard everything
    /// that the other side has said, its end included.
    pub(crate) fn compare_while_alive(&self) {
        let pages = self.pages.borrow();
        for (side, page) in pages.iter() {
            let Some(other) = pages.get(&side.other()) else {
                continue;
            };
            if !page.made || page.lost.is_some() || page.gone || other.gone {
                continue;
            }
            self.check(page.received == other.written, || {
                format!("{side:?} has not got everything: {page:?}, {other:?}")
            });
            let ended = other.shut || other.lost.is_some();
            self.check(page.read_closed || !ended, || {
                format!("{side:?} has not heard the end: {page:?}, {other:?}")
            });
        }
    }

    /// Ends everything in an orderly way.
    pub(crate) fn calm_down(&self) {
        self.calm.set(true);
        for transport in self.transports.borrow().iter() {
            transport.resume_reading();
            transport.lose_connection();
        }
    }

    pub(crate) fn forget_handles(&self) {
        self.transports.take();
        self.timers.take();
    }

    /// What a side received is what the other wrote, or somebody knows why not.
    pub(crate) fn compare(&self) {
        let pages = self.pages.borrow();
        for (side, page) in pages.iter().filter(|(_, page)| page.made) {
            let Some(reason) = &page.lost else {
                self.violations
                    .note(format!("{side:?} was not lost: {page:?}"));
                continue;
            };
            let Some(other) = pages.get(&side.other()) else {
                continue;
            };
            self.check(page.received <= other.written, || {
                format!("{side:?} received more than was written: {page:?}, {other:?}")
            });
            let complete = page.received == other.written;
            self.check(complete || !matches!(reason, Reason::PeerClosed), || {
                format!("{side:?} misses something, and its peer closed: {page:?}, {other:?}")
            });
            let excused = |reason: &Option<Reason>| {
                // Who closes takes no more, and who is reset or aborted says so.
                reason
                    .as_ref()
                    .is_none_or(|r| !matches!(r, Reason::PeerClosed))
            };
            self.check(complete || excused(&page.lost), || {
                format!("{side:?} misses something without a reason: {page:?}, {other:?}")
            });
        }
    }

    fn write(&self, transport: &Transport, count: usize) {
        let side = Side::of(transport);
        let written = self.page(side, |page| page.written);
        if !transport.write(&side.bytes(written, count)) {
            return;
        }
        let now = self.reactor.upgrade().map(|reactor| reactor.now());
        let at_once = self.page(side, |page| {
            page.written += count;
            // What is written while others are flushed is offered in the next turn, together with what
            // that one writes, so two turns' writes may wait at once.
            page.at_once = match page.at_once {
                (then, bytes, before) if then == now => (then, bytes + count, before),
                (_, bytes, _) => (now, count, bytes),
            };
            page.at_once.1 + page.at_once.2
        });
        let limit = crate::UNSENT + at_once;
        let unsent = transport.unsent();
        self.check(unsent <= limit, || format!("{side:?} holds {unsent} bytes"));
    }

    /// Does anything, most often something harmless.
    fn act(self: &Rc<Self>, transport: &Transport) {
        if self.calm.get() {
            return;
        }
        let other = {
            let transports = self.transports.borrow();
            transports.get(self.dice.below(transports.len())).cloned()
        };
        let whom = match other {
            Some(other) if self.dice.one_in(3) => other,
            _ => transport.clone(),
        };
        match self.dice.below(40) {
            0..=12 => self.write(&whom, self.dice.below(1000) + 1),
            13..=14 => self.write(&whom, self.dice.below(LARGEST_WRITE) + 1),
            15..=17 => self.pause(&whom),
            18 => whom.resume_reading(),
            19 => {
                self.page(Side::of(&whom), |page| page.shut |= whom.is_open());
                whom.lose_write_connection();
            }
            20 => whom.lose_connection(),
            21 if self.dice.one_in(3) => whom.abort_connection(),
            22 if self.dice.one_in(3) => {
                whom.fail_connection(Reason::Violation("anything else".to_owned()));
            }
            23..=24 => self.set_timeout(&whom),
            25 => whom.reset_timeout(),
            26..=28 => self.through_handle(&whom),
            29..=31 => self.later(&whom),
            32 => self.soon(&whom),
            33 => self.cancel(),
            34..=35 => self.connect(),
            36 => self.listen_elsewhere(),
            37 if self.dice.one_in(5) => panic!("wild"),
            _ => {}
        }
    }

    fn pause(self: &Rc<Self>, whom: &Transport) {
        whom.pause_reading();
        let (whom, alive) = (whom.clone(), self.alive.clone());
        let delay = self.some_time();
        self.reactor().call_later(delay, move || {
            let _alive = alive;
            whom.resume_reading();
        });
    }

    fn set_timeout(&self, whom: &Transport) {
        let timeout = (!self.dice.one_in(3)).then(|| self.some_time());
        whom.set_timeout(timeout);
    }

    fn through_handle(self: &Rc<Self>, whom: &Transport) {
        let alive = self.alive.clone();
        whom.handle::<Wild>().call(move |wild, transport| {
            let _alive = alive;
            wild.check(transport, "a call through a handle", |wild| {
                wild.act(transport);
            });
        });
    }

    fn later(self: &Rc<Self>, whom: &Transport) {
        let (weak, whom, alive) = (Rc::downgrade(self), whom.clone(), self.alive.clone());
        let delay = self.some_time();
        let call = self.reactor().call_later(delay, move || {
            let _alive = alive;
            act_if_there(&weak, &whom);
        });
        self.timers.borrow_mut().push(call);
    }

    fn soon(self: &Rc<Self>, whom: &Transport) {
        let (weak, whom, alive) = (Rc::downgrade(self), whom.clone(), self.alive.clone());
        self.reactor().call_soon(move || {
            let _alive = alive;
            act_if_there(&weak, &whom);
        });
    }

    fn cancel(&self) {
        let timers = self.timers.borrow();
        let Some(timer) = timers.get(self.dice.below(timers.len())) else {
            return;
        };
        if self.dice.one_in(2) {
            timer.cancel();
        } else {
            timer.reset(self.some_time());
        }
    }

    fn listen_elsewhere(self: &Rc<Self>) {
        let factory = WildFactory::new(self);
        // It fails when there is no descriptor left.
        if let Ok(port) = self.reactor().listen_tcp("10.0.0.2:0", factory) {
            port.stop_listening();
        }
    }

    fn some_time(&self) -> Duration {
        Duration::from_millis(self.dice.below(300) as u64)
    }
}

fn act_if_there(world: &Weak<World>, transport: &Transport) {
    if let Some(world) = world.upgrade() {
        world.act(transport);
    }
}
