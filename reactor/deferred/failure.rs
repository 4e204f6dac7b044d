//! What a chain carries when something went wrong: any error, and the way it took.
//!
//! A [`Failure`] is made by `?`, as `anyhow::Error` is, and for the same reason is not itself an
//! [`Error`]: otherwise `From<E: Error>` and the `From<T> for T` of the standard library would both
//! apply to it. It keeps three sorts of places, because the question that a traceback cannot answer
//! across callbacks is how the error came to be here:
//!
//! ```text
//! chain made ── callback that failed ── callbacks it passed over ── here
//!   made()       origin(), raised_in()       passed()
//! ```

use std::cell::Cell;
use std::error::Error;
use std::rc::{Rc, Weak};

use super::errors::Message;
use super::{Location, Place};

/// How many passed callbacks are kept by place. The rest is counted: a chain of a million
/// callbacks must not make a failure of a million places.
const PLACES_KEPT: usize = 32;

/// Any error, with the place where it arose and the callbacks that it passed.
///
/// `?` makes one of any error. [`check`](Self::check) looks at what it is, [`trap`](Self::trap)
/// takes the one sort of error that an errback knows how to handle and hands on every other.
/// Clones share the error and have each their own path from there on. In a function that returns
/// `Result<_, Box<dyn Error>>`, as many a `main` does, `?` hands a failure on too.
///
/// `{}` prints the error, `{:#}` the error and its causes on one line, `{:?}` the whole report.
///
/// # Examples
///
/// ```
/// use reactor::deferred::{Deferred, Failure};
///
/// # let seen = std::rc::Rc::new(std::cell::Cell::new(0)); let port = seen.clone();
/// Deferred::succeed("70000")
///     .add_callback(|text| Ok(text.parse::<u16>()?))
///     .add_errback(|failure| {
///         failure.trap::<std::num::ParseIntError>()?; // any other failure goes on
///         Ok(1400)
///     })
///     .add_callback(move |number| port.set(number));
/// # assert_eq!(seen.get(), 1400);
/// ```
#[derive(Clone)]
pub struct Failure {
    /// Behind a pointer, so that a `Result<T, Failure>` is hardly larger than its `T`; and shared, so
    /// that a copy costs nothing until one of the two goes on alone.
    pub(super) record: Rc<Record>,
}

/// What is known of a failure.
#[derive(Clone)]
pub(super) struct Record {
    /// Shared, so that everyone who waits for one result can have its failure.
    pub(super) error: Rc<dyn Error>,
    /// What failed, where the error does not say it.
    pub(super) about: Option<Rc<str>>,
    pub(super) origin: Place,
    pub(super) raised_in: Option<Place>,
    pub(super) made: Option<Place>,
    pub(super) passed: Vec<Place>,
    pub(super) passed_uncounted: usize,
    /// Whether a Deferred holds this failure, and it has not been taken out.
    pub(super) rests: Cell<bool>,
}

impl Failure {
    /// A failure that carries `error`. The caller's place is its origin.
    #[track_caller]
    pub fn new(error: impl Error + 'static) -> Self {
        Self::at(error, Location::caller())
    }

    /// A failure that says `message`, for want of a better error. The caller's place is its origin.
    #[track_caller]
    pub fn message(message: impl Into<String>) -> Self {
        Self::at(Message(message.into()), Location::caller())
    }

    /// A failure of an error whose type is not known any more. The caller's place is its origin.
    #[track_caller]
    pub fn from_boxed(error: Box<dyn Error>) -> Self {
        Self::from_shared(Rc::from(error), Location::caller())
    }

    /// A failure that carries `error`, whose origin is elsewhere than the caller.
    pub(super) fn at(error: impl Error + 'static, origin: Place) -> Self {
        Self::from_shared(Rc::new(error), origin)
    }

    fn from_shared(error: Rc<dyn Error>, origin: Place) -> Self {
        let record = Record {
            error,
            about: None,
            origin,
            raised_in: None,
            made: None,
            passed: Vec::new(),
            passed_uncounted: 0,
            rests: Cell::new(false),
        };
        Self::of(Rc::new(record))
    }

