//! A UDP socket, as a protocol and its program hold it.
//!
//! ```text
//!   send_to ──────────────▶ socket        at once: a full one does not take it, and nothing is kept
//!   socket ──▶ sources/udp.rs ──▶ protocol
//!   stop_listening ──▶ closed at once ──end of the turn──▶ stop_protocol
//! ```
//!
//! The socket is borrowed for one system call only, and never while a consumer's code runs.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::rc::Weak;

use super::multicast::MulticastInterface;
use super::not_sent::NotSent;
use crate::driver::{DatagramOption, DatagramSocket};
use crate::engine::Engine;
use crate::engine::table::Token;
use crate::reason::Reason;

/// The longest datagrams: 65,535 bytes of a packet, less the header of UDP (RFC 768) and over IPv4 that of IP.
const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

/// EMSGSIZE, which has no `ErrorKind` in the oldest Rust that this compiles with.
const MESSAGE_TOO_LONG: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    90
} else {
    40
};

/// ENOBUFS: the queue of the interface is full, which Linux reports for some interfaces only.
const NO_BUFFERS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    105
} else {
    55
};

/// A UDP socket: what a [`DatagramProtocol`](super::DatagramProtocol) sends with.
///
/// Cheap to clone, and every clone is the same socket. Dropping it does not close the socket. All methods may be
/// called at any time, also in callbacks, and call nothing themselves. After the end they do nothing.
///
/// A datagram is sent at once, in one system call. When the socket has no room, or the network cannot be reached, the
/// datagram is lost and [counted](Self::dropped): it is not buffered, because a protocol on UDP has to stand a loss
/// anyway, and an old datagram is worth less than the next one.
#[derive(Clone)]
pub struct DatagramTransport(Rc<Shared>);

struct Shared {
    engine: Weak<Engine>,
    token: Token,
    /// `None` when it has ended.
    socket: RefCell<Option<Box<dyn DatagramSocket>>>,
    local: Cell<SocketAddr>,
    peer: Cell<Option<SocketAddr>>,
    max_packet_size: Cell<usize>,
    dropped: Cell<u64>,
    oversized: Cell<u64>,
    /// A refusal was reported, and the protocol was not called for it.
    refused: Cell<bool>,
    /// Why it has ended, for `stop_protocol`.
    reason: RefCell<Option<Reason>>,
}

/// What a receive has given.
pub(crate) enum Received {
    /// So many bytes of the buffer.
    Datagram(usize, SocketAddr),
    /// One that is not for the protocol.
    Ignored(usize),
}

/// Sending.
impl DatagramTransport {
    /// Sends a datagram, at once. Returns whether the operating system took it; the first one that it did not take
    /// is logged, with the reason, and all are [counted](Self::dropped).
    pub fn send_to(&self, data: &[u8], to: SocketAddr) -> bool {
        self.is_sent(self.try_send_to(data, to))
    }

    /// As [`send_to`](Self::send_to), to the peer that this is [connected](Self::connect) to.
    pub fn send(&self, data: &[u8]) -> bool {
        self.is_sent(self.try_send(data))
    }

