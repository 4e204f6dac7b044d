//! What a callback costs: nanoseconds a step, built before the chain is fired and added to a
//! Deferred that is fired already, against boxed closures in a vector.
//!
//! ```text
//! $ cargo bench --bench deferred
//! ```
//!
//! The claim: 35 ns a step or less with locations and failures kept, which is the price of one
//! allocation; a few nanoseconds when the result is there, because then there is none.

use std::hint::black_box;
use std::time::Instant;

use reactor::deferred::Deferred;

/// Steps of a chain: short enough to stay in the cache, as chains are.
const STEPS: u64 = 16;
const CHAINS: u64 = 20_000;
const ROUNDS: usize = 15;

/// Builds and runs a chain, and returns what comes out of it.
type Contender = fn(u64) -> u64;

fn main() {
    let contenders: [(&str, Contender); 5] = [
        ("boxed closures in a vector", boxed_closures),
        ("Deferred, built and then fired", built_before_firing),
        ("Deferred, fired already", fired_already),
        ("Deferred, built and then failed", built_and_failed),
        ("Deferred, each step another Deferred", nested),
    ];
    let mut best = [f64::MAX; 5];
    // Interleaved, so that a slow moment of the machine is not one contender's.
    for _ in 0..ROUNDS {
        for (best, (_, contender)) in best.iter_mut().zip(contenders) {
            let start = Instant::now();
            for seed in 0..CHAINS {
                black_box(contender(black_box(seed)));
            }
            let steps = u32::try_from(CHAINS * STEPS).expect("a few hundred thousand");
            *best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(steps));
        }
    }
    println!("{:>38}  ns a step", "");
    for (best, (name, _)) in best.iter().zip(contenders) {
        println!("{name:>38}  {best:5.1}");
    }
}

fn boxed_closures(seed: u64) -> u64 {
    type Step = Box<dyn FnOnce(Result<u64, String>) -> Result<u64, String>>;
    let mut steps: Vec<Step> = Vec::new();
    for number in 0..STEPS {
        steps.push(Box::new(move |value| Ok(value? + number + seed)));
    }
    let mut value = Ok(seed);
    for step in black_box(steps) {
        value = step(value);
    }
    value.unwrap_or_default()
}

fn built_before_firing(seed: u64) -> u64 {
    let (resolver, mut deferred) = Deferred::pending();
    for number in 0..STEPS {
        deferred = deferred.add_callback(move |value: u64| Ok(value + number + seed));
    }
    black_box(resolver).callback(seed);
    result_of(deferred)
}

fn fired_already(seed: u64) -> u64 {
    let mut deferred = Deferred::succeed(seed);
    for number in 0..STEPS {
        deferred = black_box(deferred.add_callback(move |value| Ok(value + number + seed)));
    }
    result_of(deferred)
}

fn built_and_failed(seed: u64) -> u64 {
    let (resolver, mut deferred) = Deferred::pending();
    for number in 0..STEPS {
        deferred = deferred.add_callback(move |value: u64| Ok(value + number + seed));
    }
    black_box(resolver).errback(std::fmt::Error);
    result_of(deferred.add_errback(|_| Ok(0)))
}

fn nested(seed: u64) -> u64 {
    let (resolver, mut deferred) = Deferred::pending();
    for number in 0..STEPS {
        deferred = deferred.add_callback(move |value: u64| {
            let (resolver, inner) = Deferred::pending();
            let inner = inner.map(move |step: u64| step + value + seed);
            black_box(resolver).callback(number);
            inner
        });
    }
    black_box(resolver).callback(seed);
    result_of(deferred)
}

fn result_of(deferred: Deferred<u64>) -> u64 {
    match deferred.into_result() {
        Ok(Ok(value)) => value,
        Ok(Err(_)) | Err(_) => panic!("it was fired with a value"),
    }
}
