//! The table of errors in `reactor/errors.rs`, held against the errors that there are.

use crate::source::{page, sources};

/// The public types for which `code` implements `Error`.
fn public_errors(code: &str) -> Vec<&str> {
    let implemented = code.lines().filter(|line| line.starts_with("impl"));
    let names = implemented
        .filter_map(|line| line.split_once("Error for "))
        .map(|(_, rest)| {
            let end = rest.find(|c: char| !c.is_alphanumeric());
            &rest[..end.unwrap_or(rest.len())]
        });
    let is_public = |name: &&str| {
        let kinds = ["struct", "enum"].iter();
        kinds.into_iter().any(|kind| {
            let made = format!("pub {kind} {name}");
            let mut behind = code
                .match_indices(&made)
                .map(|(at, _)| &code[at + made.len()..]);
            behind.any(|rest| !rest.starts_with(char::is_alphanumeric))
        })
    };
    names.filter(is_public).collect()
}

#[test]
fn every_error_is_in_the_table_of_errors() {
    let table = page("reactor/errors.rs");
    let mut seen = 0;
    for source in sources(&["reactor"]) {
        for name in public_errors(&source.code) {
            let is_there = table.contains(&format!("`{name}`"));
            assert!(
                is_there,
                "{name} of {} is not in reactor/errors.rs",
                source.path
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} errors were found");
}

#[test]
fn an_error_is_seen_whether_generic_or_not() {
    let code = "pub struct Full<T>(T);\nimpl<T> Error for Full<T> {}\n\
                struct Private;\nimpl std::error::Error for Private {}\n\
                pub enum Bad {}\nimpl std::error::Error for Bad {}\n";
    assert_eq!(public_errors(code), ["Full", "Bad"]);
}
