//! The chart for a terminal: heavy lines where the way went, dotted ones where it did not.

use super::drawing::{Column, Drawing, Function, Step};
use super::names::cut;

/// Width of a box with its borders.
const BOX: usize = 36;
/// Between the columns.
const GAP: usize = 4;
const WIDTH: usize = 2 * BOX + GAP;

const COLUMNS: [Column; 2] = [Column::Callbacks, Column::Errbacks];

/// Where a column begins.
fn start(column: Column) -> usize {
    match column {
        Column::Callbacks => 0,
        Column::Errbacks => BOX + GAP,
    }
}

/// The middle of a column, where the way runs.
fn middle(column: Column) -> usize {
    start(column) + BOX / 2
}

/// One line of characters.
struct Line(Vec<char>);

impl Line {
    fn blank() -> Self {
        Self(vec![' '; WIDTH])
    }

    /// A line with the way in `column`, and a dotted line where the way is not.
    fn of_way(way: Option<Column>) -> Self {
        let mut line = Self::blank();
        for column in COLUMNS {
            line.0[middle(column)] = if way == Some(column) { '┃' } else { '┊' };
        }
        line
    }

    /// Writes `text` over what is there.
    fn write(mut self, at: usize, text: &str) -> Self {
        for (place, character) in self.0.iter_mut().skip(at).zip(text.chars()) {
            *place = character;
        }
        self
    }

    fn finish(self) -> String {
        self.0.into_iter().collect()
    }
}

/// The lines of a chart.
pub(super) fn draw(drawing: &Drawing) -> Vec<String> {
    let mut lines = chain(drawing);
    let head = Line::blank()
        .write(middle(Column::Callbacks) - 4, "callbacks")
        .write(middle(Column::Errbacks) - 4, "errbacks");
    lines.insert(1, head.finish());
    lines
}

/// The lines of a chain.
fn chain(drawing: &Drawing) -> Vec<String> {
    let mut lines = vec![drawing.title.clone()];
    for (index, lane) in drawing.lanes.iter().enumerate() {
        lines.extend(frame(&format!("lane {index}: "), &chain(lane)));
    }
    let mut way = None;
    match &drawing.begins {
        Some((column, text)) => {
            lines.push(straight(*column, text));
            way = Some(*column);
        }
        None => lines.extend(drawing.waits.as_deref().map(waiting).into_iter().flatten()),
    }
    for step in &drawing.steps {
        lines.extend(boxes(step));
        let inner = step.inner.iter();
        lines.extend(inner.flat_map(|inner| frame("returned ", &chain(inner))));
        way = step.left.as_ref().map(|(column, _)| *column);
        if step.entered.is_some() && way.is_none() {
            lines.extend(drawing.waits.as_deref().map(waiting).into_iter().flatten());
        }
        lines.push(way_out(step));
    }
    if let Some(column) = way {
        lines.push(Line::blank().write(middle(column), "▼").finish());
    }
    lines
}

/// The two boxes of a step, or one box and the line that passes beside it.
fn boxes(step: &Step) -> Vec<String> {
    let mut lines: [Line; 4] = std::array::from_fn(|_| Line::of_way(None));
    for column in COLUMNS {
        let drawn = match step.function(column) {
            Some(function) => function_box(function),
            None if step.entered == Some(column) => passing("┃"),
            None => passing("┊"),
        };
        lines = std::array::from_fn(|index| {
            std::mem::replace(&mut lines[index], Line(Vec::new()))
                .write(start(column), &drawn[index])
        });
    }
    lines.map(Line::finish).into()
}

fn passing(line: &str) -> [String; 4] {
    std::array::from_fn(|_| format!("{:half$}{line}", "", half = BOX / 2))
}

fn function_box(function: &Function) -> [String; 4] {
    let inside = BOX - 4;
    let [edge, side, into, out] = match function.ran {
        true => ["━", "┃", "┻", "┳"],
        false => ["─", "│", "┴", "┬"],
    };
    let [top_left, top_right, low_left, low_right] = match function.ran {
        true => ["┏", "┓", "┗", "┛"],
        false => ["┌", "┐", "└", "┘"],
    };
    let (before, after) = (edge.repeat(BOX / 2 - 1), edge.repeat(BOX - BOX / 2 - 2));
    let name = cut(&function.name, inside);
    let place = cut(&function.place, inside);
    [
        format!("{top_left}{before}{into}{after}{top_right}"),
        format!("{side} {name:inside$} {side}"),
        format!("{side} {place:inside$} {side}"),
        format!("{low_left}{before}{out}{after}{low_right}"),
    ]
}

/// The way from a step to the next: straight on, or across to the other column.
fn way_out(step: &Step) -> String {
    let Some((to, text)) = &step.left else {
        return Line::of_way(None).finish();
    };
    if step.leaves_from() == Some(*to) {
        let text = if step.is_passed_over() { "" } else { text };
        return straight(*to, text);
    }
    let [left, right] = COLUMNS.map(middle);
    let (from, end) = match to {
        Column::Errbacks => ("┗", "┓"),
        Column::Callbacks => ("┏", "┛"),
    };
    let text = cut(text, right - left - 7);
    Line::blank()
        .write(left, &"━".repeat(right - left))
        .write(left, from)
        .write(left + 3, &format!(" {text} "))
        .write(right, end)
        .finish()
}

fn straight(column: Column, text: &str) -> String {
    let text = cut(text, BOX / 2 - 2);
    Line::of_way(Some(column))
        .write(middle(column) + 2, &text)
        .finish()
}

/// The dashed box of a chain that waits.
fn waiting(what: &str) -> [String; 3] {
    let edge = "╌".repeat(what.chars().count() + 2);
    [
        format!("┌{edge}┐"),
        format!("┆ {what} ┆"),
        format!("└{edge}┘"),
    ]
}

/// A chain inside the chain, or a lane of a list.
fn frame(title: &str, lines: &[String]) -> Vec<String> {
    let mut framed = Vec::with_capacity(lines.len() + 1);
    for (index, line) in lines.iter().enumerate() {
        let start = if index == 0 { "  ╭╌ " } else { "  ╎  " };
        let title = if index == 0 { title } else { "" };
        framed.push(format!("{start}{title}{line}"));
    }
    framed.push("  ╰╌".to_owned());
    framed
}
