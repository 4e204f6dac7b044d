//! What a factory makes: a protocol, and what belongs to its connection besides.
//!
//! ```text
//!   a policy      with_permit ──▶ permits   dropped when the connection is lost
//!   TLS           with_layer  ──▶ layers    in place before connection_made
//!   a rate        with_throttle ▶ throttles around the socket
//!   your factory              ──▶ protocol
//! ```
//!
//! A factory that wraps another one gets such a value from it, and adds to that. It does not wrap the
//! protocol: no event passes through it, so it can swallow none. And what the wrapped factory gave is
//! a part of the value, so it cannot be forgotten: a connection that was to be encrypted is not made in
//! the clear because a factory around it knew nothing of layers.

use std::any::{Any, type_name};
use std::fmt;

use crate::contained::Contained;
use crate::layer::Layer;
use crate::protocol::Protocol;
use crate::sealed;
use crate::throttle::Throttle;
use crate::transport::Transport;

/// A protocol, and what belongs to its connection from the beginning: layers, and permits that last as
/// long as it does. A [`Factory`](crate::Factory) returns one where the protocol alone is not enough.
///
/// ```
/// use std::rc::Rc;
///
/// use reactor::{Accepted, Protocol, Reactor, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let connections = Rc::new(());
/// let counted = Rc::clone(&connections);
/// let factory = move |_| Accepted::new(Echo).with_permit(Rc::clone(&counted));
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// println!("{} connections", Rc::strong_count(&connections) - 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// If no connection comes of it, because a factory around this one refuses or panics, the protocol, the
/// layers and the permits are dropped at once.
pub struct Accepted<P> {
    protocol: P,
    /// What most connections do not have, kept apart because the value is moved several times for each of them.
    extras: Option<Box<Extras>>,
}

#[derive(Default)]
struct Extras {
    /// The lowest one first.
    layers: Layers,
    permits: Permits,
    throttles: Vec<Throttle>,
}

/// The layers that a connection begins with.
type Layers = Vec<Contained<Box<dyn Layer>>>;

/// What is dropped with a connection. A list of boxes, and not a vector, because each connection has one
/// and most are empty: this way that costs one word.
pub(crate) type Permits = Option<Box<Permit>>;

#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Permit {
    value: Contained<Box<dyn Any>>,
    others: Permits,
}

impl<P> Accepted<P> {
    /// The protocol alone, as a factory that returns no `Accepted` makes it.
    pub fn new(protocol: P) -> Self {
        Self {
            protocol,
            extras: None,
        }
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Puts a layer between the socket and what is above it now, before `connection_made` is called.
    ///
    /// It is below the layers that this value has already, so that the outermost factory is the one that
    /// is nearest to the socket: `listen_tls` of a reactor encrypts whatever the layers of
    /// its factory make.
    #[must_use]
    pub fn with_layer(self, layer: impl Layer) -> Self {
        self.with_boxed_layer(Box::new(layer))
    }

    pub(crate) fn with_boxed_layer(mut self, layer: Box<dyn Layer>) -> Self {
        self.extras().layers.insert(0, Contained::new(layer));
        self
    }

    /// Keeps `permit` until the connection is lost, and drops it after
    /// [`connection_lost`](Protocol::connection_lost), together with the protocol. It is dropped once,
    /// however the connection ends, also with a loop that is dropped and calls nothing any more.
    #[must_use]
    pub fn with_permit(mut self, permit: impl Any) -> Self {
        let permits = &mut self.extras().permits;
        *permits = Some(Box::new(Permit {
            value: Contained::new(Box::new(permit)),
            others: permits.take(),
        }));
        self
    }

    /// Puts the connection under a throttle from its first byte on, beside those that it has already: see
    /// [`Transport::throttle`](crate::Transport::throttle).
    #[must_use]
    pub fn with_throttle(mut self, throttle: &Throttle) -> Self {
        self.extras().throttles.push(throttle.clone());
        self
    }

    /// The same, with another protocol that `wrap` makes of this one, such as a
    /// [`LineReceiver`](crate::framing::LineReceiver).
    pub fn map<Q>(self, wrap: impl FnOnce(P) -> Q) -> Accepted<Q> {
        Accepted {
            protocol: wrap(self.protocol),
            extras: self.extras,
        }
    }

    /// Puts the connection under the throttles, and returns the protocol, the layers and the permits.
    pub(crate) fn begin_on(self, transport: &Transport) -> (P, Layers, Permits) {
        let Some(extras) = self.extras else {
            return (self.protocol, Vec::new(), None);
        };
        for throttle in &extras.throttles {
            transport.throttle(throttle);
        }
        (self.protocol, extras.layers, extras.permits)
    }
}

/// What a [`Factory`](crate::Factory) may make: a [`Protocol`], or one that is [`Accepted`] with what
/// belongs to its connection.
pub trait IntoAccepted: sealed::IntoAccepted + 'static {
    /// The protocol.
    type Protocol: Protocol;

    /// The protocol with all that belongs to its connection.
    fn into_accepted(self) -> Accepted<Self::Protocol>;
}

impl<P: Protocol> sealed::IntoAccepted for P {}
impl<P: Protocol> sealed::IntoAccepted for Accepted<P> {}

impl<P: Protocol> IntoAccepted for P {
    type Protocol = P;

    fn into_accepted(self) -> Accepted<P> {
        Accepted::new(self)
    }
}

impl<P: Protocol> IntoAccepted for Accepted<P> {
    type Protocol = P;

    fn into_accepted(self) -> Self {
        self
    }
}

impl<P> fmt::Debug for Accepted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("protocol", &type_name::<P>())
            .field(
                "layers",
                &self.extras.as_ref().map_or(0, |extras| extras.layers.len()),
            )
            .finish_non_exhaustive()
    }
}
