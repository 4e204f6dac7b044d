//! The other side of a connection, played by the test.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::driver::simulated::{EndId, Network, Owner, PortId};

/// One end of a connection in a [`Simulation`](super::Simulation), outside its reactor. Clones are
/// the same end.
///
/// Nothing happens before the simulation runs: a write is on its way then, and what comes is read
/// as soon as it comes, until [`pause_reading`](Self::pause_reading). When the last clone is
/// dropped the connection is closed.
///
/// ```
/// use std::time::Duration;
/// use reactor::{Protocol, Transport};
/// use reactor::testing::Simulation;
///
/// struct Talkative;
///
/// impl Protocol for Talkative {
///     fn connection_made(&mut self, transport: &Transport) {
///         transport.write(&[b'!'; 1_000_000]);
///         transport.lose_connection();
///     }
///
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// let simulation = Simulation::new();
/// simulation.reactor().listen_tcp("10.0.0.1:19", |_| Talkative)?;
/// let client = simulation.connect("10.0.0.1:19");
/// client.pause_reading();
/// simulation.run_for(Duration::from_secs(10));
/// assert!(!client.has_ended()); // the server lingers
/// client.resume_reading();
/// simulation.run_until_idle();
/// assert_eq!(client.read().len(), 1_000_000);
/// assert!(client.has_ended());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Peer(Rc<Inner>);

struct Inner {
    network: Rc<RefCell<Network>>,
    end: EndId,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.network.borrow_mut().close(self.end);
    }
}

impl Peer {
    pub(super) fn connect(
        network: &Rc<RefCell<Network>>,
        from: Option<IpAddr>,
        address: SocketAddr,
    ) -> Self {
        let owner = Owner::Script { reads: true };
        let connected = network.borrow_mut().connect(owner, from, address);
        match connected {
            Ok(end) => Self::new(network, end),
            Err(error) => panic!("{address} cannot be connected to: {error}"),
        }
    }

    pub(super) fn new(network: &Rc<RefCell<Network>>, end: EndId) -> Self {
        let (local, remote) = network.borrow().addresses(end);
        let network = Rc::clone(network);
        Self(Rc::new(Inner {
            network,
            end,
            local,
            remote,
        }))
    }

    /// Sends bytes, of any number: a peer has a buffer without limit. Returns whether the
    /// connection still takes them.
    pub fn write(&self, data: &[u8]) -> bool {
        self.network(|network, end| network.script_write(end, data))
    }

    /// How many of the bytes that were written have not left, because the other side does not read.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.network(|network, end| network.script_unsent(end))
    }

    /// What has come since this was last asked. In a pause, this reads what has arrived, and so
    /// makes room for more.
    #[must_use = "it is not read again"]
    pub fn read(&self) -> Vec<u8> {
        self.network(|network, end| network.script_read(end, usize::MAX))
    }

    /// As [`read`](Self::read), but at most this many bytes.
    #[must_use = "it is not read again"]
    pub fn read_at_most(&self, bytes: usize) -> Vec<u8> {
        self.network(|network, end| network.script_read(end, bytes))
    }

    /// Leaves what comes unread, as a program does that hangs. The other side can send no more
    /// than the buffers in between hold, which is [`set_window`](Self::set_window) on this side.
    pub fn pause_reading(&self) {
        self.network(|network, end| network.set_script_reads(end, false));
    }

    /// Reads again what comes, and what has come meanwhile.
    pub fn resume_reading(&self) {
        self.network(|network, end| network.set_script_reads(end, true));
    }

    /// How many bytes may arrive without being read.
    pub fn set_window(&self, bytes: usize) {
        self.network(|network, end| network.set_window(end, bytes));
    }

    /// Says that no more will be sent, and goes on reading: half a close, as `nc -N` does.
    pub fn shut_write(&self) {
        // It fails on a connection that is gone, where nothing can be sent.
        let _ = self.network(|network, end| network.shutdown_write(end));
    }

    /// Closes the connection, as a program does that exits: what was sent still arrives, unless
    /// something lies unread here, which resets the connection.
    pub fn close(&self) {
        self.network(|network, end| network.close(end));
    }

    /// Resets the connection, as a program that crashes with the `SO_LINGER` option does.
    pub fn reset(&self) {
        self.network(|network, end| network.script_reset(end));
    }

    /// Cuts the cable: nothing arrives any more in either direction, and neither side is notified.
    pub fn vanish(&self) {
        self.network(|network, end| network.vanish(end));
    }

    /// Whether the connection is established and neither closed here nor reset.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.network(|network, end| network.is_connected(end))
    }

    /// Whether the other side has ended its stream, and everything before was read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.network(|network, end| network.has_ended(end))
    }

    /// Why the connection is broken, if it is: [`ConnectionRefused`](io::ErrorKind) or
    /// [`ConnectionReset`](io::ErrorKind).
    #[must_use]
    pub fn error(&self) -> Option<io::ErrorKind> {
        self.network(|network, end| network.error(end))
    }

    /// This side's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// The other side's address.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.remote
    }

    fn network<R>(&self, f: impl FnOnce(&mut Network, EndId) -> R) -> R {
        f(&mut self.0.network.borrow_mut(), self.0.end)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("local", &self.local_addr())
            .field("peer", &self.peer_addr())
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// A server that the test plays. Dropping it ends it; connections that were not accepted are reset.
///
/// ```
/// use reactor::{Protocol, Transport};
/// use reactor::testing::Simulation;
///
/// struct Greeter;
///
/// impl Protocol for Greeter {
///     fn connection_made(&mut self, transport: &Transport) {
///         transport.write(b"hello");
///     }
///
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// let simulation = Simulation::new();
/// let server = simulation.listen("10.0.0.1:80");
/// simulation.reactor().connect_tcp("10.0.0.1", 80, |_| Greeter);
/// simulation.run_until_idle();
/// let peer = server.accept().expect("the reactor has connected");
/// simulation.run_until_idle();
/// assert_eq!(peer.read(), b"hello");
/// ```
pub struct PeerListener {
    network: Rc<RefCell<Network>>,
    port: PortId,
    address: SocketAddr,
}

impl PeerListener {
    pub(super) fn listen(network: &Rc<RefCell<Network>>, address: SocketAddr) -> Self {
        let listens = network.borrow_mut().listen(address, None);
        match listens {
            Ok((port, address)) => Self {
                network: Rc::clone(network),
                port,
                address,
            },
            Err(error) => panic!("{address} cannot be listened at: {error}"),
        }
    }

    /// The next connection that was not accepted yet.
    #[must_use = "a peer that is dropped closes its connection"]
    pub fn accept(&self) -> Option<Peer> {
        let owner = Owner::Script { reads: true };
        let accepted = self.network.borrow_mut().accept(self.port, owner);
        accepted.ok().map(|(end, _)| Peer::new(&self.network, end))
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PeerListener {
    fn drop(&mut self) {
        self.network.borrow_mut().stop_listening(self.port);
    }
}

impl fmt::Debug for PeerListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerListener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
