//! Reaching a protocol from outside: from a timer, a Deferred's callback, another protocol.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::contained::Contained;
use crate::transport::{Post, Transport, WeakTransport};

/// A weak, typed handle of the protocol of one connection.
///
/// It does not keep the protocol alive, so a protocol may hold handles of others and of itself
/// without a cycle.
///
/// ```
/// use reactor::{Handle, Protocol, Transport};
///
/// struct Player { score: u32 }
///
/// impl Protocol for Player {
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// fn score(player: &Handle<Player>) {
///     player.call(|player, transport| {
///         player.score += 1;
///         transport.write(format!("you have {}\n", player.score).as_bytes());
///     });
/// }
/// ```
pub struct Handle<P> {
    transport: WeakTransport,
    protocol: PhantomData<fn(&mut P)>,
}

impl<P: 'static> Handle<P> {
    /// Calls `f` with the protocol, after the callback that is running has returned; never at once,
    /// and in the order in which calls were made. This is in the same turn, so that what `f` writes
    /// goes out with what the callback wrote. From the callbacks at a turn's end, which are
    /// `writing_paused`, `writing_resumed` and those after them, and from outside of the loop's
    /// callbacks, it is in the next turn, which then does not sleep.
    ///
    /// Does nothing when the connection is lost by then. A panic in `f` ends the connection, as one
    /// in a callback of the protocol does.
    #[track_caller]
    pub fn call(&self, f: impl FnOnce(&mut P, &Transport) + 'static) {
        self.post(false, f);
    }

    /// As [`call`](Self::call), but looks at the socket first, whatever the last event has reported of
    /// it: what has come is read, and the end with it, and what is unsent is offered to it again at
    /// the end of the turn. This costs a system call.
    ///
    /// An event is as old as the turn. Before a connection is given up, or trusted after it was idle, one
    /// wants to know its state now.
    #[track_caller]
    #[cfg(feature = "http")]
    pub(crate) fn call_after_look(&self, f: impl FnOnce(&mut P, &Transport) + 'static) {
        self.post(true, f);
    }

    #[track_caller]
    fn post(&self, looks: bool, f: impl FnOnce(&mut P, &Transport) + 'static) {
        let Some(transport) = self.transport.upgrade() else {
            return;
        };
        let call = move |protocol: &mut dyn Any, transport: &Transport| {
            // The loop reaches for the wanted type only, so this never fails; erased, because a connection
            // keeps calls for all that its protocol wraps in one list.
            if let Some(protocol) = protocol.downcast_mut() {
                f(protocol, transport);
            }
        };
        transport.post(Post {
            wanted: TypeId::of::<P>(),
            name: std::any::type_name::<P>(),
            place: Location::caller(),
            looks,
            call: Contained::new(Box::new(call)),
        });
    }

    /// The transport, as long as the connection is not lost or a clone of it is kept.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.transport.upgrade()
    }
}

impl Transport {
    /// A handle by which others reach this connection's protocol, of type `P`.
    ///
    /// A call through a handle of another type is not made, and logged as an error.
    #[must_use]
    pub fn handle<P: 'static>(&self) -> Handle<P> {
        Handle {
            transport: self.downgrade(),
            protocol: PhantomData,
        }
    }
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self {
            transport: self.transport.clone(),
            protocol: PhantomData,
        }
    }
}

impl<P> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.transport.upgrade().map(|transport| transport.id());
        f.debug_struct("Handle")
            .field("protocol", &std::any::type_name::<P>())
            .field("connection", &connection)
            .finish()
    }
}
