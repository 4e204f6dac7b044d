//! A panic anywhere in a consumer's code, drops included, leaves the loop alive.
//!
//! Everything that the loop is given holds a bomb here, which panics when it is dropped, wherever and
//! whyever that is. It has to go off once, by itself, and to concern nobody else.

mod calls;
mod consumers;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use reactor::http::Site;
use reactor::lifecycle::{Phase, SystemEvent};
use reactor::observe::{Event, Observer};
use reactor::testing::{Conversation, Simulation};
use reactor::{Accepted, Address, IntoAccepted, Layer, Protocol, Reactor, Reason, Transport};

use support::{Echo, SECOND};

/// Panics when it is dropped.
struct Bomb(Arc<AtomicUsize>);

/// What a bomb says, which the hook below keeps off the terminal.
struct Boom;

impl Drop for Bomb {
    fn drop(&mut self) {
        // One that is dropped while another panic unwinds, and panics then, ends the process.
        if !std::thread::panicking() {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic_any(Boom);
        }
    }
}

/// Makes bombs and counts how many have gone off.
#[derive(Clone, Default)]
struct Bombs(Arc<AtomicUsize>);

impl Bombs {
    fn make(&self) -> Bomb {
        Bomb(Arc::clone(&self.0))
    }

    fn gone_off(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn silence_bombs() {
    static SILENCE: std::sync::Once = std::sync::Once::new();
    SILENCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Boom>() && !info.payload().is::<Bomb>() {
                usual(info);
            }
        }));
    });
}

/// Holds a bomb, and lives as long as it is told.
fn holding<R>(bomb: Bomb, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    move || {
        let _held = &bomb;
        f()
    }
}

/// A protocol or a layer with a bomb, and perhaps one as the payload of a panic.
struct Armed {
    _held: Option<Bomb>,
    thrown: RefCell<Option<Bomb>>,
}

impl Armed {
    fn holding(bomb: Bomb) -> Self {
        Self {
            _held: Some(bomb),
            thrown: RefCell::default(),
        }
    }

    fn throwing(bomb: Bomb) -> Self {
        Self {
            _held: None,
            thrown: RefCell::new(Some(bomb)),
        }
    }

    fn throw(&self) {
        if let Some(bomb) = self.thrown.take() {
            panic_any(bomb);
        }
    }
}

impl Protocol for Armed {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {
        self.throw();
    }
}

impl Layer for Armed {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.throw();
        up.extend_from_slice(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend_from_slice(data);
        Ok(())
    }
}

impl Observer for Armed {
    fn event(&self, _: Instant, _: &Event<'_>) {
        self.throw();
    }
}

/// A loop, and somebody on it whom nothing of this concerns.
struct Stage {
    bystander: Conversation<Echo>,
    bombs: Bombs,
}

impl Stage {
    fn new() -> Self {
        silence_bombs();
        Self {
            bystander: Conversation::with(Echo),
            bombs: Bombs::default(),
        }
    }

    fn reactor(&self) -> Reactor {
        self.simulation().reactor()
    }

    fn simulation(&self) -> &Simulation {
        self.bystander.simulation()
    }

    fn bomb(&self) -> Bomb {
        self.bombs.make()
    }

    fn run(&self) {
        self.simulation().run_for(SECOND);
    }

    /// Another connection, with this protocol.
    fn connection<P: Protocol>(
        &self,
        protocol: impl IntoAccepted<Protocol = P>,
    ) -> Conversation<P> {
        Conversation::begin(self.simulation(), protocol, reactor::Limits::default())
    }

    #[track_caller]
    fn check(self, what: &str, expected: usize) {
        self.run();
        assert_eq!(self.bombs.gone_off(), expected, "{what}");
        self.bystander.say(b"still here");
        assert_eq!(self.bystander.hear(), b"still here", "{what}");
        let called = Rc::new(Cell::new(false));
        let set = Rc::clone(&called);
        self.reactor().call_later(SECOND / 2, move || set.set(true));
        self.run();
        assert!(called.get(), "{what}");
    }
}

/// How to give the loop a bomb, and to make it go off.
type Way = (&'static str, fn(&Stage));

#[track_caller]
fn each_goes_off_and_concerns_nobody_else(ways: &[Way]) {
    for (what, give) in ways {
        let stage = Stage::new();
        give(&stage);
        stage.check(what, 1);
    }
}

/// Asks a site for its root.
fn ask(stage: &Stage, site: Site) -> reactor::testing::Peer {
    let listening = stage.reactor().listen_tcp("10.0.0.9:80", site);
    let port = listening.expect("the port is free");
    let client = stage.simulation().connect("10.0.0.9:80");
    client.write(b"GET / HTTP/1.1\r\nHost: 10.0.0.9\r\n\r\n");
    stage.run();
    port.stop_listening();
    client
}

#[test]
fn a_loop_that_is_dropped_with_everything_in_it_drops_each_thing_by_itself() {
    let stage = Stage::new();
    let (reactor, bombs) = (stage.reactor(), stage.bombs.clone());
    let (mut connections, mut keepers) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let bomb = stage.bomb();
        let task = reactor.spawn(async move {
            let _held = bomb;
            pending::<()>().await;
        });
        task.add_both(|_| ());
        reactor.call_later(9 * SECOND, holding(stage.bomb(), || ()));
        let bomb = stage.bomb();
        let factory = move |_: Address| {
            let _held = &bomb;
            Echo
        };
        reactor.listen_tcp("10.0.0.9:0", factory).expect("a port");
        let armed = stage.connection(Armed::holding(stage.bomb()));
        for _ in 0..2 {
            let layer = Armed::holding(stage.bomb());
            armed.transport().push_layer(layer, b"");
        }
        armed.say(b"x");
        armed
            .transport()
            .push_layer(Armed::holding(stage.bomb()), b"");
        connections.push(armed);
        let echo = Accepted::new(Echo).with_permit(stage.bomb());
        let echo = echo.with_layer(Armed::holding(stage.bomb()));
        keepers.push(stage.connection(echo));
        let (during, trigger) = (SystemEvent::Shutdown, holding(stage.bomb(), || ()));
        reactor.add_system_event_trigger(Phase::During, during, trigger);
        reactor.add_observer(Rc::new(Armed::holding(stage.bomb())));
    }
    stage.run();
    for _ in 0..2 {
        reactor.call_soon(holding(stage.bomb(), || ()));
        let (one, other) = (holding(stage.bomb(), || ()), holding(stage.bomb(), || ()));
        assert!(reactor.remote().call_from_thread(move |_| one()).is_ok());
        let echo = stage.bystander.transport().handle::<Echo>();
        echo.call(move |_, _| other());
    }
    assert_eq!(bombs.gone_off(), 0);
    drop((stage, reactor, connections, keepers));
    assert_eq!(bombs.gone_off(), 2 * 11 + 2 * 3);
}
