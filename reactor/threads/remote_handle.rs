//! The protocol of one connection, for other threads.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::contained::Contained;
use crate::reactor::Reactor;
use crate::threads::outbox::{Item, RemoteCall};
use crate::threads::remote_transport::RemoteTransport;
use crate::threads::sender::SendError;
use crate::transport::Transport;

impl Transport {
    /// A handle for other threads by which they reach this connection's protocol, of type `P`: as
    /// [`handle`](Self::handle), and [`remote`](Self::remote).
    #[must_use]
    pub fn remote_handle<P: 'static>(&self, reactor: &Reactor) -> RemoteHandle<P> {
        RemoteHandle {
            transport: self.remote(reactor),
            protocol: PhantomData,
        }
    }
}

/// A handle by which other threads reach the protocol of one connection, of type `P`, which need not be
/// `Send`.
///
/// ```
/// use reactor::threads::{RemoteHandle, SendError};
/// use reactor::{Protocol, Transport};
///
/// struct Player { score: u32 }
///
/// impl Protocol for Player {
///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// }
///
/// // On any thread. The closure comes back when it is not taken.
/// fn score(player: &RemoteHandle<Player>, points: u32) -> bool {
///     let taken = player.call(move |player, transport| {
///         player.score += points; // on the loop's thread
///         transport.write(format!("you have {}\n", player.score).as_bytes());
///     });
///     !matches!(taken, Err(SendError::Full(_))) // a player who has left needs no points
/// }
/// ```
pub struct RemoteHandle<P> {
    transport: RemoteTransport,
    protocol: PhantomData<fn(&mut P)>,
}

impl<P: 'static> RemoteHandle<P> {
    /// Queues a call of `f` with the protocol, on the loop's thread, between callbacks and never inside
    /// one. It is made behind what was asked for before by this handle, its clones and
    /// [`transport`](Self::transport). A panic in `f` ends the connection, as one in a callback does.
    ///
    /// # Errors
    ///
    /// As [`RemoteTransport::write`]; `f` comes back in the error. One that was taken and not called when the
    /// connection is lost is dropped, on the loop's thread.
    #[track_caller]
    pub fn call<F>(&self, f: F) -> Result<(), SendError<F>>
    where
        F: FnOnce(&mut P, &Transport) + Send + 'static,
    {
        let place = Location::caller();
        // Boxed when there is room for it: a closure that is refused is returned as it came.
        self.transport.put(f, |f| {
            let call = move |protocol: &mut dyn Any, transport: &Transport| {
                // The loop reaches for the wanted type only, so this never fails.
                if let Some(protocol) = protocol.downcast_mut() {
                    f(protocol, transport);
                }
            };
            Item::Call(RemoteCall {
                wanted: TypeId::of::<P>(),
                name: std::any::type_name::<P>(),
                place,
                call: Contained::new(Box::new(call)),
            })
        })
    }
}

impl<P> RemoteHandle<P> {
    /// The same connection, and the same outbox, for bytes.
    #[must_use]
    pub fn transport(&self) -> &RemoteTransport {
        &self.transport
    }
}

impl<P> Clone for RemoteHandle<P> {
    fn clone(&self) -> Self {
        Self {
            transport: self.transport.clone(),
            protocol: PhantomData,
        }
    }
}

impl<P> fmt::Debug for RemoteHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("protocol", &std::any::type_name::<P>())
            .field("connection", &self.transport.id())
            .finish()
    }
}
