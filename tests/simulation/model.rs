//! Protocols that do anything at any time, and a book in which it is checked what came of it.
//!
//! A violation is noted and not panicked with, because the engine catches the panics of callbacks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reactor::testing::{Peer, Simulation};
use reactor::{Address, Factory, Layer, Limits, Protocol, Reactor, Reason, Transport, WeakReactor};

use crate::support::{Alive, Log, pattern};

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
    /// How much of it at the last moment at which something was written, and when that was: in one
    /// turn, or in several that take no time.
    at_once: (Option<Instant>, usize),
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
            let before = match page.at_once {
                (then, bytes) if then == now => bytes,
                _ => 0,
            };
            page.at_once = (now, before + count);
            page.at_once.1
        });
        let limit = self.limits.unsent + at_once;
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
        // It may have been made or cancelled before.
        let _ = if self.dice.one_in(2) {
            timer.cancel()
        } else {
            timer.reset(self.some_time())
        };
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

pub(crate) struct WildFactory {
    world: Rc<World>,
    _alive: Alive,
}

impl WildFactory {
    fn new(world: &Rc<World>) -> Self {
        Self {
            world: Rc::clone(world),
            _alive: world.alive.clone(),
        }
    }
}

impl Factory for WildFactory {
    type Protocol = Wild;

    fn build_protocol(&mut self, _: &Address) -> Option<Wild> {
        if self.world.dice.one_in(30) {
            return None;
        }
        Some(Wild {
            world: Rc::clone(&self.world),
            side: None,
            lost: false,
            _alive: self.world.alive.clone(),
        })
    }

    fn limits(&self) -> Limits {
        self.world.limits.clone()
    }

    fn connection_failed(&mut self, _: &Reason) {
        self.world.connect();
    }
}

/// A protocol that does anything in any callback.
pub(crate) struct Wild {
    world: Rc<World>,
    /// `None` until `connection_made`.
    side: Option<Side>,
    lost: bool,
    _alive: Alive,
}

impl Wild {
    /// Checks what holds in each callback, around what is done in it.
    fn check(&mut self, transport: &Transport, name: &str, f: impl FnOnce(&Rc<World>)) {
        let world = Rc::clone(&self.world);
        let nested = world.inside.replace(true);
        world.check(!nested, || format!("{name} inside another callback"));
        world.check(self.side.is_some(), || {
            format!("{name} before connection_made")
        });
        world.check(!self.lost, || format!("{name} after connection_lost"));
        world.check(self.side == Some(Side::of(transport)), || {
            format!("{name} of another")
        });
        // Reset also when it panics.
        struct Inside<'a>(&'a Cell<bool>);
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        let _inside = Inside(&world.inside);
        f(&world);
    }

    fn side(&self) -> Side {
        self.side.unwrap_or(Side {
            port: 0,
            client: false,
        })
    }

    fn receive(&mut self, transport: &Transport, data: &[u8]) {
        let (side, world) = (self.side(), Rc::clone(&self.world));
        world.check(!data.is_empty(), || format!("{side:?} got nothing"));
        world.check(transport.is_open(), || {
            format!("{side:?} got data while it was closed")
        });
        world.check(transport.is_reading(), || {
            format!("{side:?} got data while it was paused")
        });
        let ended = world.page(side, |page| page.read_closed);
        world.check(!ended, || format!("{side:?} got data after read_closed"));
        let received = world.page(side, |page| page.received);
        let right = data == side.other().bytes(received, data.len());
        world.check(right, || format!("{side:?} got wrong bytes at {received}"));
        world.page(side, |page| page.received += data.len());
    }
}

impl Protocol for Wild {
    fn connection_made(&mut self, transport: &Transport) {
        let side = Side::of(transport);
        let first = self.side.replace(side).is_none();
        self.world
            .check(first, || format!("{side:?} was made twice"));
        self.world.page(side, |page| page.made = true);
        self.world.transports.borrow_mut().push(transport.clone());
        self.check(transport, "connection_made", |world| {
            world.act(transport);
            world.act(transport);
        });
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        // A part of it, or nothing, is given back behind a new layer.
        let mut now = data.len();
        if self.world.dice.one_in(60) && !self.world.calm.get() {
            now = self.world.dice.below(now + 1);
        }
        if now > 0 {
            self.receive(transport, &data[..now]);
        }
        if now < data.len() {
            transport.push_layer(Passage, &data[now..]);
        }
        self.check(transport, "data_received", |world| {
            world.act(transport);
            world.act(transport);
        });
    }

