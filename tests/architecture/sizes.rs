//! How much there is to read: of a function, of a file, of the three cores; and that each file begins
//! with what it is.

use crate::source::{Source, braces, sources};
use crate::uses::words;

const FUNCTION: usize = 60;
const FILE: usize = 450;

/// The one file that is a face: all that one may ask of a reactor, most of it contracts, which are not
/// counted. In exchange a method there says in this many lines where it goes, and does nothing itself.
const FACE: &str = "reactor/reactor.rs";
const FACE_BODY: usize = 4;

/// The loop: what a reader has to know of it to know what happens when. Whole folders, so that nothing is
/// kept out of the count by where it stands. Not in it is what the loop only knows as a `Source` or a
/// `Driver`, of which there is one more with each new thing that can be connected to.
const ENGINE: Core = Core {
    lines: 3_600,
    today: None,
    files: &["engine/"],
};

/// A connection, from readiness to its protocol and back, with its layers and its groups: the one source
/// that all protocols stand on. The other sources are read one at a time, each in its own file.
const CONNECTION: Core = Core {
    lines: 3_600,
    today: None,
    files: &["sources/connection/", "transport/"],
};

/// The part of Deferreds that the rest of them is built from.
const DEFERRED: Core = Core {
    lines: 2_000,
    today: None,
    files: &[
        "deferred/cancel.rs",
        "deferred/chain.rs",
        "deferred/failure.rs",
        "deferred/firing.rs",
        "deferred/link.rs",
        "deferred/mod.rs",
        "deferred/node.rs",
        "deferred/outcome.rs",
        "deferred/resolver.rs",
        "deferred/sealed.rs",
        "deferred/step.rs",
        "deferred/unhandled.rs",
    ],
};

/// Functions that are longer, with their lines today.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Files that are longer, with their lines today.
const LONG_FILES: &[(&str, usize)] = &[];

struct Core {
    lines: usize,
    /// The lines that it has as yet, while they are more.
    today: Option<usize>,
    /// A folder ends in a slash.
    files: &'static [&'static str],
}

impl Core {
    #[track_caller]
    fn check(&self, name: &str) {
        let sources = sources(&["reactor"]);
        let mut sum = 0;
        for entry in self.files {
            let belongs = |source: &&Source| match entry.strip_suffix('/') {
                Some(_) => source.path["reactor/".len()..].starts_with(entry),
                None => source.path["reactor/".len()..] == **entry,
            };
            let found: Vec<_> = sources.iter().filter(belongs).collect();
            assert!(!found.is_empty(), "{entry} of {name} is not there");
            sum += found.iter().map(|s| s.lines_without_tests()).sum::<usize>();
        }
        let most = self.today.unwrap_or(self.lines);
        assert!(sum <= most, "{name} has grown from {most} to {sum} lines");
        assert!(
            self.today.is_none() || sum > self.lines,
            "{name} has {sum} lines: `today` is no longer needed"
        );
    }
}

/// Name, line and length of each function with a body.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(name) = words(&code[at + 3..]).next() else {
            continue;
        };
        // In a trait there are functions without a body, and a type may be one: `[u8; 4]`.
        let mut depth = 0;
        let end = code[at..].find(|c: char| {
            depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
            depth == 0 && (c == '{' || c == ';') || depth < 0
        });
        let Some(body) = end.filter(|end| code[at + end..].starts_with('{')) else {
            continue;
        };
        let (_, close) = braces(&code[at + body..]).expect("a function ends");
        let lines = code[at..at + body + close].lines().count();
        found.push((name, code[..at].lines().count().max(1), lines));
    }
    found
}

const EVERYTHING: &[&str] = &["reactor", "examples", "tests", "benches"];

#[test]
fn the_engine_can_be_read_in_one_sitting() {
    ENGINE.check("the engine");
}

#[test]
fn a_connection_can_be_read_in_one_sitting() {
    CONNECTION.check("a connection");
}

#[test]
fn the_kernel_of_deferreds_can_be_read_in_one_sitting() {
    DEFERRED.check("the kernel of Deferreds");
}

#[test]
fn a_function_has_at_most_60_lines() {
    let mut listed = LONG_FUNCTIONS.to_vec();
    let mut wrong = String::new();
    for source in sources(EVERYTHING) {
        // With inline tests, which are read as well.
        let code = crate::source::blank(&source.text);
        for (name, line, lines) in functions(&code) {
            let entry = listed
                .iter()
                .position(|(file, function, _)| *file == source.path && *function == name);
            let most = entry
                .filter(|_| lines > FUNCTION)
                .map(|at| listed.remove(at).2);
            if lines > most.unwrap_or(FUNCTION) {
                let path = &source.path;
                wrong += &format!("(\"{path}\", \"{name}\", {lines}), // line {line}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "functions that are too long:\n{wrong}");
    assert!(listed.is_empty(), "no longer needed: {listed:?}");
}

#[test]
fn a_file_has_at_most_450_lines() {
    let mut listed = LONG_FILES.to_vec();
    let mut wrong = String::new();
    for source in sources(EVERYTHING) {
        let counts = |line: &&str| source.path != FACE || !line.trim_start().starts_with("///");
        let lines = source.text.lines().filter(counts).count();
        let entry = listed.iter().position(|(file, _)| *file == source.path);
        let most = entry.filter(|_| lines > FILE).map(|at| listed.remove(at).1);
        if lines > most.unwrap_or(FILE) {
            wrong += &format!("(\"{}\", {lines}),\n", source.path);
        }
    }
    assert!(wrong.is_empty(), "files that are too long:\n{wrong}");
    assert!(listed.is_empty(), "no longer needed: {listed:?}");
}

#[test]
fn a_method_of_the_face_only_says_where_it_goes() {
    let face = sources(&["reactor"]).into_iter().find(|s| s.path == FACE);
    let face = face.expect("the face is there");
    let methods = functions(&face.code);
    assert!(methods.len() > 30, "{} methods are found", methods.len());
    for (name, line, _) in methods {
        let rest = face.code.lines().skip(line - 1).collect::<Vec<_>>();
        let head = rest.iter().take_while(|line| !line.ends_with('{'));
        let body = rest[head.count() + 1..].iter();
        let lines = body.take_while(|line| **line != "    }").count();
        assert!(
            lines <= FACE_BODY,
            "{name} in line {line} of {FACE} does something itself, in {lines} lines"
        );
    }
}

#[test]
fn every_file_begins_with_what_it_is() {
    for source in sources(EVERYTHING) {
        // Programs that do not compile begin with the errors that they have.
        if source.path.starts_with("tests/deferred/programs/mistakes/") {
            continue;
        }
        let first = source.text.lines().next().unwrap_or_default();
        let says = first
            .strip_prefix("//! ")
            .is_some_and(|words| !words.is_empty());
        assert!(says, "{} begins with {first:?}", source.path);
    }
}

#[test]
fn functions_are_counted_from_their_name_to_their_brace() {
    let code =
        "trait T { fn a(); fn b(x: [u8; 4]) -> R;\n fn c(\n x: [u8; 2],\n) {\n if x {}\n}\n}";
    assert_eq!(functions(code), [("c", 2, 5)]);
}
