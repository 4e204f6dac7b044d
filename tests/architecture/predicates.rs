//! Functions whose name asks, `is_…` and `has_…`: they answer, and change nothing.

use crate::source::{braces, sources};
use crate::uses::words;

/// Those that do more than ask, as yet.
const ACTING: &[(&str, &str)] = &[
    // These have to be named for what they do.
];

/// What a body says when it changes something that it has borrowed.
const CHANGES: &[&str] = &[
    ".set(",
    ".replace(",
    ".push(",
    ".push_back(",
    ".insert(",
    ".remove(",
    ".take();",
    ".take())",
    ".take().",
];

/// What is wrong with each predicate of a file.
fn acting(code: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name = words(&code[at + 3..]).next().unwrap_or_default();
        if !name.starts_with("is_") && !name.starts_with("has_") {
            continue;
        }
        let end = code[at..]
            .find(['{', ';'])
            .map_or(code.len(), |end| at + end);
        let head = &code[at..end];
        let body = code[end..].starts_with('{').then(|| braces(&code[end..]));
        let body = body
            .flatten()
            .map_or("", |(from, to)| &code[end + from..end + to]);
        let changes = CHANGES.iter().find(|change| body.contains(**change));
        if !head.contains("->") {
            found.push((name, "returns nothing".to_owned()));
        } else if head.contains("&mut self") {
            found.push((name, "takes `&mut self`".to_owned()));
        } else if let Some(change) = changes {
            found.push((name, format!("says `{change}`")));
        }
    }
    found
}

#[test]
fn a_predicate_answers_and_changes_nothing() {
    let mut listed = ACTING.to_vec();
    let mut wrong = String::new();
    for source in sources(&["reactor"]) {
        for (name, why) in acting(&source.code) {
            match listed
                .iter()
                .position(|(file, f)| *file == source.path && *f == name)
            {
                Some(at) => drop(listed.remove(at)),
                None => wrong += &format!("(\"{}\", \"{name}\"), // {why}\n", source.path),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "predicates that do more than ask:\n{wrong}"
    );
    assert!(listed.is_empty(), "no longer needed: {listed:?}");
}

#[test]
fn predicates_that_act_are_found() {
    let code = "fn is_a(&self) {} fn has_b(&mut self) -> bool { true } \
        fn is_c(&self) -> bool { self.c.replace(false) } fn is_d(&self) -> bool { self.d.get() }";
    let names: Vec<_> = acting(code).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["is_a", "has_b", "is_c"]);
}
