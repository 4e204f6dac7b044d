//! A server as it is deployed: it stops so that a load balancer's clients do not notice.
//!
//! ```text
//! $ cargo run --example deployed                      listens on 127.0.0.1:8000
//! $ cargo run --example deployed -- ADDRESS LAME_DUCK GRACE      both in seconds
//! $ curl -i http://127.0.0.1:8000/                    an answer, after 20 ms
//! $ curl -i http://127.0.0.1:8000/health              200, and 503 while it stops
//! $ kill -USR1 PID                                    how many requests it has answered
//! $ kill -TERM PID                                    it stops
//! ```
//!
//! The one idea: a stop has two times. In the lame-duck time everything is still served, but health checks fail and
//! each answer is the last of its connection, so that clients go elsewhere by themselves. Then ports
//! are closed, and what was asked is answered within the grace. `tests/rolling` restarts two of these
//! behind `HAProxy`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use reactor::Reactor;
use reactor::http::{Request, Response, Site, Status, Tree};
use reactor::lifecycle::{Signal, StopLimits};

fn seconds(argument: Option<String>, default: f64) -> Result<Duration, Box<dyn std::error::Error>> {
    let seconds = argument.map_or(Ok(default), |text| text.parse())?;
    Ok(Duration::try_from_secs_f64(seconds)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8000".to_owned());
    let limits = StopLimits::default()
        .lame_duck(seconds(arguments.next(), 5.0)?)
        .grace(seconds(arguments.next(), 20.0)?);

    let reactor = Reactor::new()?;
    reactor.set_stop_limits(limits);
    let answered = Rc::new(Cell::new(0_u64));

    let root = Tree::new();
    let (clock, count) = (reactor.downgrade(), Rc::clone(&answered));
    root.put_child("", move |_: Request| {
        count.set(count.get() + 1);
        let reactor = clock.upgrade().expect("it calls this");
        let later = reactor.defer_later(Duration::from_millis(20));
        later.map(|()| Response::text("hello\n"))
    });
    let health = reactor.downgrade();
    root.put_child("health", move |_: Request| {
        let stops = health.upgrade().is_none_or(|reactor| reactor.is_stopping());
        match stops {
            true => Response::error(Status::SERVICE_UNAVAILABLE),
            false => Response::text("ok\n"),
        }
    });
    reactor.on_signal(Signal::Usr1, move || {
        println!("{} requests", answered.get());
    })?;

    let port = reactor.listen_tcp(address.as_str(), Site::new(&reactor, root))?;
    println!("listening on {}", port.local_addr());
    reactor.run()?;
    println!("stopped");
    Ok(())
}
