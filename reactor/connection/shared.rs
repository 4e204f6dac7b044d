//! A connection between the loop, which calls its protocol, and a task, which awaits it.
//!
//! ```text
//!   the loop                                              the task
//!   data_received ───────▶ [ received ] ────────────────▶ read, next
//!      paused above MARK  ◀── resumed below half of it ──┘
//!   writing_paused, writing_resumed ──▶ is there room? ──▶ write
//!   read_closed, connection_lost ─────▶ the end, and why ▶ each of them
//! ```
//!
//! A future that waits here holds nothing that was received and nothing that is to be sent: bytes are taken
//! in the poll that is ready, and written in the poll that is ready. So a future that is dropped at any
//! await loses no byte.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::received::Received;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// Bytes that wait for the task, above which no more are read: a small message or two. One read may bring 64
/// KiB at once.
const MARK: usize = 16 << 10;

/// What is taken without waiting before the task lets others go first, lest a peer that sends empty lines by
/// the thousand keeps the loop.
const SHARE: u32 = 128;

/// Wakers of futures that were dropped stay until the next wake. With so many, all are woken.
const WAKERS: usize = 64;

/// What is called in place of a task, with all that comes.
pub(super) trait Consume {
    /// Bytes have come, or its time has.
    fn received(&self);

    /// The peer has taken what was written.
    fn writing_resumed(&self);

    /// The loop stops.
    fn shutdown_requested(&self);

    fn lost(&self, reason: &Reason);
}

/// What the protocol and the task share.
pub(super) struct Shared {
    /// Set when the connection is made.
    transport: OnceCell<Transport>,
    /// The loop, for time limits.
    pub(super) reactor: WeakReactor,
    pub(super) received: RefCell<Received>,
    consumer: RefCell<Option<Rc<dyn Consume>>>,
    /// As many bytes the task waits for, which may be more than are read otherwise.
    wanted: Cell<usize>,
    is_paused: Cell<bool>,
    reader: Cell<Option<Waker>>,
    /// Those that wait for room, or for the end.
    others: RefCell<Vec<Waker>>,
    read_ended: Cell<bool>,
    /// The loop stops: nothing more is waited for.
    stops: Cell<bool>,
    lost: RefCell<Option<Reason>>,
    taken_at_once: Cell<u32>,
}

impl Shared {
    pub(super) fn new(reactor: WeakReactor) -> Rc<Self> {
        Rc::new(Self {
            transport: OnceCell::new(),
            reactor,
            received: RefCell::default(),
            consumer: RefCell::default(),
            wanted: Cell::new(1),
            is_paused: Cell::new(false),
            reader: Cell::new(None),
            others: RefCell::default(),
            read_ended: Cell::new(false),
            stops: Cell::new(false),
            lost: RefCell::default(),
            taken_at_once: Cell::new(0),
        })
    }

    pub(super) fn transport(&self) -> &Transport {
        self.transport
            .get()
            .expect("a connection is handed out when it was made")
    }

    /// Lets `consumer` have what comes from now on, and what has come.
    pub(super) fn set_consumer(&self, consumer: Rc<dyn Consume>) {
        self.consumer.replace(Some(Rc::clone(&consumer)));
        consumer.received();
        self.resume_if_drained();
        if let Some(reason) = self.lost_reason() {
            consumer.lost(&reason);
        }
    }

    fn consumer(&self) -> Option<Rc<dyn Consume>> {
        self.consumer.borrow().clone()
    }

    /// Why the connection was lost, if it was.
    pub(super) fn lost_reason(&self) -> Option<Reason> {
        self.lost.borrow().clone()
    }

    /// Why nothing more comes, or goes.
    pub(super) fn reason(&self) -> Reason {
        let transport = self.transport();
        match self.lost_reason() {
            Some(reason) => reason,
            None if !transport.is_open() => transport.reason(), // it ends
            None if self.stops.get() => Reason::Shutdown,
            None => Reason::LocalClosed, // of the sending half alone
        }
    }

    // What a task awaits.

    /// Takes of what was received, as soon as there are `wanted` bytes; `None` when the peer has sent all that
    /// it will and they are not there.
    pub(super) fn poll_take<R>(
        &self,
        context: &mut Context<'_>,
        wanted: usize,
        take: impl FnOnce(&mut Received) -> R,
    ) -> Poll<Result<Option<R>, Reason>> {
        if self.received.borrow().len() >= wanted {
            if self.count_take() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = take(&mut self.received.borrow_mut());
            self.wanted.set(1);
            self.resume_if_drained();
            return Poll::Ready(Ok(Some(taken)));
        }
        self.taken_at_once.set(0);
        // What the peer has said before it was lost counts, its end included.
        if self.read_ended.get() {
            return Poll::Ready(Ok(None));
        }
        if self.stops.get() || !self.transport().is_open() {
            return Poll::Ready(Err(self.reason()));
        }
        self.wanted.set(wanted);
        self.reader.set(Some(context.waker().clone()));
        self.resume_if_drained();
        Poll::Pending
    }

