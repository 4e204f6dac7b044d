//! A clock that ticks five times and then stops the loop.
//!
//! ```text
//! $ cargo run --example tick
//! ```
//!
//! The one idea: nothing waits. `call_later` notes what is to be done and returns at once; the loop
//! does it when the time has come, and each tick sets the next one.

use std::time::Duration;

use reactor::Reactor;

fn tick(reactor: Reactor, left: u32) {
    println!("tick, {left} left");
    if left == 0 {
        return reactor.stop();
    }
    let again = reactor.clone();
    reactor.call_later(Duration::from_millis(500), move || tick(again, left - 1));
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let reactor = Reactor::new()?;
    let first = reactor.clone();
    reactor.call_soon(move || tick(first, 5));
    println!("The loop begins.");
    reactor.run()?;
    println!("The loop has ended.");
    Ok(())
}
