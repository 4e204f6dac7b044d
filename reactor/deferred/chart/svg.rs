//! The chart for a page: callbacks in green, errbacks in red, and over the ways that there are the
//! one that was taken.
//!
//! Classes and `data-` attributes say what each shape is, so that a page can style it, and a test
//! can hold the picture to what has happened.

use std::fmt::Write;

use super::drawing::{Column, Drawing, Function, Step};
use super::names::cut;

const BOX: f64 = 264.0;
const BOX_HEIGHT: f64 = 48.0;
/// Between the columns, between a step and the next, and around what is in a frame.
const GAP: f64 = 44.0;
const PAD: f64 = 18.0;
const TITLE: f64 = 30.0;
const WAITING: f64 = 34.0;

const STYLE: &str = "\
text{font:12px 'DejaVu Sans',Verdana,system-ui,sans-serif;fill:#3c4450}\
.name{font:600 12.5px 'DejaVu Sans Mono',Menlo,Consolas,monospace}\
.place{font-size:10.5px;fill:#6b7480}.title{font-weight:600}.head{fill:#8a929d}\
.paper{fill:#fff}.frame{fill:#f7f8fa;stroke:#c3c9d2;stroke-dasharray:2 3}\
.box{stroke-width:1.2}.callback{fill:#f3faf5;stroke:#a9d3b8}.errback{fill:#fdf4f3;stroke:#eab8b2}\
.ran.callback{fill:#d9f0e1;stroke:#23814a;stroke-width:2.4}\
.ran.errback{fill:#fbdcd8;stroke:#b8352a;stroke-width:2.4}\
.idle .name,.idle .place{fill:#98a0ab}\
.way{fill:none;stroke:#d5dae1;stroke-width:1.6}.passing{stroke-dasharray:3 4}\
.taken{stroke-width:4;stroke-linecap:round}.taken.to-callbacks{stroke:#23814a}\
.taken.to-errbacks{stroke:#b8352a}.taken.passing{stroke-dasharray:1 7}\
.said{font-size:11.5px}.plate{fill:#fff;fill-opacity:.94}\
.said.to-callbacks{fill:#1c6b3d}.said.to-errbacks{fill:#9c2b22}\
.end.to-callbacks{fill:#23814a}.end.to-errbacks{fill:#b8352a}\
.waits{fill:#fffbea;stroke:#a58a2a;stroke-width:1.4;stroke-dasharray:5 4}";

pub(super) fn draw(drawing: &Drawing) -> String {
    let width = width_of(drawing) + 2.0 * PAD;
    let mut sheet = Sheet::default();
    let columns = Columns::within(PAD, width - 2.0 * PAD);
    let head = PAD + TITLE + 12.0;
    sheet.text("head", columns.callbacks - 12.0, head, "callbacks", "end");
    sheet.text("head", columns.errbacks - 12.0, head, "errbacks", "end");
    let end = sheet.chain(drawing, PAD, PAD, width - 2.0 * PAD);
    let height = end + PAD;
    let title = escape(&drawing.title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n{}{}</svg>\n",
        sheet.ways, sheet.shapes
    )
}

/// How wide a chain is: as its columns, or as what is inside it.
fn width_of(drawing: &Drawing) -> f64 {
    let columns = 2.0 * BOX + GAP;
    let lanes: f64 = drawing.lanes.iter().map(|lane| framed(lane) + PAD).sum();
    let inner = drawing.steps.iter().filter_map(|step| step.inner.as_ref());
    inner.map(framed).fold(columns.max(lanes - PAD), f64::max)
}

fn framed(drawing: &Drawing) -> f64 {
    width_of(drawing) + 2.0 * PAD
}

/// What is drawn: the ways below, and the boxes that they run into above.
#[derive(Default)]
struct Sheet {
    ways: String,
    shapes: String,
}

/// Where the two columns of a chain are, by their middles.
#[derive(Clone, Copy)]
struct Columns {
    callbacks: f64,
    errbacks: f64,
}

impl Columns {
    fn within(left: f64, width: f64) -> Self {
        let middle = left + width / 2.0;
        let aside = f64::midpoint(BOX, GAP);
        Self {
            callbacks: middle - aside,
            errbacks: middle + aside,
        }
    }

    fn at(self, column: Column) -> f64 {
        match column {
            Column::Callbacks => self.callbacks,
            Column::Errbacks => self.errbacks,
        }
    }
}

const COLUMNS: [Column; 2] = [Column::Callbacks, Column::Errbacks];

