//! Futures as tasks of the loop.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use reactor::deferred::{Abandoned, Cancelled, Panicked, Queue};
use reactor::testing::Simulation;
use reactor::{Deferred, LoopingCall, Reactor};

use crate::outcome::{failed_with, outcome};
use crate::support::{Log, SECOND, millis};

#[test]
fn a_task_awaits_deferreds_and_fires_its_own() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let clock = reactor.clone();
    let sum = reactor.spawn(async move {
        let mut sum = 0;
        for n in 1..=3 {
            sum += clock.defer_later(SECOND).map(move |()| n).await?;
        }
        Ok(sum)
    });
    assert_eq!(reactor.run_until(sum).expect("it ends"), 6);
    assert_eq!(simulation.elapsed(), 3 * SECOND);
}

#[test]
fn a_task_fails_with_what_it_returns_or_with_its_panic() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let failing = reactor.spawn(async {
        Deferred::<()>::fail(std::io::Error::other("no")).await?;
        Ok(())
    });
    assert_eq!(
        reactor
            .run_until(failing)
            .expect_err("it fails")
            .to_string(),
        "no"
    );
    let panicking = reactor.spawn(async {
        let fails = true;
        assert!(!fails, "a mistake");
    });
    let failure = reactor.run_until(panicking).expect_err("it panics");
    assert!(failure.check::<Panicked>().is_some(), "{failure}");
}

#[test]
fn cancelling_a_task_drops_its_future_and_cancels_what_it_awaits() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = Log::default();
    let (inner, awaited) = Deferred::<()>::pending();
    let note = log.clone();
    inner.on_cancel(move || note.note("inner cancelled"));
    struct Noted(Log);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.note("future dropped");
        }
    }
    let held = Noted(log.clone());
    let task = reactor.spawn(async move {
        let _held = held;
        awaited.await
    });
    let canceller = task.canceller();
    let ended = outcome(task);
    simulation.run_for(SECOND);
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&ended));
    assert!(log.contains("inner cancelled") && log.contains("future dropped"));
    reactor.run().expect("no task is left to wait for");
    drop(inner);
}

#[test]
fn a_task_that_cancels_itself_is_dropped_after_its_poll() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let canceller: Rc<RefCell<Option<reactor::deferred::Canceller>>> = Rc::default();
    let mine = Rc::clone(&canceller);
    let task = reactor.spawn(async move {
        mine.take().expect("it was set").cancel();
        std::future::pending::<()>().await;
    });
    canceller.replace(Some(task.canceller()));
    let ended = outcome(task);
    reactor.run().expect("no task is left to wait for");
    assert!(failed_with::<Cancelled>(&ended));
}

#[test]
fn a_waker_works_from_any_thread() {
    let reactor = Reactor::new().expect("a loop");
    let ready = Arc::new(Mutex::new((false, None::<Waker>)));
    let from_thread = Arc::clone(&ready);
    let task = reactor.spawn(poll_fn(move |context| {
        let mut ready = ready.lock().expect("nobody panics");
        if ready.0 {
            return Poll::Ready(Ok("woken"));
        }
        if ready.1.replace(context.waker().clone()).is_none() {
            let ready = Arc::clone(&from_thread);
            std::thread::spawn(move || {
                let mut ready = ready.lock().expect("nobody panics");
                ready.0 = true;
                ready.1.take().expect("it was set").wake();
            });
        }
        Poll::Pending
    }));
    assert_eq!(reactor.run_until(task).expect("it ends"), "woken");
}

#[test]
fn ten_thousand_awaits_of_fired_deferreds_take_one_poll() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    let mut task = Box::pin(async {
        let mut sum = 0;
        for n in 0..10_000_u64 {
            sum += Deferred::succeed(n).await?;
        }
        Ok(sum)
    });
    let task = reactor.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        task.as_mut().poll(context)
    }));
    assert_eq!(reactor.run_until(task).expect("it ends"), 49_995_000);
    assert_eq!(polls.get(), 1);
}

#[test]
fn callbacks_and_tasks_mix() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let clock = reactor.downgrade();
    let mixed = reactor
        .defer_later(SECOND)
        .map(|()| 20)
        .add_callback(move |n| {
            let reactor = clock.upgrade().expect("it runs");
            let clock = reactor.clone();
            reactor.spawn(async move {
                clock.defer_later(SECOND).await?;
                Ok(n + 1)
            })
        })
        .map(|n| 2 * n);
    assert_eq!(reactor.run_until(mixed).expect("it ends"), 42);
}

#[test]
fn a_reactor_that_goes_away_abandons_what_waits_for_it() {
    let simulation = Simulation::new();
    let later = outcome(simulation.reactor().defer_later(SECOND));
    let task = outcome(simulation.reactor().spawn(std::future::pending::<()>()));
    drop(simulation);
    assert!(failed_with::<Abandoned>(&later));
    assert!(failed_with::<Abandoned>(&task));
}

#[test]
fn an_item_that_a_task_was_woken_for_and_is_cancelled_before_it_gets_it_is_not_lost() {
    let simulation = Simulation::new();
    let (reactor, queue) = (simulation.reactor(), Queue::new());
    let waits = queue.clone();
    let task = reactor.spawn(async move { waits.get().await });
    simulation.run_for(millis(1));
    let (puts, canceller) = (queue.clone(), task.canceller());
    let cancelled = outcome(task);
    reactor.call_soon(move || {
        puts.put(7).expect("there is room");
        canceller.cancel();
    });
    simulation.run_for(millis(1));
    assert!(failed_with::<Cancelled>(&cancelled));
    assert_eq!(queue.len(), 1);
}

/// Waits for whatever comes first of two, as executors' `select` does.
async fn either<T>(
    one: impl std::future::IntoFuture<Output = T>,
    other: impl std::future::IntoFuture<Output = ()>,
) -> Option<T> {
    let mut one = std::pin::pin!(one.into_future());
    let mut other = std::pin::pin!(other.into_future());
    poll_fn(|context| {
        if other.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        one.as_mut().poll(context).map(Some)
    })
    .await
}

#[test]
fn a_loop_that_waits_for_an_item_or_a_tick_gets_every_item_in_order() {
    let simulation = Simulation::new();
    let (reactor, queue) = (simulation.reactor(), Queue::new());
    let got: Rc<RefCell<Vec<u32>>> = Rc::default();
    let (clock, items, gets) = (reactor.clone(), queue.clone(), Rc::clone(&got));
    reactor
        .spawn(async move {
            for _ in 0..1000 {
                let tick = clock.defer_later(millis(10));
                let tick = async move { drop(tick.await) };
                if let Some(item) = either(items.get(), tick).await {
                    gets.borrow_mut().push(item?);
                }
            }
            Ok(())
        })
        .add_both(|_| ());
    let mut number = 0;
    // Both come in one turn, again and again.
    let producer = LoopingCall::new(&reactor, move |_| {
        number += 1;
        queue.put(number).expect("there is room");
    });
    let _ended = producer.start(millis(10));
    simulation.run_for(millis(205));
    assert_eq!(*got.borrow(), (1..=21).collect::<Vec<_>>());
}
