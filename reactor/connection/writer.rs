//! Writing to a connection that another task reads.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;

use super::shared::Shared;
use crate::reason::Reason;

/// Writes to a [`Connection`](super::Connection), which belongs to another task or is being read. Clones write to
/// the same connection, each message whole.
///
/// It does not keep the connection open: that ends with the `Connection`.
#[derive(Clone)]
pub struct Writer(Rc<Shared>);

impl Writer {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self(shared)
    }

    /// As [`Connection::write`](super::Connection::write).
    ///
    /// # Errors
    ///
    /// As that.
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

    /// Waits until the connection is lost, and returns the reason.
    pub async fn lost(&self) -> Reason {
        poll_fn(|context| self.0.poll_lost(context)).await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(self.0.transport()).finish()
    }
}