    fn read_closed(&mut self, transport: &Transport) {
        let side = self.side();
        let before = self
            .world
            .page(side, |page| std::mem::replace(&mut page.read_closed, true));
        self.world
            .check(!before, || format!("{side:?} heard read_closed twice"));
        self.check(transport, "read_closed", |world| {
            world.act(transport);
            if world.calm.get() || world.dice.one_in(2) {
                transport.lose_connection();
            }
        });
    }

    fn writing_paused(&mut self, transport: &Transport) {
        let side = self.side();
        let before = self.world.page(side, |page| {
            std::mem::replace(&mut page.above_high_water, true)
        });
        self.world
            .check(!before, || format!("{side:?} heard writing_paused twice"));
        self.check(transport, "writing_paused", |world| world.act(transport));
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        let side = self.side();
        let before = self.world.page(side, |page| {
            std::mem::replace(&mut page.above_high_water, false)
        });
        self.world
            .check(before, || format!("{side:?} heard writing_resumed unasked"));
        self.check(transport, "writing_resumed", |world| world.act(transport));
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        self.check(transport, "reading_resumed", |world| world.act(transport));
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.check(transport, "timed_out", |world| {
            world.act(transport);
            if world.dice.one_in(4) {
                transport.fail_connection(Reason::IdleTimeout);
            }
        });
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        let side = self.side();
        self.check(transport, "connection_lost", |world| {
            let taken = transport.write(b"too late");
            world.check(!taken, || format!("{side:?} took bytes after the end"));
            world.check(transport.unsent() == 0, || {
                format!("{side:?} holds bytes after the end")
            });
            world.page(side, |page| page.lost = Some(reason.clone()));
            world.act(transport);
        });
        self.lost = true;
    }
}

/// A layer that changes nothing, and cuts what it passes on at other places.
struct Passage;

impl Layer for Passage {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

/// A client outside the reactor that does anything.
pub(crate) struct WildPeer {
    world: Rc<World>,
    peer: Peer,
    side: Side,
    sent: Cell<usize>,
    received: Cell<usize>,
}

impl WildPeer {
    pub(crate) fn connect(world: &Rc<World>, simulation: &Simulation) -> Self {
        let peer = simulation.connect((SERVER.to_owned() + ":1400").as_str());
        let side = Side {
            port: peer.local_addr().port(),
            client: true,
        };
        let (sent, received) = (Cell::new(0), Cell::new(0));
        Self {
            world: Rc::clone(world),
            peer,
            side,
            sent,
            received,
        }
    }

    pub(crate) fn act(&self) {
        self.read();
        let dice = &self.world.dice;
        match dice.below(30) {
            0..=12 => self.write(dice.below(1500) + 1),
            13 => self.write(dice.below(30_000) + 1),
            14..=16 => self.peer.pause_reading(),
            17..=22 => self.peer.resume_reading(),
            23 => self.peer.set_window(dice.below(5000) + 1),
            24 if dice.one_in(3) => {
                self.world.page(self.side, |page| page.shut = true);
                self.peer.shut_write();
            }
            25 if dice.one_in(4) => self.leave(Peer::close),
            26 if dice.one_in(8) => self.leave(Peer::reset),
            27 if dice.one_in(8) => self.leave(Peer::vanish),
            _ => {}
        }
        self.read();
    }

    fn leave(&self, how: fn(&Peer)) {
        self.world.page(self.side, |page| page.gone = true);
        how(&self.peer);
    }

    pub(crate) fn sit_still(&self) {
        self.peer.resume_reading();
        self.read();
    }

    pub(crate) fn close(&self) {
        self.peer.resume_reading();
        self.read();
        self.peer.close();
    }

    fn write(&self, count: usize) {
        // Noted first: a write is on its way at once.
        if self.peer.write(&self.side.bytes(self.sent.get(), count)) {
            self.sent.set(self.sent.get() + count);
            self.world.page(self.side, |page| page.written += count);
        }
    }

    fn read(&self) {
        let data = self.peer.read();
        let received = self.received.get();
        let right = data == self.side.other().bytes(received, data.len());
        self.world.check(right, || {
            format!("{:?} read wrong bytes at {received}", self.side)
        });
        self.received.set(received + data.len());
        if self.peer.has_ended() && self.peer.error().is_none() {
            let written = self.world.page(self.side.other(), |page| page.written);
            let complete = self.received.get() == written;
            self.world.check(complete, || {
                let received = self.received.get();
                format!(
                    "{:?} read the end after {received} of {written} bytes",
                    self.side
                )
            });
        }
    }
}
