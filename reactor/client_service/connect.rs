//! What a client connects to.

use super::factory::ClientFactory;
use crate::accepted::IntoAccepted;
use crate::deferred::Deferred;
use crate::endpoints::ClientEndpoint;
use crate::handle::Handle;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::sources::attempt::Connector;

/// A place that a client with the protocol `P` connects to, again and again perhaps.
///
/// It is a [`ClientEndpoint`], or a closure, in which the type of the first argument is named:
///
/// ```
/// # use reactor::{ClientService, Protocol, Reactor, Transport};
/// # struct Bot;
/// # impl Protocol for Bot { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// # let reactor = Reactor::new()?;
/// let chat = |reactor: &Reactor, factory| reactor.connect_tcp("chat.example", 1400, factory);
/// let service = ClientService::new(&reactor, chat, |_| Bot);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Connect<P: 'static> {
    /// Begins an attempt, with this factory.
    fn connect(&mut self, reactor: &Reactor, factory: ClientFactory<P>) -> Connector;

    /// What it is called in log lines.
    fn name(&self) -> String {
        format!("the server of {}", std::any::type_name::<P>())
    }
}

impl<P, F> Connect<P> for F
where
    P: Protocol,
    F: FnMut(&Reactor, ClientFactory<P>) -> Connector,
{
    fn connect(&mut self, reactor: &Reactor, factory: ClientFactory<P>) -> Connector {
        self(reactor, factory)
    }
}

impl<P: Protocol> Connect<P> for ClientEndpoint {
    fn connect(&mut self, reactor: &Reactor, factory: ClientFactory<P>) -> Connector {
        Self::connect(self, reactor, factory)
    }

    fn name(&self) -> String {
        self.to_string()
    }
}

impl Reactor {
    /// Connects once, with this protocol and without a factory, and fires with a handle of the protocol
    /// after `connection_made`. The Deferred is that of
    /// [`Connector::connected`](crate::Connector::connected), failures and cancelling included.
    ///
    /// ```
    /// # use reactor::{Protocol, Reactor, Transport};
    /// # struct Player { score: u32 }
    /// # impl Protocol for Player { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
    /// # let reactor = Reactor::new()?;
    /// # let port = reactor.listen_tcp("127.0.0.1:0", |_| Player { score: 0 })?;
    /// # let number = port.local_addr().socket_addr().expect("a TCP port").port();
    /// let endpoint = reactor::endpoints::client_from_string(&format!("tcp:127.0.0.1:{number}"))?;
    /// let player = reactor.run_until(reactor.connect_protocol(endpoint, Player { score: 0 }))?;
    /// player.call(|player, _| player.score += 1);
    /// let transport = player.transport().expect("it is connected");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn connect_protocol<A: IntoAccepted>(
        &self,
        mut endpoint: impl Connect<A::Protocol>,
        protocol: A,
    ) -> Deferred<Handle<A::Protocol>> {
        let factory = ClientFactory::once(protocol);
        endpoint.connect(self, factory).protocol()
    }
}
