//! A panic anywhere in a consumer's code, drops included, leaves the loop alive.
//!
//! Everything that the loop is given holds a bomb here, which panics when it is dropped, wherever and
//! whyever that is. It has to go off once, by itself, and to concern nobody else.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reactor::deferred::{Deferred, Failure, Panicked, Resolver, on_unhandled_failure};
use reactor::http::{Body, Request, Response, Site};
use reactor::testing::{Conversation, Simulation};
use reactor::{
    Address, Event, Handle, Layer, LoopingCall, Observer, Phase, Protocol, Reactor, Reason,
    SystemEvent, Transport,
};

const SECOND: Duration = Duration::from_secs(1);

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

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
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

    fn part(&mut self, _: std::any::TypeId) -> Option<&mut dyn std::any::Any> {
        self.throw();
        None
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
    fn connection<P: Protocol>(&self, protocol: P) -> Conversation<P> {
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

#[test]
fn calls_that_are_made_cancelled_or_not_made() {
    each_goes_off_and_concerns_nobody_else(&[
        ("a queued call", |stage| {
            stage.reactor().call_soon(holding(stage.bomb(), || ()));
        }),
        ("a delayed call", |stage| {
            let call = holding(stage.bomb(), || ());
            stage.reactor().call_later(SECOND / 2, call);
        }),
        ("a delayed call that is cancelled", |stage| {
            let call = holding(stage.bomb(), || ());
            let call = stage.reactor().call_later(SECOND, call);
            stage.reactor().call_soon(move || {
                call.cancel().expect("it was not made");
            });
        }),
        ("a call from another thread", |stage| {
            let call = holding(stage.bomb(), || ());
            let remote = stage.reactor().remote();
            let queued = remote.call_from_thread(move |_| call());
            assert!(queued.is_ok());
        }),
        ("a call through a handle", |stage| {
            let call = holding(stage.bomb(), || ());
            let echo = stage.connection(Echo);
            echo.transport().handle::<Echo>().call(move |_, _| call());
        }),
        ("a call for another protocol", |stage| {
            let call = holding(stage.bomb(), || ());
            let handle: Handle<Armed> = stage.connection(Echo).transport().handle();
            handle.call(move |_, _| call());
        }),
        ("a call for a lost connection", |stage| {
            let call = holding(stage.bomb(), || ());
            let echo = stage.connection(Echo);
            let handle = echo.transport().handle::<Echo>();
            echo.reset();
            handle.call(move |_, _| call());
        }),
        ("a call for a connection that is lost meanwhile", |stage| {
            let call = holding(stage.bomb(), || ());
            let echo = stage.connection(Echo);
            let handle = echo.transport().handle::<Echo>();
            echo.transport().abort_connection();
            handle.call(move |_, _| call());
        }),
        ("a looping call that is stopped", |stage| {
            let bomb = stage.bomb();
            let call = LoopingCall::new(&stage.reactor(), move |_| {
                let _held = &bomb;
            });
            let stop = call.clone();
            let _ended = call.start(SECOND / 10);
            stage.reactor().call_later(SECOND / 2, move || stop.stop());
        }),
    ]);
}

#[test]
fn payloads_of_panics() {
    each_goes_off_and_concerns_nobody_else(&[
        ("of a call", |stage| {
            let bomb = stage.bomb();
            stage.reactor().call_soon(move || panic_any(bomb));
        }),
        ("of a protocol", |stage| {
            let armed = stage.connection(Armed::throwing(stage.bomb()));
            armed.say(b"x");
            assert!(matches!(armed.reason(), Some(Reason::Panicked { .. })));
        }),
        ("of a protocol that is asked for a part", |stage| {
            let armed = stage.connection(Armed::throwing(stage.bomb()));
            armed.transport().handle::<Echo>().call(|_, _| ());
            stage.run();
            assert!(matches!(armed.reason(), Some(Reason::Panicked { .. })));
        }),
        ("of a layer", |stage| {
            let echo = stage.connection(Echo);
            let layer = Armed::throwing(stage.bomb());
            echo.transport().push_layer(layer, b"");
            echo.say(b"x");
            assert!(matches!(echo.reason(), Some(Reason::Panicked { .. })));
        }),
        ("of an observer", |stage| {
            let armed = Rc::new(Armed::throwing(stage.bomb()));
            stage.reactor().add_observer(armed);
        }),
        ("of a factory", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            let factory = move |_: Address| -> Echo {
                if let Some(bomb) = bomb.take() {
                    panic_any(bomb);
                }
                Echo
            };
            let listening = stage.reactor().listen_tcp("10.0.0.9:9", factory);
            assert!(listening.is_ok());
            let peer = stage.simulation().connect("10.0.0.9:9");
            stage.run();
            assert!(peer.has_ended(), "it was refused");
        }),
        ("of a trigger and of a task", |stage| {
            let bomb = stage.bomb();
            let task = async move { panic_any(bomb) };
            let failed = stage.reactor().spawn::<_, ()>(task);
            stage.run();
            assert!(
                matches!(failed.into_result(), Ok(Err(failure)) if failure.check::<Panicked>().is_some())
            );
        }),
        ("of a looping call", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            let call = LoopingCall::new(&stage.reactor(), move |_| -> () {
                panic_any(bomb.take().expect("it is called once"));
            });
            let ended = call.start(SECOND);
            stage.run();
            assert!(
                matches!(ended.into_result(), Ok(Err(failure)) if failure.check::<Panicked>().is_some())
            );
        }),
        ("of the callback of a Deferred", |stage| {
            let bomb = stage.bomb();
            let (resolver, deferred) = Deferred::pending();
            let failed =
                deferred.add_callback(move |()| -> Result<(), Failure> { panic_any(bomb) });
            stage.reactor().call_soon(move || resolver.callback(()));
            stage.run();
            assert!(
                matches!(failed.into_result(), Ok(Err(failure)) if failure.check::<Panicked>().is_some())
            );
        }),
        ("of a canceller", |stage| {
            let bomb = stage.bomb();
            let (resolver, deferred) = Deferred::<()>::pending();
            resolver.on_cancel(move || -> () { panic_any(bomb) });
            deferred.cancel();
            assert!(
                matches!(deferred.into_result(), Ok(Err(failure)) if failure.check::<Panicked>().is_some())
            );
        }),
        ("of the hook for unhandled failures", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            let _hook = on_unhandled_failure(move |_| {
                if let Some(bomb) = bomb.take() {
                    panic_any(bomb);
                }
            });
            drop(Deferred::<()>::fail(Failure::message("nobody handles it")));
        }),
        ("of a resource", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            let site = Site::new(&stage.reactor(), move |_: Request| {
                if let Some(bomb) = bomb.take() {
                    panic_any(bomb);
                }
                Response::text("")
            });
            ask(stage, site);
        }),
        ("of the chunks of a body", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            let chunks = std::iter::from_fn(move || -> Option<Result<Vec<u8>, Failure>> {
                panic_any(bomb.take().expect("it is asked once"))
            });
            let chunks = Cell::new(Some(chunks));
            let site = Site::new(&stage.reactor(), move |_: Request| {
                let chunks = chunks.take().expect("it is asked once");
                Response::text(Body::from_chunks(chunks))
            });
            ask(stage, site);
        }),
    ]);
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
fn protocols_layers_factories_and_observers() {
    each_goes_off_and_concerns_nobody_else(&[
        ("a protocol", |stage| {
            stage.connection(Armed::holding(stage.bomb())).reset();
        }),
        ("a layer", |stage| {
            let echo = stage.connection(Echo);
            echo.transport()
                .push_layer(Armed::holding(stage.bomb()), b"");
            echo.say(b"x");
            echo.reset();
        }),
        ("a layer that was not put in place", |stage| {
            let echo = stage.connection(Echo);
            echo.transport()
                .push_layer(Armed::holding(stage.bomb()), b"");
            echo.transport().abort_connection();
        }),
        ("the factory of a port that stops", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            let listening = stage.reactor().listen_tcp("10.0.0.9:9", factory);
            listening.expect("the port is free").stop_listening();
        }),
        ("the factory of an attempt that fails", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            let _ = stage.reactor().connect_tcp("10.0.0.9", 9, factory);
        }),
        ("the factory of an attempt that is cancelled", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            stage.reactor().connect_tcp("10.0.0.9", 9, factory).cancel();
        }),
        ("an observer that is detached", |stage| {
            let observer: Rc<dyn Observer> = Rc::new(Armed::holding(stage.bomb()));
            stage.reactor().add_observer(Rc::clone(&observer));
            let reactor = stage.reactor();
            stage
                .reactor()
                .call_soon(move || reactor.remove_observer(&observer));
        }),
        ("the resource of a site", |stage| {
            let bomb = stage.bomb();
            let site = Site::new(&stage.reactor(), move |_: Request| {
                let _held = &bomb;
                Response::text("")
            });
            ask(stage, site).close();
        }),
        ("the chunks of a body that breaks off", |stage| {
            let site = site_of_endless_chunks(stage);
            ask(stage, site).reset();
        }),
    ]);
}

