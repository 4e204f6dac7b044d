//! Those who wait for something, in the order of arrival, each with a way out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::chain::Deferred;
use super::resolver::Resolver;

/// The resolvers of those who wait. Cancelling a Deferred that [`wait`](Self::wait) has returned
/// takes its resolver off the list.
///
/// When the list is dropped, those who still wait get [`Abandoned`](super::Abandoned).
pub(super) struct WaitList<T: 'static> {
    /// Shared with the cancellers, which own no part of it: a list that is gone has dropped them.
    places: Rc<RefCell<Places<T>>>,
}

struct Places<T: 'static> {
    /// With their numbers, which ascend. `None` are the places of those who have left.
    resolvers: VecDeque<(u64, Option<Resolver<T>>)>,
    next_number: u64,
    left: usize,
}

impl<T: 'static> WaitList<T> {
    pub(super) fn new() -> Self {
        let places = Places {
            resolvers: VecDeque::new(),
            next_number: 0,
            left: 0,
        };
        Self {
            places: Rc::new(RefCell::new(places)),
        }
    }

    /// Waits behind all others.
    #[track_caller]
    pub(super) fn wait(&self) -> Deferred<T> {
        let (resolver, deferred) = Deferred::pending();
        let mut places = self.places.borrow_mut();
        let number = places.next_number;
        places.next_number += 1;
        let list = Rc::downgrade(&self.places);
        resolver.on_cancel(move || {
            if let Some(places) = list.upgrade() {
                places.borrow_mut().leave(number);
            }
        });
        places.resolvers.push_back((number, Some(resolver)));
        deferred
    }

    /// The one who has waited longest, who waits no more.
    pub(super) fn next(&self) -> Option<Resolver<T>> {
        let mut places = self.places.borrow_mut();
        loop {
            match places.resolvers.pop_front()? {
                (_, Some(resolver)) => return Some(resolver),
                (_, None) => places.left -= 1,
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        let places = self.places.borrow();
        places.resolvers.len() - places.left
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: 'static> Places<T> {
    fn leave(&mut self, number: u64) {
        let place = self
            .resolvers
            .binary_search_by_key(&number, |(number, _)| *number);
        let Ok(place) = place else { return };
        // Dropped under the borrow, which is safe only here: while its canceller runs, a resolver
        // that is dropped fires nothing, and its chain is alive, so nothing of the consumer's runs.
        self.resolvers[place].1 = None;
        self.left += 1;
        // A place is not taken out at once, because all behind it would have to move up. Taking out
        // half of them together costs each one the same little, and keeps the list no longer than
        // twice those who wait, also where the first one waits for ever.
        if self.left * 2 > self.resolvers.len() {
            self.resolvers.retain(|(_, resolver)| resolver.is_some());
            self.left = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WaitList;

    #[test]
    fn a_list_whose_first_waits_for_ever_is_no_longer_than_twice_those_who_wait() {
        let list = WaitList::<u32>::new();
        let first = list.wait();
        let mut before = list.wait();
        for number in 0..1_000 {
            let behind = list.wait();
            before.cancel();
            drop(before.into_result());
            before = behind;
            let places = list.places.borrow().resolvers.len();
            assert!(places <= 2 * list.len(), "{places} at {number}");
        }
        assert_eq!(list.len(), 2);
        let called = list.next().expect("the first");
        called.callback(1);
        assert!(first.is_fired() && !before.is_fired());
    }
}
