//! A connection as its protocol sees it: a buffer and flags. The socket is behind them, and only the loop
//! touches it.
//!
//! Everything that a protocol may ask of its connection is noted here, and the loop does it at the
//! end of the turn. So a transport never calls back, may be used while any `RefCell` is borrowed,
//! and a handle that was kept after the connection was lost is harmless.
//!
//! - `credentials`: who is at the other side of a UNIX socket
//! - `closing`, `ending`: how a connection ends, as a table, and why
//! - `directions`: what has no peer whose end it could wait for
//! - `reading`: whether it is read, and why not
//! - `group_flow`: a sender waits for the slowest receiver of its group
//! - `local_end`: this side's address, and what is known of a proxy
//! - `loop_side`: the loop as transports see it
//! - `loop_half`: what the loop does with a transport
//! - `sending`: from here to the socket
//! - `posts`: calls for its protocol
//! - `pushing`, `layering`: layers on their way to the connection, and what they have negotiated

mod closing;
#[cfg(feature = "descriptors")]
mod credentials;
mod directions;
mod ending;
mod group_flow;
mod layering;
mod local_end;
mod loop_half;
mod loop_side;
mod posts;
mod pushing;
mod reading;
mod sending;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::{Rc, Weak};
use std::time::Duration;

use self::ending::Ending;
use self::group_flow::GroupFlow;
use self::layering::Layering;
use self::reading::{Gate, Hold};
use crate::address::Address;
use crate::connection_id::ConnectionId;
use crate::driver::Stream;
use crate::engine::table::Token;
use crate::engine::timers::Nanos;
use crate::limits::Limits;
use crate::proxy_protocol::Proxied;
use crate::reason::Reason;
use crate::unsent::{Part, Unsent};

pub(crate) use self::closing::{Action, Event, State};
pub(crate) use self::directions::Directions;
pub(crate) use self::layering::NewLayer;
pub(crate) use self::local_end::LocalEnd;
pub(crate) use self::loop_side::LoopSide;
pub(crate) use self::posts::Post;
pub(crate) use self::sending::Service;

/// A cheap handle of one connection. Clones are the same connection, and compare equal.
///
/// All methods may be called at any time: inside every callback, for this connection and for
/// others, from timers, and after the connection was lost, when they do nothing.
#[derive(Clone)]
pub struct Transport(Rc<Inner>);

/// A handle that does not keep the buffers of a lost connection in memory.
pub(crate) struct WeakTransport(Weak<Inner>);

struct Inner {
    token: Token,
    loop_side: Rc<LoopSide>,
    limits: Rc<Limits>,
    peer: Address,
    local: Rc<LocalEnd>,
    unsent: RefCell<Unsent>,
    /// Bytes that layers have taken and the socket has not.
    below: Cell<usize>,
    /// How much was left unsent when the socket was last offered all there was.
    left: Cell<usize>,
    state: Cell<State>,
    ending: Ending,
    /// Whether the token is queued for service at the end of the turn.
    asking: Cell<bool>,
    /// What keeps a flush from being all that there is to do.
    service: Cell<u8>,
    /// The socket, until the connection is lost.
    stream: RefCell<Option<Box<dyn Stream>>>,
    gate: Gate,
    read_ended: Cell<bool>,
    /// The peer will send no more, though its stream has not ended.
    peer_is_done: Cell<bool>,
    directions: Cell<Directions>,
    /// Whether `writing_paused` was called and `writing_resumed` was not since.
    above_high_water: Cell<bool>,
    /// Whether the peer took so little for so long that no sender waits for it.
    stalled: Cell<bool>,
    timeout: Cell<Option<Duration>>,
    /// When the last byte was received, or taken by a peer that was behind.
    active_at: Cell<Nanos>,
    /// When the socket last took a byte that had to wait for it, or first left one.
    taken_at: Cell<Nanos>,
    /// While the connection ends: when the peer last took a byte, or began not to. [`NOT_YET`] is at the
    /// end of this turn.
    lingers_from: Cell<Nanos>,
    relations: RefCell<Option<Box<Relations>>>,
}

/// What most connections do not have, kept apart because an idle connection should be small.
#[derive(Default)]
struct Relations {
    /// What it waits for in its groups, and what waits for it.
    group_flow: GroupFlow,
    /// Calls for its protocol, which the loop will make.
    posts: VecDeque<Post>,
    /// What is notified when the connection is lost, and the key by which it knows the connection.
    watchers: Vec<(Weak<dyn Watcher>, usize)>,
    /// What it has of layers.
    layering: Option<Box<Layering>>,
}

/// Is notified when a connection is lost. A [`Group`](crate::Group) is one, and what sends for other
/// threads.
pub(crate) trait Watcher {
    /// The connection known by `key` was lost.
    fn connection_lost(&self, key: usize);

