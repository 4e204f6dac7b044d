//! Which parts of something are asked for: the `Range` header.
//!
//! Source: RFC 9110, sections 14.1 and 14.2.

use std::ops::Range;

/// More parts than this are not worth their boundaries, and are answered with the whole.
const MOST_RANGES: usize = 16;

/// What a request wants of something that has so many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: there is no header, or none that means anything.
    Whole,
    /// These parts, at least one, in the order in which they were asked for.
    Parts(Vec<Range<u64>>),
    /// Nothing that there is.
    Nothing,
}

/// Reads the value of a `Range` header.
pub(crate) fn wanted(header: &str, length: u64) -> Wanted {
    let Some(list) = header.trim().strip_prefix("bytes=") else {
        return Wanted::Whole;
    };
    let mut parts = Vec::new();
    for member in list.split(',').map(str::trim).filter(|m| !m.is_empty()) {
        match part(member, length) {
            None => return Wanted::Whole,
            Some(part) if part.is_empty() => {}
            Some(part) => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Wanted::Nothing;
    }
    // Many small parts, or the same bytes many times over, cost more than they are worth: RFC 9110,
    // section 17.15.
    let bytes: u64 = parts.iter().map(|part| part.end - part.start).sum();
    if parts.len() > MOST_RANGES || (parts.len() > 1 && bytes > length) {
        return Wanted::Whole;
    }
    Wanted::Parts(parts)
}

/// `first-last`, `first-` or `-length`. Nothing for what is none of them, and an empty part for one
/// that there is not.
fn part(member: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = member.split_once('-')?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some(length - suffix..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        length
    } else {
        let last = number(last)?;
        if last < first {
            return None;
        }
        last.saturating_add(1).min(length)
    };
    Some(first..end.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_there_is_of_it() {
        let parts = |parts: &[(u64, u64)]| {
            Wanted::Parts(parts.iter().map(|(start, end)| *start..*end).collect())
        };
        for (header, expected) in [
            ("bytes=0-4", parts(&[(0, 5)])),
            ("bytes=5-", parts(&[(5, 10)])),
            ("bytes=-3", parts(&[(7, 10)])),
            ("bytes=-99", parts(&[(0, 10)])),
            ("bytes=0-99", parts(&[(0, 10)])),
            ("bytes=9-9", parts(&[(9, 10)])),
            ("bytes=0-0,-1", parts(&[(0, 1), (9, 10)])),
            ("bytes= 0-0 , 5-6 ,", parts(&[(0, 1), (5, 7)])),
            ("bytes=20-,0-1", parts(&[(0, 2)])),
            ("bytes=0-18446744073709551615", parts(&[(0, 10)])),
            ("bytes=0-99999999999999999999999", parts(&[(0, 10)])),
            ("bytes=20-", Wanted::Nothing),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=", Wanted::Nothing),
            ("bytes=5-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("abc", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=--1", Wanted::Whole),
            ("bytes=0-9,0-9", Wanted::Whole),
        ] {
            assert_eq!(wanted(header, 10), expected, "{header}");
        }
        let many = format!("bytes={}", "0-0,".repeat(17));
        assert_eq!(wanted(&many, 1000), Wanted::Whole);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
    }
}
