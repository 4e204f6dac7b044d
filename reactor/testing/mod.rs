//! Tests without sockets, ports, sleeps and threads.
//!
//! A [`Simulation`] is a [`Reactor`] on a network in memory, with a clock that jumps to the next
//! thing that happens. What listens and connects there is the same code as on real sockets. A
//! [`Peer`] is the other side of a connection, played by the test:
//!
//! ```
//! use reactor::{Protocol, Transport};
//! use reactor::testing::Simulation;
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! let simulation = Simulation::new();
//! simulation.reactor().listen_tcp("10.0.0.1:7", |_| Echo)?;
//! let client = simulation.connect("10.0.0.1:7");
//! client.write(b"hello");
//! simulation.run_until_idle();
//! assert_eq!(client.read(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To test one protocol, with the test on the other side, a [`Conversation`] is shorter still. To
//! test that a protocol does not depend on how its bytes are split, or on who is first, run it in
//! [`Simulation::chaotic`] for many seeds. The same seed gives the same run, so a seed that fails
//! fails again under the debugger.
//!
//! Time is virtual: only waiting moves the clock, and a timer that is due sees exactly its
//! deadline.
//!
//! ```
//! # use std::{cell::Cell, rc::Rc, time::Duration};
//! # use reactor::testing::Simulation;
//! let simulation = Simulation::new();
//! let rang = Rc::new(Cell::new(None));
//! let (bell, time) = (Rc::clone(&rang), simulation.clone());
//! simulation.reactor().call_later(Duration::from_secs(3600), move || {
//!     bell.set(Some(time.elapsed()));
//! });
//! simulation.run_for(Duration::from_secs(7200)); // takes no time at all
//! assert_eq!(rang.get(), Some(Duration::from_secs(3600)));
//! ```

mod conversation;
mod datagrams;
mod peer;
mod witness;

use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::driver;
use crate::driver::simulated::{Fault, Network, SimulatedDriver};
use crate::lifecycle::Signal;
use crate::reactor::Reactor;

pub use self::conversation::Conversation;
pub use self::datagrams::DatagramPeer;
pub use self::peer::{Peer, PeerListener};
pub use crate::driver::simulated::Conditions;

/// A simulation that is still busy after this many turns never ends.
const TURNS: usize = 1_000_000;

/// At the last moment of [`Simulation::run_for`] at most this many turns are made.
const TURNS_AT_THE_END: usize = 1_000;

/// A reactor on a simulated network. Clones are the same simulation.
///
/// All addresses exist and belong to this network, none of them is the operating system's; there
/// are neither packets nor routes, but what a socket can notice of them. Everything happens on
/// this thread, while one of the `run` methods runs, or the reactor itself.
///
/// [`Reactor::run`] works as well, and is needed where a test is about stopping and signals. Where
/// a real loop would sleep for ever, because no timer is set and nothing is on its way, it fails
/// with [`RunError::Driver`](crate::RunError::Driver) instead of hanging; unless another thread
/// holds a [`RemoteReactor`](crate::RemoteReactor), which it waits for in real time.
#[derive(Clone)]
pub struct Simulation {
    reactor: Reactor,
    network: Rc<RefCell<Network>>,
}

impl Simulation {
    /// A simulation of a [calm](Conditions::calm) network.
    #[must_use]
    pub fn new() -> Self {
        Self::with_conditions(Conditions::calm(), 0)
    }

    /// A simulation of a [chaotic](Conditions::chaotic) network, whose chances are drawn by `seed`.
    #[must_use]
    pub fn chaotic(seed: u64) -> Self {
        Self::with_conditions(Conditions::chaotic(), seed)
    }

    /// A simulation of any network. The same seed gives the same run.
    #[must_use]
    pub fn with_conditions(conditions: Conditions, seed: u64) -> Self {
        let (driver, network) = SimulatedDriver::new(conditions, seed);
        Self {
            reactor: Reactor::with_driver(Box::new(driver)),
            network,
        }
    }

    /// The reactor. A protocol or a closure that it keeps should not keep it in turn: see
    /// [`Reactor::downgrade`].
    #[must_use]
    pub fn reactor(&self) -> Reactor {
        self.reactor.clone()
    }

    /// The time since the simulation was made, by its own clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.network.borrow().elapsed()
    }

    /// Sets the clock on the wall, which [`Reactor::system_time`] and the `Date` of answers are read
    /// from. It begins at 1 January 2000, 00:00:00 UTC, in every simulation, so that the same seed gives
    /// the same bytes; and it goes as virtual time goes. Timers do not depend on it.
    ///
    /// Files are the operating system's also in a simulation, and of those that changed after the time
    /// on the wall `http::Files` sends a weak `ETag` and no `Last-Modified`.
    pub fn set_system_time(&self, time: SystemTime) {
        self.network.borrow_mut().set_wall(time);
    }

    /// Other conditions for the network from now on; connections keep their buffers.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.network.borrow_mut().set_conditions(conditions);
    }
}

