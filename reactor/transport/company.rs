//! What a group does with its members, and what they do to each other: whoever talks waits for those
//! who listen.

use std::cell::Ref;
use std::rc::Weak;

use super::{Transport, Watcher};

/// What a group does with its members.
impl Transport {
    /// Whether a talker should wait until this listener has taken more.
    pub(crate) fn is_behind(&self) -> bool {
        self.unsent() > self.0.limits.high_water && !self.0.stalled.get()
    }

    /// Stops reading from `talker` until this listener has taken what it was sent, or is lost, or
    /// takes nothing for too long. It waits for every listener that holds it.
    pub(crate) fn hold(&self, talker: &Self) {
        let holds = self.relations(|relations| {
            // Who talks has nearly always been the last one here.
            let waits =
                relations.waiting.last() == Some(talker) || relations.waiting.contains(talker);
            if !waits {
                relations.waiting.push(talker.clone());
            }
            !waits
        });
        if holds {
            talker.waits_for_a_listener();
            self.ask_for_more();
        }
    }

    pub(crate) fn has_waiting_talkers(&self) -> bool {
        self.0
            .relations
            .borrow()
            .as_ref()
            .is_some_and(|relations| !relations.waiting.is_empty())
    }

    /// Makes the loop think of the talkers that wait when bytes are sent next.
    pub(crate) fn remember_talkers(&self) {
        if self.has_waiting_talkers() {
            self.0.more.set(true);
        }
    }

    /// Lets the talkers go on because this listener has caught up.
    pub(crate) fn release_talkers(&self) {
        let waiting = match &mut *self.0.relations.borrow_mut() {
            Some(relations) => std::mem::take(&mut relations.waiting),
            None => return,
        };
        for talker in waiting {
            talker.a_listener_lets_go();
        }
    }

    /// Lets the talkers go on because this listener takes nothing; none waits for it until it
    /// does.
    pub(crate) fn set_stalled(&self) {
        self.0.stalled.set(true);
        self.release_talkers();
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