    /// The peer of the connection known by `key` has taken what was written, down to the low mark.
    fn writing_resumed(&self, key: usize) {
        let _ = key;
    }
}

/// What a protocol may ask of its connection.
impl Transport {
    /// Appends `data` to what is sent at the end of the turn, and returns at once.
    ///
    /// Everything that is written in one turn goes out in one system call where the socket takes
    /// it. Returns whether the bytes were taken; they are dropped, and the answer is `false`, after
    /// `lose_connection`, `lose_write_connection`, `abort_connection` and after the connection was
    /// lost.
    ///
    /// When the peer was offered bytes before, and more than [`Limits::unsent`] of them are left, the
    /// connection is dropped with [`Reason::UnsentOverflow`]. A protocol that stops writing between
    /// `writing_paused` and `writing_resumed` never gets there. What is written in one callback,
    /// before it could be offered, is not judged so, but is in memory until then: when all
    /// connections together have written more in one turn than
    /// [`Reactor::set_unsent_limit`](crate::Reactor::set_unsent_limit) allows, the connection that
    /// is written to next is dropped with [`Reason::TurnOverflow`].
    pub fn write(&self, data: &[u8]) -> bool {
        self.write_part(|| self.0.loop_side.blocks.append(data))
    }

    /// As [`write`](Self::write), of several pieces that are one message: a header and what belongs
    /// to it, a line and its end. They are one write, of any size, and are taken together or not at
    /// all.
    pub fn write_sequence(&self, pieces: &[&[u8]]) -> bool {
        self.write_part(|| self.0.loop_side.blocks.append_all(pieces))
    }

    /// Sends what was written, then closes the connection; an answer that is still to come is lost.
    ///
    /// Nothing is delivered and no write is accepted from now on. A client that has sent its last request and
    /// waits for the answer calls [`lose_write_connection`](Self::lose_write_connection) instead. When all is sent, the sending half is
    /// shut down, and the peer has until [`Limits::linger`], at most two seconds, to close its side. What
    /// it still sends until then is read and ignored, because a socket that is closed with unread bytes
    /// resets the connection and destroys the last words. A peer that takes no byte for [`Limits::linger`] is
    /// dropped with [`Reason::LingerTimeout`]. Bytes that a layer [holds](crate::Layer::holds) until the
    /// peer has sent something are waited for as well, within the same time.
    pub fn lose_connection(&self) {
        if self.is_open() {
            // The side that closed first is the reason, and not the one that closes now.
            let reason = match self.0.read_ended.get() {
                true => Reason::PeerClosed,
                false => Reason::LocalClosed,
            };
            self.end(Event::Lose, reason);
            self.linger_from_now();
        }
    }

    /// Sends what was written, then shuts the sending half down. What the peer sends is still delivered,
    /// until it closes its side too: for a client that has sent its last request.
    pub fn lose_write_connection(&self) {
        // With the only half that there is, all of it ends.
        if self.0.directions.get() == Directions::Write {
            return self.lose_connection();
        }
        if self.0.state.get() == State::Open {
            self.advance(Event::LoseWrite);
            self.ask_for_more();
        }
    }

    /// Drops the connection and what is unsent. The peer sees a reset, so that it cannot take what
    /// it got for all there was.
    pub fn abort_connection(&self) {
        self.fail_connection(Reason::Aborted);
    }

    /// Like [`abort_connection`](Self::abort_connection), with a reason of the caller's, for
    /// example [`Reason::Violation`]. After [`lose_connection`](Self::lose_connection) it takes the
    /// place of that one's reason; after another abort it does nothing.
    pub fn fail_connection(&self, reason: Reason) {
        if !self.0.state.get().is_over() {
            self.0.ending.forget_clean();
            self.end(Event::Fail, reason);
            // Now, and not when it is lost: a connection is dropped to make room for others, and that at once.
            self.0.unsent.borrow_mut().clear();
            self.set_left(0);
        }
    }

