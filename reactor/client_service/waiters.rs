//! Those who wait for a connection of a service, in their order, each with the failures that it bears.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::deferred::{Deferred, Resolver};
use crate::handle::Handle;

/// Cancelling a Deferred that [`wait`](Self::wait) has returned takes it off the list, so the list is no
/// longer than those who wait.
pub(super) struct Waiters<P: 'static>(Rc<RefCell<List<P>>>);

struct List<P: 'static> {
    next_number: u64,
    waiting: BTreeMap<u64, Waiter<P>>,
}

struct Waiter<P: 'static> {
    resolver: Resolver<Handle<P>>,
    /// How many more attempts may fail, if not any number.
    failures: Option<u32>,
}

impl<P: 'static> Waiters<P> {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(List {
            next_number: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// Waits behind all others, for at most so many failures.
    #[track_caller]
    pub(super) fn wait(&self, failures: Option<u32>) -> Deferred<Handle<P>> {
        let (resolver, deferred) = Deferred::pending();
        let mut list = self.0.borrow_mut();
        let number = list.next_number;
        list.next_number += 1;
        let weak = Rc::downgrade(&self.0);
        resolver.on_cancel(move || {
            let list = weak.upgrade();
            // In two steps, so that what the consumer hung on it is dropped outside the borrow.
            let left = list.and_then(|list| list.borrow_mut().waiting.remove(&number));
            drop(left);
        });
        list.waiting.insert(number, Waiter { resolver, failures });
        deferred
    }

    /// The one who has waited longest, who waits no more.
    pub(super) fn next(&self) -> Option<Resolver<Handle<P>>> {
        let (_, waiter) = self.0.borrow_mut().waiting.pop_first()?;
        Some(waiter.resolver)
    }

    /// All of them, who wait no more.
    pub(super) fn take(&self) -> Vec<Resolver<Handle<P>>> {
        let waiting = std::mem::take(&mut self.0.borrow_mut().waiting);
        waiting
            .into_values()
            .map(|waiter| waiter.resolver)
            .collect()
    }

    /// Those who wait no more, because an attempt has failed.
    pub(super) fn count_failure(&self) -> Vec<Resolver<Handle<P>>> {
        let mut list = self.0.borrow_mut();
        let mut done = Vec::new();
        for (number, waiter) in &mut list.waiting {
            if let Some(failures) = &mut waiter.failures {
                *failures = failures.saturating_sub(1);
                if *failures == 0 {
                    done.push(*number);
                }
            }
        }
        let done = done.into_iter().filter_map(|n| list.waiting.remove(&n));
        done.map(|waiter| waiter.resolver).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().waiting.len()
    }
}
