//! A network in memory, with a clock of its own.
//!
//! ```text
//!   mod.rs         the driver: waiting moves the clock to the next thing that happens
//!   network.rs     what happens when, and what is reached where
//!   events.rs      what a wait returns
//!   end.rs         one end of a connection: two buffers and flags
//!   carriage.rs    how bytes, ends of streams and resets get from one end to the other
//!   datagram_end.rs, datagrams.rs   sockets for datagrams, and how these get from one to others
//!   places.rs      which addresses mean one place
//!   names.rs       what has no IP address
//!   stdio.rs       the standard input and output
//!   socket.rs      the sockets that the reactor holds
//!   script.rs      the ends that a test plays
//!   conditions.rs  what kind of network it is
//!   random.rs      chance, by a seed
//! ```
//!
//! Nothing here asks the operating system for anything but a moment at which the clock begins, of
//! which only differences are seen; the clock on the wall begins at the same date each time. So the
//! same seed gives the same run. Events are edge-triggered and mean what they mean with epoll: one comes
//! when something has arrived, or when there is room again after a write came short, and says all
//! that is true by then.

mod carriage;
mod conditions;
mod datagram_end;
mod datagrams;
mod end;
mod events;
mod names;
mod network;
mod places;
mod random;
mod script;
mod socket;
mod stdio;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use self::datagrams::SimulatedDatagrams;
use self::socket::{SimulatedListener, SimulatedStream};
use super::{
    Clock, ConnectOptions, DatagramSocket, Descriptors, Driver, ListenOptions, Listener, Readiness,
    Ready, Resolution, Signal, Stream, Wake, WallClock,
};
use crate::address::Address;
#[cfg(unix)]
use crate::adopted::{AdoptedListener, AdoptedStream};
use crate::engine::table::Token;
use crate::time::Instant;

pub use self::conditions::Conditions;
pub(crate) use self::datagram_end::DatagramId;
pub(crate) use self::end::{EndId, Owner};
pub(crate) use self::network::{Fault, Network, PortId};

/// After this many waits at one moment, each takes a microsecond: a loop that always has something to
/// do must not stop the clock for everything else.
const TURNS_A_MOMENT: u32 = 1000;

pub(crate) struct SimulatedDriver {
    network: Rc<RefCell<Network>>,
    waker: Arc<SimulatedWaker>,
    /// How many waits have ended at this moment.
    turns: u32,
}

/// A flag that other threads set, and that the loop can wait for.
#[derive(Default)]
struct SimulatedWaker {
    woken: Mutex<bool>,
    condition: Condvar,
}

impl SimulatedDriver {
    pub(crate) fn new(conditions: Conditions, seed: u64) -> (Self, Rc<RefCell<Network>>) {
        let network = Rc::new(RefCell::new(Network::new(conditions, seed)));
        let driver = Self {
            network: Rc::clone(&network),
            waker: Arc::default(),
            turns: 0,
        };
        (driver, network)
    }

    fn reports(&self, ready: &mut Vec<Ready>) -> bool {
        let mut network = self.network.borrow_mut();
        network.catch_up();
        network.report(ready);
        !ready.is_empty() || !network.signals.is_empty() || self.waker.take()
    }

    /// The time that a turn takes which does not sleep.
    fn take_time(&mut self) {
        self.turns += 1;
        let mut network = self.network.borrow_mut();
        if self.turns > TURNS_A_MOMENT || network.surprise() {
            network.now += Duration::from_micros(1);
        }
    }
}

impl Descriptors for SimulatedDriver {
    /// When the kernel has something for a descriptor is not a matter of virtual time, nor the same in
    /// each run.
    #[cfg(unix)]
    fn watch(
        &mut self,
        _: BorrowedFd<'_>,
        _: Token,
        _: Readiness,
        now: Readiness,
    ) -> io::Result<()> {
        match now {
            Readiness::NONE => Ok(()),
            _ => Err(has_no_descriptors()),
        }
    }

