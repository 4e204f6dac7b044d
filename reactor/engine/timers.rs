//! The queue of delayed calls: a heap of deadlines over a slab of what is due.
//!
//! The heap holds only keys, of 24 bytes; what is to be done lies in the slab and never moves.
//! Cancelling takes the entry out of the slab, with everything it holds, and leaves its key in the
//! heap; postponing writes the new deadline into the entry and leaves the key. A key that comes to
//! the top and is stale is dropped, or put back with the current deadline. So both
//! cost a few instructions, and a timeout that is pushed back at every byte costs one heap
//! operation each time it would have fired, not one a byte.
//!
//! What is due is called in rounds, and what is set during a round waits for the next one, even when
//! it is due already. So that it does not come to the top and hide what waits behind it, no key is
//! earlier than the last round: calls that are set for the past come in the order in which they
//! were set.
//!
//! Stale keys are counted. When they are more than half of the heap, it is rebuilt without them,
//! which costs O(1) for each cancelled call: ten million cancelled calls leave nothing behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::num::NonZeroU64;
use std::time::Duration;

use slab::Slab;

/// A point in time: nanoseconds since the reactor was made. Good for 584 years.
pub(crate) type Nanos = u64;

/// A key in the heap: by deadline, and first in, first out for equal ones. It is current when
/// the entry in its slot has the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    deadline: Nanos,
    sequence: NonZeroU64,
    slot: usize,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: Nanos,
    /// The place among equal deadlines; a new one with each reset, and never used twice.
    sequence: NonZeroU64,
    /// The sequence number that the key in the heap has. That key is never too late.
    key_sequence: NonZeroU64,
    due: T,
}

/// Names one entry until it is reset, which gives it a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerId {
    slot: usize,
    /// Never zero, so that each connection's `Option` of a timer is a word smaller.
    sequence: NonZeroU64,
}

impl TimerId {
    /// The number by which an observer knows the entry.
    pub(crate) fn number(self) -> u64 {
        self.sequence.get()
    }
}

/// One round of calling what is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    now: Nanos,
    /// A lower bound of the sequence numbers of what was set after it began.
    mark: NonZeroU64,
}

/// Calls that are due at their deadlines. `T` is what is due.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    heap: BinaryHeap<Reverse<Key>>,
    entries: Slab<Entry<T>>,
    /// The one that is given next.
    sequence: NonZeroU64,
    /// The last round. What was set since has no key that is earlier.
    round: Round,
    /// Keys in the heap that belong to no entry any more.
    stale: usize,
}

