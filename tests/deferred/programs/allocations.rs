//! Counts what Deferreds allocate. A package that forbids `unsafe` cannot have an allocator of its
//! own, so this is a program that a test compiles and runs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use reactor::deferred::{Deferred, Queue, Resolver};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let done = work();
    (ALLOCATIONS.load(Ordering::Relaxed) - before, done)
}

/// A hundred steps of every kind.
fn add_steps(mut deferred: Deferred<u64>, number: u64) -> Deferred<u64> {
    for _ in 0..20 {
        deferred = deferred
            .add_callback(move |value| Ok(value + number))
            .add_errback(move |_| Ok(number))
            .add_callbacks(move |value| Ok(value + number), Err)
            .add_both(|result| result)
            .map(move |value| value + number);
    }
    deferred
}

fn build() -> (Resolver<u64>, Deferred<u64>) {
    let (resolver, deferred) = Deferred::pending();
    (resolver, add_steps(deferred, black_box(1)))
}

fn main() {
    let (pair, _) = allocations(Deferred::<u64>::pending);
    assert_eq!(pair, 1, "a Deferred and its Resolver");

    let (building, (resolver, deferred)) = allocations(build);
    assert_eq!(building, 1 + 100, "a hundred steps before firing");
    let (firing, ()) = allocations(|| resolver.callback(1));
    assert_eq!(firing, 0, "firing a hundred steps");
    assert_eq!(deferred.into_result().unwrap().unwrap(), 61);

    let (at_once, deferred) = allocations(|| add_steps(Deferred::succeed(1), black_box(1)));
    assert_eq!(at_once, 0, "a hundred steps on a fired Deferred");
    assert_eq!(deferred.into_result().unwrap().unwrap(), 61);

    // That a chart was asked for elsewhere changes nothing, and one that was asked for allocates:
    // the counting counts.
    let (charting, _chart) = allocations(|| {
        let (deferred, chart) = Deferred::succeed(1).charted();
        drop(add_steps(deferred, black_box(1)));
        chart
    });
    assert!(charting > 100, "a chart of a hundred steps");
    let (after, _) = allocations(build);
    assert_eq!(after, building, "a hundred steps while a chart exists");

    let (awaiting, _) = allocations(|| {
        let mut all = std::pin::pin!(async {
            for number in 0..1_000 {
                black_box(Deferred::succeed(number).await).unwrap();
            }
        });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(all.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!(awaiting, 0, "a thousand awaits of fired Deferreds");

    // Both have room for a first one, so that growing is not counted, nor the first loan.
    let queue = Queue::new();
    queue.put(1_u64).unwrap();
    drop(queue.get().into_result());
    queue.get().add_callback(|_| ());
    queue.put(1).unwrap();
    let (there, _) = allocations(|| {
        queue.put(2).unwrap();
        queue.get().into_result().is_ok()
    });
    assert_eq!(there, 0, "an item that was there, on the loan of the one before");
    let (waiting, _) = allocations(|| {
        queue.get().add_callback(|_| ());
        queue.put(3).unwrap();
    });
    assert_eq!(waiting, 3, "source, canceller, callback");

    println!("as many allocations as expected");
}