fn class_to(column: Column) -> &'static str {
    match column {
        Column::Callbacks => "to-callbacks",
        Column::Errbacks => "to-errbacks",
    }
}

impl Sheet {
    /// Draws a chain into `width` from `left`, and returns where it ends.
    fn chain(&mut self, drawing: &Drawing, left: f64, top: f64, width: f64) -> f64 {
        let columns = Columns::within(left, width);
        self.text("title", left, top + 14.0, &drawing.title, "start");
        let mut y = top + TITLE;
        if !drawing.lanes.is_empty() {
            let begins = drawing.begins.as_ref().map(|(column, _)| *column);
            let meet = columns.at(begins.unwrap_or(Column::Callbacks));
            y = self.lanes(&drawing.lanes, (left, y, width), meet);
        }
        let mut way = None;
        if let Some((column, text)) = &drawing.begins {
            self.way(columns, (y, y + GAP), (*column, *column), "taken");
            self.said(columns.at(*column) + 12.0, y + 12.0, *column, text);
            way = Some(*column);
            y += GAP;
        } else if let Some(waits) = &drawing.waits {
            y = self.waiting(waits, left, y, width);
        }
        for step in &drawing.steps {
            y = self.step(drawing, step, columns, (left, y, width));
            way = step.left.as_ref().map(|(column, _)| *column);
        }
        if let Some(column) = way {
            let (x, class) = (columns.at(column), class_to(column));
            let _ = writeln!(
                self.shapes,
                "<path class=\"end {class}\" d=\"M{:.1} {y:.1}h16l-8 11z\"/>",
                x - 8.0
            );
            y += 12.0;
        }
        y
    }

    /// One step with all that belongs to it, down to the beginning of the next.
    fn step(
        &mut self,
        drawing: &Drawing,
        step: &Step,
        columns: Columns,
        (left, top, width): (f64, f64, f64),
    ) -> f64 {
        let mut y = top + BOX_HEIGHT;
        self.open_step(step);
        for column in COLUMNS {
            match step.function(column) {
                Some(function) => self.function(function, column, columns.at(column), top),
                None if step.entered == Some(column) => {
                    self.way(columns, (top, y), (column, column), "taken passing");
                }
                None => self.way(columns, (top, y), (column, column), "passing"),
            }
        }
        if let Some(inner) = &step.inner {
            let from = step.entered.unwrap_or(Column::Callbacks);
            self.way(columns, (y, y + PAD), (from, from), "taken");
            y = self.frame(inner, left, y + PAD, width);
        }
        let waits_here = step.entered.is_some() && step.left.is_none();
        if let Some(waits) = drawing.waits.as_ref().filter(|_| waits_here) {
            y = self.waiting(waits, left, y + PAD, width);
        }
        self.ways_out(step, columns, y);
        self.shapes.push_str("</g>\n");
        y + GAP
    }

    fn open_step(&mut self, step: &Step) {
        let name = |column: Option<Column>| match column {
            Some(Column::Callbacks) => "callbacks",
            Some(Column::Errbacks) => "errbacks",
            None => "",
        };
        let left = step.left.as_ref().map(|(column, _)| *column);
        let _ = writeln!(
            self.shapes,
            "<g class=\"step\" data-method=\"{}\" data-entered=\"{}\" data-left=\"{}\">",
            step.method,
            name(step.entered),
            name(left)
        );
    }

    /// The ways from a step to the next that there are, and over them the one that was taken.
    fn ways_out(&mut self, step: &Step, columns: Columns, y: f64) {
        let ends = (y, y + GAP);
        for from in COLUMNS {
            if step.function(from).is_none() {
                self.way(columns, ends, (from, from), "passing");
                continue;
            }
            for to in COLUMNS {
                self.way(columns, ends, (from, to), "possible");
            }
        }
        let (Some(from), Some((to, text))) = (step.leaves_from(), &step.left) else {
            return;
        };
        if step.is_passed_over() {
            self.way(columns, ends, (from, *to), "taken passing");
            return;
        }
        self.way(columns, ends, (from, *to), "taken");
        if from == *to {
            self.said(columns.at(*to) + 12.0, y + GAP / 2.0 + 4.0, *to, text);
        } else {
            let middle = f64::midpoint(columns.callbacks, columns.errbacks);
            let text = cut(text, 40);
            let width = f64::from(u32::try_from(text.chars().count()).unwrap_or(0)) * 7.0 + 10.0;
            let _ = writeln!(
                self.shapes,
                "<rect class=\"plate\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"18\" rx=\"9\"/>",
                middle - width / 2.0,
                y + GAP / 2.0 - 9.0
            );
            let class = format!("said {}", class_to(*to));
            self.text(&class, middle, y + GAP / 2.0 + 4.0, &text, "middle");
        }
    }