    #[cfg(unix)]
    fn adopt(
        &mut self,
        _: AdoptedStream,
        _: Option<Duration>,
        _: Token,
    ) -> io::Result<(Box<dyn Stream>, Readiness)> {
        Err(has_no_descriptors())
    }

    #[cfg(unix)]
    fn adopt_listener(
        &mut self,
        _: AdoptedListener,
        _: Option<Duration>,
        _: Token,
    ) -> io::Result<Box<dyn Listener>> {
        Err(has_no_descriptors())
    }

    #[cfg(all(feature = "process", unix))]
    fn spawn(&mut self, _: &mut std::process::Command) -> io::Result<std::process::Child> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a simulation starts no processes",
        ))
    }

    #[cfg(unix)]
    fn descriptor(&self) -> io::Result<OwnedFd> {
        Err(has_no_descriptors())
    }
}

impl Driver for SimulatedDriver {
    fn now(&self) -> Instant {
        self.network.borrow().now
    }

    fn clock(&self) -> Clock {
        let network = Rc::clone(&self.network);
        Box::new(move || network.borrow().now)
    }

    fn wall_clock(&self) -> WallClock {
        let network = Rc::clone(&self.network);
        Rc::new(move || network.borrow().wall())
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        others_may_wake: bool,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            // Only a look: the clock may not move on to what is due next, as it does below.
            self.take_time();
            self.reports(ready);
            return Ok(());
        }
        let deadline = timeout.and_then(|timeout| self.now().checked_add(timeout));
        while !self.reports(ready) {
            let next = self.network.borrow().next_time();
            let Some(time) = next.into_iter().chain(deadline).min() else {
                if !others_may_wake {
                    return Err(nothing_will_happen());
                }
                // Other threads are real ones, and so is the time that they take.
                self.waker.wait();
                return Ok(());
            };
            self.turns = 0;
            let mut network = self.network.borrow_mut();
            if deadline.is_some_and(|deadline| network.now >= deadline) {
                return Ok(());
            }
            network.now = network.now.max(time);
        }
        Ok(())
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        let mut network = self.network.borrow_mut();
        let place = network.names.place(address)?;
        let (port, address) = network.listen(place, Some(token))?;
        drop(network);
        let network = Rc::clone(&self.network);
        Ok(Box::new(SimulatedListener {
            network,
            port,
            address,
            keepalive: options.keepalive,
        }))
    }

    fn bind_datagrams(
        &mut self,
        address: SocketAddr,
        is_shared: bool,
        token: Token,
    ) -> io::Result<Box<dyn DatagramSocket>> {
        let mut network = self.network.borrow_mut();
        let id = network.bind_datagrams(address, is_shared, Some(token))?;
        drop(network);
        let network = Rc::clone(&self.network);
        Ok(Box::new(SimulatedDatagrams { network, id }))
    }

    fn descriptor_limit(&self) -> usize {
        self.network.borrow().descriptor_limit
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        let owner = Owner::Loop(token);
        let mut network = self.network.borrow_mut();
        let place = network.names.place(address)?;
        let end = network.connect(owner, options.bind_address, place)?;
        network.keep_alive(end, options.keepalive);
        drop(network);
        let network = Rc::clone(&self.network);
        Ok(Box::new(SimulatedStream { network, end }))
    }

    fn stdio(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Readiness)> {
        let (end, early) = self.network.borrow_mut().take_stdio(token)?;
        let network = Rc::clone(&self.network);
        Ok((Box::new(SimulatedStream { network, end }), early))
    }

    fn resolve(&mut self, host: &str, port: u16) -> Resolution {
        Resolution::Known(self.network.borrow().resolve(host, port))
    }

    fn random(&mut self) -> u64 {
        self.network.borrow_mut().random.next()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::clone(&self.waker) as Arc<dyn Wake>
    }

    fn take_signals(&mut self, take: bool) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.takes_signals = take;
        network.interrupted = false;
        network
            .signals
            .retain(|signal| !Signal::THAT_STOP.contains(signal));
        Ok(())
    }

    fn watch_signal(&mut self, signal: Signal, watch: bool) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.watched.retain(|watched| *watched != signal);
        if watch {
            network.watched.push(signal);
        }
        Ok(())
    }

    fn signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.network.borrow_mut().signals)
    }
}

