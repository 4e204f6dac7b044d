//! What there is to draw: boxes in two columns, and the way between them.

use std::time::Duration;

use super::names;
use crate::deferred::record::{Flow, Level, Record};
use crate::time::{self, Instant};

/// One chain.
pub(super) struct Drawing {
    /// What it is and where it was made.
    pub(super) title: String,
    /// The chains that flow together into it, if it is that of a list.
    pub(super) lanes: Vec<Self>,
    /// The column in which it begins, and what it was fired with. `None` if it waits for that.
    pub(super) begins: Option<(Column, String)>,
    pub(super) steps: Vec<Step>,
    /// What it waits for, for the dashed box.
    pub(super) waits: Option<String>,
}

/// One `add_…`, with the functions that it added.
pub(super) struct Step {
    pub(super) method: &'static str,
    pub(super) callback: Option<Function>,
    pub(super) errback: Option<Function>,
    /// The column in which the way comes to it, if it does.
    pub(super) entered: Option<Column>,
    /// The column in which the way leaves, and what runs there.
    pub(super) left: Option<(Column, String)>,
    /// The chain of the Deferred that the function returned.
    pub(super) inner: Option<Drawing>,
}

pub(super) struct Function {
    /// What it is called, and the type of the value that it makes.
    pub(super) name: String,
    /// How and where it was added.
    pub(super) place: String,
    pub(super) ran: bool,
}

/// Callbacks left, errbacks right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Callbacks,
    Errbacks,
}

impl Column {
    pub(super) fn of(flow: &Flow) -> Self {
        match flow {
            Flow::Value => Self::Callbacks,
            Flow::Failure(_) => Self::Errbacks,
        }
    }
}

impl Drawing {
    pub(super) fn of(record: &Record) -> Self {
        let value = names::of_type(record.value);
        let place = names::of_place(record.made);
        let levels = record.levels.borrow();
        let begins = record.fired.borrow().clone();
        let title = match record.lanes.len() {
            0 => format!("Deferred<{value}> made at {place}"),
            lanes => format!("list of {lanes} waited for at {place}"),
        };
        let waits = match (&begins, record.lanes.is_empty()) {
            (Some(_), _) => levels.iter().find_map(waits_inside),
            (None, _) if !record.is_kept => None,
            (None, true) => Some(waits_for("the Resolver", &place, record.began)),
            (None, false) => Some(waits_for("the list", &place, record.began)),
        };
        Self {
            title,
            lanes: record.lanes.iter().map(|lane| Self::of(lane)).collect(),
            begins: begins.map(|flow| (Column::of(&flow), flow.into_text(&value))),
            steps: levels.iter().map(Step::of).collect(),
            waits,
        }
    }

    /// The column in which the way ends, if it has come to the end.
    pub(super) fn ends(&self) -> Option<Column> {
        match self.steps.last() {
            Some(step) => step.left.as_ref().map(|(column, _)| *column),
            None => self.begins.as_ref().map(|(column, _)| *column),
        }
    }
}

impl Step {
    fn of(level: &Level) -> Self {
        let output = names::of_type(level.output);
        let entered = level.entered.as_ref().map(|(flow, _)| Column::of(flow));
        let function = |name: Option<&str>, column: Column| {
            name.map(|name| Function {
                name: format!("{} → {output}", names::of_function(name)),
                place: format!(
                    "{} {}",
                    level.functions.method,
                    names::of_place(level.place)
                ),
                ran: entered == Some(column),
            })
        };
        let left = level
            .left
            .as_ref()
            .map(|flow| (Column::of(flow), flow.clone().into_text(&output)));
        Self {
            method: level.functions.method,
            callback: function(level.functions.callback, Column::Callbacks),
            errback: function(level.functions.errback, Column::Errbacks),
            entered,
            left,
            inner: level
                .inner
                .as_deref()
                .filter(|inner| inner.is_kept)
                .map(Drawing::of),
        }
    }

    /// Whether the way goes past its functions, because they are in the other column.
    pub(super) fn is_passed_over(&self) -> bool {
        self.entered
            .is_some_and(|column| self.function(column).is_none())
    }

    /// The column from which the way leaves. A chain inside has made the crossing already.
    pub(super) fn leaves_from(&self) -> Option<Column> {
        match (&self.inner, &self.left) {
            (Some(_), Some((column, _))) => Some(*column),
            (_, _) => self.entered,
        }
    }

    pub(super) fn function(&self, column: Column) -> Option<&Function> {
        match column {
            Column::Callbacks => self.callback.as_ref(),
            Column::Errbacks => self.errback.as_ref(),
        }
    }
}

/// What the chain waits for if it waits in `level`.
fn waits_inside(level: &Level) -> Option<String> {
    let (Some((_, since)), None) = (&level.entered, &level.left) else {
        return None;
    };
    let inner = level.inner.as_ref()?;
    Some(waits_for(
        "the Deferred",
        &names::of_place(inner.made),
        *since,
    ))
}

fn waits_for(what: &str, place: &str, since: Instant) -> String {
    format!(
        "waits for {what} made at {place}, since {}",
        ago(time::now().saturating_duration_since(since))
    )
}

/// Coarse, because it is read by people; and a picture of what has just happened is always the same.
fn ago(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => "just now".to_owned(),
        seconds @ 1..=119 => format!("{seconds} s ago"),
        seconds => format!("{} min ago", seconds / 60),
    }
}
