//! The header lines of a request, as they came.

use std::fmt;

use crate::http::wire::head::RequestHead;

/// The header lines of a [`Request`](crate::http::Request), in the order in which they came, without a
/// copy. Its methods are those of [`Headers`](crate::http::Headers); names are compared without regard
/// to case.
///
/// ```
/// use reactor::http::{Request, Response};
///
/// fn show(request: Request) -> Response {
///     let mut text = String::new();
///     for (name, value) in request.headers().iter_bytes() {
///         text += &format!("{name}: {}\n", value.escape_ascii());
///     }
///     Response::text(text)
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Copy)]
pub struct HeaderLines<'r>(pub(super) &'r RequestHead);

impl<'r> HeaderLines<'r> {
    /// The value of the first line of this name, if it is UTF-8.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'r str> {
        std::str::from_utf8(self.get_bytes(name)?).ok()
    }

    /// The values of all lines of this name that are UTF-8.
    pub fn get_all(self, name: &str) -> impl Iterator<Item = &'r str> {
        self.get_all_bytes(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The value of the first line of this name, in whatever encoding.
    #[must_use]
    pub fn get_bytes(self, name: &str) -> Option<&'r [u8]> {
        self.get_all_bytes(name).next()
    }

    /// The values of all lines of this name, in whatever encoding.
    pub fn get_all_bytes(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let lines = self.iter_bytes();
        lines
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All lines, with their values in whatever encoding.
    pub fn iter_bytes(self) -> impl Iterator<Item = (&'r str, &'r [u8])> + use<'r> {
        self.0.fields()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.fields().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for HeaderLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.iter_bytes();
        f.debug_map()
            .entries(lines.map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}
