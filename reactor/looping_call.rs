//! A call that is made again and again, on a grid of equal intervals.
//!
//! ```text
//! interval  |----|----|----|----|----|----|
//! calls     1    2    x~~~~~~~~~~~~3 4    5      x took long: two points of the grid are skipped,
//!                                                and call 3 comes with a count of 3
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::contained::contain;
use crate::deferred::{Deferred, Failure, Outcome, Resolver};
use crate::delayed_call::DelayedCall;
use crate::reactor::Reactor;
use crate::time::Instant;
use crate::weak_reactor::WeakReactor;

/// Calls a function at once and then at every interval, until it is stopped or the function fails.
///
/// The calls stay on the grid that begins with [`start`](Self::start): one that comes late does not
/// move those after it, and intervals that were missed are skipped, not made up for. The function
/// gets the number of intervals since the call before, which is one where none was skipped. What
/// it returns is as of a callback: while a Deferred that it returned has not fired, it is not
/// called, also when it was stopped and started again in the meantime. A failure of a call whose run is
/// over by then is reported as unhandled.
///
/// Clones are the same call. Once started it goes on without them, for as long as the loop runs.
///
/// ```
/// use std::time::Duration;
/// use reactor::{LoopingCall, Reactor};
///
/// let reactor = Reactor::new()?;
/// let mut left = 3;
/// let call = LoopingCall::new(&reactor, move |_count| {
///     left -= 1;
///     if left == 0 { Err(reactor::Failure::message("enough")) } else { Ok(()) }
/// });
/// let ended = call.start(Duration::from_millis(1));
/// assert_eq!(reactor.run_until(ended).unwrap_err().to_string(), "enough");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoopingCall(Rc<Inner>);

struct Inner {
    reactor: WeakReactor,
    /// Out while it is being called.
    function: RefCell<Option<Function>>,
    run: RefCell<Option<Run>>,
    /// How often it was started, so that what belongs to an earlier run is not taken for this one.
    runs: Cell<u64>,
    /// Whether the function is being called, or a Deferred that it returned has not fired.
    under_way: Cell<bool>,
}

type Function = Box<dyn FnMut(u64) -> Deferred<()>>;

/// What is known while it runs.
struct Run {
    ended: Resolver<()>,
    start: Instant,
    interval: Duration,
    /// The point of the grid of the last call; the first call is at point zero.
    last: Option<u64>,
    next: Option<DelayedCall>,
    /// Whether a call is due that waits for one of the run before to end.
    waits: bool,
}

impl LoopingCall {
    /// A call of `function`, which is not started yet.
    pub fn new<R>(reactor: &Reactor, mut function: impl FnMut(u64) -> R + 'static) -> Self
    where
        R: Outcome<Output = ()>,
    {
        let function = move |count| function(count).into_deferred();
        Self(Rc::new(Inner {
            reactor: reactor.downgrade(),
            function: RefCell::new(Some(Box::new(function))),
            run: RefCell::default(),
            runs: Cell::new(0),
            under_way: Cell::new(false),
        }))
    }

    /// Makes the first call, in the next turn, and one at every interval from then on. An interval
    /// of zero calls once a turn.
    ///
    /// The Deferred fires when the call is stopped, and fails when the function does. Cancelling it
    /// stops the call. Starting a call that runs stops it before.
    #[track_caller]
    pub fn start(&self, interval: Duration) -> Deferred<()> {
        let before = self.0.take_run();
        let (ended, deferred) = Deferred::pending();
        let Some(reactor) = self.0.reactor.upgrade() else {
            return deferred; // whose resolver is dropped here: it fails as abandoned
        };
        let weak = Rc::downgrade(&self.0);
        ended.on_cancel(move || {
            if let Some(inner) = weak.upgrade() {
                drop(inner.take_run());
            }
        });
        let run = Run {
            ended,
            start: reactor.now(),
            interval,
            last: None,
            next: None,
            waits: false,
        };
        self.0.runs.set(self.0.runs.get() + 1);
        self.0.run.replace(Some(run));
        self.0.set_next(Duration::ZERO);
        if let Some(before) = before {
            // The last thing here, because a callback of it may start the call again.
            before.callback(());
        }
        deferred
    }

    /// Stops the call, also from inside the function. Does nothing when it does not run.
    pub fn stop(&self) {
        self.0.end(Ok(()));
    }

    /// Whether it was started, and neither stopped nor failed since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.run.borrow().is_some()
    }
}

