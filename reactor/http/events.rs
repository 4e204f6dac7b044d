//! Server-sent events: what happens, as it happens, to every page that listens.
//!
//! ```text
//!   send ──▶ Audience ──▶ sink ──▶ one browser
//!                    └──▶ sink ──▶ another
//! ```
//!
//! Source: the WHATWG's HTML standard, section 9.2.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::http::body::{Body, BodySink};
use crate::http::response::Response;
use crate::reactor::{Reactor, WeakReactor};
use crate::shutdown::{Phase, SystemEvent};

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

/// Everybody who listens to the same events. Clones are the same audience.
///
/// Who does not take its events is disconnected, so that one slow browser costs nobody memory; it
/// connects again by itself. Something is said at least every so often, so that one which is gone
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
    sinks: Vec<BodySink>,
    /// Whether the next heartbeat is due at some time.
    is_beating: bool,
    /// Whether a stop of the loop will be heard of.
    hears_of_stop: bool,
}

impl Audience {
    /// Nobody yet. Something is said every `heartbeat`.
    #[must_use]
    pub fn new(reactor: &Reactor, heartbeat: Duration) -> Self {
        Self(Rc::new(Inner {
            reactor: reactor.downgrade(),
            heartbeat,
            state: RefCell::default(),
        }))
    }

    /// An answer that goes on as long as the client listens. It hears `first` before all others.
    #[must_use]
    pub fn subscribe(&self, first: &[ServerEvent]) -> Response {
        let (sink, body) = Body::stream();
        for event in first {
            sink.write(event.to_string().as_bytes());
        }
        self.0.state.borrow_mut().sinks.push(sink);
        self.0.beat_later();
        self.0.hear_of_stop();
        Response::ok()
            .with_body("text/event-stream", body)
            .with_header("Cache-Control", "no-store")
            .with_header("X-Accel-Buffering", "no")
    }

    /// Tells everybody.
    pub fn send(&self, event: &ServerEvent) {
        self.0.write(event.to_string().as_bytes());
    }

    /// How many listen.
    #[must_use]
    pub fn len(&self) -> usize {
        let state = self.0.state.borrow();
        state.sinks.iter().filter(|sink| !sink.is_over()).count()
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn write(&self, data: &[u8]) {
        let mut gone = Vec::new();
        let mut state = self.state.borrow_mut();
        for sink in std::mem::take(&mut state.sinks) {
            if !sink.is_stuck() && sink.write(data) {
                state.sinks.push(sink);
            } else {
                gone.push(sink);
            }
        }
        drop(state);
        // Dropping a sink aborts its connection.
        drop(gone);
    }

    fn beat_later(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        if state.sinks.is_empty() || std::mem::replace(&mut state.is_beating, true) {
            return;
        }
        let this: Weak<Self> = Rc::downgrade(self);
        reactor.call_later(self.heartbeat, move || {
            let Some(this) = this.upgrade() else {
                return;
            };
            this.state.borrow_mut().is_beating = false;
            // A comment, which pages do not see.
            this.write(b":\n\n");
            this.beat_later();
        });
    }

    fn hear_of_stop(self: &Rc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        if reactor.is_stopping() {
            let sinks = std::mem::take(&mut self.state.borrow_mut().sinks);
            return sinks.into_iter().for_each(BodySink::finish);
        }
        if std::mem::replace(&mut self.state.borrow_mut().hears_of_stop, true) {
            return;
        }
        let this: Weak<Self> = Rc::downgrade(self);
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move || {
            let Some(this) = this.upgrade() else {
                return;
            };
            let mut state = this.state.borrow_mut();
            state.hears_of_stop = false;
            let sinks = std::mem::take(&mut state.sinks);
            drop(state);
            sinks.into_iter().for_each(BodySink::finish);
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
