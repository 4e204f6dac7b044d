//! The waiting end: a result that is not there yet, and the callbacks that want it.

use std::any::type_name;
use std::fmt;
use std::rc::Rc;

use super::cancel::{self, Canceller};
use super::failure::Failure;
use super::firing;
use super::into_failure::IntoFailure;
use super::link::Link;
use super::loan::{Carried, Passing};
use super::node::End;
use super::outcome::{Outcome, Recovery};
use super::record::{Functions, Names, Record, Row};
use super::resolver::{Resolver, Source};
use super::step::{self, Step};
use super::unhandled::Unhandled;
use super::{Location, Place};

/// A value that is not there yet, or the failure to get it.
///
/// Each `add_…` consumes the Deferred and returns that of the next value, so a chain has one end
/// and one type there. Callbacks run once, in the order in which they were added: at once if the
/// result is there, and otherwise inside the call that fires the [`Resolver`].
///
/// ```text
///        value │          ┆ failure
///     ┌────────▼───────┐  ┆
///     │  add_callback  ├──┐          Err(…), or a panic
///     └────────┬───────┘  │
///              ┆  ┌───────▼───────┐
///              ┌──┤  add_errback  │  Ok(…)
///              │  └───────┬───────┘
///        value ▼          ▼ failure
/// ```
///
/// Dropping a Deferred does not cancel anything: its callbacks still run. If it then ends in a
/// failure that was not handled, that is reported at once (see [`on_unhandled_failure`]).
///
/// [`on_unhandled_failure`]: super::on_unhandled_failure
///
/// # Examples
///
/// ```
/// use reactor::deferred::Deferred;
///
/// let (resolver, deferred) = Deferred::pending();
/// # let seen = std::rc::Rc::new(std::cell::Cell::new(0)); let sum = seen.clone();
/// deferred
///     .add_callback(|text: &str| Ok(text.parse::<u32>()?))
///     .add_errback(|_| Ok(0))
///     .add_callback(move |number| sum.set(number + 1));
///
/// resolver.callback("41");
/// # assert_eq!(seen.get(), 42);
/// ```
pub struct Deferred<T> {
    state: State<T>,
}

enum State<T> {
    /// The result is here. No allocation is needed for it, nor for a callback added to it.
    Fired {
        result: Result<Carried<T>, Unhandled>,
        made: Place,
    },
    /// The result is at the end of a chain, or will be.
    Waiting(End<T>),
}

/// What is known of a Deferred now.
pub(super) enum Now<T> {
    Fired(Passing<T>),
    Later(End<T>),
}