    /// Calls `timed_out` when the peer was idle for this long; `None` turns that off. Returns the
    /// timeout that was set before. It counts from this call, costs nothing a byte, and is over when
    /// the connection is lost or when it has fired.
    ///
    /// A peer is not idle when a byte comes from it, nor when it takes bytes that had to wait for it,
    /// as a slow download does. Bytes that a layer has made nothing of, a handshake or half a record of
    /// TLS, do not count. It is not called while bytes of the peer wait to be read, because the
    /// loop was busy or reading is paused; and the time in which the callback ran that was handed the
    /// last bytes does not count.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Option<Duration> {
        if timeout.is_some() {
            self.reset_timeout();
            self.ask_for_more(); // which sets the timer; one that is turned off is left to fire
        }
        self.0.timeout.replace(timeout)
    }

    /// Counts the timeout from now on, as if a byte had been received.
    pub fn reset_timeout(&self) {
        let now = self.0.loop_side.now();
        self.0.active_at.set(self.0.loop_side.nanos(now));
    }

    /// Bytes that were written and that the operating system has not taken, those that layers hold
    /// among them.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.0.unsent.borrow().len() + self.0.below.get()
    }

    /// Whether bytes are delivered: neither side has begun to close the connection, except a peer that
    /// only closed its sending half.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.state.get().delivers()
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.state.get() == State::Lost
    }

    /// The peer's end: behind a [proxy](crate::proxy_protocol) the client's. Still known after the connection was lost.
    #[must_use]
    pub fn peer_addr(&self) -> &Address {
        &self.0.peer
    }

    /// This side's end: behind a [proxy](crate::proxy_protocol) that which the client has connected to. Still known
    /// after the connection was lost.
    #[must_use]
    pub fn local_addr(&self) -> &Address {
        &self.0.local.address
    }

    /// The proxy that passes the connection on, and what it says of it. `None` for a connection without a PROXY header, and for one
    /// that is the proxy's own.
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.0.local.proxied.as_deref()
    }

    /// The connection's number, by which log lines name it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.0.token.serial())
    }
}

/// What the parts of this folder share.
impl Transport {
    /// Appends a part of the turn's block, which others may share, if bytes are accepted: `part` is
    /// only called then. A write behind too much that the socket did not take drops the connection,
    /// and so does one for which the turn has no room.
    #[inline]
    pub(crate) fn write_part(&self, part: impl FnOnce() -> Option<Part>) -> bool {
        if !self.takes_bytes() {
            return false;
        }
        // What the peer has left, and not what is unsent: one callback may write more than the limit.
        // Where a flush is all that there is to do, nothing was left.
        if !self.is_plain() && self.0.left.get() > self.0.limits.unsent {
            return self.has_left_too_much();
        }
        // Copied only here, so that bytes which are not taken cost nothing.
        let Some(part) = part() else {
            return self.has_no_room();
        };
        if part.len() > 0 {
            let mut unsent = self.0.unsent.borrow_mut();
            unsent.push(part, &self.0.loop_side.blocks);
            self.ask();
        }
        true
    }

    #[cold]
    fn has_left_too_much(&self) -> bool {
        let limit = self.0.limits.unsent;
        self.fail_connection(Reason::UnsentOverflow { limit });
        false
    }

    #[cold]
    fn has_no_room(&self) -> bool {
        let limit = self.0.loop_side.blocks.limit();
        self.fail_connection(Reason::TurnOverflow { limit });
        false
    }

    pub(crate) fn takes_bytes(&self) -> bool {
        self.0.state.get() == State::Open
    }

    fn end(&self, event: Event, reason: Reason) {
        self.advance(event);
        self.0.ending.set_first(reason);
        self.ask_for_more();
    }

    /// Moves to the next state of the close. Returns what has to be done for that.
    pub(crate) fn advance(&self, event: Event) -> Action {
        let (state, action) = self.0.state.get().on(event);
        self.0.state.set(state);
        // Here, where every end passes: no other place has to think of it, and `resume_reading` cannot undo it.
        if !state.delivers() {
            self.0.gate.hold(Hold::Ending);
        }
        action
    }

    fn relations<R>(&self, f: impl FnOnce(&mut Relations) -> R) -> R {
        f(self.0.relations.borrow_mut().get_or_insert_default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    High,
    Low,
}

impl WeakTransport {
    pub(crate) fn upgrade(&self) -> Option<Transport> {
        self.0.upgrade().map(Transport)
    }
}

impl Clone for WeakTransport {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl PartialEq for Transport {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Transport {}

impl Hash for Transport {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("id", &self.id())
            .field("peer", &self.0.peer)
            .field("state", &self.0.state.get())
            .field("reading", &self.is_reading())
            .field("unsent", &self.unsent())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Group;
    use crate::protocol::Protocol;
    use crate::testing::Conversation;

    struct Silent;

    impl Protocol for Silent {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }

    #[test]
    fn groups_that_are_gone_are_forgotten() {
        let conversation = Conversation::with(Silent);
        let transport = conversation.transport();
        let stays = Group::new();
        assert!(stays.add(transport));
        for _ in 0..1000 {
            assert!(Group::new().add(transport));
        }
        let watchers = transport.relations(|relations| relations.watchers.len());
        assert!(watchers < 10, "{watchers}");
        assert!(stays.contains(transport));
    }

    #[test]
    fn what_nobody_hears_is_not_kept() {
        let conversation = Conversation::with(Silent);
        let transport = conversation.transport();
        let group = Group::new();
        group.add(transport);
        group.write_except(transport, b"I am alone");
        transport.abort_connection();
        group.write(b"I am gone");
        let part = transport
            .0
            .loop_side
            .blocks
            .append(b"")
            .expect("there is room");
        assert!(
            format!("{part:?}").ends_with("from: 0, to: 0 }"),
            "{part:?}"
        );
    }
}