    /// As [`send_to`](Self::send_to), for a program that needs to know why a datagram was not sent. Nothing is
    /// logged.
    ///
    /// # Errors
    ///
    /// See [`NotSent`].
    pub fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), NotSent> {
        self.counted(self.transmit(data, Some(to)))
    }

    /// As [`send`](Self::send), for a program that needs to know why a datagram was not sent. Nothing is logged.
    ///
    /// # Errors
    ///
    /// See [`NotSent`].
    pub fn try_send(&self, data: &[u8]) -> Result<(), NotSent> {
        self.counted(self.transmit(data, None))
    }

    /// How many datagrams were not sent, for whatever reason, while the socket was open. One that is lost in the
    /// network is not known here.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.get()
    }

    fn transmit(&self, data: &[u8], to: Option<SocketAddr>) -> Result<(), NotSent> {
        let mut socket = self.0.socket.borrow_mut();
        let Some(socket) = &mut *socket else {
            return Err(NotSent::Stopped);
        };
        let to = match (to, self.0.peer.get()) {
            (None, None) => return Err(NotSent::NotConnected),
            (Some(to), Some(peer)) if !are_same(to, peer) => return Err(NotSent::OtherPeer(peer)),
            (to, None) => to,
            (_, Some(_)) => None,
        };
        let too_long = NotSent::TooLong { bytes: data.len() };
        let longest = if self.local_addr().is_ipv4() {
            LONGEST_V4
        } else {
            LONGEST_V6
        };
        if data.len() > longest {
            return Err(too_long);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let Err(error) = socket.send_to(data, to) else {
                return Ok(());
            };
            match (error.kind(), error.raw_os_error()) {
                (io::ErrorKind::Interrupted, _) => {}
                // It is about a datagram that was sent before, and is reported once; this one was not tried yet.
                (io::ErrorKind::ConnectionRefused, _) if tries < 3 => self.note_refused(),
                (io::ErrorKind::WouldBlock, _) | (_, Some(NO_BUFFERS)) => {
                    return Err(NotSent::SocketFull);
                }
                (_, Some(MESSAGE_TOO_LONG)) => return Err(too_long),
                _ => return Err(NotSent::Io(error)),
            }
        }
    }

    fn counted(&self, result: Result<(), NotSent>) -> Result<(), NotSent> {
        if let Err(NotSent::Stopped) | Ok(()) = result {
            return result;
        }
        self.0.dropped.set(self.0.dropped.get() + 1);
        result
    }

    fn is_sent(&self, result: Result<(), NotSent>) -> bool {
        if let Err(why) = &result
            && self.dropped() == 1
        {
            let local = self.local_addr();
            log::warn!("{local} dropped a datagram, and will count others without a line: {why}");
        }
        result.is_ok()
    }
}

/// The socket.
impl DatagramTransport {
    /// Where the socket is bound, with the port that the operating system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local.get()
    }

    /// The peer that it is connected to.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer.get()
    }

    /// Connects the socket to one peer: from now on only its datagrams are received, [`send`](Self::send) sends to
    /// it, and a refusal is [reported](super::DatagramProtocol::connection_refused). Nothing is sent by this. Another
    /// call changes the peer.
    ///
    /// # Errors
    ///
    /// When there is no route to the peer, it has the other family of addresses, or the transport was stopped.
    pub fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        let mut socket = self.0.socket.borrow_mut();
        let socket = socket.as_mut().ok_or_else(stopped)?;
        socket.connect(peer)?;
        self.0.peer.set(Some(peer));
        // Of one that is bound to every address, the operating system chooses one now.
        self.0.local.set(socket.local_addr()?);
        Ok(())
    }

    /// Passes on no datagrams that are longer than this, in bytes; a protocol knows how long its own are. At the
    /// beginning all are passed on, so nothing is ever cut off. Longer ones are [counted](Self::oversized), and
    /// the first is logged.
    pub fn set_max_packet_size(&self, bytes: usize) {
        self.0.max_packet_size.set(bytes);
    }

    /// How many datagrams were longer than [`set_max_packet_size`](Self::set_max_packet_size) allows, and were
    /// not passed on.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.0.oversized.get()
    }

    /// Whether the socket is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.socket.borrow().is_some()
    }

    /// Closes the socket at once, which frees the address. `stop_protocol` is called at the end of the turn, and no
    /// other callback before it. Does nothing when it was called before, or the loop has stopped.
    pub fn stop_listening(&self) {
        self.end(Reason::LocalClosed);
    }
}

/// Broadcast and multicast. Each method fails as the operating system does, or after the end.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above, for all of them"
)]
impl DatagramTransport {
    /// Allows, or forbids, to send to broadcast addresses. Forbidden at the beginning.
    pub fn set_broadcast_allowed(&self, allowed: bool) -> io::Result<()> {
        self.set(DatagramOption::Broadcast(allowed))
    }

    /// Receives what is sent to a multicast group from now on. The group has the family of the socket's address.
    pub fn join_group(&self, group: IpAddr, interface: MulticastInterface) -> io::Result<()> {
        self.set(DatagramOption::Join(group, interface))
    }

    /// The opposite of [`join_group`](Self::join_group), with the same arguments.
    pub fn leave_group(&self, group: IpAddr, interface: MulticastInterface) -> io::Result<()> {
        self.set(DatagramOption::Leave(group, interface))
    }

