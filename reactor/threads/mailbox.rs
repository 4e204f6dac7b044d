//! Mailboxes: values from other threads, for one function on the loop's.
//!
//! ```text
//! other threads                               the loop's thread
//! Sender ─ value ─▶ [ the values of a Mail ] ─▶ Delivery: f(value), f(value), …
//!   └─ bell, for the first value only ─▶ [ the queue of the loop ] ─▶ which delivery
//! ```
//!
//! The function need not be `Send`, so it stays here, in a table, and what travels are the values alone:
//! without an allocation each, and with one wake for as many as are there when the loop looks.
//!
//! Invariant: while values wait, or the last sender is gone and the function is not, the bell has rung,
//! which is one entry in the queue of the loop.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contained::{Contained, drop_contained};
use crate::engine::dispatch::Dispatch;
use crate::engine::mailboxes::{Deliver, Left};
use crate::engine::threads::Bell;
use crate::observe::{Callback, Cause};
use crate::reactor::Reactor;
use crate::transport::LoopSide;

/// How many values one mailbox is handed before what waits behind it in the queue of the loop: about as
/// much as a connection's share of a turn.
const SHARE: usize = 128;

/// Opens a mailbox of a loop, with one sender.
pub(super) fn open<T, F>(
    reactor: &Reactor,
    capacity: usize,
    f: F,
    place: &'static Location<'static>,
) -> Arc<Mail<T>>
where
    T: Send + 'static,
    F: FnMut(T) + 'static,
{
    let mailboxes = reactor.0.mailboxes();
    let token = mailboxes.reserve();
    let bell = reactor.0.thread_queue().bell(token);
    let mail = Arc::new(Mail::new(capacity, bell));
    let delivery = Delivery {
        mail: Arc::clone(&mail),
        f: Contained::new(f),
        place,
    };
    mailboxes.put(token, Box::new(delivery));
    mail
}

/// What the senders of a mailbox and its delivery share.
pub(super) struct Mail<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    bell: Bell,
}

struct State<T> {
    /// `None` when nothing is delivered any more.
    values: Option<VecDeque<T>>,
    senders: usize,
    /// Whether the loop knows, or will know, that there is something to look at.
    has_rung: bool,
}

/// Why a value was not taken, and the value.
pub(super) enum NotTaken<T> {
    Full(T),
    Closed(T),
}

impl<T> Mail<T> {
    /// Mail with one sender.
    fn new(capacity: usize, bell: Bell) -> Self {
        let state = State {
            values: Some(VecDeque::new()),
            senders: 1,
            has_rung: false,
        };
        Self {
            state: Mutex::new(state),
            capacity,
            bell,
        }
    }

    pub(super) fn send(&self, value: T) -> Result<(), NotTaken<T>> {
        let mut state = self.state();
        let Some(values) = &mut state.values else {
            return Err(NotTaken::Closed(value));
        };
        if values.len() >= self.capacity {
            return Err(NotTaken::Full(value));
        }
        values.push_back(value);
        self.ring(state);
        Ok(())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().values.is_none()
    }

    pub(super) fn add_sender(&self) {
        self.state().senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let mut state = self.state();
        state.senders -= 1;
        // The last one wakes the loop, so that the function is dropped now and not with the loop.
        if state.senders == 0 && state.values.is_some() {
            self.ring(state);
        }
    }

    fn ring(&self, mut state: MutexGuard<'_, State<T>>) {
        let is_first = !std::mem::replace(&mut state.has_rung, true);
        // The bell takes the lock of the loop's queue, and no thread may hold two.
        drop(state);
        if is_first {
            (self.bell)();
        }
    }

    /// The value that came first; without one, what is left.
    fn next(&self) -> Result<T, Left> {
        let mut state = self.state();
        if let Some(value) = state.values.as_mut().and_then(VecDeque::pop_front) {
            return Ok(value);
        }
        if state.senders == 0 {
            return Err(Left::Over);
        }
        // Under the lock, under which it is set.
        state.has_rung = false;
        Err(Left::Nothing)
    }

    fn close(&self) {
        let values = self.state().values.take();
        // After the lock: a drop is a consumer's code, which may try to send.
        values.into_iter().flatten().for_each(drop_contained);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that panics runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loop's end of a mailbox: the function, and where its values come from.
struct Delivery<T, F> {
    mail: Arc<Mail<T>>,
    f: Contained<F>,
    place: &'static Location<'static>,
}

impl<T, F: FnMut(T)> Deliver for Delivery<T, F> {
    fn deliver(&mut self, dispatch: &Dispatch, loop_side: &LoopSide) -> Left {
        let callback = || Callback {
            cause: Cause::CallFromThread,
            connection: None,
            name: std::any::type_name::<F>(),
            place: Some(self.place),
        };
        for _ in 0..SHARE {
            if !loop_side.count_call() {
                return Left::More;
            }
            let value = match self.mail.next() {
                Ok(value) => value,
                Err(left) => return left,
            };
            let f = &mut self.f;
            // A function that has panicked may be in the middle of what it had to do, so it is not called
            // again. The panic was logged.
            if dispatch.call(callback, || f(value)).is_err() {
                return Left::Over;
            }
        }
        Left::More
    }
}

impl<T, F> Drop for Delivery<T, F> {
    fn drop(&mut self) {
        self.mail.close();
    }
}
