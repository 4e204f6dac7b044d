//! Bombs in calls, and in what panics throw.

use std::cell::Cell;
use std::panic::panic_any;
use std::rc::Rc;

use reactor::deferred::{Deferred, Failure, Panicked, on_unhandled_failure};
use reactor::http::{Body, Request, Response, Site};
use reactor::{Address, Handle, LoopingCall, Reason};

use crate::{Armed, Echo, SECOND, ask, each_goes_off_and_concerns_nobody_else, holding};

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
                assert!(call.cancel(), "it was not made");
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
fn payloads_of_panics_in_calls_and_events() {
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
    ]);
}

#[test]
fn payloads_of_panics_that_are_failures_of_a_deferred() {
    each_goes_off_and_concerns_nobody_else(&[
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
    ]);
}

#[test]
fn payloads_of_panics_of_a_site() {
    each_goes_off_and_concerns_nobody_else(&[
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