/// Letting time go by.
impl Simulation {
    /// Runs the reactor for this long, and then until nothing more happens at that moment.
    ///
    /// # Panics
    ///
    /// When it is called from inside a callback of the reactor, as the other `run` methods do.
    pub fn run_for(&self, duration: Duration) {
        let end = self.elapsed().saturating_add(duration);
        while self.elapsed() < end {
            self.turn(end.saturating_sub(self.elapsed()));
        }
        for _ in 0..TURNS_AT_THE_END {
            if self.elapsed() > end || !self.is_busy_now() {
                return;
            }
            self.turn(Duration::ZERO);
        }
    }

    /// Runs the reactor until nothing is left to do and nothing on its way in the network. Timers
    /// that are due until then are called; for later ones it does not wait.
    ///
    /// # Panics
    ///
    /// When there is no end of it, or when it is called from inside a callback of the reactor.
    pub fn run_until_idle(&self) {
        self.turn(Duration::ZERO);
        for _ in 0..TURNS {
            let next = self.network.borrow().next_in();
            match next {
                _ if self.is_busy_now() => self.turn(Duration::ZERO),
                Some(next) => self.turn(next),
                None => return,
            }
        }
        panic!("the simulation is not idle after {TURNS} turns");
    }

    /// Runs the reactor until the condition is met, which is looked at after each turn, but at most
    /// for `limit`. Returns whether it was met.
    ///
    /// # Panics
    ///
    /// When it is called from inside a callback of the reactor, or when the clock does not go on
    /// because there is too much to do.
    pub fn run_until_true(&self, limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
        let end = self.elapsed().saturating_add(limit);
        for _ in 0..TURNS {
            if condition() {
                return true;
            }
            if self.elapsed() >= end && !self.is_busy_now() {
                return false;
            }
            self.turn(end.saturating_sub(self.elapsed()));
        }
        panic!("the condition is not met after {TURNS} turns");
    }

    /// Lets time pass inside a callback, as one that computes does: what the network carries
    /// meanwhile waits in the sockets, and the loop sees it when the callback has returned. Outside
    /// of callbacks it is time in which nobody runs the loop.
    pub fn spend(&self, duration: Duration) {
        self.network.borrow_mut().spend(duration);
    }

    fn is_busy_now(&self) -> bool {
        self.reactor.0.is_busy() || self.network.borrow().is_busy_now()
    }

    fn turn(&self, timeout: Duration) {
        if let Err(error) = self.reactor.turn(Some(timeout)) {
            panic!("the simulation cannot go on: {error}");
        }
    }
}

/// Who else is in the network.
impl Simulation {
    /// A client that the test plays. It is connected once the simulation has run. A UNIX socket is
    /// `unix:/run/chat.sock`, here and below.
    ///
    /// # Panics
    ///
    /// When `address` is not an IP address and a port, or is [unreachable](Self::make_unreachable).
    #[must_use = "a peer that is dropped closes its connection"]
    pub fn connect(&self, address: impl fmt::Display) -> Peer {
        Peer::connect(&self.network, None, parse(&self.network, &address))
    }

    /// As [`connect`](Self::connect), from an IP address of one's choice.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    #[must_use = "a peer that is dropped closes its connection"]
    pub fn connect_from(&self, ip: IpAddr, address: impl fmt::Display) -> Peer {
        Peer::connect(&self.network, Some(ip), parse(&self.network, &address))
    }

    /// A server that the test plays, for the reactor's clients. Port 0 lets the network choose.
    ///
    /// # Panics
    ///
    /// When `address` is not an IP address and a port, or a port listens there already.
    #[must_use = "a listener that is dropped does not listen"]
    pub fn listen(&self, address: impl fmt::Display) -> PeerListener {
        PeerListener::listen(&self.network, parse(&self.network, &address))
    }

    /// A UDP socket that the test plays. Port 0 lets the network choose.
    ///
    /// # Panics
    ///
    /// When `address` is not an IP address and a port, or the reactor has it.
    #[must_use = "a peer that is dropped closes its socket"]
    pub fn datagram_peer(&self, address: impl fmt::Display) -> DatagramPeer {
        DatagramPeer::bind(&self.network, parse(&self.network, &address))
    }

