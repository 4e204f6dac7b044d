//! A client outside the reactor that does anything.

use std::cell::Cell;
use std::rc::Rc;

use reactor::testing::{Peer, Simulation};

use super::{SERVER, Side, World};

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
