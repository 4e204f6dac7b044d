//! What was put into a queue is not lost on its way to somebody who does not take it.

use std::cell::RefCell;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use reactor::deferred::{
    Clock, Deferred, DeferredList, Failure, Queue, Resolver, UnhandledFailures, gather_results,
    race,
};

use crate::support::{Log, Refused, failure_of, value_of};

fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn put(queue: &Queue<u32>, items: impl IntoIterator<Item = u32>) {
    for item in items {
        queue.put(item).expect("there is room");
    }
}

fn rest_of(queue: &Queue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| (!queue.is_empty()).then(|| value_of(queue.get()))).collect()
}

/// A clock that stands still.
struct Never;

impl Clock for Never {
    fn schedule(&self, _: Duration, call: Box<dyn FnOnce()>) -> Box<dyn FnOnce()> {
        Box::new(move || drop(call))
    }
}

const LONG: Duration = Duration::from_secs(1000);

/// All ways in which a Deferred of a queue may be handed on without anybody taking the value.
fn handed_on(queue: &Queue<u32>) -> Vec<(&'static str, Deferred<u32>)> {
    let inside = queue.clone();
    let deeper = queue.clone();
    let (paused, pause) = queue.get().pause();
    drop(pause);
    vec![
        ("as it is", queue.get()),
        ("in time", queue.get().add_timeout(LONG, &Never)),
        (
            "in time with a function",
            queue.get().add_timeout_with(LONG, &Never, |_| Ok(0)),
        ),
        ("past an errback", queue.get().add_errback(|_| Ok(0))),
        (
            "by a callback",
            Deferred::succeed(()).add_callback(move |()| inside.get()),
        ),
        (
            "by a callback's callback",
            Deferred::succeed(())
                .add_callback(|()| Deferred::succeed(()).add_callback(move |()| deeper.get())),
        ),
        ("paused for a while", paused),
        ("on a chart", queue.get().charted().0),
    ]
}

#[test]
fn an_item_that_a_dropped_future_was_woken_for_is_the_next_one() {
    let ways = handed_on(&Queue::new()).len();
    for way in 0..ways {
        let queue = Queue::new();
        let (name, waiting) = handed_on(&queue).remove(way);
        let mut waiting = waiting.into_future();
        assert!(poll(&mut waiting).is_pending(), "{name}");
        put(&queue, [1, 2, 3]);
        drop(waiting);
        assert_eq!(rest_of(&queue), [1, 2, 3], "{name}");
    }
}

