//! What makes protocols: a [`Factory`] is asked for the protocol of each connection.
//!
//! Factories wrap each other, policies around TLS around one's own. What each of them gives the
//! connection comes back through all of them in one value, [`Accepted`].

use crate::accepted::{Accepted, IntoAccepted};
use crate::address::Address;
use crate::contained::Contained;
use crate::limits::Limits;
use crate::protocol::AnyProtocol;
use crate::reason::Reason;

/// Makes the protocol of each connection. A closure `FnMut(Address) -> P` is a factory too, so
/// `|_| Echo` is one. A closure that uses the address names its type: `|peer: Address| …`.
///
/// What the connections of one server share is an `Rc` in the factory, of which each protocol gets
/// a clone: everything runs on one thread, so it needs no lock.
pub trait Factory: 'static {
    /// What this factory makes: a [`Protocol`](crate::Protocol), or one that is [`Accepted`] with layers and
    /// permits, which belong to its connection.
    type Protocol: IntoAccepted;

    /// Makes the protocol for a connection with the peer at `address`, or refuses the connection,
    /// which is then closed. A panic refuses it too.
    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol>;

    /// The limits of the connections that this factory makes protocols for. Asked for once, when
    /// the factory is given to the reactor.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// An attempt to connect has failed. Called by the loop, never from inside the call that
    /// began the attempt. By default the failure is logged. Never called for a server.
    ///
    /// Not called when the program has asked for
    /// [`Connector::connected`](crate::Connector::connected): a failure is reported once, and then
    /// the Deferred has it.
    fn connection_failed(&mut self, reason: &Reason) {
        log::warn!("connection failed: {reason}");
    }

    /// This factory, with other limits.
    ///
    /// ```
    /// # use reactor::{Factory, Limits, Protocol, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
    /// let factory = (|_| Echo).with_limits(Limits::default().unsent(8 << 20));
    /// ```
    fn with_limits(self, limits: Limits) -> WithLimits<Self>
    where
        Self: Sized,
    {
        WithLimits {
            factory: self,
            limits,
        }
    }
}

impl<F, P> Factory for F
where
    // By value: a reference of any lifetime is not what `|_| Echo` is inferred to take.
    F: FnMut(Address) -> P + 'static,
    P: IntoAccepted,
{
    type Protocol = P;

    fn build_protocol(&mut self, address: &Address) -> Option<P> {
        Some(self(address.clone()))
    }
}

/// A factory with other limits; see [`Factory::with_limits`].
#[derive(Clone, Debug)]
pub struct WithLimits<F> {
    factory: F,
    limits: Limits,
}

impl<F: Factory> Factory for WithLimits<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, address: &Address) -> Option<F::Protocol> {
        self.factory.build_protocol(address)
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

/// What a factory that wraps `F` makes: the protocol of `F`, with what `F` and the wrapping factory give its
/// connection.
///
/// ```
/// use reactor::{Accepted, AcceptedBy, Address, Factory, IntoAccepted, Limits, Reason};
///
/// /// Notes when each connection was made, for as long as it is there.
/// struct Dated<F>(F);
///
/// impl<F: Factory> Factory for Dated<F> {
///     type Protocol = AcceptedBy<F>;
///
///     fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
///         let accepted = self.0.build_protocol(address)?.into_accepted();
///         Some(accepted.with_permit(std::time::Instant::now()))
///     }
///
///     fn limits(&self) -> Limits {
///         self.0.limits()
///     }
///
///     fn connection_failed(&mut self, reason: &Reason) {
///         self.0.connection_failed(reason);
///     }
/// }
/// ```
pub type AcceptedBy<F> = Accepted<<<F as Factory>::Protocol as IntoAccepted>::Protocol>;

/// What a type-erased factory has made. It may be dropped anywhere, for an attempt may have been given up
/// meanwhile.
pub(crate) type Built = Accepted<Contained<Box<dyn AnyProtocol>>>;

/// A type-erased factory.
pub(crate) trait AnyFactory {
    fn build(&mut self, address: &Address) -> Option<Built>;
    fn failed(&mut self, reason: &Reason);
    fn name(&self) -> &'static str;
}

impl<F: Factory> AnyFactory for F {
    fn build(&mut self, address: &Address) -> Option<Built> {
        let accepted = self.build_protocol(address)?.into_accepted();
        Some(accepted.map(|protocol| Contained::new(Box::new(protocol) as Box<dyn AnyProtocol>)))
    }

    fn failed(&mut self, reason: &Reason) {
        self.connection_failed(reason);
    }

    /// The protocol's own name, whatever factories have added to it: observers and log lines name what a
    /// consumer has written.
    fn name(&self) -> &'static str {
        std::any::type_name::<<F::Protocol as IntoAccepted>::Protocol>()
    }
}
