//! How long an agent waits, and how much it takes.

use std::time::Duration;

/// How long an agent waits, and how much it takes.
///
/// Each of the times is that of one wait. How long all of it may take, redirects and body included,
/// is said with [`Deferred::add_timeout`](crate::Deferred::add_timeout) behind `read_body`, which ends the request where it is.
///
/// ```
/// use std::time::Duration;
/// use reactor::http::AgentLimits;
///
/// let hasty = AgentLimits { head_time: Duration::from_secs(3), ..AgentLimits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLimits {
    /// How long connecting may take.
    pub connect: Duration,
    /// How long it may take until the head of the answer has come, connecting and waiting for a
    /// connection included, for each redirect anew. It begins anew with what the server takes of the
    /// body of a request, as far as the operating system tells: an eighth of the time may pass until
    /// it does. It does not end while the body is waited for here. Zero is no limit.
    pub head_time: Duration,
    /// How long the body of an answer may go without a byte while somebody waits for it. Zero is no
    /// limit.
    pub body_time: Duration,
    /// Bytes of a body that [`ClientResponse::read_body`](crate::http::ClientResponse::read_body) takes.
    pub body: usize,
    /// How many redirects are followed; with none, they are answers like others.
    pub redirects: usize,
    /// How many connections to one host there may be. Requests beyond it wait in line.
    pub connections_per_host: usize,
    /// How many of them are kept while they have nothing to do.
    pub idle_per_host: usize,
    /// How long they are kept. It is less where a server says that it keeps them for less, with
    /// `Keep-Alive: timeout=`.
    pub idle: Duration,
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
