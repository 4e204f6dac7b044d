//! Looks for primes for ten seconds, on the loop's own thread, while an echo server stays quick.
//!
//! ```text
//! $ cargo run --release --example primes           # and meanwhile: nc localhost 1401
//! $ cargo run --release --example primes -- 2      # for two seconds
//! ```
//!
//! The one idea: a long computation is an iterator, of which `cooperate` makes some steps in each turn. A call
//! every 5 ms notes how late it comes, which is how long anything else would have waited.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::{Protocol, Reactor, Transport};

const INTERVAL: Duration = Duration::from_millis(5);

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

fn is_prime(n: u64) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= n);
    n > 1 && !divisors.any(|divisor| n.is_multiple_of(divisor))
}

/// Notes how late it is called, again and again.
fn tick(reactor: Reactor, due: Instant, late: Rc<RefCell<Vec<Duration>>>) {
    let now = reactor.now();
    late.borrow_mut().push(now - due);
    let (again, due) = (reactor.clone(), now + INTERVAL);
    reactor.call_at(due, move || tick(again, due, late));
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let mut arguments = std::env::args().skip(1);
    let time = Duration::from_secs(arguments.next().map_or(Ok(10), |seconds| seconds.parse())?);
    let address = arguments.next().unwrap_or("127.0.0.1:1401".to_owned());
    let reactor = Reactor::new()?;
    let port = reactor.listen_tcp(address.as_str(), |_| Echo)?;
    println!("an echo server listens at {}", port.local_addr());
    let late: Rc<RefCell<Vec<Duration>>> = Rc::default();
    tick(reactor.clone(), reactor.now(), Rc::clone(&late));

    let primes = Rc::new(Cell::new(0));
    let (found, end) = (Rc::clone(&primes), Instant::now() + time);
    let search = (0..)
        .take_while(move |_| Instant::now() < end)
        .map(move |n| found.set(found.get() + u64::from(is_prime(n))));
    let task = reactor.cooperate(search);
    reactor.run_until(task.when_done())?;

    let mut late = late.take();
    late.sort();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100];
    println!("{} primes in {time:?}", primes.get());
    println!(
        "calls were late by {:?} (median), {:?} (99 %), {:?} (the latest)",
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}
