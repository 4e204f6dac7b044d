//! Datagrams: UDP, with broadcast and multicast.
//!
//! A [`DatagramProtocol`] is a type with a method for each event of a UDP socket, and a [`DatagramTransport`] is
//! what it sends with. [`Reactor::listen_udp`](crate::Reactor::listen_udp) gives it datagrams from anybody,
//! [`connect_udp`](crate::Reactor::connect_udp) those of one peer, and
//! [`listen_multicast`](crate::Reactor::listen_multicast) shares its port with other programs.
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use reactor::Reactor;
//! use reactor::datagram::{DatagramProtocol, DatagramTransport};
//!
//! struct Echo;
//!
//! impl DatagramProtocol for Echo {
//!     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
//!         transport.send_to(data, from);
//!     }
//! }
//!
//! let reactor = Reactor::new()?;
//! let echo = reactor.listen_udp("127.0.0.1:0", Echo)?;
//! println!("listening at {}", echo.local_addr());
//! # echo.stop_listening(); // so that the example ends
//! reactor.run()?; // until Ctrl-C
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A datagram may be lost, come twice, or overtake another: at each place between two programs, their own
//! sockets included. What needs an answer sets a timer and asks again: `examples/dns` does so.

mod multicast;
mod not_sent;
mod protocol;
mod transport;

pub use self::multicast::MulticastInterface;
pub use self::not_sent::NotSent;
pub use self::protocol::DatagramProtocol;
pub use self::transport::DatagramTransport;
pub(crate) use self::transport::Received;
