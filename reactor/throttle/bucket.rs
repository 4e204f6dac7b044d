//! A bucket of credit, which fills with time and is emptied by bytes; and the line of those that wait for it.
//!
//! ```text
//!   filled at `rate` ──▶ │ credit, at most `burst` │ ──▶ a read or a write takes as many bytes from it
//!                                                       └ too little: it gets in line
//!   a timer, while anybody is in line: the first leaves it and tries again, and when it has left credit
//!   over, the next one
//! ```
//!
//! Credit is counted by time and not by timers, so a timer that comes late loses none.
//!
//! Invariant: no consumer's code runs here, because a socket is borrowed while its credit is asked for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use crate::driver::{Readiness, Ready};
use crate::engine::table::Token;
use crate::engine::timers::{Nanos, TimerId};
use crate::engine::{Engine, ReadBuffer, Source, Stop};

/// The parts of a second in which credit is handed out. A timer twenty times as often would be more exact
/// than a network is; half as often, a second would be off by 4 %.
pub(super) const PORTIONS: u64 = 50;

/// What one of many in line may take at once: a packet, so that few bytes a second for many connections are
/// not sent as many small packets.
const PACKET: usize = 1460;

/// Credit is counted in billionths of a byte: a nanosecond at one byte a second.
const BYTE: u128 = 1_000_000_000;

/// A place in the line.
pub(super) type Place = u64;

/// What connections that share a rate may receive, or send.
pub(super) struct Bucket {
    engine: Weak<Engine>,
    /// What those in line wait for.
    what: Readiness,
    /// Bytes a second.
    rate: u64,
    burst: u64,
    credit: Cell<u128>,
    /// Until when credit was counted.
    counted: Cell<Nanos>,
    line: RefCell<Line>,
}

#[derive(Default)]
struct Line {
    /// In a map, because a connection that is lost leaves its place from the middle of the line.
    places: BTreeMap<Place, Token>,
    next: Place,
    /// Whether a timer is set.
    is_timed: bool,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(engine: &Rc<Engine>, what: Readiness, rate: u64, burst: u64) -> Rc<Self> {
        Rc::new(Self {
            engine: Rc::downgrade(engine),
            what,
            rate,
            burst,
            credit: Cell::new(u128::from(burst) * BYTE),
            counted: Cell::new(engine.loop_side().turn_nanos()),
            line: RefCell::default(),
        })
    }

    /// How many of the `wanted` bytes a connection may move now. With none, it is in line, and its readiness
    /// is reported when it may go on.
    pub(super) fn room(
        self: &Rc<Self>,
        place: &mut Option<Place>,
        token: Token,
        wanted: usize,
    ) -> usize {
        let Some(engine) = self.engine.upgrade() else {
            return wanted; // without a loop nothing is sent or received
        };
        let credit = self.count(&engine);
        let others = self.line.borrow().places.len();
        // One that has left the line comes before those in it, whoever was never in line behind them.
        let is_next = match *place {
            Some(place) => !self.is_in_line(place),
            None => others == 0,
        };
        if !is_next || credit < self.least().min(wanted) {
            self.wait(place, token);
            return 0;
        }
        (credit / (1 + others)).max(credit.min(PACKET)).min(wanted)
    }

    /// Takes the credit of one that was given room, whether it has moved bytes or not.
    pub(super) fn spend(&self, bytes: usize) {
        let credit = self.credit.get();
        let credit = credit.saturating_sub(bytes as u128 * BYTE);
        self.credit.set(credit);
        // Here and not by the timer, which cannot know how much the one before will leave.
        if credit >= self.least() as u128 * BYTE
            && let Some(engine) = self.engine.upgrade()
        {
            self.let_next_go(&engine);
        }
    }

    /// Puts a connection in line, if it is not there. One that had left the line, and found too little,
    /// comes back to its place.
    pub(super) fn wait(self: &Rc<Self>, place: &mut Option<Place>, token: Token) {
        let mut line = self.line.borrow_mut();
        let number = place.unwrap_or(line.next);
        line.next = line.next.max(number + 1);
        line.places.insert(number, token);
        *place = Some(number);
        let is_timed = std::mem::replace(&mut line.is_timed, true);
        drop(line);
        if !is_timed && let Some(engine) = self.engine.upgrade() {
            Refill::begin(self, &engine);
        }
    }

