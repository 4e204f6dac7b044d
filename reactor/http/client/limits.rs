//! How long an agent waits, and how much it takes.

use std::time::Duration;

/// How long an [`Agent`](crate::http::Agent) waits, and how much it takes.
///
/// Each of the times is that of one wait. How long all of it may take, redirects and body included,
/// is limited with [`Deferred::add_timeout`](crate::Deferred::add_timeout) behind `read_body`, which
/// ends the request where it is.
///
/// ```
/// use std::time::Duration;
/// use reactor::http::AgentLimits;
///
/// let hasty = AgentLimits::default().head_time(Duration::from_secs(3));
/// # let _ = hasty;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentLimits {
    pub(crate) connect: Duration,
    pub(crate) head_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) body: usize,
    pub(crate) redirects: usize,
    pub(crate) connections_per_host: usize,
    pub(crate) idle_per_host: usize,
    pub(crate) idle: Duration,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            head_time: Duration::from_secs(60),
            body_time: Duration::from_secs(60),
            body: 16 << 20,
            redirects: 20,
            connections_per_host: 8,
            idle_per_host: 8,
            idle: Duration::from_secs(50),
        }
    }
}

impl AgentLimits {
    /// How long connecting may take: by default 30 seconds.
    #[must_use]
    pub fn connect(mut self, time: Duration) -> Self {
        self.connect = time;
        self
    }

    /// How long it may take until the head of the answer has come, connecting and waiting for a
    /// connection included, for each redirect again: by default 60 seconds. It begins again with what the
    /// server takes of the body of a request, as far as the operating system reports it: an eighth of the time
    /// may pass until it does. It does not end while the body is waited for here. Zero is no limit.
    #[must_use]
    pub fn head_time(mut self, time: Duration) -> Self {
        self.head_time = time;
        self
    }

    /// How long the body of an answer may go without a byte while its consumer waits for it: by default
    /// 60 seconds. Zero is no limit.
    #[must_use]
    pub fn body_time(mut self, time: Duration) -> Self {
        self.body_time = time;
        self
    }

    /// Bytes of a body that [`ClientResponse::read_body`](crate::http::ClientResponse::read_body) takes:
    /// by default 16 MiB.
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// How many redirects are followed, by default 20. With zero they are answers like others.
    #[must_use]
    pub fn redirects(mut self, count: usize) -> Self {
        self.redirects = count;
        self
    }

    /// How many connections to one host there may be, by default 8. Requests beyond it wait in line.
    #[must_use]
    pub fn connections_per_host(mut self, count: usize) -> Self {
        self.connections_per_host = count;
        self
    }

    /// How many of them are kept while they have nothing to do, by default 8.
    #[must_use]
    pub fn idle_per_host(mut self, count: usize) -> Self {
        self.idle_per_host = count;
        self
    }

    /// How long they are kept, by default 50 seconds. It is less where a server says that it keeps them
    /// for less, with `Keep-Alive: timeout=`.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }
}
