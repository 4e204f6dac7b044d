//! How much a client may send, and how long it may take.

use std::time::Duration;

use crate::http::wire::limits::HeadLimits;

/// The limits of one [`Site`](crate::http::Site), which hold for each of its connections.
///
/// The defaults are meant for production. A time of zero is no limit. To change some of them:
///
/// ```
/// use std::time::Duration;
/// use reactor::http::HttpLimits;
///
/// let large = HttpLimits::default().body(64 << 20).body_time(Duration::from_secs(300));
/// # let _ = large;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    pub(crate) head: HeadLimits,
    pub(crate) body: u64,
    pub(crate) bodies: u64,
    pub(crate) pipelined: usize,
    pub(crate) head_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) body_rate: u64,
    pub(crate) idle: Duration,
    pub(crate) handler_time: Option<Duration>,
    pub(crate) send_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head: HeadLimits::default(),
            body: 1 << 20,
            bodies: 32 << 20,
            pipelined: 16 << 10,
            head_time: Duration::from_secs(20),
            body_time: Duration::from_secs(60),
            body_rate: 500,
            idle: Duration::from_secs(60),
            handler_time: Some(Duration::from_secs(60)),
            send_time: Duration::from_secs(60),
        }
    }
}

impl HttpLimits {
    /// Bytes of the request line: by default 16 KiB. A longer one is answered with 414.
    #[must_use]
    pub fn request_line(mut self, bytes: usize) -> Self {
        self.head = self.head.request_line(bytes);
        self
    }

    /// Bytes of all header lines together, and of all trailer lines: by default 16 KiB. More are
    /// answered with 431.
    #[must_use]
    pub fn headers(mut self, bytes: usize) -> Self {
        self.head = self.head.headers(bytes);
        self
    }

    /// Header lines, at most 500, which is the default. More are answered with 431.
    #[must_use]
    pub fn header_count(mut self, lines: usize) -> Self {
        self.head = self.head.header_count(lines);
        self
    }

    /// Bytes of a body that is kept in memory, unless its resource sets a limit of its own: by default
    /// 1 MiB. A longer one is answered with 413, before it is read where its length is known.
    #[must_use]
    pub fn body(mut self, bytes: u64) -> Self {
        self.body = bytes;
        self
    }

    /// Bytes of all bodies together that are kept in memory at one time, by all connections of the
    /// site: from when they come until their requests are dropped, or the bodies
    /// [taken](crate::http::Request::take_body). By default 32 MiB. A body for which there is no room is
    /// answered with 503 and `Retry-After`. One that its resource takes at all may be larger than this,
    /// when it is the only one.
    #[must_use]
    pub fn bodies(mut self, bytes: u64) -> Self {
        self.bodies = bytes;
        self
    }

    /// Bytes of pipelined requests that wait behind the one that is being answered: by default 16 KiB.
    /// Beyond it, nothing more is read until that is done.
    #[must_use]
    pub fn pipelined(mut self, bytes: usize) -> Self {
        self.pipelined = bytes;
        self
    }

    /// How long a head may take, from its first byte to its last: by default 20 seconds. Then comes 408.
    #[must_use]
    pub fn head_time(mut self, time: Duration) -> Self {
        self.head_time = time;
        self
    }

    /// How long a body that is kept in memory, or dropped, is waited for while it comes more slowly
    /// than [`body_rate`](Self::body_rate): by default 60 seconds. Then comes 408. A streamed body may go
    /// without a byte for this long: how slow it may be is its resource's to decide.
    #[must_use]
    pub fn body_time(mut self, time: Duration) -> Self {
        self.body_time = time;
        self
    }

    /// Bytes a second that a body has to come with, over each [`body_time`](Self::body_time): by
    /// default 500, which is 30,000 bytes in each 60 seconds. So a body is never too large for a
    /// steady line, and one that drips is not waited for.
    #[must_use]
    pub fn body_rate(mut self, bytes: u64) -> Self {
        self.body_rate = bytes;
        self
    }

    /// How long a connection may be open without a request: by default 60 seconds. Then it is closed.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// How long a resource may take for its answer, from the end of the request, or from when it
    /// dropped its body: by default 60 seconds. Then comes 503, and the Deferred that was to bring the
    /// answer is cancelled. `None` waits for as long as the client does.
    #[must_use]
    pub fn handler_time(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.handler_time = time.into();
        self
    }

    /// How long a client may take for as many bytes of an answer as lie between the two marks of
    /// [`Limits`](crate::Limits), while more than that waits for it: by default 60 seconds. Then the
    /// connection is aborted.
    #[must_use]
    pub fn send_time(mut self, time: Duration) -> Self {
        self.send_time = time;
        self
    }
}
