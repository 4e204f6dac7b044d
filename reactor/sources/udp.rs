//! A UDP socket in the loop's hands, with its protocol.
//!
//! ```text
//!   listen_udp ──▶ in line ──▶ start_protocol ──▶ receive, datagram_received, receive, … ──▶ WouldBlock
//!                                    ▲                        │ its share of the turn is used up
//!                                    └────── later ◀──────────┘
//! ```
//!
//! Readiness is edge-triggered, so it is received from until `WouldBlock`: for n datagrams n + 1 calls. Where the
//! share ends before, the source goes on behind the others, in the same turn if that has time.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;

use super::cannot_listen::CannotListen;
use crate::contained::Contained;
use crate::datagram::{DatagramProtocol, DatagramTransport, Received};
use crate::driver::Readiness;
use crate::engine::budget::READ;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::observe::{Callback, Cause};
use crate::reason::Reason;

/// A socket that fails this often in a row, other than by a refusal, is broken: the ICMP messages that
/// arrive in one turn, which are such errors as well, are fewer.
const FAILURES: u32 = 16;

/// A socket and its protocol.
struct UdpPort {
    transport: DatagramTransport,
    protocol: Contained<Box<dyn DatagramProtocol>>,
    name: &'static str,
    started: bool,
    /// It waits for another turn, or another share of this one.
    in_line: bool,
}

/// Opens a socket at the first of the addresses where that is possible.
pub(crate) fn listen<P: DatagramProtocol>(
    engine: &Rc<Engine>,
    address: impl ToSocketAddrs + fmt::Debug,
    is_shared: bool,
    protocol: P,
) -> Result<DatagramTransport, CannotListen> {
    let name = format!("{address:?}");
    let addresses = match address.to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return Err(CannotListen::at(name, error)),
    };
    let mut failed = CannotListen::at(name, io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        match open(engine, address, is_shared) {
            Ok(transport) => return Ok(UdpPort::begin(engine, transport, protocol)),
            Err(error) => failed = CannotListen::at(address.to_string(), error),
        }
    }
    Err(failed)
}

/// Opens a socket for one peer.
pub(crate) fn connect<P: DatagramProtocol>(
    engine: &Rc<Engine>,
    peer: SocketAddr,
    protocol: P,
) -> io::Result<DatagramTransport> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let transport = open(engine, (any, 0).into(), false)?;
    let connected = transport.connect(peer);
    connected.inspect_err(|_| engine.remove(transport.token()))?;
    Ok(UdpPort::begin(engine, transport, protocol))
}

fn open(
    engine: &Rc<Engine>,
    address: SocketAddr,
    is_shared: bool,
) -> io::Result<DatagramTransport> {
    let token = engine.reserve();
    let socket = engine.driver().bind_datagrams(address, is_shared, token);
    let transport = socket.and_then(|socket| DatagramTransport::new(engine, token, socket));
    transport.inspect_err(|_| engine.remove(token))
}

impl UdpPort {
    fn begin<P: DatagramProtocol>(
        engine: &Rc<Engine>,
        transport: DatagramTransport,
        protocol: P,
    ) -> DatagramTransport {
        let token = transport.token();
        let port = Self {
            transport: transport.clone(),
            protocol: Contained::new(Box::new(protocol)),
            name: std::any::type_name::<P>(),
            started: false,
            in_line: true,
        };
        engine.insert(token, Box::new(port));
        // Callbacks never nest, and this may be inside one: `start_protocol` waits for its turn.
        engine.line_up(token);
        transport
    }

    fn serve(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        if self.transport.is_open() && !std::mem::replace(&mut self.started, true) {
            self.call(engine, Cause::StartProtocol, |protocol, transport| {
                protocol.start_protocol(transport);
            });
        }
        self.receive_all(engine, buffer);
    }

    /// Receives what is there, up to its share of the turn.
    fn receive_all(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        let loop_side = engine.loop_side();
        loop_side.budget.begin_share();
        let mut failures = 0;
        while self.transport.is_open() {
            if self.transport.take_refused() {
                self.call(engine, Cause::ConnectionRefused, |protocol, transport| {
                    protocol.connection_refused(transport);
                });
            }
            let bytes = match self.transport.receive(buffer) {
                Ok(Received::Datagram(length, from)) => {
                    let data = &buffer[..length];
                    self.call(engine, Cause::DatagramReceived, |protocol, transport| {
                        protocol.datagram_received(transport, data, from);
                    });
                    length
                }
                Ok(Received::Ignored(length)) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A send of the callback above may have been told of another one.
                    if !self.transport.is_refused() {
                        return;
                    }
                    0
                }
                Err(error) => {
                    self.failed(error, &mut failures);
                    0
                }
            };
            if loop_side.budget.charge(READ + bytes) {
                self.in_line = true;
                return loop_side.yields(self.transport.token());
            }
        }
    }

    /// Errors of a receive are, as a rule, about datagrams that were sent before, and concern no others.
    fn failed(&self, error: io::Error, failures: &mut u32) {
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::ConnectionRefused => self.transport.note_refused(),
            _ if *failures < FAILURES => {
                *failures += 1;
                log::debug!("{}: {error}", self.transport.local_addr());
            }
            _ => self.transport.end(Reason::Error(Rc::new(error))),
        }
    }

    fn call(
        &mut self,
        engine: &Engine,
        cause: Cause,
        f: impl FnOnce(&mut dyn DatagramProtocol, &DatagramTransport),
    ) {
        let name = self.name;
        let callback = || Callback {
            cause,
            connection: None,
            name,
            place: None,
        };
        let (protocol, transport) = (&mut **self.protocol, &self.transport);
        let called = engine.dispatch().call(callback, || f(protocol, transport));
        if let Err(message) = called {
            let callback = cause.name();
            self.transport.end(Reason::Panicked { callback, message });
        }
    }

    fn stopped(&mut self, engine: &Engine, reason: &Reason) {
        if self.started {
            self.call(engine, Cause::StopProtocol, |protocol, transport| {
                protocol.stop_protocol(transport, reason);
            });
        }
    }
}

impl Source for UdpPort {
    fn note(&mut self, _: Readiness) -> bool {
        !std::mem::replace(&mut self.in_line, true)
    }

    fn ready(&mut self, _: Readiness, engine: &Engine, buffer: &mut ReadBuffer) {
        if !self.in_line {
            self.serve(engine, buffer);
        }
    }

    fn turn(&mut self, engine: &Engine, buffer: &mut ReadBuffer) {
        self.in_line = false;
        self.serve(engine, buffer);
    }

    fn yielded(&mut self, engine: &Engine) {
        self.in_line = false;
        engine.with_buffer(|buffer| self.receive_all(engine, buffer));
    }

    /// It has no timer.
    fn due(&mut self, _: &Engine) {}

    fn stop(&mut self, how: Stop, engine: &Engine) {
        let reason = match how {
            Stop::Asked => Reason::Shutdown,
            Stop::Aborted(reason) => reason,
            Stop::Gone => return,
        };
        if self.transport.close() {
            engine.remove(self.transport.token());
            self.stopped(engine, &reason);
        } // otherwise the end of the turn is near, and stops it
    }

    /// One that is opened again each time that it is stopped must not keep the loop for ever.
    fn holds_up(&self, _: &Stop) -> bool {
        false
    }

    fn lost(mut self: Box<Self>, engine: &Engine) {
        if let Some(reason) = self.transport.take_reason() {
            self.stopped(engine, &reason);
        }
    }
}

/// A handle that is kept must not keep the socket open.
impl Drop for UdpPort {
    fn drop(&mut self) {
        self.transport.close();
    }
}
