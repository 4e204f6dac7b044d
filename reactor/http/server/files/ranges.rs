//! Which parts of something are asked for: the `Range` header.
//!
//! Source: RFC 9110, sections 14.1 and 14.2.

use std::ops::Range;

/// More parts than this are not worth their boundaries, and are answered with the whole.
const MOST_RANGES: usize = 16;

/// What a request wants of something of a known length.
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
    let Some((unit, list)) = header.trim().split_once('=') else {
        return Wanted::Whole;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let members = list.split(',').map(str::trim).filter(|m| !m.is_empty());
    let Some(specs) = members.map(spec).collect::<Option<Vec<Spec>>>() else {
        return Wanted::Whole;
    };
    if specs.is_empty() {
        return Wanted::Whole;
    }
    let satisfiable: Vec<&Spec> = specs.iter().filter(|s| s.is_satisfiable(length)).collect();
    if satisfiable.is_empty() {
        return Wanted::Nothing;
    }
    let parts: Vec<Range<u64>> = satisfiable.iter().map(|spec| spec.part(length)).collect();
    // The end of something empty can be asked for, but `Content-Range` has no words for it.
    if parts.iter().any(Range::is_empty) {
        return Wanted::Whole;
    }
    // Many small parts, or the same bytes many times over, cost more than they are worth: RFC 9110,
    // section 17.15.
    let bytes: u64 = parts.iter().map(|part| part.end - part.start).sum();
    if parts.len() > MOST_RANGES || (parts.len() > 1 && bytes > length) {
        return Wanted::Whole;
    }
    Wanted::Parts(parts)
}

/// One member of the list.
enum Spec {
    /// From a byte to another one, which is part of it.
    Between(u64, u64),
    /// At most this many bytes at the end.
    Suffix(u64),
}

impl Spec {
    fn is_satisfiable(&self, length: u64) -> bool {
        match self {
            Self::Between(first, _) => *first < length,
            Self::Suffix(suffix) => *suffix > 0,
        }
    }

    /// What there is of it.
    fn part(&self, length: u64) -> Range<u64> {
        match self {
            Self::Between(first, last) => *first..last.saturating_add(1).min(length),
            Self::Suffix(suffix) => length.saturating_sub(*suffix)..length,
        }
    }
}

/// `first-last`, `first-` or `-length`. `None` for anything else.
fn spec(member: &str) -> Option<Spec> {
    let (first, last) = member.split_once('-')?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        return Some(Spec::Suffix(number(last)?));
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    (first <= last).then_some(Spec::Between(first, last))
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
            ("bytes=20-,-0", Wanted::Nothing),
            ("Bytes=0-4", parts(&[(0, 5)])),
            ("bytes=", Wanted::Whole),
            ("bytes=,", Wanted::Whole),
            ("bytes =0-1", Wanted::Whole),
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
    }

    #[test]
    fn the_end_of_something_empty_is_all_of_it() {
        assert_eq!(wanted("bytes=-5", 0), Wanted::Whole);
        assert_eq!(wanted("bytes=0-,-5", 0), Wanted::Whole);
        for nothing in ["bytes=-0", "bytes=0-", "bytes=0-0"] {
            assert_eq!(wanted(nothing, 0), Wanted::Nothing, "{nothing}");
        }
    }
}
