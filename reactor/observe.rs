//! The one dispatch point: every call of a consumer's code goes through [`Dispatch::call`].
//!
//! The guard against panics, the name in log lines, the time that a callback took and the
//! [`Observer`] live here and nowhere else. Without an observer the clock is not read and no event
//! is made.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::contained::{Panicked, contain, drop_contained};
use crate::driver::Clock;
use crate::reason::Reason;
use crate::transport::ConnectionId;
use crate::visible::visible;

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
    /// The wait for readiness is over, and so many sources are ready.
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
    /// Where the call was asked for, where somebody asked for it.
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
    /// A protocol, a factory, a layer or a future is dropped.
    Dropped,
    /// A method of a layer.
    Layer,
    /// A call through a `Handle`.
    HandleCall,
    /// A call set with `call_later` or `call_at`.
    DelayedCall,
    /// A call queued with `call_soon` or `call_when_running`.
    QueuedCall,
    /// A call from another thread.
    CallFromThread,
    /// A trigger of startup or shutdown.
    SystemEvent,
    /// A task is polled.
    Task,
    /// A Deferred is fired by the loop itself.
    DeferredFired,
    /// A resource answers a request, or its answer's chunks are asked for.
    Request,
}

impl Cause {
    /// The name of the method, or in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildProtocol => "build_protocol",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionMade => "connection_made",
            Self::DataReceived => "data_received",
            Self::ReadClosed => "read_closed",
            Self::WritingPaused => "writing_paused",
            Self::WritingResumed => "writing_resumed",
            Self::ReadingResumed => "reading_resumed",
            Self::TimedOut => "timed_out",
            Self::ShutdownRequested => "shutdown_requested",
            Self::ConnectionLost => "connection_lost",
            Self::Dropped => "drop",
            Self::Layer => "layer",
            Self::HandleCall => "handle call",
            Self::DelayedCall => "delayed call",
            Self::QueuedCall => "queued call",
            Self::CallFromThread => "call from another thread",
            Self::SystemEvent => "system event trigger",
            Self::Task => "task",
            Self::DeferredFired => "Deferred",
            Self::Request => "request",
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

/// Calls consumers' code, guarded and observed.
pub(crate) struct Dispatch {
    /// The reactor's time, which is a virtual one in a simulation.
    clock: Clock,
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// Whether there are observers, so that looking costs one load.
    observed: Cell<bool>,
}

impl Dispatch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            observers: RefCell::default(),
            observed: Cell::new(false),
        }
    }

    /// Calls `f`. A panic is caught and logged under the callback's name. `callback` is only made
    /// when somebody wants to know.
    #[inline]
    pub(crate) fn call<R>(
        &self,
        callback: impl Fn() -> Callback,
        f: impl FnOnce() -> R,
    ) -> Result<R, String> {
        self.call_on(&mut (), |()| callback(), |()| f())
    }

    /// As [`call`](Self::call), of a `target` that knows its own name, which is not asked for
    /// otherwise.
    #[inline(always)]
    pub(crate) fn call_on<T: ?Sized, R>(
        &self,
        target: &mut T,
        callback: impl Fn(&T) -> Callback,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R, String> {
        let began = self.observed.get().then(|| self.began(&callback(target)));
        let result = contain(|| f(target));
        if let Some(began) = began {
            self.ended(&callback(target), began, result.is_err());
        }
        match result {
            Ok(value) => Ok(value),
            Err(Panicked(said)) => Err(panicked(&callback(target), said)),
        }
    }

    /// Tells the observers. `event` is only made when there are any.
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.observed.get() {
            self.tell((self.clock)(), &event());
        }
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observed.get()
    }

    pub(crate) fn add_observer(&self, observer: Rc<dyn Observer>) {
        self.observers.borrow_mut().push(observer);
        self.observed.set(true);
    }

    pub(crate) fn remove_observer(&self, observer: &Rc<dyn Observer>) {
        let mut observers = self.observers.borrow_mut();
        let all = std::mem::take(&mut *observers).into_iter();
        let (gone, kept) = all.partition(|other| Rc::ptr_eq(other, observer));
        *observers = kept;
        self.observed.set(!observers.is_empty());
        drop(observers);
        let gone: Vec<_> = gone;
        gone.into_iter().for_each(drop_contained);
    }

    #[cold]
    fn began(&self, callback: &Callback) -> Instant {
        let now = (self.clock)();
        self.tell(now, &Event::CallbackBegan(callback));
        now
    }

    #[cold]
    fn ended(&self, callback: &Callback, began: Instant, panicked: bool) {
        let now = (self.clock)();
        let event = Event::CallbackEnded {
            callback,
            took: now - began,
            panicked,
        };
        self.tell(now, &event);
    }

    #[cold]
    fn tell(&self, now: Instant, event: &Event<'_>) {
        let observers = self.observers.borrow().clone();
        for observer in observers {
            if let Err(Panicked(said)) = contain(|| observer.event(now, event)) {
                let said = visible(&said);
                log::error!("an observer panicked and is detached: {said}");
                self.remove_observer(&observer);
            }
            if Rc::strong_count(&observer) == 1 {
                drop_contained(observer); // it was detached meanwhile
            }
        }
    }
}

/// Observers are not [`Contained`](crate::contained::Contained), because they are cloned for each event.
impl Drop for Dispatch {
    fn drop(&mut self) {
        self.observers.take().into_iter().for_each(drop_contained);
    }
}

#[cold]
fn panicked(callback: &Callback, said: String) -> String {
    log::error!("{callback} panicked: {}", visible(&said));
    said
}
