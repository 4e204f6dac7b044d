//! Figures of repeated measurements, and tables that are Markdown and readable as they are.

/// The figures of one thing in every round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The figure below which `share` of the samples lie, between two of them where need be.
    fn quantile(&self, share: f64) -> f64 {
        let sorted = self.sorted();
        let place = share * (sorted.len() - 1) as f64;
        let (below, above) = (
            sorted[place.floor() as usize],
            sorted[place.ceil() as usize],
        );
        below + (above - below) * place.fract()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Each round's figure in relation to another server's in the same round.
    ///
    /// The machine drifts from round to round but hardly within one, so these scatter less than the
    /// figures do.
    pub(crate) fn ratios(&self, reference: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&reference.0)
                .map(|(own, other)| own / other)
                .collect(),
        )
    }

    /// The median and the quartiles, between which half of the samples lie: `1.02 (0.99–1.05)`.
    pub(crate) fn with_quartiles(&self, decimals: usize) -> String {
        let (lower, upper) = (self.quantile(0.25), self.quantile(0.75));
        format!(
            "{:.decimals$} ({lower:.decimals$}–{upper:.decimals$})",
            self.median()
        )
    }
}

/// What stands in a table where there is no figure.
pub(crate) const MISSING: &str = "–";

/// A whole number with its thousands apart.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number < 0.0 {
        String::from("-")
    } else {
        String::new()
    };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows under a heading. The first two columns are words, the others numbers.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![heading.iter().map(|&word| word.to_owned()).collect()],
        }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(
            row.len(),
            self.rows[0].len(),
            "a row has as many cells as the heading"
        );
        self.rows.push(row);
    }

    pub(crate) fn print(&self, title: &str) {
        println!("\n## {title}\n");
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).filter_map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            println!("| {} |", line(row, &widths).join(" | "));
            if index == 0 {
                println!("| {} |", rule(&widths).join(" | "));
            }
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> Vec<String> {
    let cells = row.iter().zip(widths).enumerate();
    cells
        .map(|(column, (cell, &width))| {
            if column < 2 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        })
        .collect()
}

fn rule(widths: &[usize]) -> Vec<String> {
    let columns = widths.iter().enumerate();
    columns
        .map(|(column, &width)| {
            if column < 2 {
                "-".repeat(width)
            } else {
                format!("{}:", "-".repeat(width - 1))
            }
        })
        .collect()
}
