//! `tests/README.md`: what is tested where.

use std::collections::BTreeSet;

use crate::source::{page, root, sources};

/// What stands between backticks in the rows of its tables.
fn named() -> BTreeSet<String> {
    let page = page("tests/README.md");
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

/// A file is named by its path, or by that of a folder that it is in, which ends in a slash.
fn is_named(path: &str, named: &BTreeSet<String>) -> bool {
    named.contains(path)
        || path
            .match_indices('/')
            .any(|(at, _)| named.contains(&path[..=at]))
}

#[test]
fn every_file_of_the_library_has_its_tests_in_the_table() {
    let named = named();
    let missing: Vec<_> = sources(&["reactor"])
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path != "reactor/lib.rs" && !is_named(path, &named))
        .collect();
    assert!(
        missing.is_empty(),
        "tests/README.md does not name {missing:#?}"
    );
}

#[test]
fn every_file_of_tests_is_in_the_table() {
    let named = named();
    let missing: Vec<_> = sources(&["tests"])
        .into_iter()
        .map(|source| source.path)
        .filter(|path| !is_named(path, &named))
        .collect();
    assert!(
        missing.is_empty(),
        "tests/README.md does not name {missing:#?}"
    );
}

#[test]
fn the_table_names_only_what_is_there() {
    let gone = named()
        .into_iter()
        .filter(|name| name.contains('/') && !root().join(name).exists());
    let gone: Vec<_> = gone.collect();
    assert!(gone.is_empty(), "tests/README.md names {gone:#?}");
}
