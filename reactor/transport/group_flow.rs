//! Flow control in groups: a sender is not read while a receiver of its group is behind.
//!
//! A sender is the connection in whose callback the group is written to; the other members are
//! listeners. How fast a listener reads shows only in steps: its system makes room when much of its
//! buffer is free, and ours reports it when a third of its own is, which may be many seconds later. So
//! while senders wait, the socket is tried twenty times a second, and a listener counts as stopped
//! only when it has taken less than 16 KiB in [`Limits::patience`](crate::Limits::patience), half a
//! minute. Until then its buffer must not become full:
//!
//! ```text
//!   0 ····· low water ····· high water ···················· half ···· five eighths ·········· limit
//!                               └──── a busy sender waits ───▶            │ every sender
//!                                     above here, which rises             │ waits above here
//!                                     while it takes nothing
//! ```
//!
//! What that costs: a quiet sender, of at most 4 KiB a second, waits for a listener only when all quiet
//! senders together write more than it takes; a listener that takes 546 bytes a second, 16 KiB in half a
//! minute, can slow them down, and a slower one cannot. A busy sender is as fast as the slowest
//! listener. For one that takes nothing it goes on at what half of the buffer makes in that half
//! minute, 16 KiB a second, and then as fast as the other listeners.

use std::cell::Ref;
use std::collections::{HashSet, VecDeque};
use std::rc::Weak;
use std::time::Duration;

use super::{Service, Transport, Watcher};
use crate::engine::table::Token;
use crate::time::Instant;

/// How often a listener's socket is tried while senders wait for it: one system call each time, and a
/// pause that a person who chats does not notice.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Taking this much is progress: over the default patience, 546 bytes a second.
const LEAST: usize = 16 << 10;

/// What a sender that goes on may write before it has to wait again: one read.
const ONE_READ: usize = 64 << 10;

/// A sender that writes at most this much in a second, while a listener is behind, is quiet. No person
/// types as fast.
const LITTLE: usize = 4 << 10;

/// A listener that senders wait for, or a sender.
#[derive(Default)]
pub(super) struct GroupFlow {
    /// The senders that are not read until this listener has taken more, in their order.
    waiting: VecDeque<Waiting>,
    /// The same by token: a sender waits for a listener once, however much it has written.
    are_waiting: HashSet<Token>,
    /// Whether all members of a group wait, however little they write.
    all_wait: bool,
    /// What this listener has taken since it last made progress.
    taken: usize,
    /// When it last made progress, or was first waited for.
    progress_at: Option<Instant>,
    /// When its socket is tried next.
    look_at: Option<Instant>,
    /// What this sender has written while a listener was behind, in the second that began then.
    written: usize,
    second_began: Option<Instant>,
}

struct Waiting {
    sender: Transport,
    sends_much: bool,
}

/// What a group does with its members.
impl Transport {
    /// Whether a sender may have to wait until this listener has taken more.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.unsent() > self.0.limits.high_water && !self.0.stalled.get()
    }

    /// Whether a busy sender, or a quiet one, waits for this listener, which is behind.
    pub(crate) fn makes_wait(&self, sends_much: bool) -> bool {
        self.unsent() > self.bound(sends_much)
    }

    /// Notes that all members wait for this listener from now on, before they have written anything:
    /// each might write a whole read. Returns whether that is new.
    pub(crate) fn begins_to_make_all_wait(&self) -> bool {
        self.makes_wait(false)
            && !self.flow(|listener| std::mem::replace(&mut listener.all_wait, true))
    }

    /// How much may be unsent before a sender waits.
    fn bound(&self, sends_much: bool) -> usize {
        let limits = &self.0.limits;
        let between = limits.unsent.saturating_sub(limits.high_water);
        // An eighth above the half that busy senders may fill, so that those alone never stop the
        // quiet ones. The rest is for what is written in the turn in which the senders are held.
        if !sends_much {
            return limits.high_water + between / 8 * 5;
        }
        let progress_at = self.flow(|listener| listener.progress_at);
        let waited = progress_at.map_or(Duration::ZERO, |at| {
            self.0.loop_side.turn_time().saturating_duration_since(at)
        });
        let (waited, patience) = (waited.as_millis(), limits.patience.as_millis().max(1));
        let rise = between as u128 / 2 * waited.min(patience) / patience;
        limits.high_water + rise as usize
    }

    /// Notes that this sender writes while a listener is behind. Returns whether it is a busy one.
    pub(crate) fn sends_much(&self, bytes: usize) -> bool {
        let now = self.0.loop_side.turn_time();
        // A window that begins with what is written and not a moving one: two numbers in place of a list.
        self.flow(|sender| {
            let since = sender.second_began.get_or_insert(now);
            if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
                (*since, sender.written) = (now, 0);
            }
            sender.written += bytes;
            sender.written > LITTLE
        })
    }

    /// Stops reading from `sender` until this listener has taken more, or is lost, or takes too
    /// little. A sender waits for every listener that holds it.
    pub(crate) fn hold(&self, sender: &Self, sends_much: bool) {
        let now = self.0.loop_side.turn_time();
        let holds = self.flow(|listener| {
            if !listener.are_waiting.insert(sender.token()) {
                return false;
            }
            let sender = sender.clone();
            listener.waiting.push_back(Waiting { sender, sends_much });
            listener.progress_at.get_or_insert(now);
            listener.look_at.get_or_insert(now + LOOK_EVERY);
            true
        });
        if holds {
            sender.wait_for_listener();
            self.ask_for_more();
        }
    }

    fn flow<R>(&self, f: impl FnOnce(&mut GroupFlow) -> R) -> R {
        self.relations(|relations| f(&mut relations.group_flow))
    }

    pub(crate) fn watch(&self, watcher: Weak<dyn Watcher>, key: usize) {
        self.relations(|relations| {
            let watchers = &mut relations.watchers;
            if watchers.len() == watchers.capacity() {
                // Those that are gone make room before there is more of it.
                watchers.retain(|(watcher, _)| watcher.strong_count() > 0);
            }
            watchers.push((watcher, key));
        });
    }

    /// Ends the watch and returns its key, if there was one.
    pub(crate) fn unwatch(&self, watcher: &Weak<dyn Watcher>) -> Option<usize> {
        self.relations(|relations| {
            let position = relations
                .watchers
                .iter()
                .position(|(w, _)| w.ptr_eq(watcher))?;
            Some(relations.watchers.swap_remove(position).1)
        })
    }

    /// Notifies the watchers that the peer has taken what was written.
    pub(super) fn notify_watchers_of_room(&self) {
        let relations = self.0.relations.borrow();
        let watchers = relations.as_ref().map_or(&[][..], |r| &r.watchers);
        let watchers: Vec<_> = watchers
            .iter()
            .map(|(w, key)| (w.upgrade(), *key))
            .collect();
        drop(relations); // a watcher may write, and begin or end a watch
        for (watcher, key) in watchers {
            if let Some(watcher) = watcher {
                watcher.writing_resumed(key);
            }
        }
    }

    pub(crate) fn is_watched_by(&self, watcher: &Weak<dyn Watcher>) -> bool {
        let relations = Ref::map(self.0.relations.borrow(), |relations| relations);
        relations
            .as_ref()
            .is_some_and(|r| r.watchers.iter().any(|(w, _)| w.ptr_eq(watcher)))
    }
}

