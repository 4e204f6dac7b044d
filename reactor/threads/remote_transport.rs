//! One connection, for other threads: bytes, and calls for its protocol, in one order.
//!
//! ```text
//! other threads                        the loop's thread
//! write, call ─▶ [ the outbox ] ─▶ while the peer keeps up: written, called
//!      └─ bell ───────────────────┘ otherwise: waits for the low mark, and the outbox fills
//! ```
//!
//! The outbox is what bounds a thread that is faster than the peer. The loop's half is the function of a
//! [mailbox](Reactor::mailbox), which is rung for what is put into an empty outbox; it waits for the peer by
//! watching the connection, as a [`Group`](crate::Group) does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::address::Address;
use crate::connection_id::ConnectionId;
use crate::contained::Contained;
use crate::reactor::Reactor;
use crate::threads::outbox::{Item, Outbox, RemoteCall};
use crate::threads::sender::{SendError, Sender};
use crate::transport::{Post, Transport, Watcher, WeakTransport};
use crate::weak_reactor::WeakReactor;

impl Transport {
    /// A handle of this connection for other threads. `reactor` is the loop of the connection.
    ///
    /// It keeps neither the loop running nor a lost connection in memory. Each call of this method makes
    /// another outbox; clones of what it returns share theirs.
    ///
    /// ```
    /// use std::thread;
    ///
    /// use reactor::{Protocol, Transport, WeakReactor};
    ///
    /// struct Sums { reactor: WeakReactor }
    ///
    /// impl Protocol for Sums {
    ///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    ///         let Some(reactor) = self.reactor.upgrade() else { return };
    ///         let client = transport.remote(&reactor);
    ///         let data = data.to_vec();
    ///         thread::spawn(move || {
    ///             let sum: u64 = data.iter().map(|byte| u64::from(*byte)).sum();
    ///             client.write(format!("{sum}\n")).ok(); // the client may have gone
    ///         });
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn remote(&self, reactor: &Reactor) -> RemoteTransport {
        let outbox = Arc::new(Outbox::new(self.limits().high_water, self.is_lost()));
        let serving = Rc::new(Serving {
            outbox: Arc::clone(&outbox),
            transport: self.downgrade(),
            reactor: reactor.downgrade(),
            taken: RefCell::default(),
            waits: Cell::new(false),
            kept: RefCell::default(),
        });
        if !self.is_lost() {
            let watcher: Weak<Serving> = Rc::downgrade(&serving);
            self.watch(watcher, 0);
        }
        RemoteTransport {
            outbox,
            // One place is enough: where it is taken, the loop is going to look.
            bell: reactor.mailbox_with_capacity(1, move |()| serving.serve()),
            id: self.id(),
            peer: self.peer_addr().clone(),
        }
    }
}

/// A handle of one connection that other threads may hold: see [`Transport::remote`]. Clones are the same
/// handle.
///
/// What is asked for by this handle, and by a [`RemoteHandle`](crate::threads::RemoteHandle) that shares
/// its outbox, is done in the order in which it was asked for, from the next turn of the loop on. Nothing is
/// done while the peer is behind, from
/// [`writing_paused`](crate::Protocol::writing_paused) until `writing_resumed`.
///
/// When the connection is lost, what was not done by then is dropped, on the loop's thread, and nothing is
/// taken any more. As with a [`Transport`], bytes that were taken may not have reached the peer.
#[derive(Clone)]
pub struct RemoteTransport {
    outbox: Arc<Outbox>,
    bell: Sender<()>,
    id: ConnectionId,
    peer: Address,
}

impl RemoteTransport {
    /// Queues bytes to be written, and returns at once. After [`lose_connection`](Self::lose_connection) of
    /// the connection's own thread they are dropped, as there.
    ///
    /// # Errors
    ///
    /// `Full`, when [`Limits::high_water`](crate::Limits::high_water) bytes wait already for the loop and
    /// for the peer, in this handle and its clones; a call counts as 64. One that is taken may have any size.
    /// `Closed`, when the connection is lost or its end was asked for by this handle. The bytes come back in
    /// the error.
    pub fn write(&self, data: impl Into<Vec<u8>>) -> Result<(), SendError<Vec<u8>>> {
        self.put(data.into(), Item::Bytes)
    }

    /// Asks for the orderly end of the connection, behind all that was taken before.
    pub fn lose_connection(&self) {
        self.outbox.lose();
        self.ring();
    }

