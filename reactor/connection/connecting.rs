//! A connection to an endpoint, which is awaited.

use std::error::Error;
use std::rc::Rc;

use super::Connection;
use super::shared::{Inbox, Shared};
use crate::deferred::Deferred;
use crate::endpoints::{BadEndpoint, ClientEndpoint, client_from_string};
use crate::reactor::Reactor;

impl Reactor {
    /// Connects to an endpoint, in words or as a [`ClientEndpoint`], and fires with the
    /// [`Connection`].
    ///
    /// Cancelling, as dropping the future that awaits it, gives the attempt up; a connection that was made by
    /// then is closed.
    ///
    /// ```
    /// # use reactor::testing::Simulation;
    /// # let simulation = Simulation::new();
    /// # let reactor = simulation.reactor();
    /// # let server = simulation.listen("10.0.0.1:1400");
    /// let clients = reactor.clone();
    /// let greeted = reactor.spawn(async move {
    ///     let connection = clients.connect("tcp:10.0.0.1:1400:timeout=5").await?;
    ///     connection.write(b"hello\n").await?;
    ///     Ok(connection.close().await?)
    /// });
    /// # simulation.run_until_idle();
    /// # let peer = server.accept().expect("it has connected");
    /// # simulation.run_until_idle();
    /// # assert_eq!(peer.read(), b"hello\n");
    /// # peer.close();
    /// # reactor.run_until(greeted)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// It fails with [`BadEndpoint`](crate::endpoints::BadEndpoint) when the endpoint is invalid, and with the
    /// [`Reason`](crate::Reason) why there is no connection.
    #[track_caller]
    pub fn connect<E>(&self, endpoint: E) -> Deferred<Connection>
    where
        E: TryInto<ClientEndpoint>,
        E::Error: Error + 'static,
    {
        let endpoint = match endpoint.try_into() {
            Ok(endpoint) => endpoint,
            Err(error) => return Deferred::fail(error),
        };
        let shared = Shared::new(self.downgrade());
        let for_protocol = Rc::clone(&shared);
        // Asked once at most, for the one address that has answered.
        let connector = endpoint.connect(self, move |_| Inbox::new(&for_protocol));
        connector.connected().map(|_| Connection::new(shared))
    }
}

impl TryFrom<&str> for ClientEndpoint {
    type Error = BadEndpoint;

    fn try_from(endpoint: &str) -> Result<Self, BadEndpoint> {
        client_from_string(endpoint)
    }
}

impl TryFrom<&String> for ClientEndpoint {
    type Error = BadEndpoint;

    fn try_from(endpoint: &String) -> Result<Self, BadEndpoint> {
        client_from_string(endpoint)
    }
}
