//! What an observer of the loop sees: turns, callbacks, connections, bytes and timers.
//!
//! An [`Observer`] changes nothing: the loop does the same, in the same order, with one and without.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::address::Address;
use crate::connection_id::ConnectionId;
use crate::reason::Reason;
use crate::time::Instant;

/// Sees what the loop does, while it does it: to log slow callbacks, draw a timeline, record a run.
///
/// Attached with [`Reactor::add_observer`](crate::Reactor::add_observer). It is called from the
/// middle of the loop, so it should only take notes. An observer that panics is detached.
pub trait Observer {
    /// Something happens, at `now` by the reactor's clock.
    fn event(&self, now: Instant, event: &Event<'_>);
}

/// What an [`Observer`] sees.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A turn of the loop begins: what was queued runs now.
    TurnBegan,
    /// The wait for readiness is over.
    Woke {
        /// How many events the wait returned.
        ready: usize,
    },
    /// The turn is over.
    TurnEnded,
    /// A callback begins.
    CallbackBegan(&'a Callback),
    /// The callback that began last has ended.
    CallbackEnded {
        /// The callback.
        callback: &'a Callback,
        /// How long it took.
        took: Duration,
        /// Whether it panicked.
        panicked: bool,
    },
    /// A connection was established; its `connection_made` comes next.
    ConnectionOpened {
        /// The connection.
        connection: ConnectionId,
        /// The peer's end.
        peer: &'a Address,
        /// The name of the protocol's type.
        protocol: &'static str,
    },
    /// A connection was lost; its `connection_lost` comes next.
    ConnectionLost {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: &'a Reason,
    },
    /// Bytes were read from a socket.
    BytesReceived {
        /// The connection.
        connection: ConnectionId,
        /// How many.
        bytes: usize,
    },
    /// The turn's bytes of one connection were handed to its socket.
    BytesSent {
        /// The connection.
        connection: ConnectionId,
        /// How many bytes waited.
        waiting: usize,
        /// How many of them the socket took.
        sent: usize,
    },
    /// A delayed call was set. One that is moved is cancelled and set, under a new number.
    TimerSet {
        /// The delayed call.
        timer: u64,
        /// When it is due.
        deadline: Instant,
        /// Where it was set.
        place: &'static Location<'static>,
    },
    /// A delayed call was cancelled. That one is due shows as a callback.
    TimerCancelled {
        /// The delayed call.
        timer: u64,
    },
}

/// A call of a consumer's code.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Callback {
    /// What happened.
    pub cause: Cause,
    /// Whose callback it is, where it belongs to a connection.
    pub connection: Option<ConnectionId>,
    /// The type of the protocol, factory or closure.
    pub name: &'static str,
    /// Where the call was set or queued, if the program did that.
    pub place: Option<&'static Location<'static>>,
}

/// What a callback answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// `Factory::build_protocol`.
    BuildProtocol,
    /// `Factory::connection_failed`.
    ConnectionFailed,
    /// `Protocol::connection_made`.
    ConnectionMade,
    /// `Protocol::handshake_done`.
    HandshakeDone,
    /// `Protocol::data_received`.
    DataReceived,
    /// `Protocol::read_closed`.
    ReadClosed,
    /// `Protocol::writing_paused`.
    WritingPaused,
    /// `Protocol::writing_resumed`.
    WritingResumed,
    /// `Protocol::reading_resumed`.
    ReadingResumed,
    /// `Protocol::timed_out`.
    TimedOut,
    /// `Protocol::shutdown_requested`.
    ShutdownRequested,
    /// `Protocol::connection_lost`.
    ConnectionLost,
    /// `DatagramProtocol::start_protocol`.
    StartProtocol,
    /// `DatagramProtocol::datagram_received`.
    DatagramReceived,
    /// `DatagramProtocol::connection_refused`.
    ConnectionRefused,
    /// `DatagramProtocol::stop_protocol`.
    StopProtocol,
    /// A protocol, a factory, a layer or a future is dropped.
    Dropped,
    /// A method of a layer.
    Layer,
    /// A call through a `Handle`.
    HandleCall,
    /// A call set with `call_later` or `call_at`.
    DelayedCall,
    /// A call queued with `call_soon`.
    QueuedCall,
    /// A call from another thread.
    CallFromThread,
    /// A trigger of startup or shutdown.
    SystemEvent,
    /// A signal came that `Reactor::on_signal` has set a function for.
    Signal,
    /// A task is polled.
    Task,
    /// A Deferred is fired by the loop itself.
    DeferredFired,
    /// A resource answers a request, or its answer's chunks are asked for.
    Request,
    /// A descriptor of `Reactor::add_source` is ready, or lost.
    SourceEvent,
    /// A child process was made, has exited or ended, or is asked to end.
    ProcessEvent,
}

impl Cause {
    /// The name of the method, or in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildProtocol => "build_protocol",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionMade => "connection_made",
            Self::HandshakeDone => "handshake_done",
            Self::DataReceived => "data_received",
            Self::ReadClosed => "read_closed",
            Self::WritingPaused => "writing_paused",
            Self::WritingResumed => "writing_resumed",
            Self::ReadingResumed => "reading_resumed",
            Self::TimedOut => "timed_out",
            Self::ShutdownRequested => "shutdown_requested",
            Self::ConnectionLost => "connection_lost",
            Self::StartProtocol => "start_protocol",
            Self::DatagramReceived => "datagram_received",
            Self::ConnectionRefused => "connection_refused",
            Self::StopProtocol => "stop_protocol",
            Self::Dropped => "drop",
            Self::Layer => "layer",
            Self::HandleCall => "handle call",
            Self::DelayedCall => "delayed call",
            Self::QueuedCall => "queued call",
            Self::CallFromThread => "call from another thread",
            Self::SystemEvent => "system event trigger",
            Self::Signal => "signal",
            Self::Task => "task",
            Self::DeferredFired => "Deferred",
            Self::Request => "request",
            Self::SourceEvent => "source event",
            Self::ProcessEvent => "process event",
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.cause.name(), self.name)?;
        if let Some(connection) = self.connection {
            write!(f, " {connection}")?;
        }
        if let Some(place) = self.place {
            write!(f, " set at {place}")?;
        }
        Ok(())
    }
}
