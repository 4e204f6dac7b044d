//! The events of a UDP socket, as a program implements them.

use std::net::SocketAddr;

use super::transport::DatagramTransport;
use crate::reason::Reason;

/// What a program does with the datagrams of one socket.
///
/// `start_protocol` is called once and first, then the others in any order, then `stop_protocol` once and last.
/// Callbacks never nest, and nothing is called before the method that made the socket has returned. A panic ends
/// the socket with [`Reason::Panicked`], and nothing else.
///
/// All datagrams that wait are read in one turn of the loop, up to a share of it: a socket that gets more than the
/// program can process does not keep connections and timers waiting. What does not fit into the operating system's
/// buffer meanwhile is lost there.
pub trait DatagramProtocol: 'static {
    /// The socket is open, and no datagram was received yet.
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        let _ = transport;
    }

    /// A datagram was received, whole: of 0 to 65,527 bytes. One that is longer than
    /// [`set_max_packet_size`](DatagramTransport::set_max_packet_size) allows is not passed on.
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr);

    /// Nothing listens at the peer that the transport is connected to: an ICMP message reports that, to a datagram
    /// that was sent before. The transport stays open, and the peer may be there later. Not called without
    /// [`connect`](DatagramTransport::connect), since the operating system does not report it then, and not for
    /// each datagram: several refusals may be reported as one.
    fn connection_refused(&mut self, transport: &DatagramTransport) {
        let _ = transport;
    }

    /// The socket is closed: by [`stop_listening`](DatagramTransport::stop_listening), with
    /// [`Reason::LocalClosed`], by a stop of the loop, with [`Reason::Shutdown`], by a panic, or because the
    /// operating system fails. Nothing can be sent any more; a last datagram to others is sent in a trigger
    /// [before](crate::lifecycle) the shutdown. Not called when the loop itself is dropped.
    fn stop_protocol(&mut self, transport: &DatagramTransport, reason: &Reason) {
        let _ = (transport, reason);
    }
}
