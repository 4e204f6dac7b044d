//! Every operation is legal inside every callback, on its own connection and on another; a panic
//! ends its own connection and nothing else.
//!
//! One scenario provokes every callback there is. It is run for each operation in each callback on
//! each of two connections, and has to end as it always does: each connection is lost once, the
//! loop returns, and nothing is left.

mod operations;
mod panics;
#[path = "../support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::observe::{Callback, Cause, Event, Observer};
use reactor::testing::{Peer, Simulation};
use reactor::{Address, Factory, Layer, Limits, Protocol, Reactor, Reason, Transport, WeakReactor};

use support::{Alive, Log, SECOND, millis};

const CAUSES: &[Cause] = &[
    Cause::BuildProtocol,
    Cause::ConnectionFailed,
    Cause::ConnectionMade,
    Cause::HandshakeDone,
    Cause::DataReceived,
    Cause::ReadClosed,
    Cause::WritingPaused,
    Cause::WritingResumed,
    Cause::ReadingResumed,
    Cause::TimedOut,
    Cause::ShutdownRequested,
    Cause::ConnectionLost,
    Cause::Dropped,
    Cause::Layer,
    Cause::HandleCall,
    Cause::DelayedCall,
    Cause::QueuedCall,
    Cause::CallFromThread,
    Cause::SystemEvent,
];

type Operation = fn(&Stage, &Transport);

/// What all share in one run of the scenario.
struct Stage {
    reactor: WeakReactor,
    alive: Alive,
    /// In which callback something is done, once, and what.
    cause: Cause,
    act: RefCell<Option<Act>>,
    /// Connections in the order in which they were made.
    transports: RefCell<Vec<Transport>>,
    /// How often each connection was made and lost.
    made: RefCell<BTreeMap<reactor::ConnectionId, (usize, usize)>>,
    lost: Log,
    port: RefCell<Option<reactor::ListeningPort>>,
    inside: Cell<bool>,
}

/// What is done: an operation on the connection whose callback it is or on another, or a panic.
#[derive(Clone, Copy)]
enum Act {
    OnItself(Operation),
    OnAnother(Operation),
    Panic,
}

impl Stage {
    fn reactor(&self) -> Reactor {
        self.reactor.upgrade().expect("it runs this")
    }

    fn weak(&self) -> std::rc::Weak<Self> {
        let Some(this) = THIS.with_borrow(|this| this.clone()) else {
            return std::rc::Weak::new();
        };
        Rc::downgrade(&this)
    }

    fn factory(&self) -> ActorFactory {
        ActorFactory {
            stage: self.weak(),
            _alive: self.alive.clone(),
        }
    }

    /// A callback has begun, of a connection or of nobody.
    fn enter(&self, cause: Cause, transport: Option<&Transport>) {
        if cause != self.cause {
            return;
        }
        let transports = self.transports.borrow().clone();
        let itself = transport.or(transports.first()).cloned();
        let another = transports
            .iter()
            .rev()
            .find(|t| Some(*t) != itself.as_ref())
            .cloned();
        let act = match (*self.act.borrow(), itself, another) {
            (Some(Act::OnItself(act)), Some(itself), _) => Some((act, itself)),
            (Some(Act::OnAnother(act)), _, Some(another)) => Some((act, another)),
            (Some(Act::Panic), ..) => None,
            _ => return, // nobody is there yet
        };
        self.act.take();
        match act {
            Some((act, on)) => act(self, &on),
            None => panic!("on purpose"),
        }
    }
}

thread_local! {
    static THIS: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

struct Actor {
    stage: Rc<Stage>,
    _alive: Alive,
}

impl Actor {
    fn enter(&self, cause: Cause, transport: &Transport) {
        assert!(
            !self.stage.inside.replace(true),
            "a callback inside another"
        );
        struct Outside<'a>(&'a Stage);
        impl Drop for Outside<'_> {
            fn drop(&mut self) {
                self.0.inside.set(false);
            }
        }
        let _outside = Outside(&self.stage);
        self.stage.enter(cause, Some(transport));
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.stage.enter(Cause::Dropped, None);
    }
}