#[cfg(unix)]
fn has_no_descriptors() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "a simulation has no descriptors of the operating system",
    )
}

/// A real loop would sleep for ever.
fn nothing_will_happen() -> io::Error {
    io::Error::new(
        io::ErrorKind::Deadlock,
        "nothing will ever happen: no timer is set, and nothing is on its way in the network",
    )
}

/// The end of the year 9999, beyond which HTTP has no dates: virtual time gets there in a test that waits
/// for what never comes.
fn last_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

impl SimulatedWaker {
    fn take(&self) -> bool {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sleeps, in real time, until another thread wakes the loop.
    fn wait(&self) {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = self.condition.wait_while(woken, |woken| !*woken);
        *woken.unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl Wake for SimulatedWaker {
    fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_one();
    }
}

/// What a test does to the network.
impl Network {
    /// The time since the simulation began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    /// What the clock on the wall shows.
    pub(crate) fn wall(&self) -> SystemTime {
        let wall = self.wall_began.checked_add(self.elapsed());
        wall.map_or(self.wall_began, |wall| wall.min(last_date()))
    }

    /// Sets the clock on the wall, and no other: nothing becomes due by it.
    pub(crate) fn set_wall(&mut self, wall: SystemTime) {
        // As it would have shown at the beginning, so that setting it costs no second clock.
        self.wall_began = wall.checked_sub(self.elapsed()).unwrap_or(wall);
    }

    /// The clock goes on, and with it what happens in the network.
    pub(crate) fn spend(&mut self, duration: Duration) {
        let end = self.now.checked_add(duration).unwrap_or(self.now);
        while let Some(time) = self.next_time().filter(|time| *time <= end) {
            self.now = self.now.max(time);
            self.catch_up();
        }
        self.now = end;
    }

    /// Whether anything is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.has_news() || self.next_time().is_some()
    }

    /// Whether anything happens at this moment.
    pub(crate) fn is_busy_now(&self) -> bool {
        self.has_news() || self.next_time().is_some_and(|time| time <= self.now)
    }

    /// When the next thing happens, from now.
    pub(crate) fn next_in(&self) -> Option<Duration> {
        let time = self.next_time()?;
        Some(time.saturating_duration_since(self.now))
    }

    pub(crate) fn add_host(&mut self, name: &str, addresses: &[IpAddr]) {
        self.hosts.insert(name.to_lowercase(), addresses.to_vec());
    }

    pub(crate) fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self.hosts.get(&host.to_lowercase()) {
            Some(ips) => Ok(ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no host {host}"),
            )),
        }
    }

    pub(crate) fn set_fault(&mut self, address: SocketAddr, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.faults.insert(address, fault),
            None => self.faults.remove(&address),
        };
    }

    pub(crate) fn limit_descriptors(&mut self, limit: usize) {
        self.descriptor_limit = limit;
    }

    pub(crate) fn descriptors(&self) -> usize {
        self.descriptors
    }

    /// Returns whether the loop takes it. A second SIGINT is not for the loop: it ends a process.
    pub(crate) fn signal(&mut self, signal: Signal) -> bool {
        let stops = self.takes_signals && !self.ignored.contains(&signal);
        let is_taken = match signal {
            Signal::Interrupt => stops && !std::mem::replace(&mut self.interrupted, true),
            Signal::Terminate => stops,
            watched => self.watched.contains(&watched),
        };
        // A signal that waits already is not counted twice, as the system's are not.
        if is_taken && !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
        is_taken
    }

    pub(crate) fn ignore(&mut self, signal: Signal) {
        self.ignored.push(signal);
    }

    pub(crate) fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }
}
