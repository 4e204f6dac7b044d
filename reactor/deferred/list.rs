//! Waiting for many Deferreds at once.
//!
//! ```text
//!   DeferredList                          the results of all, in the order of the inputs
//!     .fire_on_one_errback()              the values of all, or the first failure
//!     .fire_on_one_callback()             the first value, or the failures of all
//!     .consume_errors()                   failures that come too late are not reported
//!     .cancel_rest()                      what is not needed any more is cancelled
//!   gather_results                        fire_on_one_errback
//!   race                                  fire_on_one_callback, consume_errors, cancel_rest
//! ```

use std::any::type_name;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::cancel::Canceller;
use super::chain::Deferred;
use super::errors::Cancelled;
use super::failure::Failure;
use super::hook::report;
use super::loan::{Carried, Passing};
use super::outcome::Outcome;
use super::record::Record;
use super::resolver::Resolver;
use super::{Location, Place, sealed};

/// Many Deferreds as one.
///
/// `T` is the type of their values and `V` that of the whole, which the flags decide. The inputs
/// are consumed: what is to happen to one of them alone is added before it goes in. Cancelling the
/// list cancels every input that is not fired yet.
///
/// # Examples
///
/// ```
/// use reactor::deferred::{Deferred, DeferredList, Failure};
///
/// let pages = vec![Deferred::succeed("index"), Deferred::fail(Failure::message("not found"))];
/// # let seen = std::rc::Rc::new(std::cell::Cell::new(0)); let count = seen.clone();
/// DeferredList::new(pages)
///     .into_deferred()
///     .map(|results| results.into_iter().flatten().count()) // each is a Result: no value is taken for granted
///     .add_callback(move |found| count.set(found));
/// # assert_eq!(seen.get(), 1);
/// ```
#[must_use = "a list waits for nothing until `into_deferred` is called or a callback returns it"]
pub struct DeferredList<T: 'static, V = Vec<Result<T, Failure>>> {
    inputs: Vec<Deferred<T>>,
    until: Until,
    finish: fn(Ending<T>) -> Passing<V>,
}

/// When the list fires, and what it does then.
#[derive(Clone, Copy, Default)]
struct Until {
    one_callback: bool,
    one_errback: bool,
    consume_errors: bool,
    cancel_rest: bool,
}

/// How the waiting ended.
enum Ending<T> {
    First(usize, Carried<T>),
    All(Vec<Passing<T>>),
}

impl<T: 'static> DeferredList<T> {
    /// A list that fires when all of `inputs` have, with their results in the order of `inputs`.
    ///
    /// An empty one is fired with an empty list.
    pub fn new(inputs: impl IntoIterator<Item = Deferred<T>>) -> Self {
        Self {
            inputs: inputs.into_iter().collect(),
            until: Until::default(),
            finish: |ending| match ending {
                Ending::All(results) => Ok(Carried::together(results)),
                Ending::First(..) => unreachable!("it was not asked for the first"),
            },
        }
    }

    /// Fires with the values of all, or fails with [`FirstError`] as soon as one has failed.
    pub fn fire_on_one_errback(self) -> DeferredList<T, Vec<T>> {
        DeferredList {
            inputs: self.inputs,
            until: Until {
                one_errback: true,
                ..self.until
            },
            finish: |ending| match ending {
                // None of them is a failure: that would have been the first.
                Ending::All(results) => Ok(Carried::together(results).wrap(
                    |results| results.into_iter().flatten().collect(),
                    |values: Vec<T>| values.into_iter().map(Ok).collect(),
                )),
                Ending::First(..) => unreachable!("it was not asked for the first"),
            },
        }
    }

    /// Fires with the first value and its index, or fails with [`FailureGroup`] when all have
    /// failed, and with [`NothingToWaitFor`] if there is no input.
    pub fn fire_on_one_callback(self) -> DeferredList<T, (usize, T)> {
        DeferredList {
            inputs: self.inputs,
            until: Until {
                one_callback: true,
                ..self.until
            },
            finish: |ending| match ending {
                Ending::First(index, value) => {
                    Ok(value.wrap(|value| (index, value), |(_, value)| value))
                }
                Ending::All(results) => {
                    let failures = results.into_iter().filter_map(Result::err).collect();
                    Err(Failure::new(FailureGroup { failures }))
                }
            },
        }
    }
}

