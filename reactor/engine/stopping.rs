//! Stopping: in stages, each of which waits for the one before, and within a grace.
//!
//! ```text
//!  Up ─stop─▶ Asked ─▶ Preparing ────────▶ Draining ──────────────────────▶ Finishing ─▶ Stopped
//!                      triggers "before",  ports closed, protocols asked,   triggers     run returns
//!                      the lame-duck       triggers "during"; waits for     "after"
//!                      time                connections and threads
//!                                             │ the grace is over               ▲
//!                                             ▼                                 │
//!                                          Aborting ── all that is left is aborted
//! ```
//!
//! A trigger may return a Deferred, which its stage waits for. The lame-duck time counts from the stop, beside
//! the triggers "before", and the grace from its end. When the grace is over nothing is
//! waited for any more: the stages that are left follow at once, and connections that are left are
//! aborted. Whatever makes the turns carries a stop out, `run` and `turn` alike: each turn ends by
//! going as far as it can.

use std::time::Duration;

use super::due::Due;
use super::life::{Life, Stage};
use super::table::Token;
use super::timers::{Nanos, as_nanos};
use super::{Engine, Stop};
use crate::lifecycle::{Phase, StopLimits, SystemEvent};
use crate::reason::Reason;
use crate::waits::Ended;

impl Engine {
    pub(crate) fn set_stop_limits(&self, limits: StopLimits) {
        self.life.limits.set(limits);
    }

    pub(crate) fn stop_limits(&self) -> StopLimits {
        self.life.limits.get()
    }

    /// Begins a stop within its limits, or shortens the grace of one that is under way.
    pub(crate) fn stop(&self) {
        let StopLimits { grace, lame_duck } = self.stop_limits();
        if self.life.stage.get() == Stage::Up && !lame_duck.is_zero() {
            let mut timers = self.timers.borrow_mut();
            let timer = timers.insert(self.after(lame_duck), Due::LameDuck);
            self.life.lame_duck.set(Some(timer));
        }
        let lame_duck = self.life.lame_duck.get();
        let end = lame_duck.and_then(|timer| self.timers.borrow_mut().deadline(timer));
        let begin = end.unwrap_or_else(|| self.after(Duration::ZERO));
        self.end_within(begin.saturating_add(as_nanos(grace)), false);
    }

    /// Begins a stop without a lame-duck time, or sets the grace of one that is under way anew.
    pub(crate) fn shutdown(&self, grace: Duration) {
        self.end_within(self.after(grace), true);
    }

    fn end_within(&self, deadline: Nanos, lengthens: bool) {
        let life = &self.life;
        if life.ends_at_once.get() {
            return;
        }
        // Only noted: the stages are gone through at the end of the turn, where no callback runs.
        if life.stage.get() == Stage::Up {
            life.stage.set(Stage::Asked);
        }
        let mut timers = self.timers.borrow_mut();
        match life.grace.get() {
            Some(mut timer) => {
                let is_shorter = timers.deadline(timer).is_some_and(|set| deadline < set);
                if is_shorter || lengthens {
                    timers.reset(&mut timer, deadline);
                    life.grace.set(Some(timer));
                }
            }
            // Over: what is left is being aborted, and the timer that was is not set again.
            None if life.grace_is_over.get() => {}
            None => life.grace.set(Some(timers.insert(deadline, Due::Grace))),
        }
    }

    /// Whether the loop was asked to stop, and the stop is not complete yet.
    pub(crate) fn is_stopping(&self) -> bool {
        self.life.stage.get() != Stage::Up
    }

    /// Whether a stop has got as far as to end connections and attempts.
    pub(crate) fn is_draining(&self) -> bool {
        !matches!(
            self.life.stage.get(),
            Stage::Up | Stage::Asked | Stage::Preparing
        )
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.life.stage.get() == Stage::Stopped
    }

    /// Whether there is something to do for a stop before the loop may sleep.
    pub(super) fn stops_at_once(&self) -> bool {
        match self.life.stage.get() {
            Stage::Asked | Stage::Aborting => true,
            Stage::Preparing => !self.waits_with_open_ports(),
            Stage::Finishing => !self.waits_for_triggers(),
            Stage::Draining => self.has_latecomers() || self.has_drained(),
            Stage::Up | Stage::Stopped => false,
        }
    }

