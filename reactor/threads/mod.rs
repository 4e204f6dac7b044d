//! Other threads, and what they may hold of a loop.
//!
//! A loop is on one thread, and so are its connections. What may leave that thread is a handle that queues
//! something for the loop, wakes it, and returns at once:
//!
//! | handle | queues | full |
//! | --- | --- | --- |
//! | [`RemoteReactor`](crate::RemoteReactor) | functions | [`ThreadLimits::waiting_calls`](crate::ThreadLimits::waiting_calls) |
//! | [`Sender`], of [`Reactor::mailbox`](crate::Reactor::mailbox) | values for one function | as many, or a capacity |
//! | [`RemoteTransport`], of [`Transport::remote`](crate::Transport::remote) | bytes for one connection | [`Limits::high_water`](crate::Limits::high_water) |
//! | [`RemoteHandle`], of [`Transport::remote_handle`](crate::Transport::remote_handle) | functions for the protocol of one connection | the same |
//!
//! Only a `RemoteReactor` keeps the loop running. None of them waits for room: what is not taken comes back
//! in the error, since a thread that waited might hold what the loop waits for. The one method that does
//! wait is [`RemoteReactor::blocking_call_from_thread`](crate::RemoteReactor::blocking_call_from_thread).

mod blocking_call;
mod mailbox;
mod outbox;
mod remote_handle;
mod remote_transport;
mod sender;

pub use self::blocking_call::BlockingCallError;
pub use self::remote_handle::RemoteHandle;
pub use self::remote_transport::RemoteTransport;
pub use self::sender::{SendError, Sender};
