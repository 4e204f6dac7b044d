//! Server-sent events: what happens, as it happens, to every page that listens.
//!
//! ```text
//!   send ──▶ Audience ──▶ sink ──▶ one browser
//!                    └──▶ sink ──▶ another
//! ```
//!
//! What is sent in one callback is gathered, and written to each sink in one piece: a burst of any
//! size is one write, and is not taken for a listener that does not read.
//!
//! Source: the WHATWG's HTML standard, section 9.2.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::http::body::Body;
use crate::http::body::sink::BodySink;
use crate::http::server::response::Response;
use crate::lifecycle::{Phase, SystemEvent};
use crate::reactor::Reactor;
use crate::weak_reactor::WeakReactor;

/// One event.
///
/// ```
/// use reactor::http::ServerEvent;
///
/// let event = ServerEvent::new("3").with_name("users").with_id("17");
/// assert_eq!(event.to_string(), "event: users\nid: 17\ndata: 3\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    name: String,
    id: Option<String>,
    retry: Option<Duration>,
    data: String,
}

impl ServerEvent {
    /// An event with data, which may have several lines.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            ..Self::default()
        }
    }

    /// This event, with the name that a page listens to. Line breaks are left away.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = one_line(name);
        self
    }

    /// This event, with what a browser says in `Last-Event-ID` when it connects again. Line breaks
    /// are left away.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(one_line(id));
        self
    }

    /// This event, which also says how long a browser shall wait before it connects again.
    #[must_use]
    pub fn with_retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\r' | '\n' | '\0'))
        .collect()
}

/// The event as it is sent.
impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            writeln!(f, "event: {}", self.name)?;
        }
        if let Some(id) = &self.id {
            writeln!(f, "id: {id}")?;
        }
        if let Some(retry) = self.retry {
            writeln!(f, "retry: {}", retry.as_millis())?;
        }
        let data = self.data.replace("\r\n", "\n").replace('\r', "\n");
        for line in data.split('\n') {
            writeln!(f, "data: {line}")?;
        }
        writeln!(f)
    }
}

/// All listeners to the same events. Clones are the same audience.
///
/// All that is sent in one callback reaches every listener that reads, however much it is. A listener
/// that does not take its events is disconnected with a line in the log, so that a slow browser costs
/// at most 256 KiB behind what it was sent while it kept up; it connects again by itself. Something is said at least every so often, so that one which is gone
/// without a word is noticed. When the loop is stopped all answers end, so that it need not wait.
///
/// ```
/// use std::time::Duration;
/// use reactor::Reactor;
/// use reactor::http::{Audience, Request, ServerEvent, Tree};
///
/// let reactor = Reactor::new()?;
/// let audience = Audience::new(&reactor, Duration::from_secs(15));
/// let root = Tree::new();
/// let events = audience.clone();
/// root.put_child("events", move |_: Request| events.subscribe(&[]));
/// audience.send(&ServerEvent::new("hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Audience(Rc<Inner>);

struct Inner {
    reactor: WeakReactor,
    heartbeat: Duration,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    listeners: Vec<Listener>,
    /// What was sent in this callback, and not written to anybody yet.
    gathered: Vec<u8>,
    /// Whether the loop is about to write it.
    is_writing_soon: bool,
    /// Whether the next heartbeat is due at some time.
    is_beating: bool,
    /// Whether the trigger for a stop of the loop is set.
    awaits_stop: bool,
}

struct Listener {
    sink: BodySink,
    /// How much of what is gathered was sent before it came.
    missed: usize,
    /// What waits until it has taken what it was written before.
    behind: Vec<u8>,
}

/// At most this much may wait for a listener behind what it was written while it kept up.
const BACKLOG: usize = 256 << 10;

impl Listener {
    /// Writes to it, when it has room. Returns whether it listens on.
    fn write(&mut self, data: &[u8]) -> bool {
        // A listener that was not yet offered what was written to it is not behind.
        let keeps_up = !self.sink.is_stuck() || self.sink.has_room();
        if keeps_up && self.behind.is_empty() {
            return data.is_empty() || self.sink.write(data);
        }
        self.behind.extend_from_slice(data);
        if keeps_up {
            return self.sink.write(&std::mem::take(&mut self.behind));
        }
        if self.behind.len() > BACKLOG {
            log::warn!(
                "a listener is disconnected: it has not taken its events, of which {} bytes wait",
                self.behind.len() + self.sink.waiting()
            );
            return false;
        }
        true
    }
}

