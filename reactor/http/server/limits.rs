//! How much a client may send, and how long it may take.

use std::time::Duration;

/// The limits of one [`Site`](crate::http::Site), which hold for each of its connections.
///
/// The defaults are meant for production. A time of zero is no limit: it is waited for ever. To change
/// some of them:
///
/// ```
/// use reactor::http::HttpLimits;
///
/// let large = HttpLimits { body: 64 << 20, ..HttpLimits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bytes of the request line. A longer one is answered with 414.
    pub request_line: usize,
    /// Bytes of all header lines together, and of all trailer lines. More are answered with 431.
    pub headers: usize,
    /// How many header lines, at most 500. More are answered with 431.
    pub header_count: usize,
    /// Bytes of a body that is kept in memory, unless its resource sets a limit of its own. A
    /// longer one is answered with 413, before it is read where its length is known.
    pub body: u64,
    /// Bytes of all bodies together that are kept in memory at one time, by all connections of the
    /// site: from when they come until their requests are dropped, or the bodies
    /// [taken](crate::http::Request::take_body). A body for which there is no room is answered with 503
    /// and `Retry-After`. One that its resource takes at all may be larger than this, when it is the
    /// only one.
    pub bodies: u64,
    /// Bytes of pipelined requests that wait behind the one that is being answered. Beyond it,
    /// nothing more is read until that is done.
    pub pipelined: usize,
    /// How long a head may take, from its first byte to its last. Then comes 408.
    pub head_time: Duration,
    /// How long a body that is kept in memory, or dropped, is waited for while it comes more slowly
    /// than [`body_rate`](Self::body_rate). Then comes 408. A streamed body may go without a byte for
    /// so long: how slow it may be is its resource's to say.
    pub body_time: Duration,
    /// Bytes a second that a body has to come with, over each [`body_time`](Self::body_time): by
    /// default 500, which is 30,000 bytes in each 60 seconds. So a body is never too large for a
    /// steady line, and one that drips is not waited for.
    pub body_rate: u64,
    /// How long a connection may be open without a request. Then it is closed.
    pub idle: Duration,
    /// How long a resource may take for its answer, from the end of the request, or from when it
    /// dropped its body. Then comes 503, and the Deferred that was to bring the answer is cancelled.
    /// `None` waits for as long as the client does.
    pub handler_time: Option<Duration>,
    /// How long a client may take for as many bytes of an answer as lie between the two marks of
    /// [`Limits`](crate::Limits), while more than that waits for it. Then the connection is aborted.
    pub send_time: Duration,
}

/// What a time of zero means, here and wherever else a wait can be turned off.
pub(crate) fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request_line: 16 << 10,
            headers: 16 << 10,
            header_count: MOST_HEADERS,
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

/// More header lines than this are never taken.
pub(crate) const MOST_HEADERS: usize = 500;
