//! Who is at the other side of a UNIX socket.

use super::Transport;
use crate::address::Credentials;

impl Transport {
    /// Who is at the other side of a UNIX socket: `None` for other kinds, after the connection was lost, and
    /// where the kernel does not tell, as only Linux does. Asks the kernel each time.
    #[cfg(feature = "descriptors")]
    #[cfg_attr(docsrs, doc(cfg(feature = "descriptors")))]
    #[must_use]
    pub fn peer_credentials(&self) -> Option<Credentials> {
        let stream = self.0.stream.borrow();
        stream.as_ref()?.credentials()
    }
}