fn site_of_endless_chunks(stage: &Stage) -> Site {
    let bomb = stage.bomb();
    let chunks = std::iter::repeat_with(move || {
        let _held = &bomb;
        Ok::<_, Failure>(vec![b'x'; 10_000])
    });
    let chunks = Cell::new(Some(chunks));
    Site::new(&stage.reactor(), move |_: Request| {
        let chunks = chunks.take().expect("it is asked once");
        Response::text(Body::from_chunks(chunks))
    })
}

#[test]
fn tasks_and_deferreds() {
    each_goes_off_and_concerns_nobody_else(&[
        ("a task that ends", |stage| {
            let bomb = stage.bomb();
            let task = stage.reactor().spawn(async move {
                let _held = bomb;
            });
            task.add_both(|_| ());
        }),
        ("a task that is cancelled", |stage| {
            let bomb = stage.bomb();
            let task = stage.reactor().spawn(async move {
                let _held = bomb;
                pending::<()>().await;
            });
            let canceller = task.canceller();
            task.add_both(|_| ());
            stage
                .reactor()
                .call_later(SECOND / 2, move || canceller.cancel());
        }),
        ("a value that nobody takes", |stage| {
            let (bomb, (resolver, deferred)) = (stage.bomb(), Deferred::pending());
            drop(deferred);
            resolver.callback(bomb);
        }),
        ("a callback that a failure passes", |stage| {
            let (bomb, (resolver, deferred)) = (stage.bomb(), Deferred::<()>::pending());
            let callback = holding(bomb, || ());
            let failed = deferred.add_callback(move |()| callback());
            resolver.errback(Failure::message("it failed"));
            assert!(matches!(failed.into_result(), Ok(Err(_))));
        }),
        ("a canceller that is not needed", |stage| {
            let (resolver, deferred) = Deferred::pending();
            resolver.on_cancel(holding(stage.bomb(), || ()));
            resolver.callback(1);
            assert!(matches!(deferred.into_result(), Ok(Ok(1))));
        }),
        ("the value of a cancelled Deferred, by the loop", |stage| {
            let (bomb, (resolver, deferred)) = (stage.bomb(), Deferred::pending());
            deferred.cancel();
            stage.reactor().call_soon(move || resolver.callback(bomb));
            deferred.add_both(|_| ());
        }),
    ]);
}

