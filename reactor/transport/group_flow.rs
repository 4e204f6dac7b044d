//! What a group does with its members, and what they do to each other: whoever talks waits for those
//! who listen.
//!
//! How fast a listener reads shows only in steps: its system makes room when much of its buffer is
//! free, and ours says so when a third of its own is, which may be many seconds later. So while
//! talkers wait, the socket is tried twenty times a second, and a listener has stopped only when it has
//! taken less than 16 KiB in [`Limits::patience`](crate::Limits::patience), half a minute. Until then
//! its buffer must not become full:
//!
//! ```text
//!   0 ····· low water ····· high water ···················· half ···· five eighths ·········· limit
//!                               └──── who talks much ────────▶            │ everybody waits
//!                                     waits above here, which             │ above here
//!                                     rises while it takes nothing
//! ```
//!
//! What that costs a talker: who says at most 4 KiB a second waits for a listener only when all who do
//! so say more than it takes, and no listener makes them wait for less than 546 bytes a second. Who
//! says more goes as fast as the slowest listener. For one that takes nothing it goes on at what
//! half of the buffer makes in that half minute, 16 KiB a second, and then as fast as the others.

use std::cell::Ref;
use std::collections::{HashSet, VecDeque};
use std::rc::Weak;
use std::time::{Duration, Instant};

use super::{Service, Transport, Watcher};
use crate::engine::table::Token;

/// How often a listener's socket is tried while talkers wait for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Taking this much is progress.
const LEAST: usize = 16 << 10;

/// What a talker that goes on may say before it is asked to wait again: one read.
const ONE_READ: usize = 64 << 10;

/// Who says no more than this in a second, while a listener is behind, talks little.
const LITTLE: usize = 4 << 10;

/// A listener that talkers wait for, or a talker.
#[derive(Default)]
pub(super) struct GroupFlow {
    /// Who is not read until this listener has taken more, in their order.
    waiting: VecDeque<Waiting>,
    are_waiting: HashSet<Token>,
    /// Whether all members of a group wait, whatever they say.
    all_wait: bool,
    /// What this listener has taken since it last made progress.
    taken: usize,
    /// When it last made progress, or was first waited for.
    progress_at: Option<Instant>,
    /// When its socket is tried next.
    look_at: Option<Instant>,
    /// What this talker has said while a listener was behind, in the second that began then.
    said: usize,
    said_since: Option<Instant>,
}

struct Waiting {
    talker: Transport,
    talks_much: bool,
}

/// What a group does with its members.
impl Transport {
    /// Whether a talker may have to wait until this listener has taken more.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.unsent() > self.0.limits.high_water && !self.0.stalled.get()
    }

    /// Whether one who talks much, or little, waits for this listener, which is behind.
    pub(crate) fn makes_wait(&self, talks_much: bool) -> bool {
        self.unsent() > self.bound(talks_much)
    }

    /// Whether everybody is to wait for this listener from now on, before they have said anything:
    /// each might say a whole read.
    pub(crate) fn begins_to_make_all_wait(&self) -> bool {
        self.makes_wait(false)
            && !self.flow(|listener| std::mem::replace(&mut listener.all_wait, true))
    }

    /// How much may be unsent before a talker waits.
    fn bound(&self, talks_much: bool) -> usize {
        let limits = &self.0.limits;
        let between = limits.unsent.saturating_sub(limits.high_water);
        if !talks_much {
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

    /// Notes that this talker says something while a listener is behind. Returns whether it talks
    /// much.
    pub(crate) fn talks_much(&self, bytes: usize) -> bool {
        let now = self.0.loop_side.turn_time();
        self.flow(|talker| {
            let since = talker.said_since.get_or_insert(now);
            if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
                (*since, talker.said) = (now, 0);
            }
            talker.said += bytes;
            talker.said > LITTLE
        })
    }

    /// Stops reading from `talker` until this listener has taken more, or is lost, or takes too
    /// little. A talker waits for every listener that holds it.
    pub(crate) fn hold(&self, talker: &Self, talks_much: bool) {
        let now = self.0.loop_side.turn_time();
        let holds = self.flow(|listener| {
            if !listener.are_waiting.insert(talker.token()) {
                return false;
            }
            let talker = talker.clone();
            listener.waiting.push_back(Waiting { talker, talks_much });
            listener.progress_at.get_or_insert(now);
            listener.look_at.get_or_insert(now + LOOK_EVERY);
            true
        });
        if holds {
            talker.wait_for_listener();
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

    pub(crate) fn is_watched_by(&self, watcher: &Weak<dyn Watcher>) -> bool {
        let relations = Ref::map(self.0.relations.borrow(), |relations| relations);
        relations
            .as_ref()
            .is_some_and(|r| r.watchers.iter().any(|(w, _)| w.ptr_eq(watcher)))
    }
}

/// What the loop does with a listener.
impl Transport {
    /// When the socket is to be tried, because talkers wait for it or did in vain.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let relations = self.0.relations.borrow();
        relations.as_ref()?.group_flow.look_at
    }

    /// As long as talkers wait, each flush is looked at: bytes are sent the long way.
    pub(crate) fn remember_talkers(&self) {
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

    /// The socket was tried, and will be again as long as talkers wait or the listener has stopped.
    /// Nobody waits for one that has stopped, until it goes on.
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
        let room = |talks_much| {
            let room = self.bound(talks_much).checked_sub(self.unsent());
            room.map_or(0, reads_in)
        };
        self.let_go(room(true), room(false));
    }

    /// The listener has caught up: as many talkers go on as there is room for what they may say. Those
    /// who wait on come when these have said something.
    pub(crate) fn release_talkers(&self) {
        if self.next_look().is_none() {
            return;
        }
        let limits = &self.0.limits;
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

    /// The listener is lost: nobody waits for it any more.
    pub(super) fn release_all_talkers(&self) {
        if self.next_look().is_some() {
            self.let_go(usize::MAX, usize::MAX);
        }
    }

    /// Lets at most so many go on, in their order.
    fn let_go(&self, who_talk_much: usize, who_talk_little: usize) {
        if who_talk_much == 0 && who_talk_little == 0 {
            return; // many may wait, and this is asked twenty times a second
        }
        let (mut much, mut little) = (who_talk_much, who_talk_little);
        let goes = |waiting: &Waiting| {
            let left = match waiting.talks_much {
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
                listener.are_waiting.remove(&waiting.talker.token());
            }
            listener.all_wait &= gone.is_empty();
            gone
        });
        for waiting in gone {
            waiting.talker.release_from_listener();
        }
    }
}

/// How many reads there is room for, at least one.
fn reads_in(room: usize) -> usize {
    1 + room / ONE_READ
}
