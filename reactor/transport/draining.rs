//! What the loop does with a transport: it takes what was written and does what was asked for.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::time::Instant;

use super::reading::Reading;
use super::{Closing, Inner, Mark, NewLayer, Sending, Transport, WeakTransport};
use crate::address::Address;
use crate::engine::loop_side::Requests;
use crate::engine::table::Token;
use crate::limits::Limits;
use crate::reason::Reason;
use crate::unsent::Unsent;

/// What the loop does with a transport.
impl Transport {
    pub(crate) fn new(
        token: Token,
        requests: &Rc<Requests>,
        limits: &Rc<Limits>,
        peer: Address,
        local: Rc<Address>,
    ) -> Self {
        let now = requests.turn_time();
        Self(Rc::new(Inner {
            token,
            requests: Rc::clone(requests),
            limits: Rc::clone(limits),
            peer,
            local,
            unsent: RefCell::default(),
            below: Cell::new(0),
            left: Cell::new(0),
            closing: Cell::new(Closing::No),
            sending: Cell::new(Sending::Open),
            reason: RefCell::default(),
            asking: Cell::new(false),
            more: Cell::new(false),
            reading: Reading::default(),
            read_ended: Cell::new(false),
            peer_is_done: Cell::new(false),
            above_high_water: Cell::new(false),
            stalled: Cell::new(false),
            timeout: Cell::new(None),
            active_at: Cell::new(now),
            taken_at: Cell::new(now),
            lingers_from: Cell::new(None),
            relations: RefCell::default(),
        }))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    pub(crate) fn requests(&self) -> &Rc<Requests> {
        &self.0.requests
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn downgrade(&self) -> WeakTransport {
        WeakTransport(Rc::downgrade(&self.0))
    }

    /// Puts the connection on the list that the loop works off at the end of the turn.
    #[inline]
    pub(crate) fn ask(&self) {
        if !self.0.asking.replace(true) {
            self.0.requests.ask(self.0.token);
        }
    }

    /// Asks for more than that bytes are sent.
    pub(crate) fn ask_for_more(&self) {
        self.0.more.set(true);
        self.ask();
    }

    /// Whether more was asked for than that bytes are sent, and is not done.
    #[inline]
    pub(crate) fn asks_for_more(&self) -> bool {
        self.0.more.get()
    }

    /// Whether nothing was asked for but that bytes are sent. What else there is to do, for marks
    /// or for an end, comes with [`ask_for_more`](Self::ask_for_more): when it is asked for, and
    /// again when a socket that was full takes bytes.
    #[inline]
    pub(crate) fn asks_only_to_send(&self) -> bool {
        let is_usual = !self.0.more.get();
        debug_assert!(
            !is_usual
                || self.0.closing.get() == Closing::No
                    && self.0.sending.get() == Sending::Open
                    && !self.0.above_high_water.get(),
            "who ends or was paused asks for more"
        );
        is_usual
    }

    /// The loop looks at what was asked for.
    pub(crate) fn asked(&self) {
        self.0.asking.set(false);
        self.0.more.set(false);
    }

    pub(crate) fn closing(&self) -> Closing {
        self.0.closing.get()
    }

    pub(crate) fn sending(&self) -> Sending {
        self.0.sending.get()
    }

    /// The sending half was shut down.
    pub(crate) fn sending_shut(&self) {
        self.0.sending.set(Sending::Shut);
    }

    /// The end of the peer's stream was read.
    pub(crate) fn read_ended(&self) {
        self.0.read_ended.set(true);
    }

    /// The protocol knows that the peer has sent all that it will: an orderly close need not wait for
    /// its end, which is waited for only because bytes that come after a close destroy the last words.
    pub(crate) fn expect_no_more(&self) {
        self.0.peer_is_done.set(true);
    }

    /// Whether the peer has sent all that it will, as far as its protocol says.
    pub(crate) fn peer_is_done(&self) -> bool {
        self.0.peer_is_done.get()
    }

    pub(crate) fn has_read_end(&self) -> bool {
        self.0.read_ended.get()
    }

    /// The peer was active. With a timeout, the time that the rest of the turn takes does not count.
    #[inline]
    pub(crate) fn note_activity(&self) {
        self.0.active_at.set(self.0.requests.turn_time());
        if self.0.timeout.get().is_some() {
            self.0.requests.note_active(self.0.token);
        }
    }

    /// The turn in which the peer was active has ended.
    pub(crate) fn was_active_until(&self, end: Instant) {
        self.0.active_at.set(self.0.active_at.get().max(end));
    }

    /// Copies what the socket cannot take in this flush out of the turn's block.
    pub(crate) fn settle(&self) {
        self.0.unsent.borrow_mut().settle(&self.0.requests.blocks);
    }

    /// The bytes that layers have not taken.
    #[inline]
    pub(crate) fn unsent_bytes(&self) -> RefMut<'_, Unsent> {
        self.0.unsent.borrow_mut()
    }

    pub(crate) fn below(&self) -> usize {
        self.0.below.get()
    }

    pub(crate) fn set_below(&self, bytes: usize) {
        self.0.below.set(bytes);
    }

    /// The socket was offered all there was, or is known to take nothing now.
    pub(crate) fn was_offered(&self) {
        let left = self.unsent();
        if left > 0 && self.left() == 0 {
            // All that came before was taken, which is not noted for each write.
            self.taken();
        }
        self.set_left(left);
    }

    /// How much was left unsent when the socket was last offered all there was.
    pub(crate) fn left(&self) -> usize {
        self.0.left.get()
    }

    pub(super) fn set_left(&self, bytes: usize) {
        let before = self.0.left.replace(bytes);
        self.0.requests.blocks.count_left(before, bytes);
    }

    pub(crate) fn new_layers(&self) -> Vec<NewLayer> {
        match &mut *self.0.relations.borrow_mut() {
            Some(relations) => std::mem::take(&mut relations.layers),
            None => Vec::new(),
        }
    }

    /// The socket took bytes.
    #[inline]
    pub(crate) fn taken(&self) {
        self.0.taken_at.set(self.0.requests.turn_time());
    }

    pub(crate) fn taken_at(&self) -> Instant {
        self.0.taken_at.get()
    }

    /// The peer took bytes, or the end of the connection has begun.
    pub(crate) fn linger_from_now(&self) {
        self.0.lingers_from.set(None);
    }

    /// Since when the peer has taken nothing, once the end of the connection was asked for.
    pub(crate) fn lingers_from(&self) -> Instant {
        let from = self.0.lingers_from.get();
        from.unwrap_or_else(|| {
            let now = self.0.requests.now();
            self.0.lingers_from.set(Some(now));
            now
        })
    }

    /// When `timed_out` is due, if nothing is received until then.
    pub(crate) fn idle_deadline(&self) -> Option<Instant> {
        self.0.active_at.get().checked_add(self.0.timeout.get()?)
    }

    /// Whether the unsent bytes have crossed a mark since this was last asked, and which.
    pub(crate) fn crossed_mark(&self) -> Option<Mark> {
        let unsent = self.unsent();
        if !self.0.above_high_water.get() && unsent > self.0.limits.high_water {
            self.0.above_high_water.set(true);
            Some(Mark::High)
        } else if self.0.above_high_water.get() && unsent <= self.0.limits.low_water {
            self.0.above_high_water.set(false);
            self.is_sent();
            Some(Mark::Low)
        } else {
            None
        }
    }

    /// Whether the protocol heard `writing_paused` and not `writing_resumed` since.
    pub(crate) fn is_above_high_water(&self) -> bool {
        self.0.above_high_water.get()
    }

    /// The connection ends: nothing is held for it any more, and who waits for it is let go.
    /// Returns the reason.
    pub(crate) fn lost(&self) -> Reason {
        self.0.closing.set(Closing::Lost);
        self.0.unsent.borrow_mut().clear();
        self.0.below.set(0);
        self.set_left(0);
        self.release_all_talkers();
        if let Some(relations) = self.0.relations.take() {
            for (watcher, key) in relations.watchers {
                if let Some(watcher) = watcher.upgrade() {
                    watcher.connection_lost(key);
                }
            }
        }
        self.reason()
    }

    /// As [`fail_connection`](Self::fail_connection), when layers have said to the peer that it
    /// fails: what they have made for the socket is sent before.
    pub(crate) fn fail_after_flush(&self, reason: Reason) {
        if matches!(self.0.closing.get(), Closing::No | Closing::AfterFlush) {
            self.forget_clean_reason();
            self.end(Closing::AfterFlush, reason);
            self.linger_from_now();
        }
    }

    /// Why the connection ends; asked only when it does.
    pub(crate) fn reason(&self) -> Reason {
        self.0.reason.borrow().clone().unwrap_or(Reason::Aborted)
    }
}