impl<T: 'static> Deferred<T> {
    /// A Deferred that waits, and the [`Resolver`] that fires it.
    #[must_use = "without its Resolver the Deferred fires with `Abandoned`"]
    #[track_caller]
    pub fn pending() -> (Resolver<T>, Self) {
        let made = Location::caller();
        let source = Source::new(made);
        let deferred = Self::waiting(source.end());
        (Resolver::new(source), deferred.charted_if_asked())
    }

    /// A Deferred that is fired already, with a value.
    #[must_use = "the value is lost with the Deferred"]
    #[inline]
    #[track_caller]
    pub fn succeed(value: T) -> Self {
        Self::from_result(Ok(value))
    }

    /// A Deferred that is fired already, with a failure.
    #[must_use = "a failure that is dropped is reported as unhandled"]
    #[track_caller]
    pub fn fail(error: impl IntoFailure) -> Self {
        Self::from_result(Err(error.into_failure()))
    }

    /// A Deferred that is fired already.
    #[must_use = "the result is lost with the Deferred"]
    #[inline]
    #[track_caller]
    pub fn from_result(result: Result<T, Failure>) -> Self {
        Self::from_passing(result.map(Carried::given))
    }

    /// As [`from_result`](Self::from_result), also of a value that is on loan.
    #[inline]
    #[track_caller]
    pub(super) fn from_passing(result: Passing<T>) -> Self {
        let made = Location::caller();
        Self::fired(result, made).ended_in(made).charted_if_asked()
    }

    /// Adds a function for the value. A failure passes over it.
    ///
    /// What it may return is an [`Outcome`]: a `Result`, whose failure goes to the next errback; a
    /// Deferred, which the chain waits for; or nothing. A panic becomes the failure [`Panicked`].
    ///
    /// [`Panicked`]: super::Panicked
    #[inline]
    #[track_caller]
    pub fn add_callback<R: Outcome>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
    ) -> Deferred<R::Output> {
        let names = Functions::left("add_callback", &callback);
        self.add(step::on_value(callback), names, Location::caller())
    }

    /// Adds a function for the failure. A value passes over it.
    ///
    /// If it returns a value the failure is handled, and the next callback runs. If it returns
    /// nothing the failure is handled too, and the chain goes on with `()`, failure or not.
    #[inline]
    #[track_caller]
    pub fn add_errback<R: Recovery<T>>(
        self,
        errback: impl FnOnce(Failure) -> R + 'static,
    ) -> Deferred<R::Output> {
        let names = Functions::right("add_errback", &errback);
        self.add(step::on_failure(errback), names, Location::caller())
    }

    /// Adds a function for the value and one for the failure, of which one runs.
    ///
    /// They stand side by side: `errback` is not for failures of `callback`. Those go to the next
    /// errback.
    #[inline]
    #[track_caller]
    pub fn add_callbacks<R, S>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
        errback: impl FnOnce(Failure) -> S + 'static,
    ) -> Deferred<R::Output>
    where
        R: Outcome,
        S: Outcome<Output = R::Output>,
    {
        let names = Functions::both("add_callbacks", &callback, &errback);
        self.add(
            step::on_either(callback, errback),
            names,
            Location::caller(),
        )
    }

    /// Adds a function that runs either way, as a clean-up does.
    ///
    /// It decides what becomes of the result: to change nothing, return it. A failure that it does
    /// not return is handled.
    #[inline]
    #[track_caller]
    pub fn add_both<R: Outcome>(
        self,
        function: impl FnOnce(Result<T, Failure>) -> R + 'static,
    ) -> Deferred<R::Output> {
        let names = Functions::both("add_both", &function, &function);
        self.add(step::on_result(function), names, Location::caller())
    }

    /// Adds a function for the value that cannot fail and returns a plain value.
    #[must_use = "the value that `map` makes is lost; use `add_callback` for an effect"]
    #[inline]
    #[track_caller]
    pub fn map<U: 'static>(self, function: impl FnOnce(T) -> U + 'static) -> Deferred<U> {
        let names = Functions::left("map", &function);
        self.add(step::mapped(function), names, Location::caller())
    }

    /// Asks what the chain waits for now to stop.
    ///
    /// That is its resolver, or the Deferred that one of its callbacks returned, or what that one
    /// waits for. There the canceller runs that was set with
    /// [`on_cancel`](Resolver::on_cancel), and then, unless it said otherwise, the failure
    /// [`Cancelled`](super::Cancelled) comes down the chain.
    ///
    /// Returns whether it did so: false, and nothing is changed, when the chain waits for nothing,
    /// being fired or in one of its callbacks, or when its canceller runs already.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.canceller().cancel()
    }

    /// A handle to cancel this chain with, also when it is in a callback, a list or an `.await`.
    #[must_use = "a Canceller does nothing until `cancel` is called"]
    pub fn canceller(&self) -> Canceller {
        match &self.state {
            State::Fired { .. } => Canceller::default(),
            State::Waiting(end) => Canceller::new(end.chain()),
        }
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_fired(&self) -> bool {
        match &self.state {
            State::Fired { .. } => true,
            State::Waiting(end) => end.outlet().look(|result| result.is_some()),
        }
    }

    /// The result, if it is there. For tests, mostly: a callback gets it sooner or later.
    ///
    /// # Errors
    ///
    /// The Deferred itself, if it is not fired yet.
    pub fn into_result(self) -> Result<Result<T, Failure>, Self> {
        match self.now() {
            Now::Fired(result) => Ok(result.map(Carried::take)),
            Now::Later(end) => Err(Self::waiting(end)),
        }
    }

    #[inline]
    fn add<U: 'static>(
        self,
        step: impl Step<T, U>,
        names: impl Names,
        place: Place,
    ) -> Deferred<U> {
        let end = match self.state {
            State::Fired { result, made } => {
                return at_once(step, result.map_err(Unhandled::take), made, place);
            }
            State::Waiting(end) => end,
        };
        let outlet = end.outlet();
        let row = outlet.row().get();
        let row = row.map(|row| row.add(names(), type_name::<U>(), place));
        let Some(result) = outlet.take() else {
            return Deferred::waiting(Link::after(end, step, place, row));
        };
        // The result has come since this Deferred was made, and rested in the outlet.
        let made = end.chain().made();
        match row {
            None => at_once(step, result, made, place),
            // Not at once: what a chart shows of a step is noted by its link.
            Some(_) => Link::behind_fired(result, made, step, place, row),
        }
    }

    /// What is known of it now.
    #[inline(always)] // a step pays for a call twice otherwise: here, and for the result in memory
    pub(super) fn now(self) -> Now<T> {
        match self.state {
            State::Fired { result, .. } => Now::Fired(result.map_err(Unhandled::take)),
            State::Waiting(end) => match end.outlet().take() {
                Some(result) => Now::Fired(result),
                None => Now::Later(end),
            },
        }
    }

    /// Where the chain was made.
    pub(super) fn made(&self) -> Place {
        match &self.state {
            State::Fired { made, .. } => made,
            State::Waiting(end) => end.chain().made(),
        }
    }

    /// Notes where the chain was made that ends with this result, and that it rests here.
    #[inline]
    fn ended_in(mut self, chain: Place) -> Self {
        if let State::Fired { result, made } = &mut self.state {
            *made = chain;
            if let Err(unhandled) = result {
                unhandled.rest_in(chain);
            }
        }
        self
    }

    /// Where a chart notes what happens here, if one was asked for.
    pub(super) fn row(&self) -> Option<&Rc<Row>> {
        match &self.state {
            State::Fired { .. } => None,
            State::Waiting(end) => end.outlet().row().get(),
        }
    }

    /// What a chart shows of this chain; only what can be seen from outside if it is on none.
    pub(super) fn record(&self) -> Rc<Record> {
        match self.row() {
            Some(row) => Rc::clone(row.record()),
            None => Record::from_outside(self.made(), type_name::<T>()),
        }
    }

    /// Adds the function in whose hands the chain ends. Charts do not show it.
    pub(super) fn end(self, function: impl FnOnce(Passing<T>) + 'static, place: Place) {
        let step = step::on_passing(move |result| {
            function(result);
            Deferred::fired(Ok(Carried::given(())), place)
        });
        match self.now() {
            Now::Fired(result) => drop(at_once(step, result, place, place)),
            Now::Later(end) => drop(Link::after(end, step, place, None)),
        }
    }

    /// Adds a function that may hand the result on as it is, a loan included.
    pub(super) fn then<U: 'static>(
        self,
        function: impl FnOnce(Passing<T>) -> Deferred<U> + 'static,
        place: Place,
    ) -> Deferred<U> {
        let names = Functions::both("add_both", &function, &function);
        self.add(step::on_passing(function), names, place)
    }

    /// Is noted if a callback makes it that is on a chart itself.
    #[inline]
    fn charted_if_asked(self) -> Self {
        if !Record::is_asked_for() {
            return self;
        }
        let record = Record::of_chain(self.made(), type_name::<T>());
        self.recorded_by(record)
    }

    /// The same chain with a place to note what happens to it.
    #[cold]
    pub(super) fn recorded_by(self, record: Rc<Record>) -> Self {
        let made = self.made();
        let end = match self.now() {
            Now::Later(end) => end,
            Now::Fired(result) => {
                // Charts are written by nodes, and a result that is here has none: it gets a source, as if
                // it were fired now.
                record.fired_with(&result);
                let source = Source::new(made);
                Rc::clone(&source).fire(result);
                source.end()
            }
        };
        end.outlet().row().get_or_init(|| Row::first_of(record));
        Self::waiting(end)
    }
}

