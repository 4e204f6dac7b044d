//! The network: a clock, an agenda of what happens when, and which socket is reached at which address.
//!
//! Nothing happens but by the agenda, and the clock goes only when the driver waits, so whatever
//! one turn of the loop does, it does in one moment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use super::conditions::Conditions;
use super::datagram_end::{Datagrams, OnItsWay};
use super::end::{End, EndId, Owner};
use super::events::Source;
use super::names::{Names, stands_for_unix};
use super::places::{any_of, collide, is_every_address};
use super::random::Random;
use crate::driver::Readiness;
use crate::driver::Signal;
use crate::engine::table::Token;
use crate::time::{self, Instant};

/// The error number of a process that has no file descriptor left, which has no `ErrorKind`.
const EMFILE: i32 = 24;

/// Ports that the network chooses itself, as Linux does for clients.
const FIRST_FREE_PORT: u16 = 32768;

/// How many tokens of closed connections are remembered, for events that come too late.
const LATE_TOKENS: usize = 8;

/// What the clock on the wall shows at the beginning: 1 January 2000, 00:00:00 UTC. Always the same, so
/// that a seed gives the same `Date` lines again; and a date at which nobody takes it for today's.
const WALL_BEGINS: Duration = Duration::from_secs(946_684_800);

pub(crate) type PortId = u64;

/// What is to happen at some time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A segment of what an end has sent arrives.
    Carry(EndId),
    /// A client's first packet arrives at its server.
    Syn(EndId),
    /// The server's answer arrives at the client.
    Established(EndId),
    /// Nobody listens.
    Refused(EndId),
    /// The other end has not answered for too long.
    Silence(EndId),
    /// A reset arrives at an end, behind these last bytes.
    Reset(EndId, Vec<u8>),
    /// Of a datagram.
    Datagram(OnItsWay),
}

/// What becomes of attempts to connect to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refused, even if a port listens there.
    Refuses,
    /// Nothing comes back, not even a refusal.
    Swallows,
    /// There is no route, which is known at once.
    Unreachable,
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    /// Where events go; a test looks by itself.
    pub(super) token: Option<Token>,
    pub(super) backlog: VecDeque<EndId>,
    pub(super) news: bool,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(super) began: Instant,
    pub(super) now: Instant,
    /// What the clock on the wall showed at `began`, or would have, had it not been set since.
    pub(super) wall_began: SystemTime,
    pub(super) random: Random,
    pub(super) conditions: Conditions,
    agenda: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    pub(super) ends: BTreeMap<EndId, End>,
    pub(super) ports: BTreeMap<PortId, Port>,
    pub(super) datagrams: Datagrams,
    pub(super) faults: BTreeMap<SocketAddr, Fault>,
    pub(super) hosts: BTreeMap<String, Vec<IpAddr>>,
    pub(super) names: Names,
    pub(super) with_news: Vec<Source>,
    /// Tokens whose sockets were closed lately.
    pub(super) closed: VecDeque<Token>,
    /// How many sockets the reactor holds, and may hold.
    pub(super) descriptors: usize,
    pub(super) descriptor_limit: usize,
    pub(super) takes_signals: bool,
    pub(super) signals: Vec<Signal>,
    /// Signals that the program watches.
    pub(super) watched: Vec<Signal>,
    /// Signals that the parent of the program has set to be ignored.
    pub(super) ignored: Vec<Signal>,
    /// Whether the loop was interrupted since it takes signals.
    pub(super) interrupted: bool,
    last_id: u64,
    last_port: u16,
}

