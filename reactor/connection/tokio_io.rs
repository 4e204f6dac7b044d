//! A connection as the traits of `tokio::io` have it, for the crates that are written to them. The runtime of
//! tokio is not part of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connection;

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(Self::poll_read(
            &self,
            context,
            buffer.initialize_unfilled()
        ));
        buffer.advance(count.map_err(io::Error::from)?);
        Poll::Ready(Ok(()))
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
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lose_write_connection();
        Poll::Ready(Ok(()))
    }
}