#[test]
fn an_item_that_was_there_and_is_not_taken_is_the_next_one() {
    let ways = handed_on(&Queue::new()).len();
    for way in 0..ways {
        let queue = Queue::new();
        put(&queue, 0..100);
        let (name, there) = handed_on(&queue).swap_remove(way);
        assert!(there.is_fired(), "{name}");
        drop(there);
        assert_eq!(rest_of(&queue), (0..100).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn an_item_for_a_deferred_that_was_dropped_goes_to_the_next_who_waits() {
    let queue = Queue::new();
    for _ in 0..100_000 {
        drop(queue.get());
    }
    let waits = queue.get();
    put(&queue, [1, 2]);
    assert_eq!((value_of(waits), queue.len(), queue.waiting()), (1, 1, 0));
    drop(queue.get());
    assert_eq!(rest_of(&queue), [2]);
}

#[test]
fn items_come_back_to_their_places_in_whatever_order_they_are_dropped() {
    let queue = Queue::new();
    put(&queue, 0..6);
    let mut out: Vec<_> = (0..4).map(|_| queue.get()).collect();
    for place in [1, 2, 0, 0] {
        drop(out.remove(place));
    }
    assert_eq!(rest_of(&queue), (0..6).collect::<Vec<_>>());
}

#[test]
fn an_item_on_the_loan_of_one_that_was_taken_comes_back_to_its_own_place() {
    let queue = Queue::new();
    put(&queue, 0..4);
    let (first, second) = (queue.get(), queue.get());
    assert_eq!(value_of(first), 0);
    let third = queue.get();
    drop(second);
    drop(third);
    assert_eq!(rest_of(&queue), [1, 2, 3]);
}

#[test]
fn an_item_comes_back_to_a_full_queue() {
    let queue = Queue::bounded(1, 1);
    put(&queue, [1]);
    let out = queue.get();
    put(&queue, [2]);
    drop(out);
    assert_eq!(queue.put(3).expect_err("it is full").0, 3);
    assert_eq!(rest_of(&queue), [1, 2]);
}

#[test]
fn a_queue_that_is_gone_takes_nothing_back() {
    let queue = Queue::new();
    put(&queue, [1, 2]);
    let (dropped, kept) = (queue.get(), queue.get());
    drop(queue);
    drop(dropped);
    assert_eq!(value_of(kept), 2);
}

#[test]
fn a_get_while_an_item_comes_back_stands_behind_those_that_wait() {
    let log = Log::default();
    let queue = Queue::new();
    put(&queue, [0]);
    let held = queue.get();
    let (asks, first, third) = (queue.clone(), log.clone(), log.clone());
    queue.get().add_callback(move |item| {
        first.note(format!("first {item}"));
        drop(held);
        let asked = asks.get();
        asked.add_callback(move |item| third.note(format!("third {item}")));
    });
    let second = log.clone();
    queue
        .get()
        .add_callback(move |item| second.note(format!("second {item}")));
    put(&queue, [5, 6]);
    assert_eq!(log.take(), ["first 5", "second 0", "third 6"]);
}

#[test]
fn the_loser_of_a_race_has_taken_nothing() {
    let (one, other) = (Queue::new(), Queue::new());
    put(&one, 0..3);
    put(&other, 10..13);
    assert_eq!(value_of(race([one.get(), other.get()])), (0, 0));
    assert_eq!(
        (rest_of(&one), rest_of(&other)),
        (vec![1, 2], vec![10, 11, 12])
    );

    let waiting = race([one.get(), other.get()]);
    put(&other, [7]);
    put(&one, [8]);
    assert_eq!(value_of(waiting), (1, 7));
    assert_eq!((rest_of(&one), rest_of(&other)), (vec![8], vec![]));
}

#[test]
fn what_comes_too_late_for_a_list_goes_back() {
    let (one, other) = (Queue::new(), Queue::new());
    let list = DeferredList::new([one.get(), other.get()])
        .fire_on_one_callback()
        .into_deferred();
    put(&one, [1]);
    put(&other, [2]); // its Deferred was not cancelled, and waits
    assert_eq!((value_of(list), rest_of(&other)), ((0, 1), vec![2]));
}

#[test]
fn the_items_of_a_list_that_fails_or_is_not_taken_go_back() {
    let _none = UnhandledFailures::watch();
    let queue = Queue::new();
    put(&queue, 0..4);
    let (resolver, fails): (Resolver<u32>, _) = Deferred::pending();
    let list = gather_results([queue.get(), fails, queue.get()]);
    resolver.errback(Refused(1));
    assert!(failure_of(list).to_string().contains("number 1"));
    assert_eq!(queue.len(), 4);

    drop(gather_results([queue.get(), queue.get()]));
    drop(race([queue.get(), queue.get()]));
    drop(DeferredList::new([queue.get(), Deferred::fail(Refused(2)), queue.get()]).into_deferred());
    assert_eq!(rest_of(&queue), [0, 1, 2, 3]);
}

#[test]
fn the_items_of_a_list_that_is_taken_are_taken() {
    let queue = Queue::new();
    put(&queue, 0..6);
    assert_eq!(value_of(gather_results([queue.get(), queue.get()])), [0, 1]);
    let all = DeferredList::new([queue.get(), queue.get()]).into_deferred();
    let values: Result<Vec<_>, Failure> = value_of(all).into_iter().collect();
    assert_eq!(values.expect("both are there"), [2, 3]);
    assert_eq!(rest_of(&queue), [4, 5]);
}

#[test]
fn a_chain_that_is_cancelled_in_a_pause_has_taken_nothing() {
    let queue = Queue::new();
    put(&queue, [1]);
    let (paused, pause) = queue.get().pause();
    assert!(queue.is_empty());
    paused.cancel();
    drop(pause);
    assert!(failure_of(paused).to_string().contains("cancelled"));
    assert_eq!(rest_of(&queue), [1]);
}

#[test]
fn what_is_shared_is_taken_when_somebody_asks_for_it() {
    let queue = Queue::new();
    put(&queue, [1, 2]);
    drop(queue.get().shared());
    assert_eq!(queue.len(), 2);
    assert_eq!(*value_of(queue.get().shared().deferred()), 1);
    assert_eq!(rest_of(&queue), [2]);
}

#[test]
fn what_a_callback_has_got_is_taken() {
    let queue = Queue::new();
    put(&queue, 0..5);
    drop(queue.get().add_callback(Ok));
    drop(queue.get().map(|item| item));
    drop(queue.get().add_both(|result| result));
    drop(queue.get().add_callbacks(Ok, Err));
    assert_eq!(rest_of(&queue), [4]);
}

#[test]
fn an_item_that_goes_round_is_dropped_with_its_queue() {
    let alive = Rc::new(RefCell::new(()));
    let queue = Queue::new();
    queue.put(Rc::clone(&alive)).expect("there is room");
    drop(queue.get());
    drop(queue.get());
    assert_eq!(Rc::strong_count(&alive), 2);
    drop(queue);
    assert_eq!(Rc::strong_count(&alive), 1);
}