    /// Whether what is sent to groups comes back to this machine. It does at the beginning.
    #[doc(alias = "set_loopback_mode")]
    pub fn set_multicast_loopback(&self, comes_back: bool) -> io::Result<()> {
        self.set(DatagramOption::Loopback(comes_back))
    }

    /// How many routers what is sent to groups may pass, plus one: 1 at the beginning, which is this network only.
    #[doc(alias = "set_ttl")]
    pub fn set_multicast_ttl(&self, ttl: u8) -> io::Result<()> {
        self.set(DatagramOption::Ttl(ttl))
    }

    /// Through which interface what is sent to groups leaves: for IPv4 by its address, for IPv6 by its number.
    #[doc(alias = "set_outgoing_interface")]
    pub fn set_multicast_interface(&self, interface: MulticastInterface) -> io::Result<()> {
        self.set(DatagramOption::Interface(interface))
    }

    fn set(&self, option: DatagramOption) -> io::Result<()> {
        let mut socket = self.0.socket.borrow_mut();
        socket.as_mut().ok_or_else(stopped)?.set(option)
    }
}

/// What its source needs.
impl DatagramTransport {
    pub(crate) fn new(
        engine: &Rc<Engine>,
        token: Token,
        socket: Box<dyn DatagramSocket>,
    ) -> io::Result<Self> {
        let local = socket.local_addr()?;
        Ok(Self(Rc::new(Shared {
            engine: Rc::downgrade(engine),
            token,
            socket: RefCell::new(Some(socket)),
            local: Cell::new(local),
            peer: Cell::new(None),
            max_packet_size: Cell::new(usize::MAX),
            dropped: Cell::new(0),
            oversized: Cell::new(0),
            refused: Cell::new(false),
            reason: RefCell::new(None),
        })))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut socket = self.0.socket.borrow_mut();
        let Some(socket) = &mut *socket else {
            return Err(io::ErrorKind::WouldBlock.into()); // nothing comes any more
        };
        let (length, from) = socket.recv_from(buffer)?;
        // What was received before it was connected is still in the operating system's queue.
        if self.0.peer.get().is_some_and(|peer| !are_same(peer, from)) {
            return Ok(Received::Ignored(length));
        }
        if length > self.0.max_packet_size.get() {
            self.note_oversized(length, from);
            return Ok(Received::Ignored(length));
        }
        Ok(Received::Datagram(length, from))
    }

    #[cold]
    fn note_oversized(&self, length: usize, from: SocketAddr) {
        let count = self.0.oversized.get() + 1;
        self.0.oversized.set(count);
        if count == 1 {
            let (local, most) = (self.local_addr(), self.0.max_packet_size.get());
            log::warn!(
                "{local} ignores a datagram of {length} bytes from {from}, and will count others without a line: \
                 at most {most} bytes are allowed"
            );
        }
    }

    /// Notes a refusal for the protocol, and has the loop look at it.
    pub(crate) fn note_refused(&self) {
        self.0.refused.set(true);
        // Does nothing while the source is served, which looks by itself.
        if let Some(engine) = self.0.engine.upgrade() {
            engine.wake(self.0.token);
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.0.refused.get()
    }

    pub(crate) fn take_refused(&self) -> bool {
        self.0.refused.take()
    }

    /// Closes the socket. Returns whether it was open.
    pub(crate) fn close(&self) -> bool {
        self.0.socket.take().is_some()
    }

    /// Closes the socket, and has the protocol stopped at the end of the turn.
    pub(crate) fn end(&self, reason: Reason) {
        if !self.close() {
            return;
        }
        self.0.reason.replace(Some(reason));
        if let Some(engine) = self.0.engine.upgrade() {
            engine.lose(self.0.token);
        }
    }

    /// Why it has ended.
    pub(crate) fn take_reason(&self) -> Option<Reason> {
        self.0.reason.take()
    }
}

/// The same socket: what an IPv6 address has beside it, the flow, is not part of the place.
fn are_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip() == other.ip()
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the transport was stopped")
}

impl fmt::Debug for DatagramTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramTransport")
            .field("local", &self.local_addr())
            .field("peer", &self.peer_addr())
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}
