//! The loop as transports see it: lists that they write down for it, and a few facts of the turn.
//!
//! A transport that has something to send, or wants to be closed, or to be read again, puts a
//! handle on the list `asking`, once, and the loop looks at it at the end of the turn. A handle whose
//! connection has a call for its protocol puts the token on the list `posts`, and the loop makes the
//! call when the callback that is running has returned. So nothing that a consumer does from inside a
//! callback can start another callback.
//!
//! Transports hold this and not the engine: they outlive it, and are used while it is borrowed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::Transport;
use crate::driver::Clock;
use crate::engine::budget::{Budget, CALL, COPIED, LEAST};
use crate::engine::table::Token;
use crate::engine::timers::{Nanos, as_nanos};
use crate::time::Instant;
use crate::unsent::Blocks;

/// Shared by the engine and all its transports.
pub(crate) struct LoopSide {
    asking: RefCell<Vec<Transport>>,
    /// Connections with a call for their protocol, once for each call.
    posts: RefCell<VecDeque<Token>>,
    /// The connection whose callback is running: the sender, when a group is written to.
    current: Cell<Option<Transport>>,
    /// When the turn's wait ended. It is the time of all that comes from peers, for which the clock is
    /// not read again; a consumer's own timers read it, because its callback may have taken long.
    turn_time: Cell<Instant>,
    /// The same, as timers and connections count time: in half the memory.
    turn_nanos: Cell<Nanos>,
    /// Where they count from.
    began: Instant,
    clock: Clock,
    /// Connections with a timeout that have received something in this turn.
    active: RefCell<Vec<Token>>,
    /// What the turn has written.
    pub(crate) blocks: Blocks,
    /// How much the turn has done.
    pub(crate) budget: Budget,
    /// Connections that have had their share of the turn and are not done.
    yielded: RefCell<VecDeque<Token>>,
}

impl LoopSide {
    pub(crate) fn new(now: Instant, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            asking: RefCell::default(),
            posts: RefCell::default(),
            current: Cell::new(None),
            turn_time: Cell::new(now),
            turn_nanos: Cell::new(0),
            began: now,
            clock,
            active: RefCell::default(),
            blocks: Blocks::default(),
            budget: Budget::default(),
            yielded: RefCell::default(),
        })
    }

    pub(crate) fn turn_time(&self) -> Instant {
        self.turn_time.get()
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    #[inline]
    pub(crate) fn turn_nanos(&self) -> Nanos {
        self.turn_nanos.get()
    }

    #[inline]
    pub(crate) fn nanos(&self, time: Instant) -> Nanos {
        as_nanos(time.saturating_duration_since(self.began))
    }

    pub(crate) fn instant(&self, nanos: Nanos) -> Instant {
        self.began + Duration::from_nanos(nanos)
    }

    #[inline]
    pub(crate) fn note_active(&self, token: Token) {
        self.active.borrow_mut().push(token);
    }

    /// Takes the list of connections that were active in the turn. Its memory is given back with
    /// [`recycle_active`](Self::recycle_active).
    pub(crate) fn take_active(&self) -> Vec<Token> {
        self.active.take()
    }

    pub(crate) fn recycle_active(&self, mut active: Vec<Token>) {
        active.clear();
        self.active.replace(active);
    }

    pub(crate) fn set_turn_time(&self, now: Instant) {
        self.turn_time.set(now);
        self.turn_nanos.set(self.nanos(now));
    }

    #[inline(always)]
    pub(super) fn ask(&self, transport: Transport) {
        self.asking.borrow_mut().push(transport);
    }

    pub(crate) fn post(&self, token: Token) {
        self.posts.borrow_mut().push_back(token);
    }

    pub(crate) fn has_posts(&self) -> bool {
        !self.posts.borrow().is_empty()
    }

    pub(crate) fn next_post(&self) -> Option<Token> {
        self.posts.borrow_mut().pop_front()
    }

    /// Begins another kind of work. Of each, some is done in every turn, so that none starves.
    pub(crate) fn begin_kind(&self) {
        self.begin_phase(LEAST);
    }

    /// Begins another kind of work, of which at least `least` is done. What was written before, also at
    /// the end of the last turn, does not count against it.
    pub(crate) fn begin_phase(&self, least: usize) {
        self.budget
            .begin_phase(least, self.blocks.written() / COPIED);
    }

    /// Whether the turn has done enough of the kind of work that it is at, and leaves the rest to
    /// the next one.
    #[inline]
    pub(crate) fn turn_is_spent(&self) -> bool {
        self.budget.is_spent(self.blocks.written() / COPIED) // what was written has to be sent
    }

    /// Counts another call of this turn. Returns whether there is time for it.
    pub(crate) fn count_call(&self) -> bool {
        let has_time = !self.turn_is_spent();
        if has_time {
            self.budget.charge(CALL);
        }
        has_time
    }

    /// A connection has had its share of the turn, and goes on behind the others.
    pub(crate) fn yields(&self, token: Token) {
        self.yielded.borrow_mut().push_back(token);
    }

    /// The next one that goes on.
    pub(crate) fn next_yielded(&self) -> Option<Token> {
        self.yielded.borrow_mut().pop_front()
    }

    pub(crate) fn have_yielded(&self) -> bool {
        !self.yielded.borrow().is_empty()
    }

    /// The loop is gone, and so are all connections: no request is served any more.
    pub(crate) fn close(&self) {
        let asking = self.asking.take(); // transports, which have this: a cycle
        drop(asking);
    }

    /// Exchanges the list of requests for an empty one, whose memory is used again.
    pub(crate) fn swap_asking(&self, empty: &mut Vec<Transport>) {
        std::mem::swap(&mut *self.asking.borrow_mut(), empty);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asking.borrow().is_empty() && self.posts.borrow().is_empty() && !self.have_yielded()
    }

    /// Notes whose callback begins, or `None` when it has ended.
    pub(crate) fn set_current(&self, transport: Option<Transport>) {
        self.current.set(transport);
    }

    pub(crate) fn current(&self) -> Option<Transport> {
        let current = self.current.take();
        self.current.set(current.clone());
        current
    }
}
