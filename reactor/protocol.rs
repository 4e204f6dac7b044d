//! What a consumer implements: a [`Protocol`] for each connection.
//!
//! The events of one connection come in this order:
//!
//! ```text
//! connection_made -> ( handshake_done | data_received | timed_out | writing_paused -> writing_resumed
//!                    | reading_resumed | shutdown_requested )* -> read_closed? -> … -> connection_lost
//! ```
//!
//! Invariant: callbacks never nest. One starts when the one before has returned, whatever it did
//! to its own connection or to others.

use std::any::{Any, TypeId};

use crate::reason::Reason;
use crate::sealed;
use crate::transport::Transport;

/// What happens on one connection, as events, which come in this order:
///
/// ```text
/// connection_made -> ( handshake_done | data_received | timed_out | writing_paused -> writing_resumed
///                    | reading_resumed | shutdown_requested )* -> read_closed? -> … -> connection_lost
/// ```
///
/// After `read_closed` no data comes, but the others may. Callbacks never nest: one starts when the
/// one before has returned, whatever it did to its own connection or to others.
///
/// Every method is called by the loop, on the reactor's thread. A panic in one of them ends this
/// connection, with [`Reason::Panicked`], and nothing else. Inside each of them every operation of
/// every transport and of the reactor is allowed.
///
/// ```
/// use reactor::{Protocol, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// ```
pub trait Protocol: Any {
    /// The connection is established. Comes first, and once.
    fn connection_made(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// The handshake of a layer is done: TLS is in force, and
    /// [`Transport::negotiated`] gives what was agreed on. It comes once for each layer
    /// that has a handshake, after `connection_made` and before what has come through the layer: also in a
    /// pause of reading, but not after [`lose_connection`](Transport::lose_connection).
    ///
    /// A protocol need not wait for it to write: what it writes before is held until then. Without
    /// layers it is never called.
    fn handshake_done(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// Bytes came, in the order in which the peer sent them, split anywhere. `data` is never empty
    /// and is lent for the call: it lies in the buffer that all connections are read into.
    fn data_received(&mut self, transport: &Transport, data: &[u8]);

    /// The peer will send no more; it may still read. Comes once, after all data.
    ///
    /// By default everything that was written is sent, and then the connection is lost with
    /// [`Reason::PeerClosed`]. A protocol that goes on writing does nothing here, and calls
    /// [`lose_connection`](Transport::lose_connection) when it is done.
    fn read_closed(&mut self, transport: &Transport) {
        transport.lose_connection();
    }

    /// The peer reads more slowly than this side writes: more than [`Limits::high_water`](crate::Limits::high_water) bytes are
    /// left after the socket took what it would.
    ///
    /// By default nothing is read from the peer until it has taken its answers, which bounds the
    /// memory of every protocol that only writes when it receives. A protocol that writes of its
    /// own accord should stop until `writing_resumed`.
    fn writing_paused(&mut self, transport: &Transport) {
        transport.pause_reading_until_sent();
    }

    /// At most [`Limits::low_water`](crate::Limits::low_water) bytes are left. Comes once after each `writing_paused`, unless
    /// the connection is lost before. Reading goes on, if nothing but
    /// [`pause_reading_until_sent`](Transport::pause_reading_until_sent) held it back.
    fn writing_resumed(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// Bytes are delivered again after they were not, because reading was paused, because the peer
    /// or the listeners of a group were behind, or because others had to have their share of the turn,
    /// which is after thousands of messages to a group. It comes before the bytes do. A protocol that keeps bytes
    /// which it was handed before, as one that splits them into messages does, goes on with them
    /// here, and may pause again.
    fn reading_resumed(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// No byte was received for as long as [`Transport::set_timeout`] allows.
    ///
    /// By default the connection is aborted with [`Reason::IdleTimeout`]. A protocol that stays
    /// sets a new timeout, if it wants one.
    fn timed_out(&mut self, transport: &Transport) {
        transport.fail_connection(Reason::IdleTimeout);
    }

    /// The reactor is shutting down, and waits for this connection until the grace is over.
    ///
    /// By default the connection is closed when what was written is sent.
    fn shutdown_requested(&mut self, transport: &Transport) {
        transport.lose_connection();
    }

    /// The connection is lost. Comes last, and once, never from inside another callback of the
    /// same connection. The protocol is dropped afterwards.
    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// The protocol inside this one, if it has the type `wanted`: for a [`Handle`](crate::Handle) of a
    /// protocol that a receiver of this crate delivers to.
    #[doc(hidden)]
    fn wrapped(&mut self, _: sealed::Internal, wanted: TypeId) -> Option<&mut dyn Any> {
        let _ = wanted;
        None
    }

    /// What is asked of it and not done, in a few words: for the log, when a stop cuts the connection off.
    #[doc(hidden)]
    fn waits_for(&self, _: sealed::Internal) -> Option<String> {
        None
    }
}

/// A type-erased protocol that still knows its name and can be downcast, by [`reach`](Self::reach).
pub(crate) trait AnyProtocol: Protocol {
    fn name(&self) -> &'static str;

    /// This protocol, or the one inside it, that has the type `wanted`.
    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any>;
}

impl<P: Protocol> AnyProtocol for P {
    fn name(&self) -> &'static str {
        std::any::type_name::<P>()
    }

    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<P>() {
            Some(self)
        } else {
            self.wrapped(sealed::Internal, wanted)
        }
    }
}
