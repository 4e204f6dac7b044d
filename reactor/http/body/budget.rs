//! How much of all the bodies of a site is in memory at one time.

use std::cell::Cell;
use std::rc::Rc;

/// The bytes that are kept. Clones count the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Rc<Cell<u64>>);

/// What one body has of it, and gives back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// Nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Takes this many bytes more, unless all together would then have more than `most`. Returns
    /// whether it has them.
    pub(crate) fn grow(&mut self, bytes: usize, most: u64) -> bool {
        let kept = &self.budget.0;
        // Before anything is copied, so that the sum never is above `most`, not even for a moment.
        let all = kept.get().saturating_add(bytes as u64);
        if all > most {
            return false;
        }
        kept.set(all);
        self.bytes += bytes as u64;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let kept = &self.budget.0;
        kept.set(kept.get() - self.bytes);
    }
}
