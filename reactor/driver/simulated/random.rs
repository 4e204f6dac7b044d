//! Numbers that look random and are the same for the same seed.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Steele, Lea and Flood's `SplitMix64`: one addition and a mix, and no seed is a bad one.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..below`; zero when that is empty.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        // Below 2^32, as all limits here are, the bias of the remainder cannot be noticed.
        if below == 0 { 0 } else { self.next() % below }
    }

    pub(crate) fn size_within(&mut self, range: &RangeInclusive<usize>) -> usize {
        let (start, end) = (*range.start(), *range.end());
        start + self.below(end.saturating_sub(start) as u64 + 1) as usize
    }

    /// A duration in whole nanoseconds.
    pub(crate) fn duration_within(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let spread = range.end().saturating_sub(*range.start());
        let spread = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX - 1);
        *range.start() + Duration::from_nanos(self.below(spread + 1))
    }

    /// True with this chance.
    pub(crate) fn chance(&mut self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.below(1000) < u64::from(in_a_thousand)
    }

    /// Puts the items into any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