/// What the loop does with a listener.
impl Transport {
    /// When the socket is to be tried, because senders wait for it or have stopped waiting in vain.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let relations = self.0.relations.borrow();
        relations.as_ref()?.group_flow.look_at
    }

    /// As long as senders wait, each flush gets full service, which looks at how far the listener is.
    pub(crate) fn remember_senders(&self) {
        if self.next_look().is_some() {
            self.need(Service::Requested);
        }
    }

    /// The listener's system has taken bytes.
    pub(crate) fn listener_took(&self, bytes: usize) {
        if self.next_look().is_none() {
            return;
        }
        let now = self.0.loop_side.turn_time();
        let makes_progress = self.flow(|listener| {
            listener.taken += bytes;
            let makes_progress = listener.taken >= LEAST;
            if makes_progress {
                (listener.taken, listener.progress_at) = (0, Some(now));
            }
            makes_progress
        });
        if makes_progress {
            self.0.stalled.set(false);
        }
    }

    /// The socket was tried, and will be again as long as senders wait or the listener has stopped.
    /// No sender waits for one that has stopped, until it goes on.
    pub(crate) fn looked(&self) {
        let now = self.0.loop_side.turn_time();
        let progress_at = self.flow(|listener| {
            listener.look_at = Some(now + LOOK_EVERY);
            *listener.progress_at.get_or_insert(now)
        });
        if now.saturating_duration_since(progress_at) >= self.0.limits.patience {
            self.0.stalled.set(true);
            return self.let_go(usize::MAX, usize::MAX);
        }
        let room = |sends_much| {
            let room = self.bound(sends_much).checked_sub(self.unsent());
            room.map_or(0, reads_in)
        };
        self.let_go(room(true), room(false));
    }

    /// The listener has caught up: as many busy senders go on as there is room for what they may write.
    /// The others go on when these have written something.
    pub(crate) fn release_senders(&self) {
        if self.next_look().is_none() {
            return;
        }
        let limits = &self.0.limits;
        // Each busy one may write a whole read before it is held again. The room for that is a quarter,
        // since quiet ones all go on.
        let room = limits.unsent.saturating_sub(limits.high_water) / 4;
        self.let_go(reads_in(room), usize::MAX);
        self.0.stalled.set(false);
        let waits = self.flow(|listener| {
            if listener.waiting.is_empty() {
                (listener.taken, listener.progress_at, listener.look_at) = (0, None, None);
            }
            !listener.waiting.is_empty()
        });
        if waits {
            self.ask_for_more();
        }
    }

    /// The listener is lost: no sender waits for it any more.
    pub(super) fn release_all_senders(&self) {
        if self.next_look().is_some() {
            self.let_go(usize::MAX, usize::MAX);
        }
    }

    /// Lets at most this many busy and quiet senders go on, in their order.
    fn let_go(&self, who_send_much: usize, who_send_little: usize) {
        if who_send_much == 0 && who_send_little == 0 {
            return; // many may wait, and this is asked twenty times a second
        }
        let (mut much, mut little) = (who_send_much, who_send_little);
        let goes = |waiting: &Waiting| {
            let left = match waiting.sends_much {
                true => &mut much,
                false => &mut little,
            };
            let goes = *left > 0;
            *left = left.saturating_sub(1);
            goes
        };
        let gone: VecDeque<Waiting> = self.flow(|listener| {
            let waiting = std::mem::take(&mut listener.waiting);
            let (gone, stay) = waiting.into_iter().partition(goes);
            listener.waiting = stay;
            for waiting in &gone {
                listener.are_waiting.remove(&waiting.sender.token());
            }
            listener.all_wait &= gone.is_empty();
            gone
        });
        for waiting in gone {
            waiting.sender.release_from_listener();
        }
    }
}

/// How many reads there is room for, at least one.
fn reads_in(room: usize) -> usize {
    1 + room / ONE_READ
}