    /// The end of each turn: goes as far towards the stop as it can.
    pub(super) fn go_on_stopping(&self) {
        let Life {
            stage,
            grace_is_over,
            ..
        } = &self.life;
        // `if`s that fall through, in the order of the picture: a stop with nothing to wait for goes
        // through all stages in one turn.
        if stage.get() == Stage::Asked {
            stage.set(Stage::Preparing);
            self.life
                .triggers
                .call(&self.dispatch, SystemEvent::Shutdown, Phase::Before);
        }
        if stage.get() == Stage::Preparing && !self.waits_with_open_ports() {
            stage.set(Stage::Draining);
            self.begin_draining();
        }
        // Before the grace is looked at, so that what is begun in the last turn is asked before it is
        // aborted.
        if stage.get() == Stage::Draining {
            self.stop_latecomers();
        }
        if stage.get() == Stage::Draining && grace_is_over.get() {
            self.log_leftovers();
            stage.set(Stage::Aborting);
        }
        if stage.get() == Stage::Aborting {
            self.abort_all();
        }
        if self.has_drained() {
            stage.set(Stage::Finishing);
            self.life
                .triggers
                .call(&self.dispatch, SystemEvent::Shutdown, Phase::After);
        }
        if stage.get() == Stage::Finishing && !self.waits_for_triggers() {
            // A trigger "after" may have begun jobs; nothing waits for them.
            self.jobs.give_up(&self.dispatch);
            stage.set(Stage::Stopped);
            // `run` has to see that the loop has stopped, and ends the stop itself; a program that calls
            // `turn` asks `is_stopping`.
            if !self.is_running() {
                self.end_stop();
            }
        }
    }

    /// A complete stop leaves nothing behind: the loop may be used again.
    pub(super) fn end_stop(&self) {
        let life = &self.life;
        life.stage.set(Stage::Up);
        life.grace_is_over.set(false);
        life.ends_at_once.set(false);
        for timer in [&life.grace, &life.lame_duck] {
            self.disarm(&mut timer.take());
        }
        life.triggers.give_up_waiting();
        life.latecomers.take();
        life.has_persistent.set(false);
        // The thread that ran the loop may join those that wait for it.
        self.thread_queue.waits().end_all(Ended::Stopped);
    }

    fn waits_for_triggers(&self) -> bool {
        self.life.triggers.are_waited_for() && !self.life.grace_is_over.get()
    }

    /// Whether the stop has not got as far as to close ports.
    fn waits_with_open_ports(&self) -> bool {
        // With no source left, nobody would notice a lame duck.
        let is_lame_duck = self.life.lame_duck.get().is_some() && self.table.borrow().len() > 0;
        self.waits_for_triggers() || is_lame_duck && !self.life.grace_is_over.get()
    }

    /// Whether nothing is left to wait for.
    fn has_drained(&self) -> bool {
        match self.life.stage.get() {
            Stage::Draining => {
                self.jobs.len() == 0
                    && !self.waits_for_triggers()
                    && !self.are_held_up(&Stop::Asked)
            }
            Stage::Aborting => !self.are_held_up(&Stop::Aborted(Reason::Shutdown)),
            Stage::Up | Stage::Asked | Stage::Preparing | Stage::Finishing | Stage::Stopped => {
                false
            }
        }
    }

    /// Whether a source holds a stop up.
    fn are_held_up(&self, how: &Stop) -> bool {
        let mut table = self.table.borrow_mut();
        // Nearly always each source does, and counting them is enough: this is asked in every turn of a stop.
        if matches!(how, Stop::Asked) && !self.life.has_persistent.get() {
            return table.len() > 0;
        }
        let mut left = table.tokens().into_iter();
        // What is out of the table is being served, and will be asked again.
        left.any(|token| table.peek(token).is_some_and(|source| source.holds_up(how)))
    }

    pub(super) fn grace_is_over(&self) {
        self.life.grace.set(None);
        self.life.grace_is_over.set(true);
    }

    fn begin_draining(&self) {
        let tokens = self.table.borrow().tokens();
        for token in tokens {
            self.stop_source(token, Stop::Asked);
        }
        self.life
            .triggers
            .call(&self.dispatch, SystemEvent::Shutdown, Phase::During);
    }

    /// Remembers a source that was begun too late to be stopped with the others.
    pub(crate) fn note_begun(&self, token: Token) {
        if self.life.stage.get() == Stage::Draining && !self.life.fails_attempt.get() {
            self.life.latecomers.borrow_mut().push(token);
        }
    }

    /// Calls `f`, which fails an attempt to connect because the loop stops.
    pub(crate) fn fail_attempt(&self, f: impl FnOnce()) {
        self.life.fails_attempt.set(true);
        f();
        self.life.fails_attempt.set(false);
    }

    /// Whether an attempt that is begun now answers to the failure of another one by a stop, which
    /// does not wait for it then.
    pub(crate) fn note_if_persistent(&self) -> bool {
        let is_persistent = self.life.fails_attempt.get();
        if is_persistent {
            self.life.has_persistent.set(true);
        }
        is_persistent
    }

    fn has_latecomers(&self) -> bool {
        !self.life.latecomers.borrow().is_empty()
    }

    /// What latecomers begin in turn is stopped at the end of the next turn.
    fn stop_latecomers(&self) {
        for token in self.life.latecomers.take() {
            self.stop_source(token, Stop::Asked);
        }
    }

    fn abort_all(&self) {
        self.jobs.give_up(&self.dispatch);
        let tokens = self.table.borrow().tokens();
        for token in tokens {
            self.stop_source(token, Stop::Aborted(Reason::Shutdown));
        }
    }

    fn stop_source(&self, token: Token, how: Stop) {
        self.serve(token, |source| source.stop(how, self));
    }
}
