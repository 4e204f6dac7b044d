//! Another socket for datagrams, played by the test.

use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::datagram::MulticastInterface;
use crate::driver::DatagramOption;
use crate::driver::simulated::{DatagramId, Network};

/// A UDP socket in a [`Simulation`](super::Simulation), outside its reactor. Dropping it closes it.
///
/// What it sends is on its way when the simulation runs; its own buffers have no limit.
///
/// ```
/// use std::net::SocketAddr;
/// use reactor::datagram::{DatagramProtocol, DatagramTransport};
/// use reactor::testing::Simulation;
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
///         transport.send_to(data, from);
///     }
/// }
///
/// let simulation = Simulation::new();
/// let echo = simulation.reactor().listen_udp("10.0.0.1:7", Echo)?;
/// let peer = simulation.datagram_peer("10.0.0.2:1000");
/// peer.send_to(b"hello", echo.local_addr());
/// simulation.run_until_idle();
/// assert_eq!(peer.receive(), Some((b"hello".to_vec(), echo.local_addr())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DatagramPeer {
    network: Rc<RefCell<Network>>,
    id: DatagramId,
    local: SocketAddr,
}

impl DatagramPeer {
    pub(super) fn bind(network: &Rc<RefCell<Network>>, address: SocketAddr) -> Self {
        let mut bound = network.borrow_mut();
        let id = bound.bind_datagrams(address, true, None);
        let id = id.unwrap_or_else(|error| panic!("{address} cannot be bound: {error}"));
        let local = bound.datagrams_addr(id).unwrap_or(address);
        let may_broadcast = bound.set_datagrams(id, DatagramOption::Broadcast(true));
        debug_assert!(may_broadcast.is_ok());
        Self {
            network: Rc::clone(network),
            id,
            local,
        }
    }

    /// Sends a datagram. Returns whether there is a way to that address.
    pub fn send_to(&self, data: &[u8], to: SocketAddr) -> bool {
        let mut network = self.network.borrow_mut();
        network.send_datagram(self.id, data, Some(to)).is_ok()
    }

    /// The next datagram that has come, and where from.
    #[must_use = "it is not received again"]
    pub fn receive(&self) -> Option<(Vec<u8>, SocketAddr)> {
        let received = self.network.borrow_mut().receive_datagram(self.id);
        received.ok().map(|(from, data)| (data, from))
    }

    /// Receives what is sent to a multicast group from now on.
    ///
    /// # Panics
    ///
    /// When it is no multicast group of the family of this socket's address, or was joined already.
    pub fn join_group(&self, group: IpAddr) {
        let option = DatagramOption::Join(group, MulticastInterface::Any);
        let joined = self.network.borrow_mut().set_datagrams(self.id, option);
        if let Err(error) = joined {
            panic!("{group} cannot be joined: {error}");
        }
    }

    /// Its address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for DatagramPeer {
    fn drop(&mut self) {
        self.network.borrow_mut().close_datagrams(self.id);
    }
}

impl fmt::Debug for DatagramPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramPeer")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