impl Protocol for Actor {
    fn connection_made(&mut self, transport: &Transport) {
        self.stage
            .made
            .borrow_mut()
            .entry(transport.id())
            .or_default()
            .0 += 1;
        self.stage.transports.borrow_mut().push(transport.clone());
        self.enter(Cause::ConnectionMade, transport);
    }

    fn handshake_done(&mut self, transport: &Transport) {
        self.enter(Cause::HandshakeDone, transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        if data.starts_with(b"big") {
            transport.write(&[b'b'; 200_000]);
        }
        if data.starts_with(b"idle") {
            transport.set_timeout(Some(millis(10)));
        }
        if data.starts_with(b"layer") {
            transport.push_layer(Passage::new(Rc::downgrade(&self.stage)), b"");
        }
        self.enter(Cause::DataReceived, transport);
    }

    fn read_closed(&mut self, transport: &Transport) {
        transport.lose_connection();
        self.enter(Cause::ReadClosed, transport);
    }

    fn writing_paused(&mut self, transport: &Transport) {
        transport.pause_reading();
        self.enter(Cause::WritingPaused, transport);
    }

    fn writing_resumed(&mut self, transport: &Transport) {
        transport.resume_reading();
        self.enter(Cause::WritingResumed, transport);
    }

    fn reading_resumed(&mut self, transport: &Transport) {
        self.enter(Cause::ReadingResumed, transport);
    }

    fn timed_out(&mut self, transport: &Transport) {
        self.enter(Cause::TimedOut, transport);
    }

    fn shutdown_requested(&mut self, transport: &Transport) {
        transport.lose_connection();
        self.enter(Cause::ShutdownRequested, transport);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.stage
            .made
            .borrow_mut()
            .entry(transport.id())
            .or_default()
            .1 += 1;
        self.stage.lost.note(format!("{} {reason}", transport.id()));
        self.enter(Cause::ConnectionLost, transport);
    }
}

struct ActorFactory {
    stage: std::rc::Weak<Stage>,
    _alive: Alive,
}

impl Factory for ActorFactory {
    type Protocol = Actor;

    fn build_protocol(&mut self, _: &Address) -> Option<Actor> {
        let stage = self.stage.upgrade()?;
        stage.enter(Cause::BuildProtocol, None);
        let alive = stage.alive.clone();
        Some(Actor {
            stage,
            _alive: alive,
        })
    }

    fn limits(&self) -> Limits {
        Limits::default().high_water(1000).low_water(100)
    }

    fn connection_failed(&mut self, _: &Reason) {
        if let Some(stage) = self.stage.upgrade() {
            stage.enter(Cause::ConnectionFailed, None);
        }
    }
}

/// Has had its handshake when anything came.
struct Passage {
    stage: std::rc::Weak<Stage>,
    is_ready: bool,
}

impl Passage {
    fn new(stage: std::rc::Weak<Stage>) -> Self {
        Self {
            stage,
            is_ready: false,
        }
    }
}

impl Layer for Passage {
    fn is_ready(&self) -> bool {
        self.is_ready
    }

    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.is_ready = true;
        if let Some(stage) = self.stage.upgrade() {
            stage.enter(Cause::Layer, None);
        }
        up.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }
}

/// Which callbacks there were, to see that the scenario provokes all of them.
#[derive(Default)]
struct Causes(RefCell<Vec<Cause>>);

impl Observer for Causes {
    fn event(&self, _: std::time::Instant, event: &Event<'_>) {
        if let Event::CallbackBegan(Callback { cause, .. }) = event {
            self.0.borrow_mut().push(*cause);
        }
    }
}

/// What a run of the scenario has come to.
struct Outcome {
    lost: Log,
    causes: Vec<Cause>,
    acted: bool,
}

