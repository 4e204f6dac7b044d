//! What other threads have for one connection and the loop has not done: one list, in one order.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contained::{Contained, drop_contained};
use crate::threads::sender::SendError;
use crate::transport::Transport;

/// What a call counts as, beside bytes that wait: about what it takes.
const CALL: usize = 64;

/// What the handles of other threads and the loop's half of them share.
pub(super) struct Outbox {
    state: Mutex<State>,
    /// As many bytes may wait, before the last write.
    limit: usize,
}

struct State {
    /// `None` when the connection is lost.
    items: Option<VecDeque<Item>>,
    /// The size of all that was taken and not done.
    size: usize,
    /// Nothing is taken behind a [`Item::Lose`].
    ends: bool,
    aborts: bool,
}

/// One thing to do.
pub(super) enum Item {
    Bytes(Vec<u8>),
    Call(RemoteCall),
    Lose,
}

/// A call that gets the part of a protocol which it wants, from another thread.
type SendCall = Box<dyn FnOnce(&mut dyn Any, &Transport) + Send>;

/// A call that travels to the loop's thread, for the part of a protocol which it wants.
pub(super) struct RemoteCall {
    pub(super) wanted: TypeId,
    pub(super) name: &'static str,
    pub(super) place: &'static Location<'static>,
    pub(super) call: Contained<SendCall>,
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Call(_) | Self::Lose => CALL,
        }
    }
}

impl Outbox {
    pub(super) fn new(limit: usize, is_lost: bool) -> Self {
        let state = State {
            items: (!is_lost).then(VecDeque::new),
            size: 0,
            ends: false,
            aborts: false,
        };
        Self {
            state: Mutex::new(state),
            limit: limit.max(1), // a limit of zero would take nothing, ever
        }
    }

    /// Takes `value`, of which `item` makes what the loop does, unless as much waits as may. So one write may
    /// have any size, as on the loop's thread.
    pub(super) fn put<V>(
        &self,
        value: V,
        item: impl FnOnce(V) -> Item,
    ) -> Result<(), SendError<V>> {
        let mut state = self.state();
        let State {
            items, size, ends, ..
        } = &mut *state;
        let Some(items) = items.as_mut().filter(|_| !*ends) else {
            return Err(SendError::Closed(value));
        };
        if *size >= self.limit {
            return Err(SendError::Full(value));
        }
        let item = item(value);
        *size += item.size();
        items.push_back(item);
        Ok(())
    }

    /// Asks for the orderly end, behind all that was taken, however much that is.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.ends = true;
        if let Some(items) = &mut state.items {
            items.push_back(Item::Lose);
        }
    }

    /// Asks for the end at once.
    pub(super) fn abort(&self) {
        let mut state = self.state();
        state.ends = true;
        state.aborts = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().items.is_none()
    }

    // For the loop.

    pub(super) fn is_aborted(&self) -> bool {
        self.state().aborts
    }

    /// Takes what has come, which counts until it is [`done`](Self::done).
    pub(super) fn take(&self) -> VecDeque<Item> {
        let mut state = self.state();
        state.items.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Makes room: an item is about to be done.
    pub(super) fn done(&self, item: &Item) {
        let mut state = self.state();
        state.size = state.size.saturating_sub(item.size()); // an end is not counted when it is put
    }

    /// Takes nothing any more, and drops what has come.
    pub(super) fn close(&self) {
        let items = self.state().items.take();
        drop_contained(items); // after the lock: it has consumers' closures
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under this lock, except an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