impl<T> Deferred<T> {
    /// A Deferred with a result on its way from a callback to whoever wants it.
    #[inline]
    pub(super) fn fired(result: Passing<T>, made: Place) -> Self {
        let result = result.map_err(Unhandled::new);
        Self {
            state: State::Fired { result, made },
        }
    }

    #[inline]
    pub(super) fn waiting(end: End<T>) -> Self {
        Self {
            state: State::Waiting(end),
        }
    }

    /// Notes in a failure that the callback added at `place` raised it.
    #[inline]
    pub(super) fn raised_at(&mut self, place: Place) {
        if let State::Fired {
            result: Err(unhandled),
            ..
        } = &mut self.state
        {
            unhandled.failure_mut().raised_at(place);
        }
    }
}

/// Runs `step` now, because its result is there, or soon, if too many callbacks are running.
#[inline]
fn at_once<T: 'static, U: 'static>(
    step: impl Step<T, U>,
    result: Passing<T>,
    made: Place,
    place: Place,
) -> Deferred<U> {
    if !firing::may_nest() {
        return Link::behind_fired(result, made, step, place, None);
    }
    // What comes out is still the end of the chain that was made there, as a report has to say.
    firing::nest(|| step::call(step, result, place)).ended_in(made)
}

/// Calls `function` and returns what it returns as a Deferred, also its panic.
///
/// The beginning of a chain whose first step may be at once or not.
#[track_caller]
pub fn maybe_deferred<R: Outcome>(function: impl FnOnce() -> R + 'static) -> Deferred<R::Output> {
    let place = Location::caller();
    let function = |()| function();
    let names = Functions::left("add_callback", &function);
    Deferred::fired(Ok(Carried::given(())), place).add(step::on_value(function), names, place)
}

impl<T: 'static> From<Result<T, Failure>> for Deferred<T> {
    #[track_caller]
    fn from(result: Result<T, Failure>) -> Self {
        Self::from_result(result)
    }
}

impl<T: 'static> fmt::Debug for Deferred<T> {
    /// Shows where the chain was made, and what it waits for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, made) = (type_name::<T>(), self.made());
        write!(f, "Deferred<{name}> made at {made}")?;
        let mut show = |result: Option<&Result<Carried<T>, Unhandled>>| match (result, &self.state)
        {
            (Some(Err(unhandled)), _) => write!(f, ", failed: {}", unhandled.failure()),
            (None, State::Waiting(end)) => {
                let waits_for = cancel::last(end.chain()).made();
                write!(f, ", waits for the Resolver made at {waits_for}")
            }
            (Some(Ok(_)) | None, _) => f.write_str(", fired"),
        };
        match &self.state {
            State::Fired { result, .. } => show(Some(result)),
            State::Waiting(end) => end.outlet().look(show),
        }
    }
}
