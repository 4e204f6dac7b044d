//! Requests and answers over one connection, several of them on their way at the same time.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::Connection;
use super::dialect::{Dialect, LineDialect};
use super::in_order::InOrder;
use crate::deferred::Deferred;
use crate::reason::Reason;
use crate::transport::Transport;

/// Requests and their answers over one [`Connection`], in order. Clones are the same exchange.
///
/// [`ask`](Self::ask) gives a Deferred of the answer, to be awaited or to get callbacks. Requests go out in the
/// order in which they are asked, up to [`pipeline`](Self::pipeline) of them before the first answer, and
/// answers belong to them in that order.
///
/// - A request has [30 seconds](Self::timeout) from the time when it is asked, and fails with
///   [`TimedOut`](crate::deferred::TimedOut) then.
/// - A request whose Deferred is cancelled, or is dropped while it is awaited, is not sent if it was not sent
///   yet. If it was, its answer is swallowed when it comes, and the order is kept.
/// - At most [1,000](Self::limit) requests wait, those included whose answer will be swallowed. One more fails at
///   once, with [`ExchangeError::Full`](super::ExchangeError::Full).
/// - When the connection ends, all that wait fail with the [`Reason`].
/// - An answer that is invalid, that is too long, or that was not asked for ends the connection, with
///   [`Reason::Violation`].
/// - A stop of the loop waits, within its grace, for the answers.
///
/// When the last clone is dropped, requests that wait fail with [`Reason::LocalClosed`], and the connection is
/// closed.
///
/// ```
/// use reactor::connection::Exchange;
/// use reactor::{Failure, Reactor};
///
/// async fn prices(reactor: &Reactor) -> Result<(String, String), Failure> {
///     let shop = Exchange::lines(reactor.connect("tcp:10.0.0.1:1400").await?);
///     let (tea, salt) = (shop.ask("tea?"), shop.ask("salt?")); // both are on their way
///     Ok((tea.await?, salt.await?))
/// }
/// ```
pub struct Exchange<Q: 'static, A: 'static>(Rc<Asking<Q, A>>);

/// What the clones of an exchange share. Its drop closes the connection.
struct Asking<Q: 'static, A: 'static> {
    in_order: Rc<InOrder<Q, A>>,
    connection: Connection,
}

impl Exchange<String, String> {
    /// Requests and answers that are a line each, without its end. An answer may have 16 KiB. A request with a line
    /// break in it fails, since the peer would answer it twice.
    #[must_use]
    pub fn lines(connection: Connection) -> Self {
        Self::new(connection, LineDialect::default()).max_answer(16 << 10)
    }
}

impl<Q: 'static, A: 'static> Exchange<Q, A> {
    /// Requests and answers as `dialect` has them. What the peer has sent and the connection has not been asked
    /// for yet is an answer that was not asked for.
    #[must_use]
    pub fn new(connection: Connection, dialect: impl Dialect<Q, A>) -> Self {
        let in_order = InOrder::new(&connection.0, Box::new(dialect));
        connection.0.set_consumer(in_order.clone());
        Self(Rc::new(Asking {
            in_order,
            connection,
        }))
    }

    /// How long a request may wait for its answer, from when it is asked; `None` is for ever. For those that are
    /// asked from now on; 30 seconds by default.
    #[must_use]
    pub fn timeout(self, time: impl Into<Option<Duration>>) -> Self {
        self.0.in_order.timeout.set(time.into());
        self
    }

    /// How many requests are on their way at the same time: 100 by default. With 1 each waits for the answer to
    /// the one before, for a peer that cannot do otherwise.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use]
    pub fn pipeline(self, requests: usize) -> Self {
        assert!(requests > 0, "a pipeline has room for a request");
        self.0.in_order.pipeline.set(requests);
        self
    }

    /// How many requests may wait, on their way or not: 1,000 by default.
    #[must_use]
    pub fn limit(self, requests: usize) -> Self {
        self.0.in_order.limit.set(requests);
        self
    }

    /// How long an answer may be: 1 MiB by default.
    #[must_use]
    pub fn max_answer(self, bytes: usize) -> Self {
        self.0.in_order.max_answer.set(bytes);
        self
    }

    /// Asks, and fires with the answer. Nothing is sent before the end of the turn, so several requests are one
    /// write.
    #[track_caller]
    pub fn ask(&self, request: impl Into<Q>) -> Deferred<A> {
        let in_order = &self.0.in_order;
        if !in_order.takes_requests() {
            return Deferred::fail(self.0.connection.0.reason());
        }
        let deferred = match in_order.ask(request.into()) {
            Ok(deferred) => deferred,
            Err(error) => return Deferred::fail(error),
        };
        let reactor = self.0.connection.0.reactor.upgrade();
        match (in_order.timeout.get(), reactor) {
            (Some(time), Some(reactor)) => deferred.add_timeout(time, &reactor),
            _ => deferred,
        }
    }

    /// Closes the connection behind the answers that are waited for. Nothing more is asked. The exchange has to be
    /// kept until then.
    pub fn finish(&self) {
        self.0.in_order.finish();
    }

    /// How many requests wait for an answer, also in vain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.in_order.len()
    }

    /// Whether no request waits for an answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection's transport.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        self.0.connection.transport()
    }
}

impl<Q: 'static, A: 'static> Drop for Asking<Q, A> {
    fn drop(&mut self) {
        // First, so that callbacks of those that fail find the end.
        self.connection.transport().lose_connection();
        self.in_order.fail_all(&Reason::LocalClosed);
    }
}

impl<Q: 'static, A: 'static> Clone for Exchange<Q, A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<Q: 'static, A: 'static> fmt::Debug for Exchange<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("transport", self.transport())
            .field("waiting", &self.len())
            .finish()
    }
}
