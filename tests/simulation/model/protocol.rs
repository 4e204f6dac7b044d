//! A protocol that does anything in any callback, and checks what holds in each.

use std::cell::Cell;
use std::rc::Rc;

use reactor::{Accepted, Address, Factory, Layer, Limits, Protocol, Reason, Transport};

use super::{Side, World};
use crate::support::Alive;

pub(crate) struct WildFactory {
    world: Rc<World>,
    _alive: Alive,
}

impl WildFactory {
    pub(super) fn new(world: &Rc<World>) -> Self {
        Self {
            world: Rc::clone(world),
            _alive: world.alive.clone(),
        }
    }
}

impl Factory for WildFactory {
    type Protocol = Accepted<Wild>;

    fn build_protocol(&mut self, _: &Address) -> Option<Accepted<Wild>> {
        if self.world.dice.one_in(30) {
            return None;
        }
        let wild = Accepted::new(Wild {
            world: Rc::clone(&self.world),
            side: None,
            lost: false,
            _alive: self.world.alive.clone(),
        });
        Some(match self.world.dice.one_in(8) {
            true => wild
                .with_layer(Passage)
                .with_permit(self.world.alive.clone()),
            false => wild,
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
    pub(super) fn check(&mut self, transport: &Transport, name: &str, f: impl FnOnce(&Rc<World>)) {
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