    pub(super) fn of(record: Rc<Record>) -> Self {
        Self { record }
    }

    /// What is known, to add to it. If copies share it, this failure goes on alone from here.
    fn record_mut(&mut self) -> &mut Record {
        // Where no copy shares the record this does not allocate, except after a rest: the list points
        // there weakly, and so the record moves away from it. That costs one failure one allocation.
        Rc::make_mut(&mut self.record)
    }

    /// This failure, as that of a request made at `place`: the report begins with it, and
    /// where in this crate the error arose is left out. Does nothing to one that has this already.
    #[cfg(feature = "http")]
    pub(crate) fn of_asking(self, about: impl std::fmt::Display, place: Place) -> Self {
        if self.record.about.is_some() {
            return self;
        }
        let mut failure = Self::from_shared(Rc::clone(&self.record.error), place);
        let record = failure.record_mut();
        record.about = Some(about.to_string().into());
        // So that no callback of this crate is taken for the one that failed.
        record.raised_in = Some(place);
        record.made = Some(place);
        failure
    }

    /// The error, if it is an `E`.
    ///
    /// Looks at the error itself and not at its causes; for those see [`causes`](Self::causes).
    #[must_use]
    pub fn check<E: Error + 'static>(&self) -> Option<&E> {
        self.error().downcast_ref()
    }

    /// The error that this failure carries.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.record.error
    }

    /// What led to the error: its source, the source of that, and so on.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.error().source(), |&error| error.source())
    }

    /// Where the error became a failure: the `?`, the call of [`new`](Self::new), or for a panic
    /// the place where the callback was added.
    #[must_use]
    pub fn origin(&self) -> Place {
        self.record.origin
    }

    /// Where the callback was added that failed. `None` if the chain was fired with this failure.
    #[must_use]
    pub fn raised_in(&self) -> Option<Place> {
        self.record.raised_in
    }

    /// Where the chain was made that failed first. `None` until the failure is in a chain.
    #[must_use]
    pub fn made(&self) -> Option<Place> {
        self.record.made
    }

    /// Where the callbacks were added that this failure passed over, oldest first.
    ///
    /// Only the first 32 are kept; the report has how many more there were.
    #[must_use]
    pub fn passed(&self) -> &[Place] {
        &self.record.passed
    }

    /// Notes a callback that did not run because of this failure.
    pub(super) fn passes(&mut self, place: Place) {
        let record = self.record_mut();
        if record.passed.len() < PLACES_KEPT {
            record.passed.push(place);
        } else {
            record.passed_uncounted += 1;
        }
    }

    /// Notes the callback that failed, unless the failure has come from another one.
    pub(super) fn raised_at(&mut self, place: Place) {
        if self.record.raised_in.is_none() {
            self.record_mut().raised_in = Some(place);
        }
    }

    /// Notes the chain that failed, unless the failure has come from another one.
    pub(super) fn in_chain(&mut self, made: Place) {
        if self.record.made.is_none() {
            self.record_mut().made = Some(made);
        }
    }

    /// Notes that a Deferred holds the failure. Returns what the list of such failures has to know,
    /// unless that is on it already.
    pub(super) fn rests_now(&mut self) -> Option<Weak<Record>> {
        // Copies that others have do not rest with this one.
        if Rc::strong_count(&self.record) > 1 {
            self.record = Rc::new(Record::clone(&self.record));
        }
        self.record.rests.set(true);
        // Only the list has weak pointers.
        (Rc::weak_count(&self.record) == 0).then(|| Rc::downgrade(&self.record))
    }

    /// Notes that the failure was taken out of the Deferred.
    #[inline]
    pub(super) fn rests_no_more(&self) {
        self.record.rests.set(false);
    }
}

impl Record {
    pub(super) fn rests(&self) -> bool {
        self.rests.get()
    }
}

impl<E: Error + 'static> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
