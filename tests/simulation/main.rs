//! Thousands of seeds: whatever the network does, and whatever protocols do in whatever callback,
//! the promises hold.
//!
//! * Bytes arrive in order and once; all of them, or the reason says why not.
//! * `connection_made` comes first, `connection_lost` last, each once; nothing comes after it, and
//!   no callback inside another.
//! * No data is delivered while reading is paused, after `read_closed`, or after the connection was
//!   closed on this side.
//! * Who sits still and reads hears everything that the other side has said, and its end.
//! * A connection holds at most its limit and one write.
//! * In the end everything is dropped: protocols, factories, closures, sockets and the reactor.
//!
//! A seed that fails is named; `SEED=n cargo test --test simulation` runs it alone.

mod model;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{Dice, WildPeer, World};
use reactor::Limits;
use reactor::testing::{Conditions, Simulation};
use support::{SECOND, millis};

/// How many worlds are tried, unless `SEEDS` says so.
const SEEDS: u64 = 2000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Any network, from quiet to hostile.
fn conditions(dice: &Dice) -> Conditions {
    let buffers = [1..=1, 1..=300, 1..=8_000, 60_000..=100_000];
    let latencies = [0, 1, 20, 200];
    let longest = millis(latencies[dice.below(4)]);
    Conditions::calm()
        .latency(Duration::ZERO..=longest)
        .segment(1..=[1 << 6, 1 << 10, 1 << 16][dice.below(3)])
        .send_buffer(buffers[1 + dice.below(3)].clone())
        .receive_buffer(buffers[1 + dice.below(3)].clone())
        .window_step(0..=[0, 5_000][dice.below(2)])
        .surprises([0, 20, 200][dice.below(3)])
        .resets([0, 0, 2][dice.below(3)])
}

/// How many unsent bytes a connection may have.
const UNSENT: usize = 20_000;

fn limits(dice: &Dice) -> Limits {
    Limits::default()
        .high_water(5_000)
        .low_water(dice.below(5_000))
        .unsent(UNSENT)
        .linger(SECOND * (1 + dice.below(5) as u32))
        .patience(SECOND)
        .connect(SECOND * 5)
}

fn run(seed: u64) {
    let dice = Dice::new(seed);
    let conditions = conditions(&dice);
    let simulation = Simulation::with_conditions(conditions.clone(), seed);
    let world = World::new(&simulation, seed, limits(&dice));
    for _ in 0..dice.below(6) {
        world.connect();
    }
    let peers: Vec<_> = (0..dice.below(6))
        .map(|_| WildPeer::connect(&world, &simulation))
        .collect();
    if dice.one_in(4) {
        simulation.limit_descriptors(2 + dice.below(10));
    }
    for _ in 0..15 {
        simulation.run_for(millis(dice.below(100) as u64));
        peers.iter().for_each(WildPeer::act);
    }
    // A window of a few bytes and a long way would take for ever.
    simulation.set_conditions(conditions.latency(Duration::ZERO..=millis(1)));
    end(&simulation, &world, peers);
    let (violations, alive) = (world.violations.clone(), world.alive.clone());
    let reactor = simulation.reactor().downgrade();
    assert_eq!(violations.entries(), [""; 0]);
    let descriptors = simulation.descriptors();
    assert!(
        descriptors <= 1,
        "{descriptors} sockets are left, of which one listens"
    );
    drop((simulation, world));
    assert!(reactor.upgrade().is_none(), "the reactor is still there");
    assert_eq!(alive.others(), 0, "something was not dropped");
}

/// Lets everything end, and looks at what came of it.
fn end(simulation: &Simulation, world: &Rc<World>, peers: Vec<WildPeer>) {
    simulation.limit_descriptors(usize::MAX);
    world.sit_still();
    peers.iter().for_each(WildPeer::sit_still);
    simulation.run_for(100 * SECOND);
    peers.iter().for_each(WildPeer::sit_still);
    world.compare_while_alive();
    simulation.set_conditions(Conditions::calm());
    world.calm_down();
    peers.iter().for_each(WildPeer::close);
    // Everybody has lingered by then, those who were connected meanwhile as well.
    for _ in 0..3 {
        simulation.run_for(10 * SECOND);
        world.calm_down();
    }
    world.compare();
    world.forget_handles();
    drop(peers);
}

/// Panics that are part of the test say nothing.
fn silence_wild_panics() {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"wild") {
                usual(info);
            }
        }));
    });
}

#[test]
fn the_promises_hold_whatever_happens() {
    silence_wild_panics();
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |n| n.get().min(8)) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
                        next.store(seeds, Ordering::Relaxed);
                        panic!("seed {seed} fails: SEED={seed} cargo test --test simulation");
                    }
                }
            });
        }
    });
}
