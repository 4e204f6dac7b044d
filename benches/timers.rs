//! One claim: a delayed call costs a few ns to set and to push back, also when there are a million.
//!
//! ```text
//! $ cargo bench --bench timers
//! ```
//!
//! The calls are set through the public interface. Deadlines rise, as those of timeouts do, which
//! are all as long; or they are in no order, spread over a minute. The closures capture nothing, so
//! what is measured is the queue and not the allocator. All rounds use one reactor, so that after
//! the first, which is shown apart, the memory is there already. A million calls are 130 MB, which
//! no cache holds; ten thousand are what a busy server has. Each figure is the median of
//! several rounds; their spread tells how noisy the machine is.

use std::time::{Duration, Instant};

use reactor::{DelayedCall, Reactor};

/// The costs of one round, in ns a call.
struct Round {
    rising: f64,
    unordered: f64,
    later: f64,
    push_back: f64,
    cancel: f64,
}

fn timed(calls: u32, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// Deadlines in no order, the same in every round.
fn delays() -> impl Iterator<Item = Duration> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        Duration::from_nanos(random % 60_000_000_000)
    })
}

fn set_at(reactor: &Reactor, calls: &mut Vec<DelayedCall>, deadlines: &[Instant]) -> f64 {
    timed(deadlines.len() as u32, || {
        calls.extend(deadlines.iter().map(|d| reactor.call_at(*d, || ())));
    })
}

fn cancel(calls: &mut Vec<DelayedCall>) -> f64 {
    let cost = timed(calls.len() as u32, || {
        for call in &*calls {
            assert!(call.cancel(), "it waits");
        }
    });
    calls.clear();
    cost
}

fn round(reactor: &Reactor, calls: &mut Vec<DelayedCall>, count: u32) -> Round {
    let minute = Duration::from_secs(60);
    let start = reactor.now() + minute;
    let in_order = |n: u32| start + Duration::from_nanos(n.into());
    let rising: Vec<Instant> = (0..count).map(in_order).collect();
    let unordered: Vec<Instant> = delays()
        .take(count as usize)
        .map(|delay| start + delay)
        .collect();

    let rising = set_at(reactor, calls, &rising);
    cancel(calls);
    let later = timed(count, || {
        calls.extend((0..count).map(|_| reactor.call_later(minute, || ())));
    });
    cancel(calls);
    let unordered = set_at(reactor, calls, &unordered);
    let push_back = timed(count, || {
        for call in &*calls {
            assert!(call.delay(minute), "it waits");
        }
    });
    let cancel = cancel(calls);
    Round {
        rising,
        unordered,
        later,
        push_back,
        cancel,
    }
}

fn report(name: &str, rounds: &[Round], pick: impl Fn(&Round) -> f64) {
    let mut costs: Vec<f64> = rounds.iter().map(pick).collect();
    costs.sort_by(f64::total_cmp);
    let (least, median, most) = (costs[0], costs[costs.len() / 2], costs[costs.len() - 1]);
    println!("{name:<36} {median:6.1} ns  ({least:.1} to {most:.1})");
}

fn measure(count: u32, rounds: usize) {
    let reactor = Reactor::new().expect("a reactor");
    let mut calls = Vec::with_capacity(count as usize);
    let cold = round(&reactor, &mut calls, count).rising;
    let costs: Vec<Round> = (0..rounds)
        .map(|_| round(&reactor, &mut calls, count))
        .collect();
    println!("\n{count} delayed calls, median of {rounds} rounds (least to most)");
    println!("{:<36} {cold:6.1} ns", "set, while memory is first touched");
    report("set, deadlines rise", &costs, |round| round.rising);
    report("set, deadlines in no order", &costs, |round| {
        round.unordered
    });
    report("set after a delay (reads the clock)", &costs, |round| {
        round.later
    });
    report("push back", &costs, |round| round.push_back);
    report("cancel", &costs, |round| round.cancel);
}

fn main() {
    measure(10_000, 201);
    measure(1_000_000, 7);
}
