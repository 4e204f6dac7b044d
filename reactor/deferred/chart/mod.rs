//! A chain draws itself, from a real run: as two columns, with the way that was taken.
//!
//! ```text
//!    record ──▶ drawing ──▶ text     what was noted, what it means, how it looks
//!                      └──▶ svg
//! ```
//!
//! It costs nothing when nobody asks. A node that is not on a chart has an empty place for its
//! [`Row`](super::record::Row), and nothing else is written anywhere.

mod drawing;
mod names;
mod svg;
mod text;

use std::any::type_name;
use std::fmt;
use std::rc::Rc;

use super::chain::Deferred;
use super::record::Record;
use drawing::Drawing;

/// A chain that was asked to note what happens to it: see
/// [`Deferred::charted`](super::Deferred::charted).
///
/// Printed, it is the two columns that teachers draw: callbacks left, errbacks right, one level for
/// each `add_…`, and in heavy lines the way that was taken. A result that passes over a function
/// runs beside it. A Deferred that a callback returned is a chain inside the chain; the inputs of a
/// list are lanes that flow together; and a chain that still waits ends in a dashed box that says
/// for what.
///
/// It shows what has happened up to the moment when it is printed.
///
/// # Examples
///
/// ```
/// use reactor::deferred::Deferred;
///
/// let (page, chart) = Deferred::succeed("no number").charted();
/// page.add_callback(|text| Ok(text.parse::<u32>()?))
///     .add_errback(|_| Ok(0))
///     .add_callback(|_number| ());
///
/// println!("{chart}");
/// std::fs::write(std::env::temp_dir().join("chart.svg"), chart.to_svg())?;
/// # assert!(chart.to_string().contains("invalid digit"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    record: Rc<Record>,
}

impl<T: 'static> Deferred<T> {
    /// Lets this chain draw itself: from here on, what is added and what runs is noted.
    ///
    /// So are the Deferreds that are made inside its callbacks. What was added before is not on
    /// the chart. A chain that nobody asks for a chart spends nothing on this.
    #[must_use = "a Chart shows nothing until it is printed"]
    pub fn charted(self) -> (Self, Chart) {
        if let Some(row) = self.row() {
            let record = Rc::clone(row.record());
            return (self, Chart { record });
        }
        let record = Record::of_chain(self.made(), type_name::<T>());
        let deferred = self.recorded_by(Rc::clone(&record));
        (deferred, Chart { record })
    }
}

impl Chart {
    /// The chart as a picture of its own, to write into a file or a page.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::draw(&Drawing::of(&self.record))
    }
}

/// The chart as text in a fixed width, 80 columns where chains are not nested.
impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in text::draw(&Drawing::of(&self.record)) {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