#[test]
fn a_loop_that_is_dropped_with_everything_in_it_drops_each_thing_by_itself() {
    let stage = Stage::new();
    let (reactor, bombs) = (stage.reactor(), stage.bombs.clone());
    let mut connections = Vec::new();
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
    drop((stage, reactor, connections));
    assert_eq!(bombs.gone_off(), 2 * 9 + 2 * 3);
}

#[test]
fn work_of_a_thread_and_what_it_makes() {
    silence_bombs();
    let bombs = Bombs::default();
    let reactor = Reactor::new().expect("a loop");
    let bomb = bombs.make();
    let failed = reactor.run_until(reactor.defer_to_thread(move || -> () { panic_any(bomb) }));
    assert!(
        failed
            .expect_err("it panicked")
            .check::<Panicked>()
            .is_some()
    );
    assert_eq!(bombs.gone_off(), 1);

    let work = reactor.defer_to_thread(holding(bombs.make(), || 5));
    assert!(
        reactor.run_until(work).is_err(),
        "its drop is a part of the work"
    );
    assert_eq!(bombs.gone_off(), 2);

    let made = bombs.make();
    let work = reactor.defer_to_thread(move || made);
    let canceller = work.canceller();
    work.add_both(|_| ());
    reactor.call_soon(move || canceller.cancel());
    reactor.run().expect("it returns when the work is done");
    assert_eq!(bombs.gone_off(), 3);
    assert_eq!(
        reactor
            .run_until(reactor.defer_to_thread(|| 6))
            .expect("it works"),
        6
    );
}

#[test]
fn a_waker_that_panics_concerns_nobody_who_fires() {
    use std::future::{Future, IntoFuture};
    use std::task::{Context, Wake, Waker};
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic_any(Boom);
        }
    }
    silence_bombs();
    let (resolver, deferred): (Resolver<u32>, _) = Deferred::pending();
    let mut waiting = std::pin::pin!(deferred.into_future());
    let waker = Waker::from(Arc::new(Panics));
    let mut context = Context::from_waker(&waker);
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    resolver.callback(1);
    assert!(waiting.as_mut().poll(&mut context).is_ready());
}
