//! A diary of what has happened, in order.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test has this module to itself, and uses its part of it"
)]

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A diary that many may hold.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn note(&self, entry: impl fmt::Display) {
        self.0.borrow_mut().push(entry.to_string());
    }

    pub fn entries(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }

    pub fn count(&self, entry: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|e| e.starts_with(entry))
            .count()
    }

    pub fn contains(&self, entry: &str) -> bool {
        self.count(entry) > 0
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.borrow().fmt(f)
    }
}
