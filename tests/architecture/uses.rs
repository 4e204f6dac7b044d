//! The `use` lines of a file, and where what they name is defined.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// One name that a `use` line brings into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    /// What it is called here; `*` for all that is there.
    pub(crate) name: String,
    /// A `pub use`, of whatever reach: others may find the name here.
    pub(crate) exported: bool,
}

/// All names of all `use` lines.
pub(crate) fn uses(code: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (statement, exported) in statements(code) {
        tree(&[], statement, exported, &mut found);
    }
    found
}

/// What stands between each `use` and its semicolon, and whether there is a `pub` before it.
fn statements(code: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].trim_end();
        // An item begins the file, or behind another one, an attribute, a brace or its visibility.
        // A bound of lifetimes, `+ use<…>`, has no space.
        let begins = before.is_empty() || before.ends_with([';', '}', '{', ']', ')']);
        let exported = before.ends_with("pub") || before.ends_with(')') && visibility(before);
        if (begins || exported) && code[..at].ends_with(char::is_whitespace) || at == 0 {
            let statement = code[at + 4..].split(';').next().unwrap_or_default();
            found.push((statement, exported));
        }
    }
    found
}

/// Whether code ends in `pub(crate)` and its like.
fn visibility(code: &str) -> bool {
    code.rfind('(')
        .is_some_and(|at| code[..at].ends_with("pub"))
}

/// Adds the names of `a::{b, c::D as E}`, below what stands before.
fn tree(prefix: &[String], text: &str, exported: bool, found: &mut Vec<Use>) {
    let text = text.trim().trim_start_matches("::");
    if let Some(at) = text.find('{') {
        let mut below = prefix.to_vec();
        below.extend(segments(text[..at].trim_end_matches("::")));
        let inside = text[at + 1..].trim_end().trim_end_matches('}');
        let inside = &text[at + 1..at + 1 + matching(&text[at + 1..]).unwrap_or(inside.len())];
        for part in split(inside) {
            tree(&below, part, exported, found);
        }
        return;
    }
    let (path, alias) = match text.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (text, None),
    };
    let mut whole = prefix.to_vec();
    whole.extend(segments(path));
    if !prefix.is_empty() && path.trim() == "self" {
        whole.pop();
    }
    if let Some(last) = whole.last() {
        found.push(Use {
            name: alias.unwrap_or_else(|| last.clone()),
            path: whole,
            exported,
        });
    }
}

fn segments(path: &str) -> Vec<String> {
    let parts = path.split("::").map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// Where the brace is that closes the one before `text`.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// The parts between the commas that stand in no braces.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The paths in the midst of code that begin at the crate or at the folder: `crate::a::B`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut code = code.to_owned();
    for (statement, _) in statements(&code.clone()) {
        code = code.replace(statement, "");
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
            let path = code[at..].split(ends).next().unwrap_or_default();
            found.push(segments(path));
        }
    }
    found
}

/// The modules of a crate, by their paths.
pub(crate) struct Modules(BTreeMap<Vec<String>, (Source, Vec<Use>)>);

impl Modules {
    /// Of the files below `folder`, in which `lib.rs` is.
    pub(crate) fn new(folder: &str, sources: Vec<Source>) -> Self {
        let module = |source: &Source| {
            let below = source.path[folder.len() + 1..].trim_end_matches(".rs");
            let mut path = below.split('/').map(str::to_owned).collect::<Vec<_>>();
            if path
                .last()
                .is_some_and(|last| last == "mod" || last == "lib")
            {
                path.pop();
            }
            path
        };
        let with_uses = |source: Source| (module(&source), (source.clone(), uses(&source.code)));
        Self(sources.into_iter().map(with_uses).collect())
    }

    /// For each file the files that it needs: those that define what it names. A name that a
    /// file only passes on with `pub use` is needed by whoever takes it from there.
    pub(crate) fn needs(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut needs = BTreeMap::new();
        for (module, (source, uses)) in self.0.iter().filter(|(module, _)| !module.is_empty()) {
            let named = uses.iter().filter(|used| {
                !used.exported
                    || words(&source.code)
                        .filter(|word| *word == used.name)
                        .count()
                        > 1
            });
            let named = named.map(|used| used.path.clone());
            let theirs = named.chain(paths(&source.code)).filter_map(|path| {
                let path = self.absolute(module, &path)?;
                self.home(&path, &mut BTreeSet::new())
            });
            let theirs = theirs.filter(|home| home != module && !home.is_empty());
            let files = theirs.map(|home| self.0[&home].0.path.as_str());
            needs.insert(source.path.as_str(), files.collect());
        }
        needs
    }

