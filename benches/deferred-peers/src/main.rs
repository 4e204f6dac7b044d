//! What a step costs, in nanoseconds: a callback of a Deferred beside `map` and `then` of futures
//! on a current-thread executor.
//!
//! ```text
//! $ cd benches/deferred-peers && cargo run --release
//! ```
//!
//! A chain of futures whose length is known when it is compiled is one state machine and costs next
//! to nothing; one that is built step by step, as a chain of callbacks is, needs a box a step. Both
//! are here. Each chain waits for a channel that is fired when the chain stands, as a Deferred
//! waits for its resolver.

use std::hint::black_box;
use std::time::Instant;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::{LocalPool, block_on};
use futures::future::LocalBoxFuture;
use futures::task::LocalSpawnExt;
use reactor::deferred::Deferred;

const STEPS: u64 = 16;
const CHAINS: u64 = 20_000;
const ROUNDS: usize = 15;

type Contender = fn(u64) -> u64;

fn main() {
    let contenders: [(&str, Contender); 7] = [
        ("Deferred, built and then fired", deferred_built),
        ("Deferred, fired already", deferred_fired),
        ("futures: boxed map", boxed_map),
        ("futures: boxed then", boxed_then),
        ("futures: boxed map, ready", boxed_map_ready),
        ("futures: 16 maps, one type", typed_map),
        ("a task and a channel a step", tasks),
    ];
    let mut best = [f64::MAX; 7];
    for _ in 0..ROUNDS {
        for (best, (_, contender)) in best.iter_mut().zip(contenders) {
            let start = Instant::now();
            for seed in 0..CHAINS {
                black_box(contender(black_box(seed)));
            }
            let nanoseconds = start.elapsed().as_secs_f64() * 1e9;
            *best = best.min(nanoseconds / (CHAINS * STEPS) as f64);
        }
    }
    println!("{:>32}  ns a step", "");
    for (best, (name, _)) in best.iter().zip(contenders) {
        println!("{name:>32}  {best:5.1}");
    }
}

fn deferred_built(seed: u64) -> u64 {
    let (resolver, mut deferred) = Deferred::pending();
    for number in 0..STEPS {
        deferred = deferred.add_callback(move |value: u64| Ok(value + number + seed));
    }
    black_box(resolver).callback(seed);
    value_of(deferred)
}

fn deferred_fired(seed: u64) -> u64 {
    let mut deferred = Deferred::succeed(seed);
    for number in 0..STEPS {
        deferred = black_box(deferred.add_callback(move |value| Ok(value + number + seed)));
    }
    value_of(deferred)
}

fn value_of(deferred: Deferred<u64>) -> u64 {
    match deferred.into_result() {
        Ok(Ok(value)) => value,
        Ok(Err(_)) | Err(_) => panic!("it was fired with a value"),
    }
}

type Step = LocalBoxFuture<'static, Result<u64, String>>;

/// Fires the channel and drives `chain` to its end.
fn drive(sender: oneshot::Sender<u64>, seed: u64, chain: Step) -> u64 {
    black_box(sender).send(seed).expect("the chain waits");
    block_on(chain).expect("no step fails")
}

fn source() -> (oneshot::Sender<u64>, Step) {
    let (sender, receiver) = oneshot::channel();
    (
        sender,
        receiver
            .map(|value| value.map_err(|_| "dropped".to_owned()))
            .boxed_local(),
    )
}

fn boxed_map(seed: u64) -> u64 {
    let (sender, mut chain) = source();
    for number in 0..STEPS {
        chain = chain
            .map(move |value| Ok(value? + number + seed))
            .boxed_local();
    }
    drive(sender, seed, chain)
}

fn boxed_then(seed: u64) -> u64 {
    let (sender, mut chain) = source();
    for number in 0..STEPS {
        let step = move |value: Result<u64, String>| async move { Ok(value? + number + seed) };
        chain = chain.then(step).boxed_local();
    }
    drive(sender, seed, chain)
}

fn boxed_map_ready(seed: u64) -> u64 {
    let mut chain: Step = futures::future::ready(Ok(seed)).boxed_local();
    for number in 0..STEPS {
        chain = chain
            .map(move |value| Ok(value? + number + seed))
            .boxed_local();
    }
    block_on(chain).expect("no step fails")
}

fn typed_map(seed: u64) -> u64 {
    macro_rules! maps {
        ($chain:expr, $($number:literal)*) => {
            $chain$(.map(move |value: Result<u64, String>| Ok(value? + $number + seed)))*
        };
    }
    let (sender, chain) = source();
    let chain = maps!(chain, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    drive(sender, seed, chain.boxed_local())
}

fn tasks(seed: u64) -> u64 {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let (first, mut last) = oneshot::channel();
    for number in 0..STEPS {
        let (sender, receiver) = oneshot::channel();
        let before = std::mem::replace(&mut last, receiver);
        let step = async move {
            if let Ok(value) = before.await {
                let _ = sender.send(value + number + seed);
            }
        };
        spawner.spawn_local(step).expect("the pool is here");
    }
    first.send(seed).expect("the first step waits");
    pool.run_until(last).expect("every step sends")
}