impl Audience {
    /// No listeners yet. A comment is sent every `heartbeat`. With a heartbeat of zero none is, and a
    /// listener that is gone without a word is noticed at the next event.
    #[must_use]
    pub fn new(reactor: &Reactor, heartbeat: Duration) -> Self {
        Self(Rc::new(Inner {
            reactor: reactor.downgrade(),
            heartbeat,
            state: RefCell::default(),
        }))
    }

    /// An answer that goes on as long as the client listens. It begins with the events in `first`.
    #[must_use]
    pub fn subscribe(&self, first: &[ServerEvent]) -> Response {
        let (sink, body) = Body::stream();
        for event in first {
            sink.write(event.to_string().as_bytes());
        }
        let mut state = self.0.state.borrow_mut();
        let missed = state.gathered.len();
        state.listeners.push(Listener {
            sink,
            missed,
            behind: Vec::new(),
        });
        drop(state);
        self.0.beat_later();
        self.0.await_stop();
        Response::ok()
            .with_body("text/event-stream", body)
            .with_header("Cache-Control", "no-store")
            .with_header("X-Accel-Buffering", "no")
    }

    /// Sends an event to all that listen now, when the callback that calls this has returned.
    pub fn send(&self, event: &ServerEvent) {
        self.0.gather(event.to_string().as_bytes());
    }

    /// How many listen.
    #[must_use]
    pub fn len(&self) -> usize {
        let state = self.0.state.borrow();
        let listeners = state.listeners.iter();
        listeners.filter(|one| !one.sink.is_over()).count()
    }

    /// Whether there are no listeners.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn gather(self: &Rc<Self>, data: &[u8]) {
        let mut state = self.state.borrow_mut();
        if !state.listeners.is_empty() {
            state.gathered.extend_from_slice(data);
            drop(state);
            self.write_soon();
        }
    }

    fn write_soon(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        if !std::mem::replace(&mut self.state.borrow_mut().is_writing_soon, true) {
            let this = Rc::clone(self);
            // Behind the callback, so that a burst in it is one write for each listener.
            reactor.call_soon(move || this.write());
        }
    }

    /// Writes what was gathered, and what waited for room that is there now.
    fn write(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.is_writing_soon = false;
        let gathered = std::mem::take(&mut state.gathered);
        let mut listeners = std::mem::take(&mut state.listeners);
        let mut behind = Vec::new();
        let gone = listeners.extract_if(.., |listener| {
            let data = &gathered[std::mem::take(&mut listener.missed)..];
            let was_behind = !listener.behind.is_empty();
            let listens = listener.write(data);
            if listens && !was_behind && !listener.behind.is_empty() {
                behind.push(listener.sink.ready());
            }
            !listens
        });
        let gone: Vec<Listener> = gone.collect();
        state.listeners = listeners;
        drop(state);
        // Dropping a sink aborts its connection.
        drop(gone);
        for room in behind {
            let this = Rc::downgrade(self);
            let _ = room.add_both(move |_| {
                if let Some(this) = this.upgrade() {
                    this.write_soon();
                }
                Ok(())
            });
        }
    }

    /// Ends all answers, behind what was sent before.
    fn finish(self: &Rc<Self>) {
        self.write();
        let listeners = std::mem::take(&mut self.state.borrow_mut().listeners);
        for listener in listeners {
            listener.sink.write(&listener.behind);
            listener.sink.finish();
        }
    }

    fn beat_later(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        if state.listeners.is_empty()
            || self.heartbeat.is_zero()
            || std::mem::replace(&mut state.is_beating, true)
        {
            return;
        }
        let this: Weak<Self> = Rc::downgrade(self);
        reactor.call_later(self.heartbeat, move || {
            let Some(this) = this.upgrade() else {
                return;
            };
            this.state.borrow_mut().is_beating = false;
            // A comment, which pages do not see.
            this.gather(b":\n\n");
            this.write();
            this.beat_later();
        });
    }

    fn await_stop(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        if reactor.is_stopping() {
            return self.finish();
        }
        if std::mem::replace(&mut self.state.borrow_mut().awaits_stop, true) {
            return;
        }
        let this: Weak<Self> = Rc::downgrade(self);
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move || {
            let Some(this) = this.upgrade() else {
                return;
            };
            this.state.borrow_mut().awaits_stop = false;
            this.finish();
        });
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("len", &self.len())
            .finish()
    }
}
