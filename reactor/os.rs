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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::engine::pools::ThreadLimits;
    use crate::protocol::Protocol;
    use crate::reactor::Reactor;
    use crate::transport::Transport;

    struct Silent;

    impl Protocol for Silent {
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }

    #[test]
    fn a_name_that_no_thread_is_free_for_is_a_failed_attempt() {
        let reactor = Reactor::new().expect("a loop");
        reactor.set_thread_limits(ThreadLimits::new().name_threads(1).waiting_jobs(0));
        let (go_on, goes_on) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let busy = reactor.0.pools().names.give(Box::new(move || {
            begun.send(()).expect("the test waits");
            goes_on.recv().expect_err("the test drops its end");
        }));
        assert!(busy.is_ok());
        begins.recv().expect("it begins");
        let connected = reactor.connect_tcp("localhost", 9, |_| Silent).connected();
        let failure = reactor.run_until(connected).expect_err("no thread is free");
        let said = failure.to_string();
        assert!(
            said.contains("too many jobs are waiting for a thread"),
            "{said}"
        );
        drop(go_on);
    }
}
