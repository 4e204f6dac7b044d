//! What a chart notes of a chain while it is built and while it runs.
//!
//! A node that is on a chart has a [`Row`], which says where in which [`Record`] to write. A node
//! that is not has none, and that is all it costs.

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use super::Place;
use super::failure::Failure;
use crate::time::{self, Instant};

/// The functions of a level, by the names that the compiler gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    pub(super) method: &'static str,
    pub(super) callback: Option<&'static str>,
    pub(super) errback: Option<&'static str>,
}

/// Names the functions of an `add_…` when a chart asks, and costs nothing otherwise.
pub(super) trait Names: FnOnce() -> Functions {}

impl<F: FnOnce() -> Functions> Names for F {}

impl Functions {
    /// Of a `method` that adds a callback only.
    pub(super) fn left<F>(method: &'static str, _: &F) -> impl Names + use<F> {
        move || Self::named(method, Some(type_name::<F>()), None)
    }

    /// Of a `method` that adds an errback only.
    pub(super) fn right<F>(method: &'static str, _: &F) -> impl Names + use<F> {
        move || Self::named(method, None, Some(type_name::<F>()))
    }

    /// Of a `method` that adds both.
    pub(super) fn both<F, G>(method: &'static str, _: &F, _: &G) -> impl Names + use<F, G> {
        move || Self::named(method, Some(type_name::<F>()), Some(type_name::<G>()))
    }

    fn named(
        method: &'static str,
        callback: Option<&'static str>,
        errback: Option<&'static str>,
    ) -> Self {
        Self {
            method,
            callback,
            errback,
        }
    }
}

/// What runs down a chain at some point: a value, or a failure with this text.
#[derive(Clone, Debug)]
pub(super) enum Flow {
    Value,
    Failure(String),
}

impl Flow {
    fn of<T>(result: &Result<T, Failure>) -> Self {
        match result {
            Ok(_) => Self::Value,
            Err(failure) => Self::Failure(failure.to_string()),
        }
    }
}

impl Flow {
    /// The text of the failure, or the type of the value.
    pub(super) fn into_text(self, value: &str) -> String {
        match self {
            Self::Value => value.to_owned(),
            Self::Failure(text) => text,
        }
    }
}

/// One chain.
pub(super) struct Record {
    pub(super) made: Place,
    /// The type of the value that it begins with.
    pub(super) value: &'static str,
    pub(super) began: Instant,
    /// Whether what happens to the chain is noted here.
    pub(super) is_kept: bool,
    /// The chains that flow together into this one, if it is that of a list.
    pub(super) lanes: Vec<Rc<Self>>,
    /// What the chain was fired with.
    pub(super) fired: RefCell<Option<Flow>>,
    pub(super) levels: RefCell<Vec<Level>>,
}

/// One `add_…`.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) functions: Functions,
    /// The type of the value that leaves it.
    pub(super) output: &'static str,
    pub(super) place: Place,
    pub(super) entered: Option<(Flow, Instant)>,
    pub(super) left: Option<Flow>,
    /// The chain of the Deferred that the function returned.
    pub(super) inner: Option<Rc<Record>>,
}

impl Record {
    pub(super) fn of_chain(made: Place, value: &'static str) -> Rc<Self> {
        Rc::new(Self::new(made, value))
    }

    /// Of a chain that is not on a chart: only what can be seen from outside.
    pub(super) fn from_outside(made: Place, value: &'static str) -> Rc<Self> {
        Rc::new(Self {
            is_kept: false,
            ..Self::new(made, value)
        })
    }

    /// Of the chain that those of `lanes` flow together into.
    pub(super) fn of_list(lanes: Vec<Rc<Self>>, place: Place, value: &'static str) -> Rc<Self> {
        Rc::new(Self {
            lanes,
            ..Self::new(place, value)
        })
    }

    fn new(made: Place, value: &'static str) -> Self {
        Self {
            made,
            value,
            began: time::now(),
            is_kept: true,
            lanes: Vec::new(),
            fired: RefCell::new(None),
            levels: RefCell::default(),
        }
    }

    /// Whether a callback that is on a chart is running, so that the Deferreds it makes belong
    /// there too.
    #[inline]
    pub(super) fn is_asked_for() -> bool {
        ASKED_FOR.get()
    }

    /// Calls `make`, and notes nothing of the Deferreds that it makes.
    pub(super) fn unasked<R>(make: impl FnOnce() -> R) -> R {
        let asked_for = ASKED_FOR.replace(false);
        let made = make();
        ASKED_FOR.set(asked_for);
        made
    }

    pub(super) fn fired_with<T>(&self, result: &Result<T, Failure>) {
        *self.fired.borrow_mut() = Some(Flow::of(result));
    }
}

thread_local! {
    static ASKED_FOR: Cell<bool> = const { Cell::new(false) };
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of the chain made at {}", self.made)
    }
}

/// Where in a record the node notes what happens that has this.
#[derive(Debug)]
pub(super) struct Row {
    record: Rc<Record>,
    /// Which level. `None` in a source, and in what ends a list.
    level: Option<usize>,
}

impl Row {
    pub(super) fn first_of(record: Rc<Record>) -> Rc<Self> {
        Rc::new(Self {
            record,
            level: None,
        })
    }

    pub(super) fn record(&self) -> &Rc<Record> {
        &self.record
    }

    /// The row of the step that is added after this one's.
    pub(super) fn add(&self, functions: Functions, output: &'static str, place: Place) -> Rc<Self> {
        let mut levels = self.record.levels.borrow_mut();
        levels.push(Level {
            functions,
            output,
            place,
            entered: None,
            left: None,
            inner: None,
        });
        Rc::new(Self {
            record: Rc::clone(&self.record),
            level: Some(levels.len() - 1),
        })
    }

    /// A result arrives.
    pub(super) fn entered<T>(&self, result: &Result<T, Failure>) {
        self.at_level(|level| level.entered = Some((Flow::of(result), time::now())));
    }

    /// Calls the function, whose Deferreds belong on the chart.
    pub(super) fn observe<R>(&self, call: impl FnOnce() -> R) -> R {
        // What ends a list is no function of the consumer's.
        // Put back without a guard: the panics of consumers are contained inside `call`.
        let asked_for = ASKED_FOR.replace(self.level.is_some());
        let returned = call();
        ASKED_FOR.set(asked_for);
        returned
    }

    /// The function has returned a Deferred that ends the chain of `inner`.
    pub(super) fn returned(&self, inner: Rc<Record>) {
        self.at_level(|level| level.inner = Some(inner));
    }

    /// A result leaves.
    pub(super) fn left<T>(&self, result: &Result<T, Failure>) {
        match self.level {
            Some(_) => self.at_level(|level| level.left = Some(Flow::of(result))),
            None => self.record.fired_with(result),
        }
    }

    fn at_level(&self, note: impl FnOnce(&mut Level)) {
        let Some(index) = self.level else { return };
        note(&mut self.record.levels.borrow_mut()[index]);
    }
}