impl Network {
    pub(super) fn new(conditions: Conditions, seed: u64) -> Self {
        let now = time::now();
        let localhost = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Self {
            began: now,
            now,
            wall_began: SystemTime::UNIX_EPOCH + WALL_BEGINS,
            random: Random::new(seed),
            conditions,
            agenda: BinaryHeap::new(),
            ends: BTreeMap::new(),
            ports: BTreeMap::new(),
            datagrams: BTreeMap::new(),
            faults: BTreeMap::new(),
            hosts: BTreeMap::from([("localhost".to_owned(), localhost)]),
            names: Names::default(),
            with_news: Vec::new(),
            closed: VecDeque::new(),
            descriptors: 0,
            descriptor_limit: usize::MAX,
            takes_signals: false,
            signals: Vec::new(),
            watched: Vec::new(),
            ignored: Vec::new(),
            interrupted: false,
            last_id: 0,
            last_port: FIRST_FREE_PORT - 1,
        }
    }

    pub(super) fn surprise(&mut self) -> bool {
        self.random.chance(self.conditions.surprises)
    }

    /// A call that a signal has interrupted, now and then.
    pub(super) fn interrupt(&mut self) -> io::Result<()> {
        if self.surprise() && self.surprise() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Counts a socket of the reactor, if it may have another.
    pub(super) fn take_descriptor(&mut self) -> io::Result<()> {
        if self.descriptors >= self.descriptor_limit {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        self.descriptors += 1;
        Ok(())
    }

    pub(super) fn give_descriptor(&mut self, token: Token) {
        self.descriptors -= 1;
        self.closed.push_back(token);
        if self.closed.len() > LATE_TOKENS {
            self.closed.pop_front();
        }
    }
}

/// The agenda.
impl Network {
    /// Lets something happen after the network's latency.
    pub(super) fn later(&mut self, happening: Happening) {
        let latency = self.random.duration_within(&self.conditions.latency);
        self.after(latency, happening);
    }

    pub(super) fn after(&mut self, time: Duration, happening: Happening) {
        // The number breaks ties, so that what was begun first happens first, in every run.
        let id = self.new_id();
        let time = self.now.checked_add(time).unwrap_or(self.now);
        self.agenda.push(Reverse((time, id, happening)));
    }

    /// When the next thing happens.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.agenda.peek().map(|Reverse((time, ..))| *time)
    }

    /// Does everything that has come by now.
    pub(super) fn catch_up(&mut self) {
        while self.next_time().is_some_and(|time| time <= self.now) {
            let Some(Reverse((_, _, happening))) = self.agenda.pop() else {
                return;
            };
            match happening {
                Happening::Carry(from) => self.carry(from),
                Happening::Syn(client) => self.syn(client),
                Happening::Established(client) => self.established(client),
                Happening::Refused(client) => {
                    self.break_end(client, io::ErrorKind::ConnectionRefused);
                }
                Happening::Silence(end) => self.break_end(end, io::ErrorKind::TimedOut),
                Happening::Reset(to, last_words) => self.reset(to, &last_words),
                Happening::Datagram(what) => self.datagram_happens(what),
            }
        }
    }
}

/// Addresses.
impl Network {
    pub(crate) fn listen(
        &mut self,
        mut address: SocketAddr,
        token: Option<Token>,
    ) -> io::Result<(PortId, SocketAddr)> {
        if address.port() == 0 {
            address.set_port(self.free_port());
        } else if self
            .ports
            .values()
            .any(|port| collide(port.address, address))
        {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if token.is_some() {
            self.take_descriptor()?;
        }
        let port = Port {
            address,
            token,
            backlog: VecDeque::new(),
            news: false,
        };
        let id = self.new_id();
        self.ports.insert(id, port);
        Ok((id, address))
    }

    pub(super) fn free_port(&mut self) -> u16 {
        self.last_port = self.last_port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
        self.last_port
    }

    /// Who is not accepted when the port is closed is reset.
    pub(crate) fn stop_listening(&mut self, id: PortId) {
        let Some(port) = self.ports.remove(&id) else {
            return;
        };
        if let Some(token) = port.token {
            self.give_descriptor(token);
        }
        for end in port.backlog {
            self.reset_and_close(end);
        }
    }

    pub(crate) fn connect(
        &mut self,
        owner: Owner,
        from: Option<IpAddr>,
        address: SocketAddr,
    ) -> io::Result<EndId> {
        let fault = self.faults.get(&address).copied();
        if fault == Some(Fault::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        if let Owner::Loop(_) = owner {
            self.take_descriptor()?;
        }
        let from = from.unwrap_or(match address.ip() {
            _ if stands_for_unix(address) => Names::nobody(),
            ip => any_of(ip),
        });
        let local = SocketAddr::new(from, self.free_port());
        let id = self.new_end(owner, local, address);
        if fault != Some(Fault::Swallows) {
            self.later(Happening::Syn(id));
        }
        Ok(id)
    }

    pub(super) fn new_end(&mut self, owner: Owner, local: SocketAddr, remote: SocketAddr) -> EndId {
        let id = self.new_id();
        let mut end = End::new(owner, local, remote);
        end.window = self
            .random
            .size_within(&self.conditions.receive_buffer)
            .max(1);
        end.window_step = self.random.size_within(&self.conditions.window_step);
        end.capacity = self.random.size_within(&self.conditions.send_buffer).max(1);
        self.ends.insert(id, end);
        id
    }

    fn syn(&mut self, client: EndId) {
        let Some((local, remote)) = self.ends.get(&client).map(|end| (end.local, end.remote))
        else {
            return;
        };
        let refuses = self.faults.get(&remote) == Some(&Fault::Refuses);
        match self.port_at(remote) {
            Some(port) if !refuses => self.open(client, port, remote, local),
            None if local == remote && !refuses => self.meet_itself(client),
            _ => self.later(Happening::Refused(client)),
        }
    }

    /// An end that was given the very port that it connects to is connected to itself.
    fn meet_itself(&mut self, client: EndId) {
        if let Some(end) = self.ends.get_mut(&client) {
            end.other = client;
        }
        self.later(Happening::Established(client));
    }

    fn port_at(&self, address: SocketAddr) -> Option<PortId> {
        let listens = |port: &Port| {
            let at = port.address;
            at == address || is_every_address(at, address)
        };
        let mut ports = self.ports.iter();
        ports.find(|(_, port)| listens(port)).map(|(id, _)| *id)
    }

    fn open(&mut self, client: EndId, port: PortId, local: SocketAddr, remote: SocketAddr) {
        let server = self.new_end(Owner::Backlog, local, remote);
        if let Some(end) = self.ends.get_mut(&server) {
            end.other = client;
            end.established = true;
        }
        if let Some(end) = self.ends.get_mut(&client) {
            end.other = server;
        }
        self.later(Happening::Established(client));
        if let Some(port) = self.ports.get_mut(&port) {
            port.backlog.push_back(server);
        }
        self.port_has_news(port);
    }

    /// The next connection of a backlog. One that is already gone may be skipped.
    pub(crate) fn accept(&mut self, port: PortId, owner: Owner) -> io::Result<(EndId, SocketAddr)> {
        let backlog = self.ports.get(&port).map(|port| &port.backlog);
        let Some(id) = backlog.and_then(|backlog| backlog.front().copied()) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        if let Owner::Loop(_) = owner {
            self.take_descriptor()?;
        }
        if let Some(port) = self.ports.get_mut(&port) {
            port.backlog.pop_front();
        }
        let aborted = self.surprise();
        match self.ends.get_mut(&id) {
            Some(end) if !(end.broken && aborted) => {
                end.owner = owner;
                let (level, peer, other) = (end.level(), end.remote, end.other);
                if owner == (Owner::Script { reads: true }) {
                    end.read_all();
                    self.carry_later(other);
                }
                // Being registered is news of everything that is true.
                self.news(id, level);
                Ok((id, peer))
            }
            _ => {
                self.ends.remove(&id);
                self.descriptors -= usize::from(matches!(owner, Owner::Loop(_)));
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    pub(super) fn established(&mut self, client: EndId) {
        let Some(end) = self.ends.get_mut(&client) else {
            return;
        };
        if !end.established && !end.broken {
            end.established = true;
            self.news(client, Readiness::WRITABLE);
            self.carry_later(client);
        }
    }
}
