//! Bytes into bytes, between socket and protocol: the place of TLS, a PROXY header, a traffic log.
//!
//! ```text
//!   protocol
//!      │ write                     ▲ data_received
//!      ▼                           │
//!   layer pushed last   send ──▶   │   ◀── receive
//!      │                           │
//!   layer pushed first             │
//!      ▼                           │
//!   socket
//! ```
//!
//! A layer does no I/O. It is handed bytes and appends what becomes of them to the buffers that it
//! is given, so it can be tested without a connection. With no layer in place nothing is copied.
//! What turns bytes into messages is not a layer but framing, above the protocol's own interface.

use std::any::Any;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::reason::Reason;

/// One stage between the socket and the protocol. A connection begins with those that its factories give
/// it by [`Accepted::with_layer`](crate::Accepted::with_layer), and
/// [`Transport::push_layer`](crate::Transport::push_layer) puts one in place later.
///
/// An error ends the connection with it as the reason. What `up` got before is delivered, and what
/// `down` got, an alert perhaps, is sent: then the end is as orderly as after
/// [`lose_connection`](crate::Transport::lose_connection), so that the peer can read it. A layer that
/// has failed is not called again. A panic ends the connection at once, with [`Reason::Panicked`].
/// A layer is dropped with its connection.
pub trait Layer: 'static {
    /// The layer is in place. What must be sent first, a greeting or a header, goes to `down`.
    ///
    /// # Errors
    ///
    /// The reason why the connection has to end.
    fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        let _ = down;
        Ok(())
    }

    /// Bytes came from below. What the protocol shall see goes to `up`, what the peer shall get, an
    /// answer of a handshake, to `down`.
    ///
    /// # Errors
    ///
    /// The reason why the connection has to end.
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason>;

    /// The protocol wrote `data`: all since the flush before, in one piece. What the peer shall get
    /// goes to `down`. What has to wait for the peer, for the end of a handshake, the layer
    /// [holds](Self::holds), and passes it down when it is handed what it waits for.
    ///
    /// # Errors
    ///
    /// The reason why the connection has to end.
    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason>;

    /// How many bytes the layer has taken in `send`, and cannot pass down before the peer has sent
    /// something. Asked for after each of the other calls.
    ///
    /// They are unsent, so limits and back-pressure count them, and an orderly close waits for them:
    /// it hands the layer what comes, until the layer holds nothing or the linger is over. So it
    /// does in a pause of reading, until the layer has something for the protocol. What waits for
    /// nothing but more bytes of the protocol, or for `finish`, is not meant: if the peer's stream
    /// ends while a layer holds bytes, the connection is lost.
    fn holds(&self) -> usize {
        0
    }

    /// Whether the peer has notified this layer that it will send no more, before its stream ends
    /// below: TLS has a message for that. Asked for after each of the other calls.
    ///
    /// For what is above it is the end of the stream, behind what was passed up before it: `read_closed`
    /// is called on the layers above and on the protocol. What still comes is dropped.
    fn has_ended(&self) -> bool {
        false
    }

    /// Whether the handshake that the layer begins with is done, if it has one. Asked for after each of
    /// the other calls, until it is; it stays so.
    ///
    /// A layer that is not ready after [`started`](Self::started) is handed what comes also in a pause of
    /// reading. When it is ready, [`handshake_done`](crate::Protocol::handshake_done) is called, before
    /// anything that it has passed up is delivered.
    fn is_ready(&self) -> bool {
        true
    }

    /// How long the handshake may take, from when the layer is in place. Asked for once, after
    /// [`started`](Self::started), of a layer that is not ready. `None`, the default, sets no limit.
    fn handshake_timeout(&self) -> Option<Duration> {
        None
    }

    /// The handshake has taken too long. The connection ends at once, for the reason that is returned, and
    /// the layer is not called again.
    fn handshake_timed_out(&mut self) -> Reason {
        let error = io::Error::new(io::ErrorKind::TimedOut, "a layer's handshake timed out");
        Reason::Error(Rc::new(error))
    }

    /// What the layer has agreed on with the peer, or found out about it, for whoever asks for
    /// [`Transport::negotiated`](crate::Transport::negotiated). Asked for once, when the layer is ready,
    /// before `handshake_done` is called.
    fn negotiated(&self) -> Option<Rc<dyn Any>> {
        None
    }

    /// The peer's stream has ended below. A layer that knows that more was to come fails.
    ///
    /// # Errors
    ///
    /// The reason why the connection has to end now, instead of in an orderly way.
    fn read_closed(&mut self) -> Result<(), Reason> {
        Ok(())
    }

    /// The protocol has written its last byte, and the layer holds none. What must be sent at the
    /// end goes to `down`.
    ///
    /// # Errors
    ///
    /// The reason why the connection has to end.
    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        let _ = down;
        Ok(())
    }
}
