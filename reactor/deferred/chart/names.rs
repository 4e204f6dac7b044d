//! The names of the compiler, as one would say them.

use crate::deferred::Place;

/// `alloc::vec::Vec<core::net::IpAddr>` is `Vec<IpAddr>`.
pub(super) fn of_type(name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
        } else if character == ':' && characters.peek() == Some(&':') {
            characters.next();
            word.clear();
        } else {
            short.push_str(&word);
            word.clear();
            short.push(character);
        }
    }
    short + &word
}

/// `chat::Server::greet` is `greet`, and `chat::main::{{closure}}` is `closure in main`.
pub(super) fn of_function(name: &str) -> String {
    let outside = name.trim_end_matches("::{{closure}}");
    let mut depth = 0;
    let mut last = 0;
    for (index, character) in outside.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            ':' if depth == 0 => last = index + 1,
            _ => {}
        }
    }
    let own = of_type(&outside[last..]);
    if outside.len() < name.len() {
        format!("closure in {own}")
    } else {
        own
    }
}

/// `src/web/site.rs:12:5` is `site.rs:12`.
pub(super) fn of_place(place: Place) -> String {
    let file = place.file();
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("{file}:{}", place.line())
}

/// At most `width` characters of `text`, and a sign if there were more.
pub(super) fn cut(text: &str, width: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept = line.chars().take(width.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, of_function, of_type};

    #[test]
    fn names_lose_their_paths() {
        assert_eq!(
            of_type("core::result::Result<alloc::vec::Vec<u8>, &a::b_c::D>"),
            "Result<Vec<u8>, &D>"
        );
        assert_eq!(of_type("(usize, &str)"), "(usize, &str)");
        assert_eq!(of_function("app::parse"), "parse");
        assert_eq!(
            of_function("app::main::{{closure}}::{{closure}}"),
            "closure in main"
        );
        assert_eq!(
            of_function("r::d::<impl r::d::Deferred<T>>::add_timeout::{{closure}}"),
            "closure in add_timeout"
        );
        assert_eq!(
            of_function("app::parse<alloc::string::String>"),
            "parse<String>"
        );
    }

    #[test]
    fn long_texts_are_cut_with_a_sign() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg\nsecond line", 6), "abcde…");
    }
}