    /// A connection is gone, or does not wait any more.
    pub(super) fn leave(&self, place: Option<Place>) {
        if let Some(place) = place {
            self.line.borrow_mut().places.remove(&place);
        }
    }

    fn is_in_line(&self, place: Place) -> bool {
        self.line.borrow().places.contains_key(&place)
    }

    /// How much credit the timer waits for.
    fn portion(&self) -> usize {
        let portion = (self.rate / PORTIONS).clamp(1, self.burst);
        usize::try_from(portion).unwrap_or(usize::MAX)
    }

    /// How much credit there has to be for one who wants more.
    fn least(&self) -> usize {
        self.portion().min(PACKET)
    }

    /// Counts the credit of the time that has passed. Returns how many bytes there is credit for.
    fn count(&self, engine: &Engine) -> usize {
        let now = engine.loop_side().turn_nanos();
        let passed = now.saturating_sub(self.counted.replace(now));
        let credit = self.credit.get() + u128::from(passed) * u128::from(self.rate);
        // A portion more than the burst: what the time makes by which a timer is late, which is a millisecond
        // for each portion, and what one in line has left for the next, is not lost.
        let most = u128::from(self.burst) + self.portion() as u128;
        let credit = credit.min(most * BYTE);
        self.credit.set(credit);
        usize::try_from(credit / BYTE).unwrap_or(usize::MAX)
    }

    /// Lets the first in line try again.
    fn let_next_go(&self, engine: &Engine) {
        let what = self.what;
        loop {
            let first = self.line.borrow_mut().places.pop_first();
            let Some((_, token)) = first else { return };
            let will_read = engine.get_in_line(Ready { token, what });
            // One in a pause tries when that ends, and must not keep those behind it waiting. One that sends
            // does so at the end of this turn, without a line.
            if will_read || what == Readiness::WRITABLE {
                return;
            }
        }
    }

    /// When there is a portion of credit.
    fn next_portion(&self, engine: &Engine) -> Nanos {
        self.count(engine);
        let missing = (self.portion() as u128 * BYTE).saturating_sub(self.credit.get());
        let wait = Nanos::try_from(missing.div_ceil(u128::from(self.rate)));
        let now = engine.loop_side().turn_nanos();
        now.saturating_add(wait.unwrap_or(Nanos::MAX))
    }

    /// The time of the next portion has come. Returns when the one after it will, if anybody waits.
    fn refill(&self, engine: &Engine) -> Option<Nanos> {
        if self.count(engine) >= self.portion() {
            self.let_next_go(engine);
        }
        let waits = !self.line.borrow().places.is_empty();
        waits.then(|| {
            let now = engine.loop_side().turn_nanos();
            let portion = self.portion() as u128 * BYTE / u128::from(self.rate);
            // Those who go now spend what there is.
            let next = now.saturating_add(Nanos::try_from(portion).unwrap_or(Nanos::MAX));
            self.next_portion(engine).max(next)
        })
    }
}

/// The timer of a bucket, which is there while anybody is in line.
struct Refill {
    bucket: Rc<Bucket>,
    token: Token,
    timer: Option<TimerId>,
}

impl Refill {
    fn begin(bucket: &Rc<Bucket>, engine: &Engine) {
        let mut refill = Self {
            bucket: Rc::clone(bucket),
            token: engine.reserve(),
            timer: None,
        };
        let deadline = bucket.next_portion(engine);
        engine.arm(&mut refill.timer, refill.token, deadline);
        engine.put(refill.token, Box::new(refill));
    }
}

impl Source for Refill {
    fn note(&mut self, _: Readiness) -> bool {
        false
    }

    fn ready(&mut self, _: Readiness, _: &Engine, _: &mut ReadBuffer) {}

    fn turn(&mut self, _: &Engine, _: &mut ReadBuffer) {}

    fn due(&mut self, engine: &Engine) {
        self.timer = None;
        match self.bucket.refill(engine) {
            Some(deadline) => engine.arm(&mut self.timer, self.token, deadline),
            None => {
                self.bucket.line.borrow_mut().is_timed = false;
                engine.remove(self.token); // it is out of the table, and dropped when it is put back
            }
        }
    }

    fn stop(&mut self, _: Stop, _: &Engine) {}

    /// It ends soon after the connections that it is for.
    fn holds_up(&self, _: &Stop) -> bool {
        false
    }
}