/// Provokes every callback. The first connection does most; the others only wait for the end.
fn run(what: &str, cause: Cause, act: Option<Act>) -> Outcome {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let alive = Alive::default();
    let causes = Rc::new(Causes::default());
    reactor.add_observer(Rc::clone(&causes) as Rc<dyn Observer>);
    let stage = Rc::new(Stage {
        reactor: reactor.downgrade(),
        alive: alive.clone(),
        cause,
        act: RefCell::new(act),
        transports: RefCell::default(),
        made: RefCell::default(),
        lost: Log::default(),
        port: RefCell::default(),
        inside: Cell::new(false),
    });
    THIS.set(Some(Rc::clone(&stage)));
    let port = reactor
        .listen_tcp("10.0.0.1:7", stage.factory())
        .expect("the port is free");
    stage.port.replace(Some(port));
    let clients = [0; 3].map(|_| simulation.connect("10.0.0.1:7"));
    provoke(&stage, &clients);
    reactor
        .run()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    // A port that was opened after the stop, or an attempt, has a turn to end.
    simulation.run_for(40 * SECOND);
    THIS.set(None);
    let acted = stage.act.borrow().is_none();
    for (id, counts) in stage.made.borrow().iter() {
        assert_eq!(
            *counts,
            (1, 1),
            "{what}: {id} was made and lost so many times"
        );
    }
    let lost = stage.lost.clone();
    let weak = reactor.downgrade();
    drop((stage, clients, reactor, simulation));
    assert!(
        weak.upgrade().is_none(),
        "{what}: the reactor is still there"
    );
    assert_eq!(alive.others(), 0, "{what}: something was not dropped");
    Outcome {
        lost,
        causes: causes.0.take(),
        acted,
    }
}

/// Calls `f` at this time of the scenario, if its stage is still there.
fn at(stage: &Rc<Stage>, time: u64, f: impl FnOnce(&Stage) + 'static) {
    let weak = Rc::downgrade(stage);
    stage.reactor().call_later(millis(time), move || {
        if let Some(stage) = weak.upgrade() {
            f(&stage);
        }
    });
}

/// The scenario's times.
fn provoke(stage: &Rc<Stage>, clients: &[Peer; 3]) {
    let by_client = |time: u64, f: fn(&Peer)| {
        let client = clients[0].clone();
        at(stage, time, move |_| f(&client));
    };
    by_client(10, |client| {
        client.pause_reading();
        client.set_window(10_000);
        client.write(b"big");
    });
    by_client(20, |client| client.resume_reading());
    by_client(30, |client| {
        client.write(b"idle");
    });
    at(stage, 60, call_in_each_way);
    by_client(70, |client| {
        client.write(b"layer");
    });
    by_client(80, |client| {
        client.write(b"through it");
    });
    by_client(90, |client| client.shut_write());
    at(stage, 200, |stage| stage.reactor().stop());
    let weak = Rc::downgrade(stage);
    let reactor = stage.reactor();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        if let Some(stage) = weak.upgrade() {
            stage.enter(Cause::SystemEvent, None);
        }
    });
}

/// In a delayed call: one that is queued, one from a thread, one through a handle, and an attempt that fails.
fn call_in_each_way(stage: &Stage) {
    let weak = stage.weak();
    stage.reactor().call_soon(move || {
        if let Some(stage) = weak.upgrade() {
            stage.enter(Cause::QueuedCall, None);
        }
    });
    let called = stage.reactor().remote().call_from_thread(|_| {
        if let Some(stage) = THIS.with_borrow(|this| this.clone()) {
            stage.enter(Cause::CallFromThread, None);
        }
    });
    called.expect("the loop is there");
    if let Some(first) = stage.transports.borrow().first() {
        first.handle::<Actor>().call(|actor, transport| {
            actor.enter(Cause::HandleCall, transport);
        });
    }
    stage.reactor().connect_tcp("10.0.0.9", 9, stage.factory());
    stage.enter(Cause::DelayedCall, None);
}