    /// Counts what is taken without waiting. Returns whether others come first.
    fn count_take(&self) -> bool {
        let taken = self.taken_at_once.get() + 1;
        let is_enough = taken > SHARE;
        self.taken_at_once.set(if is_enough { 0 } else { taken });
        is_enough
    }

    /// Waits until the peer keeps up with what was written.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let transport = self.transport();
        if !transport.takes_bytes() {
            return Poll::Ready(Err(self.reason()));
        }
        if transport.is_above_high_water() {
            self.note(context.waker());
            return Poll::Pending;
        }
        if transport.unsent() > transport.limits().high_water {
            // It was not offered to the socket yet, which may take it all: then no mark is crossed.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_lost(&self, context: &mut Context<'_>) -> Poll<Reason> {
        match self.lost_reason() {
            Some(reason) => Poll::Ready(reason),
            None => {
                self.note(context.waker());
                Poll::Pending
            }
        }
    }

    /// Writes, when there is room.
    pub(super) fn write(&self, pieces: &[&[u8]]) -> Result<(), Reason> {
        match self.transport().write_sequence(pieces) {
            true => Ok(()),
            false => Err(self.reason()),
        }
    }

    fn note(&self, waker: &Waker) {
        let is_full = self.others.borrow().len() >= WAKERS;
        if is_full {
            self.wake_others();
        }
        let mut others = self.others.borrow_mut();
        if !others.iter().any(|other| other.will_wake(waker)) {
            others.push(waker.clone());
        }
    }

    fn wake_reader(&self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_others(&self) {
        let others = self.others.take(); // outside the borrow: a waker is anybody's code
        others.into_iter().for_each(Waker::wake);
    }

    // Reading, as fast as the task takes it.

    fn pause_if_full(&self) {
        let most = MARK.max(self.wanted.get());
        if self.received.borrow().len() >= most && !self.is_paused.replace(true) {
            self.transport().pause_reading();
        }
    }

    fn resume_if_drained(&self) {
        let is_drained = self.received.borrow().len() < (MARK / 2).max(self.wanted.get());
        if self.is_paused.get() && is_drained && !self.stops.get() {
            self.is_paused.set(false);
            self.transport().resume_reading();
        }
    }
}

/// The connection's protocol, which hands all on.
pub(super) struct Inbox {
    shared: Rc<Shared>,
    /// What to do when the connection is made.
    begin: Option<Box<dyn FnOnce(Rc<Shared>)>>,
}

impl Inbox {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        Self {
            shared: Rc::clone(shared),
            begin: None,
        }
    }

    pub(super) fn beginning(mut self, begin: impl FnOnce(Rc<Shared>) + 'static) -> Self {
        self.begin = Some(Box::new(begin));
        self
    }
}

impl Protocol for Inbox {
    fn connection_made(&mut self, transport: &Transport) {
        // Set once, since this comes once.
        let _ = self.shared.transport.set(transport.clone());
        if let Some(begin) = self.begin.take() {
            begin(Rc::clone(&self.shared));
        }
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.shared.received.borrow_mut().push(data);
        match self.shared.consumer() {
            Some(consumer) => consumer.received(),
            None => {
                self.shared.pause_if_full();
                self.shared.wake_reader();
            }
        }
    }

    /// The connection stays: the task may still have to say something.
    fn read_closed(&mut self, transport: &Transport) {
        self.shared.read_ended.set(true);
        match self.shared.consumer() {
            Some(_) => transport.lose_connection(), // no answer will come
            None => self.shared.wake_reader(),
        }
    }

    /// Reading goes on: what is written waits for room, so memory is bounded without that.
    fn writing_paused(&mut self, _: &Transport) {}

    fn writing_resumed(&mut self, _: &Transport) {
        self.shared.wake_others();
        if let Some(consumer) = self.shared.consumer() {
            consumer.writing_resumed();
        }
    }

    /// A task that waits for the peer is woken and ends; one that makes an answer may still give it.
    fn shutdown_requested(&mut self, transport: &Transport) {
        if let Some(consumer) = self.shared.consumer() {
            return consumer.shutdown_requested();
        }
        transport.pause_reading(); // so that what is left to be taken has an end
        self.shared.stops.set(true);
        self.shared.wake_reader();
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.shared.lost.replace(Some(reason.clone()));
        self.shared.wake_reader();
        self.shared.wake_others();
        let consumer = self.shared.consumer.take();
        if let Some(consumer) = consumer {
            consumer.lost(reason);
        }
    }
}
