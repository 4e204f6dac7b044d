//! A reactor on the operating system: what needs its sockets, its readiness or its signals, and is not
//! there without them.

use std::io;

use crate::driver::mio::MioDriver;
use crate::reactor::Reactor;

impl Reactor {
    /// Makes a loop on the operating system's sockets and clock.
    ///
    /// # Errors
    ///
    /// When the operating system gives no file descriptors for it.
    #[cfg_attr(docsrs, doc(cfg(feature = "os")))]
    pub fn new() -> io::Result<Self> {
        Ok(Self::with_driver(Box::new(MioDriver::new()?)))
    }
}
