//! A factory of which only the type of its protocols is known: what a client hands to whatever connects.

use std::fmt;

use crate::accepted::{Accepted, IntoAccepted};
use crate::address::Address;
use crate::factory::Factory;
use crate::limits::Limits;
use crate::protocol::Protocol;

/// What builds protocols of the type `P`.
pub(super) type Build<P> = Box<dyn FnMut(&Address) -> Option<Accepted<P>>>;

/// The factory of one attempt to connect, for protocols of the type `P`.
///
/// A [`ClientService`](super::ClientService) gives one to its [`Connect`](super::Connect) for each attempt. A
/// program makes one by [`once`](Self::once), for a connection of which there is only one.
pub struct ClientFactory<P> {
    build: Build<P>,
    limits: Limits,
}

impl<P: 'static> ClientFactory<P> {
    /// A factory that has this protocol, and refuses when it is asked for another one.
    ///
    /// ```
    /// # use reactor::{ClientFactory, Handle, Protocol, Reactor, Transport};
    /// struct Count(u64);
    ///
    /// impl Protocol for Count {
    ///     fn data_received(&mut self, _: &Transport, data: &[u8]) {
    ///         self.0 += data.len() as u64;
    ///     }
    /// }
    ///
    /// let reactor = Reactor::new()?;
    /// # let port = reactor.listen_tcp("127.0.0.1:0", |_| Count(0))?;
    /// # let number = port.local_addr().socket_addr().expect("a TCP port").port();
    /// let connector = reactor.connect_tcp("127.0.0.1", number, ClientFactory::once(Count(0)));
    /// let count: Handle<Count> = reactor.run_until(connector.protocol())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn once(protocol: impl IntoAccepted<Protocol = P>) -> Self {
        let mut protocol = Some(protocol);
        let build = move |_: &Address| protocol.take().map(IntoAccepted::into_accepted);
        Self::new(build, Limits::default())
    }

    pub(super) fn new(
        build: impl FnMut(&Address) -> Option<Accepted<P>> + 'static,
        limits: Limits,
    ) -> Self {
        Self {
            build: Box::new(build),
            limits,
        }
    }
}

impl<P: Protocol> Factory for ClientFactory<P> {
    type Protocol = Accepted<P>;

    fn build_protocol(&mut self, address: &Address) -> Option<Accepted<P>> {
        (self.build)(address)
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }
}

impl<P> fmt::Debug for ClientFactory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFactory")
            .field("protocol", &std::any::type_name::<P>())
            .finish_non_exhaustive()
    }
}