impl<T: 'static> DeferredList<T, (usize, T)> {
    /// Also fails with [`FirstError`] as soon as one has failed: what comes first decides.
    pub fn fire_on_one_errback(mut self) -> Self {
        self.until.one_errback = true;
        self
    }
}

impl<T: 'static, V: 'static> DeferredList<T, V> {
    /// Drops the failures that do not get into the result, instead of reporting them as unhandled.
    pub fn consume_errors(mut self) -> Self {
        self.until.consume_errors = true;
        self
    }

    /// Cancels the inputs that are not fired yet when the list fires.
    pub fn cancel_rest(mut self) -> Self {
        self.until.cancel_rest = true;
        self
    }

    /// Begins to wait.
    #[must_use = "the results are lost with the Deferred"]
    #[track_caller]
    pub fn into_deferred(self) -> Deferred<V> {
        let place = Location::caller();
        let is_charted =
            Record::is_asked_for() || self.inputs.iter().any(|input| input.row().is_some());
        let record = is_charted.then(|| {
            let lanes = self.inputs.iter().map(Deferred::record).collect();
            Record::of_list(lanes, place, type_name::<V>())
        });
        let deferred = if self.inputs.is_empty() && self.until.one_callback {
            Deferred::fail(NothingToWaitFor)
        } else {
            let finish = self.finish;
            let finish = move |ending: Passing<Ending<T>>| {
                let whole = ending.and_then(|ending| finish(ending.take()));
                Deferred::fired(whole, place)
            };
            Record::unasked(|| wait(self.inputs, self.until, place).then(finish, place))
        };
        match record {
            Some(record) => deferred.recorded_by(record),
            None => deferred,
        }
    }
}

impl<T, V> sealed::Outcome for DeferredList<T, V> {}

impl<T: 'static, V: 'static> Outcome for DeferredList<T, V> {
    type Output = V;

    #[track_caller]
    fn into_deferred(self) -> Deferred<V> {
        Self::into_deferred(self)
    }
}

impl<T: 'static, V> fmt::Debug for DeferredList<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.inputs).finish()
    }
}

/// Waits for all of `inputs`: fires with their values in order, or fails with [`FirstError`] as
/// soon as one has failed.
///
/// The others then go on, and a failure of theirs is reported as unhandled. To cancel them, use
/// [`DeferredList`] with `fire_on_one_errback` and `cancel_rest`. No inputs: fired with no values.
#[must_use = "the values are lost with the Deferred"]
#[track_caller]
pub fn gather_results<T: 'static>(
    inputs: impl IntoIterator<Item = Deferred<T>>,
) -> Deferred<Vec<T>> {
    DeferredList::new(inputs)
        .fire_on_one_errback()
        .into_deferred()
}

/// Waits for the first of `inputs` that has a value, and cancels the others: fires with its index
/// and its value.
///
/// Fails with [`FailureGroup`] when all have failed, and at once with [`NothingToWaitFor`] if there
/// are none.
#[must_use = "the first value is lost with the Deferred"]
#[track_caller]
pub fn race<T: 'static>(inputs: impl IntoIterator<Item = Deferred<T>>) -> Deferred<(usize, T)> {
    DeferredList::new(inputs)
        .fire_on_one_callback()
        .consume_errors()
        .cancel_rest()
        .into_deferred()
}

/// What has come in so far.
struct Collection<T: 'static> {
    results: Vec<Option<Passing<T>>>,
    missing: usize,
    /// `None` once fired.
    resolver: Option<Resolver<Ending<T>>>,
}

struct Waiting<T: 'static> {
    collection: RefCell<Collection<T>>,
    cancellers: Rc<[Canceller]>,
    until: Until,
    place: Place,
}

