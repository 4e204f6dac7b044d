//! The layers of `docs/architecture.md`, held against the `use` lines of every file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

struct Layer {
    modules: Vec<String>,
    crates: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
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
    let page = fs::read_to_string(root().join("docs/architecture.md")).expect("the page");
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

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Each file of the library with its module at the top of the crate.
fn files() -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    rust_files(&root().join("reactor"), &mut files);
    let module = |path: &Path| {
        let below = path
            .strip_prefix(root().join("reactor"))
            .expect("it is below");
        let first = below.iter().next().expect("a name").to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    };
    let named = files.into_iter().map(|path| (module(&path), path));
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

/// A file's code, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file");
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
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
    for (module, path) in files() {
        for used in words_behind(&code(&path), "crate::") {
            // A name that is no module is a re-export at the top of the crate.
            let Some(theirs) = height(&used) else {
                panic!(
                    "{} uses crate::{used}, which is not in the table",
                    path.display()
                )
            };
            let ours = height(&module).expect("the test above");
            assert!(
                ours <= theirs,
                "{} uses {used}, of a layer above",
                path.display()
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
    for (module, path) in files() {
        let layer = layers.iter().find(|layer| layer.modules.contains(&module));
        let allowed = &layer.expect("the first test").crates;
        let code = code(&path);
        for name in &crates {
            let uses = code.contains(&format!("use {name}::"))
                || code.match_indices(&format!("{name}::")).any(|(at, _)| {
                    at == 0
                        || code[..at].ends_with(|c: char| c.is_whitespace() || "(<&!".contains(c))
                });
            assert!(
                !uses || allowed.contains(name),
                "{} uses {name}",
                path.display()
            );
        }
    }
}
