//! Mailboxes, as the loop knows them: something by a token that hands on what other threads have sent.
//!
//! A thread that has sent something queues the token of its mailbox among the calls of threads, and so
//! wakes the loop; what it has sent, and the function that gets it, are in `threads/mailbox.rs`. They do not
//! keep the loop running.

use std::cell::RefCell;

use crate::engine::dispatch::Dispatch;
use crate::engine::table::{Table, Token};
use crate::transport::LoopSide;

/// The mailboxes of one loop.
#[derive(Default)]
pub(crate) struct Mailboxes(RefCell<Table<Box<dyn Deliver>>>);

/// The loop's end of a mailbox.
pub(crate) trait Deliver {
    /// Hands on what has come, or a share of it.
    fn deliver(&mut self, dispatch: &Dispatch, loop_side: &LoopSide) -> Left;
}

/// What a mailbox has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// There may be more, and others come first.
    More,
    /// It has ended.
    Over,
}

impl Mailboxes {
    /// Reserves the token of a mailbox, which comes with [`put`](Self::put).
    pub(crate) fn reserve(&self) -> Token {
        self.0.borrow_mut().reserve()
    }

    pub(crate) fn put(&self, token: Token, mailbox: Box<dyn Deliver>) {
        let left_over = self.0.borrow_mut().put(token, mailbox);
        debug_assert!(left_over.is_none(), "only `deliver` frees a slot");
    }

    /// Hands on what has come for a mailbox. Returns whether it is to be looked at again.
    pub(super) fn deliver(&self, token: Token, dispatch: &Dispatch, loop_side: &LoopSide) -> bool {
        // Out of the table while its function runs, which may open another one.
        let taken = self.0.borrow_mut().take(token);
        let Some(mut mailbox) = taken else {
            return false;
        };
        let left = mailbox.deliver(dispatch, loop_side);
        if left == Left::Over {
            self.0.borrow_mut().remove(token);
            drop(mailbox); // outside the borrow: it owns a consumer's function
            return false;
        }
        self.put(token, mailbox);
        left == Left::More
    }
}
