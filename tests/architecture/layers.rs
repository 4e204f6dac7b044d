//! The layers of `docs/architecture.md`, held against the `use` lines of every file.

use std::collections::BTreeMap;

use crate::source::{Source, page, sources};
use crate::uses::uses;

struct Layer {
    modules: Vec<String>,
    crates: Vec<String>,
}

/// The names between backticks in one cell of a table.
fn names(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The table, the topmost layer first.
fn layers() -> Vec<Layer> {
    let page = page("docs/architecture.md");
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| layer |"))
        .skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            Layer {
                modules: names(cells[2]),
                crates: names(cells[3]),
            }
        })
        .collect()
}

/// Each file of the library with its module at the top of the crate.
fn files() -> Vec<(String, Source)> {
    let module = |source: &Source| {
        let below = source.path["reactor/".len()..].split('/').next();
        below.expect("a name").trim_end_matches(".rs").to_owned()
    };
    let named = sources(&["reactor"])
        .into_iter()
        .map(|source| (module(&source), source));
    named.filter(|(module, _)| module != "lib").collect()
}

/// What stands behind `prefix` in the code of a file, up to the end of the word.
fn words_behind(code: &str, prefix: &str) -> Vec<String> {
    let ends = |rest: &str| {
        rest.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len())
    };
    let found = code
        .match_indices(prefix)
        .map(|(at, _)| &code[at + prefix.len()..]);
    found.map(|rest| rest[..ends(rest)].to_owned()).collect()
}

#[test]
fn every_module_is_in_the_table_once() {
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    for module in layers().into_iter().flat_map(|layer| layer.modules) {
        *rows.entry(module).or_default() += 1;
    }
    for (module, _) in files() {
        assert_eq!(rows.get(&module), Some(&1), "rows with the module {module}");
    }
    for module in rows.keys() {
        assert!(
            files().iter().any(|(name, _)| name == module),
            "{module} has no file"
        );
    }
}

#[test]
fn no_module_uses_one_of_a_layer_above() {
    let layers = layers();
    let height = |module: &str| {
        layers
            .iter()
            .position(|l| l.modules.iter().any(|m| m == module))
    };
    for (module, source) in files() {
        let named = uses(&source.code).into_iter().map(|used| used.path);
        let named = named.filter(|path| path[0] == "crate" && path.len() > 1);
        let mut named: Vec<_> = named.map(|path| path[1].clone()).collect();
        named.extend(words_behind(&source.code, "crate::"));
        // `crate::{a, b}` was read as a `use` line.
        for used in named.into_iter().filter(|name| !name.is_empty()) {
            // A name that is no module is a re-export at the top of the crate.
            let Some(theirs) = height(&used) else {
                panic!(
                    "{} uses crate::{used}, which is not in the table",
                    source.path
                )
            };
            let ours = height(&module).expect("the test above");
            assert!(
                ours <= theirs,
                "{} uses {used}, of a layer above",
                source.path
            );
        }
    }
}

#[test]
fn a_crate_is_used_only_where_the_table_says() {
    let layers = layers();
    let mut crates: Vec<&String> = layers.iter().flat_map(|layer| &layer.crates).collect();
    crates.sort();
    crates.dedup();
    assert!(
        crates.iter().any(|name| *name == "mio"),
        "the table names crates"
    );
    for (module, source) in files() {
        let layer = layers.iter().find(|layer| layer.modules.contains(&module));
        let allowed = &layer.expect("the first test").crates;
        let code = &source.code;
        for name in &crates {
            let uses = code.contains(&format!("use {name}::"))
                || code.match_indices(&format!("{name}::")).any(|(at, _)| {
                    at == 0
                        || code[..at].ends_with(|c: char| c.is_whitespace() || "(<&!".contains(c))
                });
            assert!(
                !uses || allowed.contains(name),
                "{} uses {name}",
                source.path
            );
        }
    }
}

#[test]
fn the_system_is_asked_for_the_time_in_one_file() {
    for (module, source) in files() {
        let asks = ["Instant::now", "SystemTime::now"]
            .iter()
            .any(|clock| source.code.contains(clock));
        assert!(
            !asks || module == "time",
            "{} asks the system's clock, and not the loop's",
            source.path
        );
    }
}