/// A heap this small, 1.5 KiB of keys, is not worth rebuilding.
const REBUILD_FROM: usize = 64;

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        let one = NonZeroU64::MIN;
        Self {
            heap: BinaryHeap::new(),
            entries: Slab::new(),
            sequence: one,
            round: Round { now: 0, mark: one },
            stale: 0,
        }
    }

    /// Amortized O(1) for deadlines that mostly rise, O(log n) at worst.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: Nanos, due: T) -> TimerId {
        let sequence = self.next_sequence();
        let entry = Entry {
            deadline,
            sequence,
            key_sequence: sequence,
            due,
        };
        let slot = self.entries.insert(entry);
        self.heap.push(Reverse(Key {
            deadline: deadline.max(self.round.now),
            sequence,
            slot,
        }));
        TimerId { slot, sequence }
    }

    /// Takes an entry out; `None` when it was taken out before. Amortized O(1).
    pub(crate) fn remove(&mut self, timer: TimerId) -> Option<T> {
        self.entry(timer)?;
        let entry = self.entries.remove(timer.slot);
        self.stale += 1; // the key stays: to find it in the heap is O(n)
        self.rebuild_if_mostly_stale();
        Some(entry.due)
    }

    /// Moves the deadline, behind all entries that have the same one already, and gives the entry
    /// a new name. O(1) when the new deadline is not earlier than the old one. Returns whether
    /// there is such an entry.
    pub(crate) fn reset(&mut self, timer: &mut TimerId, deadline: Nanos) -> bool {
        let sequence = self.next_sequence();
        let Some(entry) = self.entry(*timer) else {
            return false;
        };
        // A key that is too early is corrected at the top; one that is too late would fire too late.
        let is_earlier = deadline < entry.deadline;
        (entry.deadline, entry.sequence) = (deadline, sequence);
        if is_earlier {
            entry.key_sequence = sequence;
            self.stale += 1;
            self.heap.push(Reverse(Key {
                deadline: deadline.max(self.round.now),
                sequence,
                slot: timer.slot,
            }));
            self.rebuild_if_mostly_stale();
        }
        timer.sequence = sequence;
        true
    }

    /// When an entry is due; `None` when it was taken out.
    pub(crate) fn deadline(&mut self, timer: TimerId) -> Option<Nanos> {
        self.entry(timer).map(|entry| entry.deadline)
    }

    /// Begins a round: what is set from now on waits for the next one.
    pub(crate) fn begin_round(&mut self, now: Nanos) -> Round {
        let mark = self.sequence;
        self.round = Round { now, mark };
        self.round
    }

    /// Takes out the next entry that is due in a round.
    pub(crate) fn pop_due(&mut self, round: Round) -> Option<T> {
        let key = self.first()?;
        if key.deadline > round.now || key.sequence >= round.mark {
            return None; // a call that sets another one for now must not keep the loop here
        }
        self.heap.pop();
        Some(self.entries.remove(key.slot).due)
    }

    pub(crate) fn next_deadline(&mut self) -> Option<Nanos> {
        self.first().map(|key| key.deadline)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn next_sequence(&mut self) -> NonZeroU64 {
        // Saturated in 584 years, if one is given each nanosecond.
        let next = self.sequence.saturating_add(1);
        std::mem::replace(&mut self.sequence, next)
    }

    fn entry(&mut self, timer: TimerId) -> Option<&mut Entry<T>> {
        let entry = self.entries.get_mut(timer.slot);
        entry.filter(|entry| entry.sequence == timer.sequence)
    }

    /// Brings a current key to the top of the heap, and returns it.
    fn first(&mut self) -> Option<Key> {
        let round = self.round;
        loop {
            let mut top = self.heap.peek_mut()?;
            let Reverse(key) = &mut *top;
            match self.entries.get_mut(key.slot) {
                Some(entry) if entry.sequence == key.sequence => return Some(*key),
                Some(entry) if entry.key_sequence == key.sequence => {
                    // Postponed: the key is updated, and sinks to its place when `top` is dropped.
                    (key.deadline, key.sequence) = (entry.deadline, entry.sequence);
                    // Set for the past during this round: it must not stay at the top and hide others.
                    if entry.sequence >= round.mark {
                        key.deadline = key.deadline.max(round.now);
                    }
                    entry.key_sequence = entry.sequence;
                }
                _ => {
                    PeekMut::pop(top);
                    self.stale -= 1;
                }
            }
        }
    }

    fn rebuild_if_mostly_stale(&mut self) {
        if self.heap.len() < REBUILD_FROM || self.stale <= self.heap.len() / 2 {
            return;
        }
        let entries = &self.entries;
        self.heap.retain(|Reverse(key)| {
            let entry = entries.get(key.slot);
            entry.is_some_and(|entry| entry.key_sequence == key.sequence)
        });
        self.stale = 0;
    }
}

