//! Long computations in slices, so that the loop serves its connections between them.
//!
//! ```text
//!   turn │ A A A A A A A A │ sockets, timers, flush │ B B B │ sockets, … │ A A A A A A A A │ …
//!        └──── slice ──────┘                        each letter is a step: one `next` of an iterator
//! ```
//!
//! Tasks take turns by time and not by steps: one whose steps take longer makes fewer of them. What a step
//! takes beyond its task's share is taken from the shares that follow.
//!
//! Invariant: nothing is borrowed while a step runs, so an iterator may pause and cancel any task, its own
//! too, and begin others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::contained::{Contained, contain};
use crate::deferred::{Cancelled, Canceller, Deferred, Failure, Outcome, Resolver, Shared};
use crate::engine::budget::CALL;
use crate::transport::LoopSide;

/// How long computations have in a turn, all together, in nanoseconds. Whoever waits for the loop waits for
/// one slice and for the rest of a turn, which is 1 to 5 ms where others are busy: together less than 10 ms.
/// A turn that finds nothing else to do takes a few µs, which is less than 1 % of this.
const SLICE: i64 = 2_000_000;

/// A step counts for at least this much, in nanoseconds. The clock of a simulation stands still while a step
/// runs, and what a slice does has to end, and to be the same in each run.
const LEAST: i64 = 1_000;

/// The tasks of one loop that have something to do, in the order in which they go on.
pub(crate) struct Cooperator {
    ready: RefCell<VecDeque<Rc<Task>>>,
    /// Whether a slice was requested that has not begun.
    is_requested: Cell<bool>,
    request: Request,
}

/// Has [`Cooperator::run_slice`] called in the next turn, for a task that was begun at this place. Returns
/// false when there is no loop any more.
type Request = Box<dyn Fn(&'static Location<'static>) -> bool>;

/// An iterator that the loop works off in slices: what [`Reactor::cooperate`](crate::Reactor::cooperate)
/// returns. Clones are the same task, which goes on without them.
#[derive(Clone)]
pub struct CooperativeTask(Rc<Task>);

struct Task {
    cooperator: Weak<Cooperator>,
    /// Out while it is called, and gone when the task is done.
    step: RefCell<Option<Contained<Step>>>,
    /// Fires what waits for the end; gone when the task is done.
    resolver: Cell<Option<Resolver<()>>>,
    done: Shared<()>,
    state: Cell<State>,
    is_paused: Cell<bool>,
    /// Stops what the last item waits for.
    canceller: RefCell<Canceller>,
    /// What is left of its share, in nanoseconds; less than nothing when a step took longer.
    share: Cell<i64>,
    place: &'static Location<'static>,
}

/// One `next` of an iterator, and what its item is to wait for.
type Step = Box<dyn FnMut() -> Option<Deferred<()>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not among the ready ones: it is paused.
    Resting,
    /// Among the ready ones, or its step runs.
    Ready,
    /// A Deferred that was an item has not fired.
    Waiting,
    Done,
}

impl Cooperator {
    pub(crate) fn new(request: impl Fn(&'static Location<'static>) -> bool + 'static) -> Rc<Self> {
        Rc::new(Self {
            ready: RefCell::default(),
            is_requested: Cell::new(false),
            request: Box::new(request),
        })
    }

    /// Begins a task, whose first step is made in the next turn.
    pub(crate) fn begin<I>(
        self: &Rc<Self>,
        mut iterator: I,
        place: &'static Location<'static>,
    ) -> CooperativeTask
    where
        I: Iterator + 'static,
        I::Item: Outcome<Output = ()>,
    {
        let (resolver, done) = Deferred::pending();
        let step: Step = Box::new(move || iterator.next().map(Outcome::into_deferred));
        let task = Rc::new(Task {
            cooperator: Rc::downgrade(self),
            step: RefCell::new(Some(Contained::new(step))),
            resolver: Cell::new(Some(resolver)),
            done: done.shared(),
            state: Cell::new(State::Resting),
            is_paused: Cell::new(false),
            canceller: RefCell::default(),
            share: Cell::new(SLICE),
            place,
        });
        task.get_ready();
        CooperativeTask(task)
    }

    fn push(&self, task: Rc<Task>) {
        let place = task.place;
        self.ready.borrow_mut().push_back(task);
        self.request(place);
    }

    fn request(&self, place: &'static Location<'static>) {
        if !self.is_requested.replace(true) && !(self.request)(place) {
            self.abandon_all(); // the loop is gone
        }
    }

    /// Makes steps until the slice is over. A task that has used up its share goes on behind the others.
    pub(crate) fn run_slice(&self, loop_side: &LoopSide) {
        self.is_requested.set(false);
        let (mut left, mut now) = (SLICE, loop_side.now());
        while left > 0 {
            let Some(task) = self.ready.borrow_mut().pop_front() else {
                return;
            };
            if task.share.get() <= 0 {
                task.share.set(task.share.get() + SLICE);
                self.ready.borrow_mut().push_back(task);
                continue; // more than once, where a step took many slices
            }
            let goes_on = task.make_step();
            loop_side.budget.charge(CALL);
            // Read for each step: how long the next one takes is known to no one.
            let after = loop_side.now();
            let took = after.saturating_duration_since(now).as_nanos();
            let took = i64::try_from(took).unwrap_or(i64::MAX).max(LEAST);
            (left, now) = (left.saturating_sub(took), after);
            task.share.set(task.share.get().saturating_sub(took));
            if goes_on {
                self.ready.borrow_mut().push_front(task);
            }
        }
        let next = self.ready.borrow().front().map(|task| task.place);
        if let Some(place) = next {
            self.request(place);
        }
    }

