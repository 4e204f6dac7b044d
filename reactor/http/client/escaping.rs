//! The parts of a URL in their normal form: what has to be escaped, and what need not be.
//!
//! Source: the [URL standard](https://url.spec.whatwg.org/#percent-encoded-bytes), section 1.3; RFC
//! 3986, section 6.2.2.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::http::wire::host::has_valid_escapes;

// The sets of the URL standard, section 1.3. The percent sign is in none of them: an escape stays
// one, and what is no escape is left for the server to make something of.
pub(crate) const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
pub(crate) const QUERY: &AsciiSet = &MARKS.add(b'\'');
pub(crate) const PATH: &AsciiSet = &MARKS.add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');
/// One segment of a path: what would end it or begin an escape is escaped as well.
pub(crate) const SEGMENT: &AsciiSet = &PATH.add(b'/').add(b'\\').add(b'%');
const MARKS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// A part of a URL with what must not be in it escaped, and without the escapes that need not be:
/// RFC 3986, section 6.2.2.2. Where a percent sign is no escape, all that are escapes stay: what is
/// behind it could become a part of one.
pub(crate) fn normal(part: &str, set: &'static AsciiSet) -> String {
    let encoded = utf8_percent_encode(part, set).to_string();
    if !has_valid_escapes(encoded.as_bytes()) {
        return encoded;
    }
    let mut pieces = encoded.split('%');
    let mut normal = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        match u8::from_str_radix(digits, 16).map(char::from) {
            Ok(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => {
                normal.push(plain);
            }
            _ => normal.extend(["%", &digits.to_ascii_uppercase()]),
        }
        normal.push_str(rest);
    }
    normal
}

/// A path without the segments `.` and `..`: RFC 3986, section 5.2.4. An escaped dot is one too.
pub(crate) fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        is_folder = matches!(plain.as_str(), "." | "..");
        match plain.as_str() {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    if is_folder {
        segments.push("");
    }
    format!("/{}", segments.join("/"))
}
