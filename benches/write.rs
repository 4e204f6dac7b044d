//! One claim: writing costs a copy and a few checks, and a message for a thousand costs no copy more.
//!
//! ```text
//! $ cargo bench --bench write
//! ```
//!
//! What is measured is what a callback pays, on real connections: the bytes only gather, and are
//! sent when the callback has returned. Each figure is the median of several rounds.

use std::cell::RefCell;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::{Factory, Group, Limits, Protocol, Reactor, Transport};

const ROUNDS: usize = 15;
const WRITES: u32 = 4_000;
const MEMBERS: u32 = 1_000;

struct Silent {
    made: Rc<RefCell<Vec<Transport>>>,
}

impl Protocol for Silent {
    fn connection_made(&mut self, transport: &Transport) {
        self.made.borrow_mut().push(transport.clone());
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Connections whose peers never read, and which may hold all that is written to them here.
fn connections(reactor: &Reactor, count: u32) -> (Vec<Transport>, Vec<TcpStream>) {
    let made: Rc<RefCell<Vec<Transport>>> = Rc::default();
    let for_factory = Rc::clone(&made);
    let factory = move |_| Silent {
        made: Rc::clone(&for_factory),
    };
    let limits = Limits::default().unsent(usize::MAX);
    let port = reactor
        .listen_tcp("127.0.0.1:0", factory.with_limits(limits))
        .expect("a port");
    let address = port.local_addr().socket_addr().expect("a TCP port");
    let mut peers = Vec::new();
    for _ in 0..count {
        peers.push(TcpStream::connect(address).expect("a connection"));
        while made.borrow().len() < peers.len() {
            reactor
                .turn(Some(Duration::from_millis(10)))
                .expect("a turn");
        }
    }
    (made.take(), peers)
}

/// The median cost of an operation, in ns; what was written is sent between the rounds.
fn median(reactor: &Reactor, operations: u32, mut work: impl FnMut()) -> f64 {
    let mut costs: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            let cost = began.elapsed().as_nanos() as f64 / f64::from(operations);
            reactor.turn(Some(Duration::ZERO)).expect("a turn");
            cost
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[ROUNDS / 2]
}

fn main() {
    let reactor = Reactor::new().expect("a reactor");
    let (transports, _peers) = connections(&reactor, MEMBERS);
    let group = Group::new();
    let line = [b'x'; 64];
    let one = &transports[0];
    let writes = median(&reactor, WRITES, || {
        for _ in 0..WRITES {
            one.write(&line);
        }
    });
    println!("{writes:7.1} ns  64 bytes to one connection");
    let in_turns = median(&reactor, WRITES, || {
        for n in 0..WRITES {
            transports[n as usize % 100].write(&line);
        }
    });
    println!("{in_turns:7.1} ns  64 bytes to one of 100 connections in turns");
    for transport in &transports {
        group.add(transport);
    }
    let lines = 20;
    let deliveries = lines * MEMBERS;
    let cost = median(&reactor, deliveries, || {
        for _ in 0..lines {
            group.write(&line);
        }
    });
    println!("{cost:7.1} ns  64 bytes to a group, for each of its 1,000 members");
}
