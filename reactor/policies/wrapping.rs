//! Protocols around protocols: see or change some events of another protocol, and pass the others on.
//!
//! ```text
//!   event ──▶ Wrapped ──▶ the wrapper's method ──▶ the same event of the wrapped protocol
//!                         (passes it on, unless it is overridden)
//! ```
//!
//! What wraps a protocol is not written as a `Protocol` by hand: such a wrapper swallows each event that
//! it does not name, and each that is added later. It is a [`ProtocolWrapper`], whose methods pass on by
//! default, and [`Wrapped`] is the one place that joins the two. What is to happen to bytes on their way to
//! the socket, and not to events, is a [`Layer`](crate::Layer).

use std::any::{Any, TypeId};
use std::fmt;

use crate::accepted::{Accepted, IntoAccepted};
use crate::address::Address;
use crate::factory::Factory;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::sealed;
use crate::transport::Transport;

/// What stands in front of a protocol `P`, with a method for each event of [`Protocol`]. By default each
/// passes the event on; a wrapper overrides those that it is about, and passes them on, or does not, itself.
///
/// A wrapper for every protocol is generic:
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use reactor::policies::{ProtocolWrapper, WrappingFactory};
/// use reactor::{Protocol, Reactor, Transport};
///
/// /// Counts the bytes that a server has received.
/// struct Counted(Rc<Cell<usize>>);
///
/// impl<P: Protocol> ProtocolWrapper<P> for Counted {
///     fn data_received(&mut self, protocol: &mut P, transport: &Transport, data: &[u8]) {
///         self.0.set(self.0.get() + data.len());
///         protocol.data_received(transport, data);
///     }
/// }
///
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let received = Rc::new(Cell::new(0));
/// let counter = Rc::clone(&received);
/// let factory = WrappingFactory::new(|_| Echo, move |_| Counted(Rc::clone(&counter)));
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The transport is the same for both, and what the wrapper asks of it happens to the one connection. An
/// event that is not passed on has not happened for the protocol, and the default of [`Protocol`] does not
/// happen either: a wrapper that keeps `read_closed` to itself closes the connection itself.
pub trait ProtocolWrapper<P: Protocol>: 'static {
    /// See [`Protocol::connection_made`].
    fn connection_made(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.connection_made(transport);
    }

    /// See [`Protocol::handshake_done`].
    fn handshake_done(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.handshake_done(transport);
    }

    /// See [`Protocol::data_received`].
    fn data_received(&mut self, protocol: &mut P, transport: &Transport, data: &[u8]) {
        protocol.data_received(transport, data);
    }

    /// See [`Protocol::read_closed`].
    fn read_closed(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.read_closed(transport);
    }

    /// See [`Protocol::writing_paused`].
    fn writing_paused(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.writing_paused(transport);
    }

    /// See [`Protocol::writing_resumed`].
    fn writing_resumed(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.writing_resumed(transport);
    }

    /// See [`Protocol::reading_resumed`].
    fn reading_resumed(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.reading_resumed(transport);
    }

    /// See [`Protocol::timed_out`].
    fn timed_out(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.timed_out(transport);
    }

    /// See [`Protocol::shutdown_requested`].
    fn shutdown_requested(&mut self, protocol: &mut P, transport: &Transport) {
        protocol.shutdown_requested(transport);
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, protocol: &mut P, transport: &Transport, reason: &Reason) {
        protocol.connection_lost(transport, reason);
    }
}

/// A protocol `P` behind a wrapper `W`. It is a [`Protocol`], so it may be wrapped again.
///
/// A [`Handle`](crate::Handle) of `P` reaches the wrapped protocol, and whatever that wraps itself; one of
/// `W` reaches the wrapper.
pub struct Wrapped<W, P> {
    wrapper: W,
    protocol: P,
}

impl<W: ProtocolWrapper<P>, P: Protocol> Wrapped<W, P> {
    /// `protocol`, whose events `wrapper` gets.
    pub fn new(wrapper: W, protocol: P) -> Self {
        Self { wrapper, protocol }
    }
}

#[deny(
    clippy::missing_trait_methods,
    reason = "an event that is not handed to the wrapper would get the default of `Protocol`, and the \
              wrapped protocol would never be called"
)]
impl<W: ProtocolWrapper<P>, P: Protocol> Protocol for Wrapped<W, P> {
    fn connection_made(&mut self, transport: &Transport) {
        self.wrapper.connection_made(&mut self.protocol, transport);
    }

    fn handshake_done(&mut self, transport: &Transport) {
        self.wrapper.handshake_done(&mut self.protocol, transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.wrapper
            .data_received(&mut self.protocol, transport, data);
    }

    fn read_closed(&mut self, transport: &Transport) {
        self.wrapper.read_closed(&mut self.protocol, transport);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        self.wrapper.writing_paused(&mut self.protocol, transport);
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        self.wrapper.writing_resumed(&mut self.protocol, transport);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        self.wrapper.reading_resumed(&mut self.protocol, transport);
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.wrapper.timed_out(&mut self.protocol, transport);
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        self.wrapper
            .shutdown_requested(&mut self.protocol, transport);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.wrapper
            .connection_lost(&mut self.protocol, transport, reason);
    }

    fn wrapped(&mut self, internal: sealed::Internal, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<W>() {
            Some(&mut self.wrapper)
        } else if wanted == TypeId::of::<P>() {
            Some(&mut self.protocol)
        } else {
            // A receiver of lines inside has a protocol of its own, which handles of that type look for.
            self.protocol.wrapped(internal, wanted)
        }
    }

    fn waits_for(&self, internal: sealed::Internal) -> Option<String> {
        self.protocol.waits_for(internal)
    }
}

pub(super) type ProtocolOf<F> = <<F as Factory>::Protocol as IntoAccepted>::Protocol;

/// A factory whose protocols are those of another one, each behind a [`ProtocolWrapper`]. Layers and
/// permits of the other factory are kept, and what it refuses stays refused.
pub struct WrappingFactory<F, M> {
    factory: F,
    make_wrapper: M,
}

impl<F, M, W> WrappingFactory<F, M>
where
    F: Factory,
    M: FnMut(Address) -> W + 'static,
    W: ProtocolWrapper<ProtocolOf<F>>,
{
    /// Protocols of `factory`, each with a wrapper that `make_wrapper` makes for the peer's address. It is
    /// called for those connections only that the factory accepts.
    pub fn new(factory: F, make_wrapper: M) -> Self {
        Self {
            factory,
            make_wrapper,
        }
    }
}

impl<F, M, W> Factory for WrappingFactory<F, M>
where
    F: Factory,
    M: FnMut(Address) -> W + 'static,
    W: ProtocolWrapper<ProtocolOf<F>>,
{
    type Protocol = Accepted<Wrapped<W, ProtocolOf<F>>>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let accepted = self.factory.build_protocol(address)?.into_accepted();
        let wrapper = (self.make_wrapper)(address.clone());
        Some(accepted.map(|protocol| Wrapped::new(wrapper, protocol)))
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

impl<W, P> fmt::Debug for Wrapped<W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped")
            .field("wrapper", &std::any::type_name::<W>())
            .field("protocol", &std::any::type_name::<P>())
            .finish()
    }
}

impl<F, M> fmt::Debug for WrappingFactory<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingFactory").finish_non_exhaustive()
    }
}
