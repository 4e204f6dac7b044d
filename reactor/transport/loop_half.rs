//! What the loop does with a transport: it takes what was written and does what was asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::closing::{Event, State};
use super::ending::Ending;
use super::reading::{Gate, Hold};
use super::{Directions, Inner, LocalEnd, Mark, Transport, WeakTransport};
use crate::address::Address;
use crate::driver::Stream;
use crate::engine::table::Token;
use crate::engine::timers::{Nanos, as_nanos};
use crate::limits::Limits;
use crate::reason::Reason;
use crate::transport::LoopSide;

/// The time from which an ending connection lingers is read when it is needed, which is at the end of
/// the turn.
const NOT_YET: Nanos = Nanos::MAX;

/// The loop's half.
impl Transport {
    pub(crate) fn new(
        stream: Box<dyn Stream>,
        token: Token,
        loop_side: &Rc<LoopSide>,
        limits: &Rc<Limits>,
        peer: Address,
        local: Rc<LocalEnd>,
    ) -> Self {
        let now = loop_side.turn_nanos();
        Self(Rc::new(Inner {
            token,
            loop_side: Rc::clone(loop_side),
            limits: Rc::clone(limits),
            peer,
            local,
            unsent: RefCell::default(),
            below: Cell::new(0),
            left: Cell::new(0),
            state: Cell::new(State::Open),
            ending: Ending::default(),
            asking: Cell::new(false),
            service: Cell::new(0),
            stream: RefCell::new(Some(stream)),
            gate: Gate::default(),
            read_ended: Cell::new(false),
            peer_is_done: Cell::new(false),
            directions: Cell::new(Directions::Both),
            above_high_water: Cell::new(false),
            stalled: Cell::new(false),
            timeout: Cell::new(None),
            active_at: Cell::new(now),
            taken_at: Cell::new(now),
            lingers_from: Cell::new(NOT_YET),
            relations: RefCell::default(),
        }))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    pub(crate) fn loop_side(&self) -> &Rc<LoopSide> {
        &self.0.loop_side
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn downgrade(&self) -> WeakTransport {
        WeakTransport(Rc::downgrade(&self.0))
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.get()
    }

    pub(crate) fn set_read_ended(&self) {
        self.0.read_ended.set(true);
    }

    /// The protocol knows that the peer has sent all that it will: an orderly close need not wait for
    /// its end, which is waited for only because bytes that come after a close destroy the last words.
    #[cfg(feature = "http")]
    pub(crate) fn expect_no_more(&self) {
        self.0.peer_is_done.set(true);
    }

    /// Whether the peer has sent all that it will, as far as its protocol says.
    pub(crate) fn peer_is_done(&self) -> bool {
        self.0.peer_is_done.get()
    }

    /// Of a stream that is not a socket, before anything else happens to it.
    pub(crate) fn set_directions(&self, directions: Directions) {
        self.0.directions.set(directions);
        if directions == Directions::Read {
            // As if the half that is not there had been shut down.
            self.0.state.set(State::Finished);
        }
    }

    /// Whether there is no peer whose end an orderly close could wait for.
    pub(crate) fn ends_alone(&self) -> bool {
        self.0.directions.get() != Directions::Both
    }

    pub(crate) fn has_read_end(&self) -> bool {
        self.0.read_ended.get()
    }

    /// The peer was active. With a timeout, the time that the rest of the turn takes does not count.
    #[inline]
    pub(crate) fn note_activity(&self) {
        self.0.active_at.set(self.0.loop_side.turn_nanos());
        if self.0.timeout.get().is_some() {
            self.0.loop_side.note_active(self.0.token);
        }
    }

    /// The turn in which the peer was active has ended.
    pub(crate) fn was_active_until(&self, end: Nanos) {
        self.0.active_at.set(self.0.active_at.get().max(end));
    }

    pub(crate) fn below(&self) -> usize {
        self.0.below.get()
    }

    pub(crate) fn set_below(&self, bytes: usize) {
        self.0.below.set(bytes);
    }

    /// The peer took bytes, or the end of the connection has begun.
    pub(crate) fn linger_from_now(&self) {
        self.0.lingers_from.set(NOT_YET);
    }

    /// Since when the peer has taken nothing, once the end of the connection was asked for.
    pub(crate) fn lingers_from(&self) -> Nanos {
        if self.0.lingers_from.get() == NOT_YET {
            let now = self.0.loop_side.now(); // behind the callback, whose time is not the peer's
            self.0.lingers_from.set(self.0.loop_side.nanos(now));
        }
        self.0.lingers_from.get()
    }

    /// When `timed_out` is due, if nothing is received until then.
    pub(crate) fn idle_deadline(&self) -> Option<Nanos> {
        // A timeout that is too long to count is never over.
        let timeout = as_nanos(self.0.timeout.get()?);
        self.0.active_at.get().checked_add(timeout)
    }

    /// Which mark the unsent bytes have crossed since the last call. The caller notifies the protocol.
    pub(crate) fn cross_mark(&self) -> Option<Mark> {
        let unsent = self.unsent();
        if !self.0.above_high_water.get() && unsent > self.0.limits.high_water {
            self.0.above_high_water.set(true);
            Some(Mark::High)
        } else if self.0.above_high_water.get() && unsent <= self.0.limits.low_water {
            self.0.above_high_water.set(false);
            self.resume_when_sent(); // before `writing_resumed`, which may ask whether it is read
            self.notify_watchers_of_room();
            Some(Mark::Low)
        } else {
            None
        }
    }

    /// Whether `writing_paused` was called and `writing_resumed` was not since.
    pub(crate) fn is_above_high_water(&self) -> bool {
        self.0.above_high_water.get()
    }

    /// The connection ends: nothing is kept for it any more, and senders that wait for it are released.
    pub(crate) fn set_lost(&self) {
        self.0.state.set(State::Lost);
        self.0.gate.hold(Hold::Ending);
        self.0.unsent.borrow_mut().clear();
        self.0.below.set(0);
        self.set_left(0);
        self.release_all_senders();
        if let Some(relations) = self.0.relations.take() {
            for (watcher, key) in relations.watchers {
                if let Some(watcher) = watcher.upgrade() {
                    watcher.connection_lost(key);
                }
            }
            self.keep_negotiated(relations.layering);
            // Calls that will not be made are dropped here, outside of the borrow.
        }
    }

    /// As [`fail_connection`](Self::fail_connection), when layers have written to the peer that it
    /// fails, as TLS does with an alert: that is sent before.
    pub(crate) fn fail_after_flush(&self, reason: Reason) {
        if !self.0.state.get().is_over() {
            self.0.ending.forget_clean();
            self.end(Event::Lose, reason); // orderly, so that the last bytes of layers are sent
            self.linger_from_now();
        }
    }

    /// Marks the connection as the one whose callback runs, or that none does.
    #[inline]
    pub(crate) fn set_current(&self, runs: bool) {
        self.0.loop_side.set_current(runs.then(|| self.clone()));
    }

    /// Why the connection ends; asked only when it does. An end that neither side has asked for is
    /// that of two halves, which their sides have closed one after the other.
    pub(crate) fn reason(&self) -> Reason {
        self.0.ending.reason()
    }

    /// Why the connection ends, if not in an orderly way.
    pub(crate) fn failure(&self) -> Option<&Reason> {
        self.0.ending.failure()
    }

    /// What must hold of a transport whenever its connection is not being served.
    pub(crate) fn check(&self) {
        let state = self.0.state.get();
        self.0
            .gate
            .check(state.delivers(), self.0.above_high_water.get());
        // What layers have for the socket is not counted: it is dropped with them.
        let unsent = self.0.unsent.borrow().len();
        assert!(
            unsent == 0 || !state.is_over(),
            "what is over has nothing unsent"
        );
        assert!(
            unsent == 0 || !state.has_shut_write(),
            "the end comes behind all bytes"
        );
        let is_counted = self.left() <= self.unsent() || self.0.asking.get();
        assert!(
            is_counted,
            "what is left is unsent, or will be counted again"
        );
        let has_reason = self.0.ending.is_known();
        assert!(
            state.delivers() || has_reason || state == State::Lost,
            "an end has a reason"
        );
    }
}
