//! Handing items on: who gets before something was put waits for it in a Deferred.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::chain::Deferred;
use super::resolver::Resolver;

/// A queue whose [`get`](Self::get) returns a Deferred.
///
/// Items come out in the order in which they were put, and who asked first gets first. A clone is
/// another handle of the same queue. When the last handle is dropped, those who wait get
/// [`Abandoned`](super::Abandoned).
pub struct Queue<T: 'static> {
    hatch: Rc<Hatch<T>>,
}

struct Hatch<T: 'static> {
    size: usize,
    backlog: usize,
    items: RefCell<VecDeque<T>>,
    next_number: Cell<u64>,
    /// Those who wait, by the number that they drew.
    waiting: RefCell<BTreeMap<u64, Resolver<T>>>,
}

impl<T: 'static> Queue<T> {
    /// A queue for any number of items and of those who wait.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(usize::MAX, usize::MAX)
    }

    /// A queue that keeps at most `size` items for later, and lets at most `backlog` wait.
    #[must_use]
    pub fn bounded(size: usize, backlog: usize) -> Self {
        let hatch = Hatch {
            size,
            backlog,
            items: RefCell::default(),
            next_number: Cell::new(0),
            waiting: RefCell::default(),
        };
        Self {
            hatch: Rc::new(hatch),
        }
    }

    /// Gives `item` to the one who has waited longest, whose callbacks run inside this call, or
    /// keeps it.
    ///
    /// # Errors
    ///
    /// [`QueueOverflow`] with the item, if nobody waits and the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        let first = self.hatch.waiting.borrow_mut().pop_first();
        if let Some((_, resolver)) = first {
            resolver.callback(item);
            return Ok(());
        }
        let mut items = self.hatch.items.borrow_mut();
        if items.len() >= self.hatch.size {
            return Err(QueueOverflow(item));
        }
        items.push_back(item);
        Ok(())
    }

    /// Takes an item, or waits for one.
    ///
    /// Fails with [`QueueUnderflow`] if there is none and too many wait. One who cancels does not
    /// get the next item.
    #[must_use = "the item is lost if nobody takes it from the Deferred"]
    #[track_caller]
    pub fn get(&self) -> Deferred<T> {
        let hatch = &self.hatch;
        let item = hatch.items.borrow_mut().pop_front();
        if let Some(item) = item {
            return Deferred::succeed(item);
        }
        if hatch.waiting.borrow().len() >= hatch.backlog {
            return Deferred::fail(QueueUnderflow);
        }
        let (resolver, deferred) = Deferred::pending();
        let number = hatch.next_number.replace(hatch.next_number.get() + 1);
        let row = Rc::downgrade(hatch);
        resolver.on_cancel(move || {
            let resolver = row
                .upgrade()
                .and_then(|hatch| hatch.waiting.borrow_mut().remove(&number));
            drop(resolver);
        });
        hatch.waiting.borrow_mut().insert(number, resolver);
        deferred
    }

    /// How many items are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hatch.items.borrow().len()
    }

    /// Whether no item is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait for an item.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.hatch.waiting.borrow().len()
    }
}

impl<T: 'static> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            hatch: Rc::clone(&self.hatch),
        }
    }
}

impl<T: 'static> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static> fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("items", &self.len())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A [`Queue`] is full. Has the item that was to be put.
pub struct QueueOverflow<T>(pub T);

impl<T> fmt::Debug for QueueOverflow<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("QueueOverflow")
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for QueueOverflow<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the queue is full")
    }
}

impl<T> Error for QueueOverflow<T> {}

/// Too many wait for an item of a [`Queue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueUnderflow;

impl fmt::Display for QueueUnderflow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("too many wait for the queue")
    }
}

impl Error for QueueUnderflow {}