    /// A way from a column to a column.
    fn way(&mut self, columns: Columns, ends: (f64, f64), way: (Column, Column), class: &str) {
        let (top, bottom) = ends;
        let (from, to) = (columns.at(way.0), columns.at(way.1));
        let middle = f64::midpoint(top, bottom);
        let from_class = match way.0 {
            Column::Callbacks => "from-callbacks",
            Column::Errbacks => "from-errbacks",
        };
        let to_class = class_to(way.1);
        let _ = writeln!(
            self.ways,
            "<path class=\"way {class} {from_class} {to_class}\" \
             d=\"M{from:.1} {top:.1}C{from:.1} {middle:.1} {to:.1} {middle:.1} {to:.1} {bottom:.1}\"/>"
        );
    }

    fn function(&mut self, function: &Function, column: Column, middle: f64, top: f64) {
        let kind = match column {
            Column::Callbacks => "callback",
            Column::Errbacks => "errback",
        };
        let ran = if function.ran { "ran" } else { "idle" };
        let left = middle - BOX / 2.0;
        let name = escape(&cut(&function.name, 31));
        let place = escape(&cut(&function.place, 42));
        let _ = writeln!(
            self.shapes,
            "<g class=\"{ran}\"><rect class=\"box {kind} {ran}\" x=\"{left:.1}\" y=\"{top:.1}\" \
             width=\"{BOX}\" height=\"{BOX_HEIGHT}\" rx=\"7\"/>\
             <text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>\
             <text class=\"place\" x=\"{x:.1}\" y=\"{:.1}\">{place}</text></g>",
            top + 20.0,
            top + 37.0,
            x = left + 12.0
        );
    }

    /// A chain inside this one, in a frame of its own.
    fn frame(&mut self, inner: &Drawing, left: f64, top: f64, width: f64) -> f64 {
        let own_width = framed(inner);
        let left = left + (width - own_width) / 2.0;
        let mut sheet = Self::default();
        let bottom = sheet.chain(inner, left + PAD, top + 10.0, own_width - 2.0 * PAD) + PAD;
        let _ = writeln!(
            self.shapes,
            "<g class=\"inner\"><rect class=\"frame\" x=\"{left:.1}\" y=\"{top:.1}\" \
             width=\"{own_width:.1}\" height=\"{:.1}\" rx=\"8\"/>\n{}{}</g>",
            bottom - top,
            sheet.ways,
            sheet.shapes
        );
        bottom
    }

    /// The lanes of a list side by side, and how they flow together at `meet`.
    fn lanes(&mut self, lanes: &[Drawing], (left, top, width): (f64, f64, f64), meet: f64) -> f64 {
        let all: f64 = lanes.iter().map(|lane| framed(lane) + PAD).sum::<f64>() - PAD;
        let mut x = left + (width - all) / 2.0;
        let mut ends = Vec::new();
        for lane in lanes {
            let own_width = framed(lane);
            let bottom = self.frame(lane, x, top, own_width);
            let out = Columns::within(x, own_width).at(lane.ends().unwrap_or(Column::Callbacks));
            ends.push((out, bottom));
            x += own_width + PAD;
        }
        let lowest = ends.iter().map(|(_, bottom)| *bottom).fold(top, f64::max);
        let end = lowest + GAP;
        for (x, bottom) in ends {
            let _ = writeln!(
                self.ways,
                "<path class=\"way lane\" d=\"M{x:.1} {bottom:.1}V{lowest:.1}\
                 C{x:.1} {end:.1} {meet:.1} {lowest:.1} {meet:.1} {end:.1}\"/>"
            );
        }
        end
    }

    /// The dashed box of a chain that waits.
    fn waiting(&mut self, what: &str, left: f64, top: f64, width: f64) -> f64 {
        let middle = left + width / 2.0;
        let _ = writeln!(
            self.shapes,
            "<rect class=\"waits\" x=\"{:.1}\" y=\"{top:.1}\" width=\"460\" height=\"{WAITING}\" \
             rx=\"7\"/>",
            middle - 230.0
        );
        self.text("", middle, top + 21.0, &cut(what, 66), "middle");
        top + WAITING + PAD
    }

    /// What runs along a way.
    fn said(&mut self, x: f64, y: f64, column: Column, text: &str) {
        let class = format!("said {}", class_to(column));
        self.text(&class, x, y, &cut(text, 22), "start");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str, anchor: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.shapes,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML, and an error text may have anything in it.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
