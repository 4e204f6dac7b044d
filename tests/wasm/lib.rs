//! A site and its client on a chaotic network, for `run.mjs`, which calls it in node.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{Request, Response, Site};
use reactor::testing::Simulation;
use reactor::{Protocol, Reason, Transport};

/// Asks once, and keeps what it hears.
struct Client(Rc<RefCell<Vec<u8>>>);

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.borrow_mut().extend_from_slice(data);
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.0
            .borrow_mut()
            .extend_from_slice(format!(" | {reason}").as_bytes());
    }
}

/// Runs a seed, and returns how many bytes the client has heard, or zero when not all of it was right.
#[unsafe(no_mangle)]
pub extern "C" fn run(seed: u32) -> u32 {
    let simulation = Simulation::chaotic(u64::from(seed));
    let reactor = simulation.reactor();
    let began = reactor.now();
    let site = Site::new(&reactor, |_: Request| Response::text("no clock, no system"));
    let Ok(_port) = reactor.listen_tcp("10.0.0.1:80", site) else {
        return 0;
    };
    let heard = Rc::new(RefCell::new(Vec::new()));
    let client = Rc::clone(&heard);
    reactor.connect_tcp("10.0.0.1", 80, move |_: reactor::Address| {
        Client(Rc::clone(&client))
    });
    let later = reactor.defer_later(Duration::from_secs(3600));
    simulation.run_for(Duration::from_secs(7200));
    let is_over = later.into_result().is_ok() && reactor.now() - began == Duration::from_secs(7200);
    let heard = String::from_utf8_lossy(&heard.borrow()).into_owned();
    let is_whole = heard.starts_with("HTTP/1.1 200 OK\r\n")
        && heard.contains("no clock, no system | the peer closed the connection");
    match is_over && is_whole {
        true => heard.len() as u32,
        false => 0,
    }
}
