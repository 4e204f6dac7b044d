//! Connections that are awaited: `read`, `write` and `next` in place of callbacks.
//!
//! A [`Connection`] is one connection in the hands of a [task](crate::Reactor::spawn). It comes from
//! [`Reactor::connect`](crate::Reactor::connect), or from a port whose factory is
//! [`Reactor::spawning`](crate::Reactor::spawning):
//!
//! ```
//! use reactor::testing::Simulation;
//!
//! let simulation = Simulation::new();
//! let reactor = simulation.reactor();
//! let echo = reactor.spawning(|mut connection| async move {
//!     let mut buffer = [0; 1024];
//!     loop {
//!         match connection.read(&mut buffer).await? {
//!             0 => return Ok(()), // the connection is closed when it is dropped
//!             count => connection.write(&buffer[..count]).await?,
//!         }
//!     }
//! });
//! reactor.listen_tcp("10.0.0.1:7", echo)?;
//!
//! let clients = reactor.clone();
//! let answer = reactor.spawn(async move {
//!     let mut lines = clients.connect("tcp:10.0.0.1:7").await?.lines();
//!     lines.write_line(b"hello").await?;
//!     Ok(lines.next().await?)
//! });
//! assert_eq!(reactor.run_until(answer)?.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | type | what is awaited |
//! | --- | --- |
//! | [`Connection`] | bytes |
//! | [`Lines`] | lines |
//! | [`Writer`] | room for what another task writes |
//! | [`Exchange`] | answers to requests, which are on their way at the same time |
//!
//! - **Memory is bounded.** At 16 KiB that the task has not taken reading is paused, so a connection holds that
//!   and one read of 64 KiB. `write` waits while the peer is behind, by the marks of its
//!   [`Limits`](crate::Limits).
//! - **A future that is dropped loses nothing.** What was received stays with the connection until a poll that is
//!   ready takes it, and a `write` has written all or nothing. So each may stand in a `select!` or under a time
//!   limit.
//! - **The end** of the peer's stream is no error: `read` gives 0 and `next` gives `None`. The connection stays
//!   then, for what this side still has to say. What ends it otherwise is an error, a
//!   [`Reason`], behind all that came before it.
//! - **A stop** of the loop ends what waits for the peer, with [`Reason::Shutdown`]; a
//!   task that is at an answer may still give it within the grace. It drops its connection when it is done.
//! - **Dropping** it closes the connection when what was written is sent; while a panic unwinds, it is aborted.

mod connecting;
mod dialect;
mod exchange;
#[cfg(feature = "futures-io")]
mod futures_io;
mod in_order;
mod lines;
mod received;
mod shared;
mod spawning;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod writer;

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use self::received::Received;
use self::shared::Shared;
use crate::reason::Reason;
use crate::transport::Transport;

pub use self::dialect::{Answer, Dialect, ExchangeError};
pub use self::exchange::Exchange;
pub use self::lines::Lines;
pub use self::writer::Writer;

/// One connection for `async` code. See the [module](self) for what holds for each of its methods.
pub struct Connection(Rc<Shared>);

impl Connection {
    fn new(shared: Rc<Shared>) -> Self {
        Self(shared)
    }

    /// Waits for bytes, moves as many to `buffer` as have come and fit, and returns how many; 0 when the peer
    /// has sent all that it will, or when `buffer` is empty.
    ///
    /// # Errors
    ///
    /// Why the connection ends, behind all that was received.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Reason> {
        poll_fn(|context| self.poll_read(context, buffer)).await
    }

    /// Waits for bytes and takes all that have come; `None` when the peer has sent all that it will.
    ///
    /// # Errors
    ///
    /// Why the connection ends, behind all that was received.
    pub async fn read_some(&mut self) -> Result<Option<Vec<u8>>, Reason> {
        poll_fn(|context| self.0.poll_take(context, 1, Received::take_all)).await
    }

    /// Waits until `buffer` can be filled, and fills it. Until then nothing is taken, so as many bytes are kept
    /// for it, beyond those at which reading is paused otherwise.
    ///
    /// # Errors
    ///
    /// Why the connection ends; [`Reason::PeerClosed`] when the peer's stream does, before there was enough.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), Reason> {
        let wanted = buffer.len();
        let taken = poll_fn(|context| {
            let take = |received: &mut Received| received.take_to(buffer);
            self.0.poll_take(context, wanted, take)
        });
        taken.await?.map(drop).ok_or(Reason::PeerClosed)
    }

    /// Waits until the peer keeps up with what was written before, and then writes all of `data`, as
    /// [`Transport::write`] does: it goes out at the end of the turn.
    ///
    /// So one write may have any size, and this returns without waiting for it to be sent.
    ///
    /// # Errors
    ///
    /// Why the connection ends; [`Reason::LocalClosed`] after
    /// [`lose_write_connection`](Self::lose_write_connection). Nothing was written then.
    pub async fn write(&self, data: &[u8]) -> Result<(), Reason> {
        self.write_sequence(&[data]).await
    }

    /// As [`write`](Self::write), of several pieces that are one message.
    ///
    /// # Errors
    ///
    /// As `write`.
    pub async fn write_sequence(&self, pieces: &[&[u8]]) -> Result<(), Reason> {
        poll_fn(|context| self.0.poll_room(context)).await?;
        self.0.write(pieces)
    }

    /// Something to write with for another task, or beside a read in a `select!`. It does not keep the connection
    /// open.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(Rc::clone(&self.0))
    }

    /// Sends what was written, then shuts the sending half down. What the peer sends can still be read.
    pub fn lose_write_connection(&self) {
        self.transport().lose_write_connection();
    }

    /// Closes the connection when what was written is sent, and waits until it is lost. Dropping the future, as
    /// dropping the connection, closes it all the same.
    ///
    /// # Errors
    ///
    /// Why the connection ended, unless it ended as both sides meant it to.
    pub async fn close(self) -> Result<(), Reason> {
        self.transport().lose_connection();
        match self.lost().await {
            reason if reason.is_clean() => Ok(()),
            reason => Err(reason),
        }
    }

    /// Drops the connection and what is unsent. The peer sees a reset.
    pub fn abort(self) {
        self.transport().abort_connection();
    }

    /// Waits until the connection is lost, and returns the reason. A peer that sends more than is taken is not
    /// read, and its end waits behind that.
    pub async fn lost(&self) -> Reason {
        poll_fn(|context| self.0.poll_lost(context)).await
    }

    /// The connection's transport, for its addresses, its timeout, its layers. What is read through this value
    /// is paused and resumed by it, which a pause of one's own would get in the way of.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        self.0.transport()
    }

    fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Reason>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let taken = self
            .0
            .poll_take(context, 1, |received| received.take_to(buffer));
        taken.map_ok(|taken| taken.unwrap_or(0))
    }

    /// For the traits of other crates: bytes that were taken, all of them.
    #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
    fn poll_write(
        &self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize, std::io::Error>> {
        let room = self.0.poll_room(context);
        room.map(|room| {
            room.and_then(|()| self.0.write(&[data]))?;
            Ok(data.len())
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let transport = self.transport();
        match thread::panicking() {
            // The peer must not take what it got for all there was.
            true => transport.abort_connection(),
            false => transport.lose_connection(),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("transport", self.transport())
            .field("received", &self.0.received.borrow().len())
            .finish()
    }
}