/// A duration that is too long to count is the longest one that can be counted.
#[inline]
pub(crate) fn as_nanos(duration: Duration) -> Nanos {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(timers: &mut Timers<u32>, now: Nanos) -> Vec<u32> {
        let round = timers.begin_round(now);
        std::iter::from_fn(|| timers.pop_due(round)).collect()
    }

    #[test]
    fn equal_deadlines_are_first_in_first_out() {
        let mut timers = Timers::new();
        for n in 0..20 {
            timers.insert(5, n);
        }
        timers.insert(4, 99);
        assert_eq!(drain(&mut timers, 4), [99]);
        assert_eq!(drain(&mut timers, 5), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_reset_moves_in_both_directions_and_behind_its_equals() {
        let mut timers = Timers::new();
        let mut later = timers.insert(10, 0);
        let mut sooner = timers.insert(10, 1);
        timers.insert(20, 2);
        assert!(timers.reset(&mut later, 20));
        assert!(timers.reset(&mut sooner, 5));
        assert_eq!(timers.next_deadline(), Some(5));
        assert_eq!(drain(&mut timers, 19), [1]);
        assert_eq!(timers.next_deadline(), Some(20));
        assert_eq!(drain(&mut timers, 20), [2, 0]);
        assert!(!timers.reset(&mut later, 30), "it has fired");
    }

    #[test]
    fn an_entry_that_moved_forth_and_back_fires_once() {
        let mut timers = Timers::new();
        let mut timer = timers.insert(10, 7);
        for deadline in [5, 30, 8, 12] {
            assert!(timers.reset(&mut timer, deadline));
        }
        assert_eq!(drain(&mut timers, 11), []);
        assert_eq!(drain(&mut timers, 12), [7]);
        assert_eq!(drain(&mut timers, 100), []);
        assert_eq!((timers.len(), timers.next_deadline()), (0, None));
    }

    #[test]
    fn what_is_set_while_the_due_ones_run_waits_for_the_next_round() {
        let mut timers = Timers::new();
        timers.insert(1, 1);
        let round = timers.begin_round(5);
        assert_eq!(timers.pop_due(round), Some(1));
        timers.insert(1, 2);
        assert_eq!(timers.pop_due(round), None);
        assert_eq!(drain(&mut timers, 5), [2]);
    }

    #[test]
    fn what_is_set_for_the_past_does_not_hide_what_is_due() {
        let mut timers = Timers::new();
        let mut pulled = timers.insert(100, 8);
        let mut pushed = timers.insert(2, 9);
        for n in 1..4 {
            timers.insert(n, n as u32);
        }
        let round = timers.begin_round(5);
        assert_eq!(timers.pop_due(round), Some(1));
        let late = timers.insert(0, 7);
        assert!(timers.reset(&mut pulled, 0));
        assert!(timers.reset(&mut pushed, 2));
        assert_eq!(timers.deadline(late), Some(0));
        assert_eq!(timers.pop_due(round), Some(2));
        assert_eq!(timers.pop_due(round), Some(3));
        assert_eq!(timers.pop_due(round), None);
        assert_eq!(timers.next_deadline(), Some(5));
        assert_eq!(drain(&mut timers, 5), [7, 8, 9]);
    }

    #[test]
    fn a_timer_id_does_not_reach_the_next_entry_of_its_slot() {
        let mut timers = Timers::new();
        let first = timers.insert(1, 1);
        assert_eq!(timers.remove(first), Some(1));
        let second = timers.insert(1, 2);
        assert_eq!(first.slot, second.slot, "the slot is reused");
        assert_eq!(timers.remove(first), None);
        assert_eq!(timers.deadline(first), None);
        assert_eq!(timers.deadline(second), Some(1));
    }

    #[test]
    fn cancelling_leaves_no_garbage() {
        let mut timers = Timers::new();
        timers.insert(Nanos::MAX, 0);
        for n in 0..1_000_000u32 {
            let timer = timers.insert(Nanos::MAX - 1, n);
            timers.remove(timer);
            assert!(timers.heap.len() <= REBUILD_FROM);
        }
        assert!(timers.entries.capacity() <= REBUILD_FROM);
        assert!(timers.heap.capacity() <= 4 * REBUILD_FROM);
    }

    #[test]
    fn pulling_forward_leaves_no_garbage() {
        let mut timers = Timers::new();
        let mut timer = timers.insert(Nanos::MAX, 0);
        for n in 1..100_000 {
            assert!(timers.reset(&mut timer, Nanos::MAX - n));
            assert!(timers.heap.len() <= REBUILD_FROM + 1);
        }
        assert_eq!(timers.next_deadline(), Some(Nanos::MAX - 99_999));
    }

    /// Against a list that is searched: the same operations, the same order.
    #[test]
    fn the_heap_agrees_with_a_sorted_list() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut timers = Timers::new();
        let mut list: Vec<(Nanos, u64, u32, TimerId)> = Vec::new();
        let (mut now, mut order) = (0, 0);
        for n in 0..200_000u32 {
            order += 1;
            match next(5) {
                0 | 1 => {
                    let deadline = now + next(50);
                    list.push((deadline, order, n, timers.insert(deadline, n)));
                }
                2 if !list.is_empty() => {
                    let (_, _, n, timer) = list.swap_remove(next(list.len() as u64) as usize);
                    assert_eq!(timers.remove(timer), Some(n));
                }
                3 if !list.is_empty() => {
                    let index = next(list.len() as u64) as usize;
                    let deadline = now + next(50);
                    assert!(timers.reset(&mut list[index].3, deadline));
                    (list[index].0, list[index].1) = (deadline, order);
                }
                _ => {
                    now += next(4);
                    list.sort_unstable_by_key(|entry| (entry.0, entry.1));
                    let count = list.iter().take_while(|entry| entry.0 <= now).count();
                    let due: Vec<u32> = list.drain(..count).map(|entry| entry.2).collect();
                    assert_eq!(drain(&mut timers, now), due);
                    assert_eq!(timers.len(), list.len());
                }
            }
        }
    }
}
