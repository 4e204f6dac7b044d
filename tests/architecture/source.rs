//! The files of the repository, as the checks read them: with comments and text taken out, and
//! without inline tests.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of Rust.
#[derive(Clone)]
pub(crate) struct Source {
    /// Below the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// What the compiler reads without tests. Lines stand where they stand in `text`.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = without_tests(&blank(&text));
        Self {
            path: path.into(),
            text,
            code,
        }
    }

    /// Lines of the file, without those of its inline tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        let blanked = blank(&self.text);
        self.text.lines().count() - tests_in(&blanked).map_or(0, |(_, lines)| lines)
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below these folders, in the order of their paths. A published package has no benches.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders.iter().map(|name| root().join(name)) {
        if folder.is_dir() {
            rust_files(&folder, &mut paths);
        }
    }
    assert!(!paths.is_empty(), "no file in {folders:?}");
    paths.sort();
    let root = root();
    let read = |path: &PathBuf| {
        let below = path.strip_prefix(&root).expect("it was found below");
        let name = below.to_string_lossy().replace('\\', "/");
        Source::new(name, fs::read_to_string(path).expect("a file"))
    };
    paths.iter().map(read).collect()
}

/// What is built stands in folders called `target`, and is not ours.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Code with spaces in place of its comments and of what stands between quotes.
pub(crate) fn blank(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            'r' | 'b' | '"' if !ends_in_word(&blanked) => quoted(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            blanked.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            let gone = rest[..skipped].chars();
            blanked.extend(gone.map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    blanked
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// How long the block comment is that begins here. They nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            return at.min(text.len());
        }
    }
}

/// How long the literal in double quotes is that begins here, with its prefix; 0 if none does.
fn quoted(text: &str) -> usize {
    let prefix = text.len() - text.trim_start_matches(['b', 'r', 'c']).len();
    let behind = &text[prefix..];
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    if prefix > 2 || !behind[hashes..].starts_with('"') {
        return 0;
    }
    let start = prefix + hashes + 1;
    if text[..prefix].contains('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let found = text[start..].find(&end);
        return found.map_or(text.len(), |at| start + at + end.len());
    }
    let mut escaped = false;
    for (at, c) in text[start..].char_indices() {
        match c {
            '"' if !escaped => return start + at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// How long the character literal is that begins here; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((_, first)) = chars.next() else {
        return 0;
    };
    if first == '\\' {
        // What is escaped may be a quote.
        return text[3..].find('\'').map_or(0, |at| at + 4);
    }
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 0,
    }
}

/// Where the inline tests of a file begin, and how many lines they have.
fn tests_in(blanked: &str) -> Option<(usize, usize)> {
    let names = blanked.match_indices("]\nmod tests {");
    let at = names.into_iter().find_map(|(end, _)| {
        let at = blanked[..end].rfind('\n').map_or(0, |at| at + 1);
        let line = &blanked[at..end];
        let is_for_tests = line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test");
        is_for_tests.then_some(at)
    })?;
    let body = braces(&blanked[at..])?;
    Some((at, blanked[at..at + body.1].lines().count()))
}

fn without_tests(blanked: &str) -> String {
    let Some((at, _)) = tests_in(blanked) else {
        return blanked.to_owned();
    };
    let (_, end) = braces(&blanked[at..]).expect("tests_in found them");
    let lines = "\n".repeat(blanked[at..at + end].matches('\n').count());
    format!("{}{lines}{}", &blanked[..at], &blanked[at + end..])
}

/// From where to where the first pair of braces reaches, in code without text and comments.
pub(crate) fn braces(code: &str) -> Option<(usize, usize)> {
    let start = code.find('{')?;
    let mut depth = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((start, start + at + 1));
        }
    }
    None
}

#[test]
fn what_is_quoted_or_a_comment_is_not_code() {
    let text =
        "let a = \"}\\\"{\"; // {\n/* { /* { */ } */ let b = r#\"\"{\"#; '{' '\\'' &'a str b\"{\"";
    let code: String = blank(text).split_whitespace().collect();
    assert_eq!(code, "leta=;letb=;&'astr");
}

#[test]
fn inline_tests_are_not_code_and_keep_their_lines() {
    let source = Source::new("a.rs", "a\n#[cfg(test)]\nmod tests {\n    b {}\n}\nc\n");
    assert_eq!(source.code, "a\n\n\n\n\nc\n");
    assert_eq!(source.lines_without_tests(), 2);
}