    fn abandon_all(&self) {
        let ready = self.ready.take();
        ready.into_iter().for_each(|task| task.abandon());
    }
}

impl Drop for Cooperator {
    /// Handles may keep tasks, whose steps are not made any more.
    fn drop(&mut self) {
        self.abandon_all();
    }
}

impl Task {
    /// Gets among the ready ones, unless it is there, paused, waiting or done.
    fn get_ready(self: &Rc<Self>) {
        if self.state.get() != State::Resting || self.is_paused.get() {
            return;
        }
        match self.cooperator.upgrade() {
            Some(cooperator) => {
                self.state.set(State::Ready);
                cooperator.push(Rc::clone(self));
            }
            None => self.abandon(),
        }
    }

    /// Makes one step. Returns whether the task can go on with the next one at once.
    fn make_step(self: &Rc<Self>) -> bool {
        if self.state.get() == State::Done {
            return false;
        }
        if self.is_paused.get() {
            self.state.set(State::Resting);
            return false;
        }
        let Some(mut step) = self.step.take() else {
            return false;
        };
        let item = contain(|| (*step)()).unwrap_or_else(|panicked| Some(Deferred::fail(panicked)));
        if self.state.get() == State::Done {
            return false; // it has cancelled itself; a failure is reported as unhandled
        }
        let Some(item) = item else {
            drop(step); // before the Deferred fires: what it held is free then
            self.end(Ok(()));
            return false;
        };
        self.step.replace(Some(step));
        self.wait_for(item)
    }

    /// Waits for an item. Returns whether it was there already.
    fn wait_for(self: &Rc<Self>, item: Deferred<()>) -> bool {
        let item = match item.into_result() {
            Ok(Ok(())) => return true, // nearly always, and then nothing is allocated
            Ok(Err(failure)) => Deferred::fail(failure),
            Err(item) => item,
        };
        self.state.set(State::Waiting);
        self.canceller.replace(item.canceller());
        let task = Rc::clone(self);
        item.add_both(move |result| {
            if task.state.get() != State::Waiting {
                return; // it was cancelled, and this is what became of the item
            }
            task.canceller.take();
            match result {
                Ok(()) => {
                    task.state.set(State::Resting);
                    task.get_ready();
                }
                Err(failure) => task.end(Err(failure)),
            }
        });
        false
    }

    fn end(&self, result: Result<(), Failure>) {
        let resolver = self.stop();
        if let Some(resolver) = resolver {
            resolver.fire(result);
        }
    }

    /// No step will be made any more, because there is no loop.
    fn abandon(&self) {
        let resolver = self.stop();
        drop(resolver); // fires with `Abandoned`
    }

    fn stop(&self) -> Option<Resolver<()>> {
        self.state.set(State::Done); // first: what is cancelled below ends a task that waits
        let step = self.step.take();
        drop(step); // outside the borrow
        let canceller = self.canceller.take();
        canceller.cancel();
        self.resolver.take()
    }
}

impl CooperativeTask {
    /// A Deferred that fires when the iterator has ended. It fails with the failure of an item, with
    /// [`Panicked`](crate::deferred::Panicked) when the iterator panics, and with
    /// [`Cancelled`] when the task is cancelled.
    ///
    /// Any number of Deferreds may be asked for, also when the task is done already. Cancelling one of them
    /// does not cancel the task.
    #[track_caller]
    pub fn when_done(&self) -> Deferred<()> {
        self.0.done.deferred().map(|_| ())
    }

    /// Makes no step until [`resume`](Self::resume) is called. A Deferred that the task waits for goes on.
    /// A paused task does not keep the loop running.
    pub fn pause(&self) {
        self.0.is_paused.set(true);
    }

    /// Ends the pause, however often [`pause`](Self::pause) was called.
    pub fn resume(&self) {
        if self.0.is_paused.replace(false) {
            self.0.get_ready();
        }
    }

    /// Stops the task: the iterator is dropped, a Deferred that the task waits for is cancelled, and what
    /// [`when_done`](Self::when_done) returned fails with [`Cancelled`].
    ///
    /// Returns whether this has stopped it: false when it was done, or cancelled before.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        let stops = !self.is_done();
        if stops {
            // Whoever cancels it knows: that no `when_done` was asked for is no reason to report it.
            self.0.done.deferred().add_both(|_| ());
            self.0.end(Err(Failure::new(Cancelled)));
        }
        stops
    }

    /// Whether it has ended, failed or was cancelled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.state.get() == State::Done
    }
}

impl fmt::Debug for CooperativeTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CooperativeTask")
            .field("state", &self.0.state.get())
            .field("is_paused", &self.0.is_paused.get())
            .field("place", &self.0.place)
            .finish()
    }
}
