//! Two sides that talk: a protocol and the test, or two protocols.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::witness::Witness;
use super::{Peer, Simulation};
use crate::accepted::IntoAccepted;
use crate::address::Address;
use crate::factory::Factory;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;

/// Where conversations are held, in a simulation that has a network to itself or not: port 0 of an
/// address that is kept for documentation.
const PLACE: &str = "192.0.2.1:0";

/// How long it may take to begin one, by the simulation's clock.
const PATIENCE: Duration = Duration::from_secs(60);

/// One protocol, with the test on the other side of its connection.
///
/// ```
/// use reactor::{Protocol, Transport};
/// use reactor::testing::Conversation;
///
/// struct Parrot { heard: usize }
///
/// impl Protocol for Parrot {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         self.heard += data.len();
///         transport.write(data);
///     }
/// }
///
/// let parrot = Conversation::with(Parrot { heard: 0 });
/// parrot.say(b"Pieces of eight!");
/// assert_eq!(parrot.hear(), b"Pieces of eight!");
/// assert_eq!(parrot.ask(|protocol, _| protocol.heard), 16);
/// parrot.close();
/// assert!(parrot.reason().is_some_and(|reason| reason.is_clean()));
/// ```
///
/// It has a [`Simulation`] to itself, so everything that needs time and a network works: timeouts,
/// back-pressure, the close. After each of the test's acts the simulation runs until it is idle.
pub struct Conversation<P> {
    simulation: Simulation,
    witness: Rc<Witness>,
    transport: Transport,
    peer: Peer,
    protocol: std::marker::PhantomData<fn(&mut P)>,
}

impl<P: Protocol> Conversation<P> {
    /// Begins a conversation on a calm network, with the default [`Limits`]. The protocol may be one that is
    /// [`Accepted`](crate::Accepted) with layers.
    ///
    /// # Panics
    ///
    /// When the protocol's connection cannot be made.
    #[must_use]
    pub fn with(protocol: impl IntoAccepted<Protocol = P>) -> Self {
        Self::begin(&Simulation::new(), protocol, Limits::default())
    }

    /// Begins a conversation in a simulation of one's own, with limits of one's own.
    ///
    /// # Panics
    ///
    /// When the protocol's connection cannot be made.
    #[must_use]
    pub fn begin(
        simulation: &Simulation,
        protocol: impl IntoAccepted<Protocol = P>,
        limits: Limits,
    ) -> Self {
        let reactor = simulation.reactor();
        let witness = Witness::attach(&reactor);
        let factory = Once(Some(protocol)).with_limits(limits);
        let port = reactor
            .listen_tcp(PLACE, factory)
            .unwrap_or_else(|error| panic!("{error}"));
        let peer = simulation.connect(port.local_addr());
        let mut transport = None;
        simulation.run_until_true(PATIENCE, || {
            transport = witness.find(|made| made.local_addr() == port.local_addr());
            transport.is_some()
        });
        port.stop_listening();
        let Some(transport) = transport else {
            panic!("no connection was made, peer: {:?}", peer.error());
        };
        simulation.run_until_idle();
        Self {
            simulation: simulation.clone(),
            witness,
            transport,
            peer,
            protocol: std::marker::PhantomData,
        }
    }

    /// Sends bytes to the protocol.
    pub fn say(&self, data: &[u8]) {
        self.peer.write(data);
        self.simulation.run_until_idle();
    }

    /// What the protocol has sent since this was last asked.
    #[must_use = "it is not heard again"]
    pub fn hear(&self) -> Vec<u8> {
        self.peer.read()
    }

    /// Says that the test will send no more, and goes on listening.
    pub fn shut_write(&self) {
        self.peer.shut_write();
        self.simulation.run_until_idle();
    }

    /// Closes the test's side.
    pub fn close(&self) {
        self.peer.close();
        self.simulation.run_until_idle();
    }

    /// Resets the connection from the test's side.
    pub fn reset(&self) {
        self.peer.reset();
        self.simulation.run_until_idle();
    }

    /// Lets time go by.
    pub fn run_for(&self, duration: Duration) {
        self.simulation.run_for(duration);
    }

    /// Asks the protocol itself, in a callback of its own, which the simulation runs at once.
    ///
    /// # Panics
    ///
    /// When the connection is lost, for then there is no protocol any more; when `question` panics.
    pub fn ask<R: 'static>(&self, question: impl FnOnce(&mut P, &Transport) -> R + 'static) -> R {
        let answer = Rc::new(Cell::new(None));
        let for_answer = Rc::clone(&answer);
        self.transport
            .handle::<P>()
            .call(move |protocol, transport| {
                for_answer.set(Some(question(protocol, transport)));
            });
        self.simulation.run_until_idle();
        match answer.take() {
            Some(answer) => answer,
            None => panic!("there is no answer: {:?}", self.reason()),
        }
    }

    /// Why the connection was lost, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.witness.reason(self.transport.id())
    }

    /// The protocol's transport.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The test's side, for what has no method here.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The simulation in which the conversation is held.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }
}

impl<P> Drop for Conversation<P> {
    fn drop(&mut self) {
        self.witness.detach();
    }
}

impl<P> fmt::Debug for Conversation<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("protocol", &std::any::type_name::<P>())
            .field("transport", &self.transport)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Simulation {
    /// Connects two protocols with each other, the second as the client, and returns their
    /// transports. Both have heard `connection_made`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use reactor::{Protocol, Transport};
    /// use reactor::testing::Simulation;
    ///
    /// struct Volley;
    ///
    /// impl Protocol for Volley {
    ///     fn data_received(&mut self, transport: &Transport, ball: &[u8]) {
    ///         match ball[0] {
    ///             0 => transport.lose_connection(),
    ///             n => {
    ///                 transport.write(&[n - 1]);
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// let simulation = Simulation::new();
    /// let (one, other) = simulation.join(Volley, Volley);
    /// one.write(&[100]);
    /// simulation.run_for(Duration::from_secs(1));
    /// assert!(one.is_lost() && other.is_lost());
    /// ```
    ///
    /// # Panics
    ///
    /// When the connection cannot be made.
    pub fn join(
        &self,
        server: impl IntoAccepted,
        client: impl IntoAccepted,
    ) -> (Transport, Transport) {
        let reactor = self.reactor();
        let witness = Witness::attach(&reactor);
        let port = reactor
            .listen_tcp(PLACE, Once(Some(server)))
            .unwrap_or_else(|error| panic!("{error}"));
        let at = port.local_addr().clone();
        if let Some(at) = at.socket_addr() {
            reactor.connect_tcp(&at.ip().to_string(), at.port(), Once(Some(client)));
        }
        let mut both = None;
        self.run_until_true(PATIENCE, || {
            let server = witness.find(|made| *made.local_addr() == at);
            let client = witness.find(|made| *made.peer_addr() == at);
            both = server.zip(client);
            both.is_some()
        });
        port.stop_listening();
        witness.detach();
        match both {
            Some(both) => both,
            None => panic!("the two protocols cannot be connected"),
        }
    }
}

/// Gives its protocol away, once.
struct Once<P>(Option<P>);

impl<P: IntoAccepted> Factory for Once<P> {
    type Protocol = P;

    fn build_protocol(&mut self, _: &Address) -> Option<P> {
        self.0.take()
    }
}
