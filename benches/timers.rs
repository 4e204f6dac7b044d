//! One claim: a million delayed calls cost at most 15 ns each to set, and 25 ns to push back.
//!
//! ```text
//! $ cargo bench --bench timers
//! ```
//!
//! The calls are set through the public interface. Deadlines rise, as those of timeouts do, which
//! are all as long; or they are in no order, spread over a minute. The closures capture nothing, so
//! what is measured is the queue and not the allocator. All rounds use one reactor, so that after
//! the first, which is shown apart, the memory is there already. Each figure is the median of
//! several rounds; their spread tells how noisy the machine is.

use std::time::{Duration, Instant};

use reactor::{DelayedCall, Reactor};

const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 7;

/// The costs of one round, in ns a call.
struct Round {
    rising: f64,
    unordered: f64,
    later: f64,
    push_back: f64,
    cancel: f64,
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_nanos() as f64 / f64::from(CALLS)
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
    .take(CALLS as usize)
}

fn set_at(reactor: &Reactor, calls: &mut Vec<DelayedCall>, deadlines: &[Instant]) -> f64 {
    timed(|| calls.extend(deadlines.iter().map(|d| reactor.call_at(*d, || ()))))
}

fn cancel(calls: &mut Vec<DelayedCall>) -> f64 {
    let cost = timed(|| {
        for call in &*calls {
            call.cancel().expect("it waits");
        }
    });
    calls.clear();
    cost
}

fn round(reactor: &Reactor, calls: &mut Vec<DelayedCall>) -> Round {
    let minute = Duration::from_secs(60);
    let start = reactor.now() + minute;
    let rising: Vec<Instant> = (0..CALLS)
        .map(|n| start + Duration::from_nanos(n.into()))
        .collect();
    let unordered: Vec<Instant> = delays().map(|delay| start + delay).collect();

    let rising = set_at(reactor, calls, &rising);
    cancel(calls);
    let later = timed(|| calls.extend((0..CALLS).map(|_| reactor.call_later(minute, || ()))));
    cancel(calls);
    let unordered = set_at(reactor, calls, &unordered);
    let push_back = timed(|| {
        for call in &*calls {
            call.delay(minute).expect("it waits");
        }
    });
    Round {
        rising,
        unordered,
        later,
        push_back,
        cancel: cancel(calls),
    }
}

fn report(name: &str, rounds: &[Round], pick: impl Fn(&Round) -> f64) {
    let mut costs: Vec<f64> = rounds.iter().map(pick).collect();
    costs.sort_by(f64::total_cmp);
    let (least, median, most) = (costs[0], costs[costs.len() / 2], costs[costs.len() - 1]);
    println!("{name:<36} {median:6.1} ns  ({least:.1} to {most:.1})");
}

fn main() {
    let reactor = Reactor::new().expect("a reactor");
    let mut calls = Vec::with_capacity(CALLS as usize);
    let cold = round(&reactor, &mut calls).rising;
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(&reactor, &mut calls)).collect();
    println!("{CALLS} delayed calls, median of {ROUNDS} rounds (least to most)");
    println!("{:<36} {cold:6.1} ns", "set, while memory is first touched");
    report("set, deadlines rise", &rounds, |round| round.rising);
    report("set, deadlines in no order", &rounds, |round| {
        round.unordered
    });
    report("set after a delay (reads the clock)", &rounds, |round| {
        round.later
    });
    report("push back", &rounds, |round| round.push_back);
    report("cancel", &rounds, |round| round.cancel);
}