#[track_caller]
fn wait<T: 'static>(inputs: Vec<Deferred<T>>, until: Until, place: Place) -> Deferred<Ending<T>> {
    let (resolver, deferred) = Deferred::pending();
    if inputs.is_empty() {
        resolver.callback(Ending::All(Vec::new()));
        return deferred;
    }
    // For all of them before the first is consumed: one that is fired already may decide, and
    // cancel the others, which are still in the loop below.
    let cancellers: Rc<[Canceller]> = inputs.iter().map(Deferred::canceller).collect();
    let to_cancel = Rc::clone(&cancellers);
    resolver.on_cancel(move || cancel_all(&to_cancel));
    let waiting = Rc::new(Waiting {
        collection: RefCell::new(Collection {
            results: inputs.iter().map(|_| None).collect(),
            missing: inputs.len(),
            resolver: Some(resolver),
        }),
        cancellers,
        until,
        place,
    });
    for (index, input) in inputs.into_iter().enumerate() {
        let waiting = Rc::clone(&waiting);
        input.end(move |result| waiting.arrived(index, result), place);
    }
    deferred
}

impl<T: 'static> Waiting<T> {
    /// Takes in the result of one input, and fires when that decides.
    fn arrived(&self, index: usize, result: Passing<T>) {
        let mut collection = self.collection.borrow_mut();
        // Out while this result decides, and back if others are still missing.
        let Some(resolver) = collection.resolver.take() else {
            drop(collection);
            return self.too_late(result);
        };
        let ending = match result {
            Ok(value) if self.until.one_callback => Ok(Ending::First(index, value)),
            Err(failure) if self.until.one_errback => {
                Err(Failure::at(FirstError { index, failure }, self.place))
            }
            result => {
                collection.results[index] = Some(result);
                collection.missing -= 1;
                if collection.missing > 0 {
                    collection.resolver = Some(resolver);
                    return;
                }
                let results = std::mem::take(&mut collection.results);
                Ok(Ending::All(results.into_iter().flatten().collect()))
            }
        };
        let unused = std::mem::take(&mut collection.results);
        // From here on callbacks and destructors of the consumer run.
        drop(collection);
        unused
            .into_iter()
            .flatten()
            .for_each(|result| self.too_late(result));
        // Before the list fires, so that its callbacks find the others cancelled.
        if self.until.cancel_rest {
            cancel_all(&self.cancellers);
        }
        resolver.fire(ending);
    }

    /// Drops a result that does not get into the list's, and reports it if it is a failure.
    fn too_late(&self, result: Passing<T>) {
        let Err(failure) = result else { return };
        if !self.until.consume_errors && failure.check::<Cancelled>().is_none() {
            report(&failure);
        }
    }
}

/// One of many has failed, and all were needed. The causes go on with its error.
#[derive(Debug)]
pub struct FirstError {
    index: usize,
    failure: Failure,
}

impl FirstError {
    /// Which of the inputs has failed.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it failed with.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

impl fmt::Display for FirstError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} of the list failed", self.index)
    }
}

impl Error for FirstError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.failure.error())
    }
}

/// All of many have failed, and one was needed.
#[derive(Debug)]
pub struct FailureGroup {
    failures: Vec<Failure>,
}

impl FailureGroup {
    /// What they failed with, in the order of the inputs.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }
}

impl fmt::Display for FailureGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} of the list failed", self.failures.len())?;
        for (index, failure) in self.failures.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(f, "{separator}{failure}")?;
        }
        Ok(())
    }
}

impl Error for FailureGroup {}

/// The first of no Deferreds was asked for. It would never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToWaitFor;

impl fmt::Display for NothingToWaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the first of no Deferreds was asked for")
    }
}

impl Error for NothingToWaitFor {}

fn cancel_all(cancellers: &[Canceller]) {
    for canceller in cancellers {
        canceller.cancel(); // those that have fired stay as they are
    }
}
