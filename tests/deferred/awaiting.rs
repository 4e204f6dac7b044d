//! `deferred.await`, with the smallest of executors: one that polls by hand.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use reactor::deferred::{Cancelled, Deferred, Failure, UnhandledFailures};

use crate::support::{Log, Refused};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn awaiting_gives_the_value_or_the_failure() {
    let mut both = pin!(async {
        let value = Deferred::succeed(1).await?;
        let failed: Result<u32, Failure> = Deferred::fail(Refused(2)).await;
        Ok::<_, Failure>((value, failed.expect_err("it has failed").to_string()))
    });
    let Poll::Ready(Ok(both)) = poll(both.as_mut()) else {
        panic!("both were fired");
    };
    assert_eq!(both, (1, "refused 2".to_owned()));
}

#[test]
fn a_pending_deferred_wakes_the_one_who_awaits_it() {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut context = Context::from_waker(&waker);
    let (resolver, deferred) = Deferred::pending();
    let mut awaiting = pin!(deferred.into_future());
    assert!(awaiting.as_mut().poll(&mut context).is_pending());
    assert!(awaiting.as_mut().poll(&mut context).is_pending());
    resolver.callback(5);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(Ok(5)) = awaiting.as_mut().poll(&mut context) else {
        panic!("it has been fired");
    };
}

#[test]
fn ten_thousand_awaits_of_fired_deferreds_are_one_poll() {
    let mut sum = pin!(async {
        let mut sum = 0;
        for number in 0..10_000_u64 {
            sum += Deferred::succeed(number).await?;
        }
        Ok::<_, Failure>(sum)
    });
    let Poll::Ready(Ok(sum)) = poll(sum.as_mut()) else {
        panic!("all were fired");
    };
    assert_eq!(sum, 49_995_000);
}

#[test]
fn dropping_the_future_cancels_what_it_awaits() {
    let _none_unhandled = UnhandledFailures::watch();
    let log = Log::default();
    let noted = log.clone();
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(move || noted.note("stopped"));
    let mut task = Box::pin(async move { deferred.map(|value| value + 1).await });
    assert!(poll(task.as_mut()).is_pending());
    drop(task);
    assert_eq!(log.take(), ["stopped"]);
}

#[test]
fn a_failure_that_comes_of_dropping_the_future_is_reported_unless_it_is_the_cancelling() {
    let unhandled = UnhandledFailures::watch();
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.on_cancel(|| Err(Refused(1).into()));
    let mut task = Box::pin(deferred.into_future());
    assert!(poll(task.as_mut()).is_pending());
    drop(task);
    let reported = unhandled.take();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].check::<Cancelled>().is_none());
}

#[test]
fn cancelling_an_awaited_deferred_is_its_result() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let canceller = deferred.canceller();
    let mut awaiting = pin!(deferred.into_future());
    assert!(poll(awaiting.as_mut()).is_pending());
    canceller.cancel();
    let Poll::Ready(Err(failure)) = poll(awaiting.as_mut()) else {
        panic!("it has failed");
    };
    assert!(failure.check::<Cancelled>().is_some());
}
