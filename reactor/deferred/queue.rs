//! A queue whose `get` returns a Deferred.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::chain::Deferred;
use super::loan::{Carried, Lender, Loan};
use super::resolver::Resolver;
use super::wait_list::WaitList;

/// A queue whose [`get`](Self::get) returns a Deferred.
///
/// Items come out in the order in which they were put, and who asked first gets first. A clone is
/// another handle of the same queue. When the last handle is dropped, those who wait get
/// [`Abandoned`](super::Abandoned).
///
/// What was put is not lost on its way: an item whose Deferred is dropped, or loses a
/// [`race`](super::race), or is awaited by a task that is cancelled, before a callback or the task
/// has got it, goes back to its place in the queue, or to the next one who waits. So a loop may wait
/// for an item and for something else, again and again.
pub struct Queue<T: 'static> {
    state: Rc<QueueState<T>>,
}

struct QueueState<T: 'static> {
    size: usize,
    backlog: usize,
    /// With the numbers of their puts, which ascend: an item that comes back finds its place by its
    /// number.
    items: RefCell<VecDeque<(u64, T)>>,
    next_number: Cell<u64>,
    waiting: WaitList<T>,
    /// Whether items are being handed over.
    serving: Cell<bool>,
    /// The loan of an item that was taken, for the next item: most are taken before the next one is
    /// lent, and so no item costs an allocation. One and not a list, so that a queue that has once
    /// lent a million items at a time does not keep the memory.
    spare: Cell<Option<Box<Loan<T>>>>,
}

impl<T: 'static> Queue<T> {
    /// A queue for any number of items and of those who wait.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(usize::MAX, usize::MAX)
    }

    /// A queue that keeps at most `size` items for later, and lets at most `backlog` wait. Items that
    /// come back are kept also where it is full.
    #[must_use]
    pub fn bounded(size: usize, backlog: usize) -> Self {
        let state = QueueState {
            size,
            backlog,
            items: RefCell::default(),
            next_number: Cell::new(0),
            waiting: WaitList::new(),
            serving: Cell::new(false),
            spare: Cell::new(None),
        };
        Self {
            state: Rc::new(state),
        }
    }

    /// Gives `item` to the one who has waited longest, whose callbacks run inside this call, or
    /// keeps it.
    ///
    /// # Errors
    ///
    /// [`QueueOverflow`] with the item, if no `get` waits and the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        let state = &self.state;
        let is_waited_for = !state.waiting.is_empty();
        if !is_waited_for && self.len() >= state.size {
            return Err(QueueOverflow(item));
        }
        let number = state.next_number.get();
        state.next_number.set(number + 1);
        // Also where one waits: an item that has come back meanwhile is before this one.
        state.items.borrow_mut().push_back((number, item));
        if is_waited_for {
            state.serve();
        }
        Ok(())
    }

    /// Takes an item, or waits for one.
    ///
    /// Fails with [`QueueUnderflow`] if there is no item and `backlog` others wait. A Deferred that is
    /// cancelled or dropped does not get the next item.
    #[must_use = "the item goes back unless it is taken from the Deferred"]
    #[track_caller]
    pub fn get(&self) -> Deferred<T> {
        let state = &self.state;
        // While some wait, an item that is there is one that has come back, for the first of them.
        if state.waiting.is_empty() {
            let item = state.items.borrow_mut().pop_front();
            if let Some(item) = item {
                return Deferred::from_passing(Ok(state.lend(item)));
            }
        }
        if state.waiting.len() >= state.backlog {
            return Deferred::fail(QueueUnderflow);
        }
        state.waiting.wait()
    }

    /// How many items are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.items.borrow().len()
    }

    /// Whether no item is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait for an item.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.waiting.len()
    }
}

impl<T: 'static> QueueState<T> {
    /// An item that comes back if nobody takes it.
    fn lend(self: &Rc<Self>, (number, item): (u64, T)) -> Carried<T> {
        let loan = self.spare.take().unwrap_or_else(|| {
            let lender = Rc::downgrade(self);
            Loan::of(lender)
        });
        loan.carry(number, item)
    }

    /// Hands items over, as long as there are any and somebody waits.
    fn serve(self: &Rc<Self>) {
        let before = self.serving.replace(true);
        while let Some((item, resolver)) = self.next_pair() {
            resolver.lend(self.lend(item));
        }
        self.serving.set(before);
    }

    fn next_pair(&self) -> Option<((u64, T), Resolver<T>)> {
        let mut items = self.items.borrow_mut();
        if items.is_empty() {
            return None; // without calling anybody off the list
        }
        let resolver = self.waiting.next()?;
        Some((items.pop_front()?, resolver))
    }
}

impl<T: 'static> Lender<T> for QueueState<T> {
    /// An item comes back: to its place among the others, or to the next one who waits.
    fn take_back(self: Rc<Self>, number: u64, item: T) {
        let mut items = self.items.borrow_mut();
        let place = items.partition_point(|(other, _)| *other < number);
        items.insert(place, (number, item));
        drop(items);
        // Who is handing over goes on with it. Each of many who have dropped their Deferreds would
        // otherwise hand the item to the next one, deeper and deeper inside one another.
        if !self.serving.get() {
            self.serve();
        }
    }

    fn keep(&self, spare: Box<Loan<T>>) {
        self.spare.set(Some(spare));
    }
}

impl<T: 'static> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            state: Rc::clone(&self.state),
        }
    }
}

impl<T: 'static> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("items", &self.len())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A [`Queue`] is full. Has the item that was to be put.
pub struct QueueOverflow<T>(pub T);

impl<T> fmt::Debug for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueOverflow").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> Error for QueueOverflow<T> {}

/// Too many wait for an item of a [`Queue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueUnderflow;

impl fmt::Display for QueueUnderflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many wait for the queue")
    }
}

impl Error for QueueUnderflow {}