impl Inner {
    fn end(&self, result: Result<(), Failure>) {
        if let Some(ended) = self.take_run() {
            ended.fire(result);
        }
    }

    /// Ends the run, if it runs, except that its Deferred is not fired: the caller does that.
    fn take_run(&self) -> Option<Resolver<()>> {
        let Run { ended, next, .. } = self.run.take()?;
        if let Some(next) = next {
            next.cancel(); // which does nothing if it is the call that is being made
        }
        Some(ended)
    }

    fn set_next(self: &Rc<Self>, delay: Duration) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let this = Rc::clone(self);
        let next = reactor.call_later(delay, move || this.tick());
        if let Some(run) = &mut *self.run.borrow_mut() {
            run.next = Some(next);
        }
    }

    fn tick(self: Rc<Self>) {
        if self.under_way.get() {
            return self.wait();
        }
        let Some(count) = self.count() else { return };
        let Some(mut function) = self.function.take() else {
            return;
        };
        let run = self.runs.get();
        self.under_way.set(true);
        let called = contain(|| function(count));
        self.function.replace(Some(function));
        let called = called.unwrap_or_else(Deferred::fail);
        called.add_both(move |result| {
            self.under_way.set(false);
            if self.runs.get() == run && self.run.borrow().is_some() {
                match result {
                    Ok(()) => self.go_on(),
                    Err(failure) => self.end(Err(failure)),
                }
                return Ok(());
            }
            self.stop_waiting();
            // That run has ended already: a failure is reported as unhandled, where this is dropped.
            result
        });
    }

    /// The call of a run before is still under way.
    fn wait(&self) {
        if let Some(run) = &mut *self.run.borrow_mut() {
            run.next = None;
            run.waits = true;
        }
    }

    /// Makes the call that waits, if one does.
    fn stop_waiting(self: &Rc<Self>) {
        let waits = match &mut *self.run.borrow_mut() {
            Some(run) => std::mem::take(&mut run.waits),
            None => false,
        };
        if waits {
            self.set_next(Duration::ZERO);
        }
    }

    /// How many intervals have passed since the last call; notes that this one is made.
    fn count(&self) -> Option<u64> {
        let now = self.reactor.upgrade()?.now();
        let mut run = self.run.borrow_mut();
        let run = run.as_mut()?;
        let point = run.point(now);
        let count = run.last.map_or(1, |last| point.saturating_sub(last).max(1));
        run.last = Some(point);
        run.next = None;
        Some(count)
    }

    /// Sets the call at the next point of the grid.
    fn go_on(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let now = reactor.now();
        let delay = match &*self.run.borrow() {
            Some(run) => run.delay(now),
            None => return,
        };
        self.set_next(delay);
    }
}

impl Run {
    /// The last point of the grid that is not after `now`.
    fn point(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.start).as_nanos();
        let points = passed.checked_div(self.interval.as_nanos());
        points.map_or_else(
            || self.last.map_or(0, |last| last + 1),
            |points| u64::try_from(points).unwrap_or(u64::MAX),
        )
    }

    /// How long it is until the next point of the grid.
    fn delay(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.start).as_nanos();
        let Some(beyond) = passed.checked_rem(self.interval.as_nanos()) else {
            return Duration::ZERO;
        };
        let delay = self.interval.as_nanos() - beyond;
        Duration::new(
            u64::try_from(delay / 1_000_000_000).unwrap_or(u64::MAX),
            (delay % 1_000_000_000) as u32,
        )
    }
}

impl fmt::Debug for LoopingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}