    /// A path as it is from the root of the crate; `None` if it leads to another crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut whole = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            // Since 2018 a child's name leads to the child, before any crate of that name.
            child if self.0.contains_key(&[module, &[child.to_owned()]].concat()) => {
                [module, &[child.to_owned()]].concat()
            }
            _ => return None,
        };
        let ups = rest.iter().take_while(|part| *part == "super").count();
        whole.truncate(whole.len().saturating_sub(ups));
        whole.extend_from_slice(&rest[ups..]);
        Some(whole)
    }

    /// The module in which that is defined which one finds at the end of a path.
    fn home(&self, path: &[String], seen: &mut BTreeSet<Vec<String>>) -> Option<Vec<String>> {
        let mut module = Vec::new();
        for (at, name) in path.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            if !seen.insert(child) {
                return Some(module);
            }
            let further = self.passed_on(&module, name)?;
            return match further {
                Some(elsewhere) => {
                    let whole = [&elsewhere[..], &path[at + 1..]].concat();
                    self.home(&whole, seen)
                }
                None => Some(module),
            };
        }
        Some(module)
    }

    /// Where a module has one of its names from: `Some(None)` for its own, `None` for a name of
    /// another crate.
    #[expect(clippy::option_option, reason = "three answers, said in the comment")]
    fn passed_on(&self, module: &[String], name: &str) -> Option<Option<Vec<String>>> {
        let uses = &self.0.get(module)?.1;
        if let Some(used) = uses.iter().find(|used| used.name == name) {
            return self.absolute(module, &used.path).map(Some);
        }
        for used in uses.iter().filter(|used| used.name == "*") {
            let Some(mut theirs) = self.absolute(module, &used.path) else {
                continue;
            };
            theirs.pop();
            let defines = |source: &Source| defines(&source.code, name);
            if self
                .0
                .get(&theirs)
                .is_some_and(|(source, _)| defines(source))
            {
                theirs.push(name.to_owned());
                return Some(Some(theirs));
            }
        }
        Some(None)
    }
}

pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

fn defines(code: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static"];
    let words: Vec<&str> = words(code).collect();
    words
        .windows(2)
        .any(|pair| kinds.contains(&pair[0]) && pair[1] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str) -> Vec<String> {
        let say = |used: Use| {
            let exported = if used.exported { "pub " } else { "" };
            format!("{exported}{} = {}", used.name, used.path.join("::"))
        };
        uses(code).into_iter().map(say).collect()
    }

    #[test]
    fn each_name_of_a_use_line_is_found() {
        assert_eq!(
            said("use crate::a::{self, b, c::{D, e::*}};\npub(crate) use super::F as G;"),
            [
                "a = crate::a",
                "b = crate::a::b",
                "D = crate::a::c::D",
                "* = crate::a::c::e::*",
                "pub G = super::F",
            ]
        );
        assert!(said("fn f() -> impl Fn() + use<'_> {}").is_empty());
    }

    fn needs(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source::new(*path, *text));
        let modules = Modules::new("reactor", sources.collect());
        let needs = modules.needs();
        let pairs = needs.iter().flat_map(|(file, theirs)| {
            let short = |path: &str| path["reactor/".len()..].to_owned();
            theirs
                .iter()
                .map(move |their| format!("{} -> {}", short(file), short(their)))
        });
        pairs.collect()
    }

    #[test]
    fn a_name_is_needed_of_the_file_that_defines_it() {
        assert_eq!(
            needs(&[
                ("reactor/lib.rs", "pub use a::Deep;"),
                (
                    "reactor/a/mod.rs",
                    "mod deep; pub(crate) use deep::Deep; pub use self::deep::*;"
                ),
                (
                    "reactor/a/deep.rs",
                    "struct Deep; fn shallow() {} use super::super::b::B;"
                ),
                ("reactor/b.rs", "use crate::Deep; struct B;"),
                (
                    "reactor/c.rs",
                    "use crate::a::{Deep as D, shallow}; use std::io;"
                ),
                ("reactor/d.rs", "fn f() { crate::b::B::new() }"),
            ]),
            [
                "a/deep.rs -> b.rs",
                "b.rs -> a/deep.rs",
                "c.rs -> a/deep.rs",
                "d.rs -> b.rs",
            ]
        );
    }
}