    /// Drops the connection, and what waits for it, at once.
    pub fn abort_connection(&self) {
        self.outbox.abort();
        self.ring();
    }

    /// Whether the connection is lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.outbox.is_closed()
    }

    /// The peer's end. Still known after the connection was lost.
    #[must_use]
    pub fn peer_addr(&self) -> &Address {
        &self.peer
    }

    /// The connection's number, by which log lines name it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn put<V>(
        &self,
        value: V,
        item: impl FnOnce(V) -> Item,
    ) -> Result<(), SendError<V>> {
        self.outbox.put(value, item)?;
        self.ring();
        Ok(())
    }

    fn ring(&self) {
        // Full: it has rung. Closed: the loop is gone, and has closed the outbox.
        let _ = self.bell.send(());
    }
}

impl fmt::Debug for RemoteTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTransport")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("is_lost", &self.is_lost())
            .finish()
    }
}

/// The loop's half.
struct Serving {
    outbox: Arc<Outbox>,
    transport: WeakTransport,
    reactor: WeakReactor,
    /// What was taken out of the outbox and not done.
    taken: RefCell<VecDeque<Item>>,
    /// Whether something else goes on with it: a call that is to be made, or the next turn.
    waits: Cell<bool>,
    /// Itself, while something is left to do: the handles, and with them the mailbox, may be gone by now.
    kept: RefCell<Option<Rc<Self>>>,
}

impl Serving {
    /// Does what is to be done, as far as the peer and the order allow.
    fn serve(self: &Rc<Self>) {
        let Some(transport) = self.transport.upgrade() else {
            return self.close();
        };
        if self.outbox.is_aborted() {
            return transport.abort_connection();
        }
        if self.taken.borrow().is_empty() {
            // Once: what is put in meanwhile has rung the bell again. So one turn writes so much and no more.
            let taken = self.outbox.take();
            self.taken.replace(taken);
        }
        while !self.waits.get() {
            if transport.unsent() > transport.limits().high_water {
                self.wait_for_room(&transport);
                break;
            }
            let Some(item) = self.next() else {
                self.kept.take();
                return;
            };
            match item {
                Item::Bytes(bytes) => _ = transport.write(&bytes),
                Item::Lose => transport.lose_connection(),
                Item::Call(call) => self.post(call, &transport),
            }
        }
        if !self.outbox.is_closed() {
            self.kept.replace(Some(Rc::clone(self)));
        }
    }

    fn next(&self) -> Option<Item> {
        let item = self.taken.borrow_mut().pop_front()?;
        self.outbox.done(&item);
        Some(item)
    }

    /// Goes on when the peer has taken what was written.
    fn wait_for_room(self: &Rc<Self>, transport: &Transport) {
        if transport.is_above_high_water() {
            return; // the low mark is the sign
        }
        // It was not offered to the socket yet, which may take all: then no mark is crossed.
        if let Some(reactor) = self.reactor.upgrade() {
            let goes_on = self.go_on_later();
            reactor.call_soon(move || drop(goes_on));
        }
    }

    /// Lets the protocol be called, and goes on behind that.
    fn post(self: &Rc<Self>, call: RemoteCall, transport: &Transport) {
        let goes_on = self.go_on_later();
        let RemoteCall {
            wanted,
            name,
            place,
            call,
        } = call;
        transport.post(Post {
            wanted,
            name,
            place,
            looks: false,
            call: Contained::new(Box::new(move |part, transport| {
                call.into_inner()(part, transport);
                drop(goes_on);
            })),
        });
    }

    fn go_on_later(self: &Rc<Self>) -> GoesOn {
        self.waits.set(true);
        GoesOn(Rc::clone(self))
    }

    fn close(&self) {
        self.outbox.close();
        let taken = self.taken.take();
        drop(taken); // outside the borrow
        self.kept.take();
    }
}

/// Goes on when it is dropped: behind a call, also one that panics or is not made.
struct GoesOn(Rc<Serving>);

impl Drop for GoesOn {
    fn drop(&mut self) {
        self.0.waits.set(false);
        self.0.serve();
    }
}

impl Watcher for Serving {
    fn connection_lost(&self, _: usize) {
        self.close();
    }

    fn writing_resumed(&self, _: usize) {
        let kept = self.kept.borrow().clone(); // there is something to go on with
        if let Some(this) = kept {
            this.serve();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.outbox.close();
    }
}
