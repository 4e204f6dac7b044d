//! What transports and handles ask of the loop: a list that it works off, never a call into it.
//!
//! A transport that has something to send, or wants to be closed, or to be read again, puts its
//! token on the list `asking`, once, and the loop looks at it at the end of the turn. A handle puts
//! a call on the list `posts`, and the loop makes it when the callback that is running has returned.
//! So nothing that a consumer does from inside a callback can start another callback.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::Location;
use std::rc::Rc;
use std::time::Instant;

use crate::contained::Contained;
use crate::driver::Clock;
use crate::engine::budget::{Budget, COPIED};
use crate::engine::table::Token;
use crate::transport::Transport;
use crate::unsent::Blocks;

/// The lists of one reactor, shared by all its transports.
pub(crate) struct Requests {
    asking: RefCell<Vec<Token>>,
    posts: RefCell<VecDeque<Post>>,
    /// Whether the loop is gone.
    closed: Cell<bool>,
    /// Whose callback is running: who talks, when a group is written to.
    talker: Cell<Option<Transport>>,
    /// When the turn's wait ended. The clock is not read again for what comes from the peers; for
    /// what a consumer asks for it is, because its callback may have taken long.
    turn_time: Cell<Instant>,
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

/// A call that gets the part of a protocol which it wants.
pub(crate) type PartCall = Box<dyn FnOnce(&mut dyn Any, &Transport)>;

/// A call for the protocol of one connection.
pub(crate) struct Post {
    pub(crate) token: Token,
    /// The type that the call wants to reach: the protocol, or what it wraps.
    pub(crate) wanted: TypeId,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
    /// Whether the socket is looked at before: see `Handle::call_after_look`.
    pub(crate) looks: bool,
    pub(crate) call: Contained<PartCall>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Requests {
    pub(crate) fn new(now: Instant, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            asking: RefCell::default(),
            posts: RefCell::default(),
            closed: Cell::new(false),
            talker: Cell::new(None),
            turn_time: Cell::new(now),
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

    /// The time, read from the clock.
    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    #[inline]
    pub(crate) fn note_active(&self, token: Token) {
        self.active.borrow_mut().push(token);
    }

    /// Who was active in the turn, whose list is empty then. Its memory is given back with
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
    }

    #[inline(always)]
    pub(crate) fn ask(&self, token: Token) {
        self.asking.borrow_mut().push(token);
    }

    pub(crate) fn post(&self, post: Post) {
        if !self.closed.get() {
            self.posts.borrow_mut().push_back(post);
        }
    }

    /// The loop is gone: drops the calls that it did not make, and takes no more.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let posts = self.posts.take();
        drop(posts);
    }

    pub(crate) fn has_posts(&self) -> bool {
        !self.posts.borrow().is_empty()
    }

    pub(crate) fn next_post(&self) -> Option<Post> {
        self.posts.borrow_mut().pop_front()
    }

    /// Begins another kind of work, of which at least so much is done. What was written before, also by
    /// the end of the turn before, leaves room for it.
    pub(crate) fn begin_phase(&self, least: usize) {
        self.budget
            .begin_phase(least, self.blocks.written() / COPIED);
    }

    /// Whether the turn has done enough of the kind of work that it is at, and leaves the rest to
    /// the next one. What was written has to be sent, which is work as well.
    #[inline]
    pub(crate) fn turn_is_spent(&self) -> bool {
        self.budget.is_spent(self.blocks.written() / COPIED)
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

    /// Exchanges the list of who is asking for an empty one, whose memory is used again.
    pub(crate) fn swap_asking(&self, empty: &mut Vec<Token>) {
        std::mem::swap(&mut *self.asking.borrow_mut(), empty);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asking.borrow().is_empty() && self.posts.borrow().is_empty() && !self.have_yielded()
    }

    /// Notes whose callback begins, or `None` when it has ended.
    pub(crate) fn set_talker(&self, talker: Option<Transport>) {
        self.talker.set(talker);
    }

    pub(crate) fn talker(&self) -> Option<Transport> {
        let talker = self.talker.take();
        self.talker.set(talker.clone());
        talker
    }
}
