//! How long a head may be.

/// More header lines than this are never taken: the places for them are on the stack.
pub(crate) const MOST_HEADERS: usize = 500;

/// The limits of the heads of requests.
///
/// ```
/// use reactor::http::wire::HeadLimits;
///
/// let narrow = HeadLimits::default().request_line(1 << 10).headers(4 << 10);
/// # let _ = narrow;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    pub(crate) request_line: usize,
    pub(crate) headers: usize,
    pub(crate) header_count: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            request_line: 16 << 10,
            headers: 16 << 10,
            header_count: MOST_HEADERS,
        }
    }
}

impl HeadLimits {
    /// Bytes of the request line: by default 16 KiB. A longer one is a mistake with the status 414.
    #[must_use]
    pub fn request_line(mut self, bytes: usize) -> Self {
        self.request_line = bytes;
        self
    }

    /// Bytes of all header lines together, and of all trailer lines: by default 16 KiB. More are a
    /// mistake with the status 431.
    #[must_use]
    pub fn headers(mut self, bytes: usize) -> Self {
        self.headers = bytes;
        self
    }

    /// Header lines, at most 500, which is the default. More are a mistake with the status 431.
    #[must_use]
    pub fn header_count(mut self, lines: usize) -> Self {
        self.header_count = lines;
        self
    }
}