    /// What is at the other side of the reactor's [`stdio`](Reactor::stdio): what the test writes is the
    /// standard input, and what it reads the output. Each call gives the same one, and the first one that is
    /// dropped closes it.
    #[must_use = "a peer that is dropped closes its connection"]
    pub fn stdio(&self) -> Peer {
        let (terminal, _) = self.network.borrow_mut().stdio();
        Peer::new(&self.network, terminal)
    }

    /// Gives a host name its addresses. Without this, only `localhost` is known.
    pub fn add_host(&self, name: &str, addresses: &[IpAddr]) {
        self.network.borrow_mut().add_host(name, addresses);
    }

    /// Refuses connections to this address from now on, even if a port listens there.
    ///
    /// # Panics
    ///
    /// When `address` is not an IP address and a port; so do the three below.
    pub fn refuse(&self, address: impl fmt::Display) {
        self.set_fault(&address, Some(Fault::Refuses));
    }

    /// Lets attempts to connect to this address come to nothing, as a firewall does that drops
    /// packets.
    pub fn swallow(&self, address: impl fmt::Display) {
        self.set_fault(&address, Some(Fault::Swallows));
    }

    /// Lets attempts to connect to this address fail at once, as without a route.
    pub fn make_unreachable(&self, address: impl fmt::Display) {
        self.set_fault(&address, Some(Fault::Unreachable));
    }

    /// Takes back what the three above have done.
    pub fn restore(&self, address: impl fmt::Display) {
        self.set_fault(&address, None);
    }

    fn set_fault(&self, address: &dyn fmt::Display, fault: Option<Fault>) {
        let place = parse(&self.network, address);
        self.network.borrow_mut().set_fault(place, fault);
    }
}

/// The operating system.
impl Simulation {
    /// How many sockets the reactor may have from now on. One more fails with the error of a
    /// process that is out of file descriptors.
    pub fn limit_descriptors(&self, limit: usize) {
        self.network.borrow_mut().limit_descriptors(limit);
    }

    /// How many sockets the reactor has: listening, connecting and connected.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.network.borrow().descriptors()
    }

    /// Sends SIGINT. Returns whether the reactor takes it, which it does once in a
    /// [`Reactor::run`]: by a second one, or by one that comes when no loop runs, a real program
    /// would end. One that is [ignored](Self::ignore_interrupt) is not taken either.
    pub fn interrupt(&self) -> bool {
        self.network.borrow_mut().signal(driver::Signal::Interrupt)
    }

    /// Sends SIGTERM; see [`interrupt`](Self::interrupt). The reactor takes a second one too, by
    /// which it ends a stop at once.
    pub fn terminate(&self) -> bool {
        self.network.borrow_mut().signal(driver::Signal::Terminate)
    }

    /// Sends a signal that is not one to stop by. Returns whether the reactor takes it: whether
    /// [`Reactor::on_signal`] has set something for it.
    pub fn signal(&self, signal: Signal) -> bool {
        self.network.borrow_mut().signal(signal.into())
    }

    /// Ignores SIGINT from now on, as a program does that a script has started in the background.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use reactor::testing::Simulation;
    /// let simulation = Simulation::new();
    /// simulation.ignore_interrupt();
    /// let network = simulation.clone();
    /// let ctrl_c = move || assert!(!network.interrupt());
    /// simulation.reactor().call_later(Duration::from_secs(1), ctrl_c);
    /// simulation.reactor().call_later(Duration::from_secs(60), || ());
    /// simulation.reactor().run()?;
    /// assert_eq!(simulation.elapsed(), Duration::from_secs(60)); // it was not stopped
    /// # Ok::<(), reactor::RunError>(())
    /// ```
    pub fn ignore_interrupt(&self) {
        self.network.borrow_mut().ignore(driver::Signal::Interrupt);
    }

    /// Ignores SIGTERM from now on; see [`ignore_interrupt`](Self::ignore_interrupt).
    pub fn ignore_terminate(&self) {
        self.network.borrow_mut().ignore(driver::Signal::Terminate);
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("elapsed", &self.elapsed())
            .field("is_busy", &self.network.borrow().is_busy())
            .field("reactor", &self.reactor)
            .finish_non_exhaustive()
    }
}

/// The address by which the network knows a place.
fn parse(network: &RefCell<Network>, address: &dyn fmt::Display) -> SocketAddr {
    let text = address.to_string();
    let place = text.parse().ok();
    let place = place.and_then(|address| network.borrow_mut().place(&address).ok());
    place.unwrap_or_else(|| {
        panic!("{text:?} is not an IP address and a port, nor a UNIX socket as unix:/run/chat.sock")
    })
}
