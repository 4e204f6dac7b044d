//! Bombs in tasks, Deferreds and the work of threads.

use std::future::pending;
use std::panic::panic_any;
use std::sync::Arc;

use reactor::Reactor;
use reactor::deferred::{Deferred, Failure, Panicked, Resolver};

use crate::{Bombs, Boom, SECOND, each_goes_off_and_concerns_nobody_else, holding, silence_bombs};

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
            stage.reactor().call_later(SECOND / 2, move || {
                canceller.cancel();
            });
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
    reactor.call_soon(move || {
        canceller.cancel();
    });
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
