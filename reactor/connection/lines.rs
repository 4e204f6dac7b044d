//! The lines of a connection, one after the other.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::Connection;
use super::writer::Writer;
use crate::framing::splitter::{Split, Splitter};
use crate::reason::Reason;
use crate::transport::Transport;

/// As Twisted's `MAX_LENGTH`, and as a [`LineReceiver`](crate::framing::LineReceiver) has it.
const DEFAULT_MAX_LENGTH: usize = 16 << 10;

/// The lines of a [`Connection`], from [`Connection::lines`].
///
/// A line ends with LF or CR LF, and at the end of the peer's stream. One that is longer than allowed ends the
/// connection, as in a [`LineReceiver`](crate::framing::LineReceiver).
///
/// ```
/// use reactor::connection::Connection;
/// use reactor::Failure;
///
/// /// Answers each line with its length.
/// async fn lengths(connection: Connection) -> Result<(), Failure> {
///     let mut lines = connection.lines();
///     while let Some(line) = lines.next().await? {
///         lines.write_line(line.len().to_string().as_bytes()).await?;
///     }
///     Ok(())
/// }
/// ```
pub struct Lines {
    connection: Connection,
    splitter: Splitter,
}

impl Connection {
    /// Lines of at most 16 KiB, in place of bytes.
    #[must_use]
    pub fn lines(self) -> Lines {
        Lines {
            connection: self,
            splitter: Splitter::new(DEFAULT_MAX_LENGTH),
        }
    }
}

impl Lines {
    /// Lines of at most this many bytes, without their end.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.splitter.max_length = bytes;
        self
    }

    /// Waits for the next line, and returns it without its end; `None` when the peer has sent all that it will.
    ///
    /// # Errors
    ///
    /// Why the connection ends, behind all lines that came; [`Reason::Violation`] for a line that is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Reason> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, Reason>> {
        let Self {
            connection,
            splitter,
        } = self;
        // Again, while only a part of a line has come: the splitter keeps that, and a future that is dropped
        // leaves the splitter where it is.
        loop {
            let taken = connection.0.poll_take(context, 1, |received| {
                let mut rest = received.as_slice();
                let all = rest.len();
                let found = match splitter.next(&mut rest) {
                    None => None,
                    Some(Split::Line(line, _)) => Some(Ok(line.into_owned())),
                    Some(Split::TooLong(_)) => Some(Err(splitter.max_length)),
                };
                let taken = all - rest.len();
                received.consume(taken);
                found
            });
            match ready!(taken)? {
                Some(None) => {}
                Some(Some(Ok(line))) => return Poll::Ready(Ok(Some(line))),
                Some(Some(Err(max))) => {
                    let expected = format!("expected lines of at most {max} bytes");
                    let reason = Reason::Violation(expected);
                    connection.transport().fail_connection(reason.clone());
                    drop(connection.0.received.take()); // nothing behind it counts
                    return Poll::Ready(Err(reason));
                }
                None => {
                    let last = match splitter.finish() {
                        Some(Split::Line(line, _)) => Some(line.into_owned()),
                        Some(Split::TooLong(_)) | None => None,
                    };
                    return Poll::Ready(Ok(last));
                }
            }
        }
    }

    /// Writes a line and CR LF behind it, as [`Connection::write`] does.
    ///
    /// # Errors
    ///
    /// As `write`.
    pub async fn write_line(&self, line: &[u8]) -> Result<(), Reason> {
        self.connection.write_sequence(&[line, b"\r\n"]).await
    }

    /// Writes bytes, as [`Connection::write`] does.
    ///
    /// # Errors
    ///
    /// As that.
    pub async fn write(&self, data: &[u8]) -> Result<(), Reason> {
        self.connection.write(data).await
    }

    /// As [`Connection::writer`].
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.connection.writer()
    }

    /// The connection, with what of the next line has come: for bytes behind a line, or another framing.
    #[must_use]
    pub fn into_connection(mut self) -> Connection {
        let partial = self.splitter.take_partial();
        let Self { connection, .. } = self;
        connection.0.received.borrow_mut().push_front(&partial);
        connection
    }

    /// As [`Connection::close`].
    ///
    /// # Errors
    ///
    /// As that.
    pub async fn close(self) -> Result<(), Reason> {
        self.connection.close().await
    }

    /// The connection's transport, as [`Connection::transport`].
    #[must_use]
    pub fn transport(&self) -> &Transport {
        self.connection.transport()
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lines").field(&self.connection).finish()
    }
}
