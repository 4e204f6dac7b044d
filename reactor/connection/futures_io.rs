//! A connection as the traits of `futures-io` have it, for the crates that are written to them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::Connection;

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, context, buffer).map_err(io::Error::from)
    }
}

impl AsyncWrite for Connection {
    /// Takes all of `data` when the peer keeps up, as [`Connection::write`] does.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, context, data)
    }

    /// Is ready at once: what was written goes out at the end of the turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Shuts the sending half down behind what was written, and is ready at once.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lose_write_connection();
        Poll::Ready(Ok(()))
    }
}
