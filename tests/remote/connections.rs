//! One connection in the hands of other threads.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use reactor::testing::{Peer, Simulation};
use reactor::threads::{RemoteHandle, RemoteTransport, SendError};
use reactor::{Factory, Limits, Protocol, Reactor, Reason, Transport, WeakReactor};

use crate::support::{Log, SECOND, pattern};

/// More than a socket takes from a peer that does not read.
const MUCH: usize = 500_000;

type Kept = Rc<RefCell<Option<RemoteHandle<Counter>>>>;

/// A protocol with something in it that is not `Send`, which hands out its remote handle.
struct Counter {
    reactor: WeakReactor,
    handle: Kept,
    log: Log,
    count: usize,
}

impl Protocol for Counter {
    fn connection_made(&mut self, transport: &Transport) {
        let reactor = self.reactor.upgrade().expect("it calls this");
        let handle = transport.remote_handle(&reactor);
        self.handle.replace(Some(handle));
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.count += data.len();
    }

    fn writing_paused(&mut self, _: &Transport) {
        self.log.note("paused");
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.log.note(format!("lost: {reason}"));
    }
}

/// A connection with a [`Counter`]: its peer, and its remote handle.
fn connected(simulation: &Simulation, log: &Log) -> (Peer, RemoteHandle<Counter>) {
    let (reactor, handle) = (simulation.reactor().downgrade(), Kept::default());
    let (log, to_fill) = (log.clone(), Rc::clone(&handle));
    let factory = move |_| Counter {
        reactor: reactor.clone(),
        handle: Rc::clone(&to_fill),
        log: log.clone(),
        count: 0,
    };
    let limits = Limits::default().high_water(10_000).low_water(1_000);
    let port = simulation
        .reactor()
        .listen_tcp("10.0.0.1:7", factory.with_limits(limits))
        .expect("a port");
    let peer = simulation.connect("10.0.0.1:7");
    simulation.run_until_idle();
    port.stop_listening();
    let handle = handle.take().expect("it was made");
    (peer, handle)
}

#[test]
fn a_thread_writes_to_a_connection() {
    let simulation = Simulation::new();
    let (peer, handle) = connected(&simulation, &Log::default());
    let remote = handle.transport().clone();
    let thread = thread::spawn(move || {
        for line in ["one\n", "two\n"] {
            remote.write(line).expect("there is room");
        }
        remote.lose_connection();
        remote.write("three\n").expect_err("its end was asked for")
    });
    let refused = thread.join().expect("it ends");
    assert!(matches!(refused, SendError::Closed(bytes) if bytes == b"three\n"));
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"one\ntwo\n");
    assert!(peer.has_ended());
}

#[test]
fn what_handles_ask_for_is_done_in_one_order() {
    let simulation = Simulation::new();
    let (peer, handle) = connected(&simulation, &Log::default());
    let remote = handle.transport().clone();
    for n in 0..3 {
        remote.write(format!("{n}")).expect("there is room");
        let call = move |counter: &mut Counter, transport: &Transport| {
            counter.count += 1;
            transport.write(format!("[{n}:{}]", counter.count).as_bytes());
        };
        handle.call(call).expect("there is room");
    }
    remote.lose_connection();
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"0[0:1]1[1:2]2[2:3]");
    assert!(peer.has_ended());
}

#[test]
fn a_thread_that_is_faster_than_the_peer_is_refused_and_nothing_that_was_taken_is_lost() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (peer, handle) = connected(&simulation, &log);
    let remote = handle.transport();
    peer.pause_reading();
    peer.set_window(5_000);
    let all = pattern(200_000);
    let mut pieces = all.chunks(1_000);
    let mut refused = None;
    for piece in pieces.by_ref().take(100) {
        match remote.write(piece) {
            Ok(()) => simulation.run_for(SECOND),
            Err(SendError::Full(bytes)) => {
                refused = Some(bytes);
                break;
            }
            Err(SendError::Closed(_)) => panic!("it is open"),
        }
    }
    assert!(refused.is_some(), "at some time it is full");
    assert!(log.contains("paused"), "it has reached the high mark");
    // A call waits behind the bytes, and is refused where they are.
    let refused_call = handle.call(|_, _| panic!("it was refused"));
    assert!(refused_call.is_err_and(|error| error.is_full()));
    peer.resume_reading();
    let mut next = refused.take();
    while let Some(piece) = next {
        match remote.write(piece) {
            Ok(()) => next = pieces.next().map(<[u8]>::to_vec),
            Err(error) => {
                next = Some(error.into_inner());
                simulation.run_for(SECOND);
            }
        }
    }
    simulation.run_until_idle();
    let read = peer.read();
    assert_eq!(read.len(), all.len());
    assert!(read == all, "in order");
}

#[test]
fn what_is_left_is_written_when_the_handles_are_gone_and_the_peer_reads_again() {
    let simulation = Simulation::new();
    let (peer, handle) = connected(&simulation, &Log::default());
    peer.pause_reading();
    peer.set_window(1_000);
    let big = pattern(MUCH);
    handle.transport().write(big.clone()).expect("of any size");
    simulation.run_for(SECOND); // above the high mark now
    handle.transport().write("the last").expect("there is room");
    let call = |_: &mut Counter, transport: &Transport| _ = transport.write(b" word");
    handle.call(call).expect("there is room");
    drop(handle);
    simulation.run_for(SECOND);
    peer.resume_reading();
    simulation.run_for(SECOND);
    assert!(peer.read() == [&big[..], b"the last word"].concat());
}

#[test]
fn one_write_of_any_size_is_taken_and_a_turn_takes_what_the_peer_does() {
    let simulation = Simulation::new();
    let (peer, handle) = connected(&simulation, &Log::default());
    let big = pattern(3_000_000);
    handle.transport().write(big.clone()).expect("of any size");
    let more = handle.transport().write("more").expect_err("it is full");
    assert!(more.is_full());
    simulation.run_for(SECOND);
    handle
        .transport()
        .write("more")
        .expect("there is room again");
    simulation.run_for(SECOND);
    assert!(peer.read() == [&big[..], b"more"].concat());
}

#[test]
fn a_lost_connection_takes_nothing_and_drops_what_was_not_done() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (peer, handle) = connected(&simulation, &log);
    let held = Arc::new(());
    peer.pause_reading();
    peer.set_window(1_000);
    let remote = handle.transport().clone();
    remote.write(pattern(MUCH)).expect("of any size");
    simulation.run_for(SECOND); // above the high mark: the call waits
    let holds = Arc::clone(&held);
    handle.call(move |_, _| drop(holds)).expect("there is room");
    simulation.run_for(SECOND);
    assert_eq!(Arc::strong_count(&held), 2);
    peer.reset();
    simulation.run_for(SECOND);
    assert!(log.contains("lost: the peer reset"), "{log:?}");
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(remote.is_lost());
    assert!(matches!(remote.write("x"), Err(SendError::Closed(_))));
    let call = handle.call(|_, _| panic!("there is no protocol"));
    assert!(call.is_err_and(|error| !error.is_full()));
    // One that is made of a lost connection is lost from the beginning.
    remote.lose_connection();
    remote.abort_connection();
    simulation.run_for(SECOND);
}

#[test]
fn an_abort_comes_before_all_that_waits() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (peer, handle) = connected(&simulation, &log);
    peer.pause_reading();
    peer.set_window(1_000);
    handle
        .transport()
        .write(pattern(MUCH))
        .expect("of any size");
    simulation.run_for(SECOND);
    handle.transport().write("behind").expect("there is room");
    handle.transport().abort_connection();
    simulation.run_for(SECOND);
    assert!(log.contains("lost: the connection was aborted"), "{log:?}");
}

#[test]
fn a_panic_in_a_call_ends_the_connection() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (_peer, handle) = connected(&simulation, &log);
    handle
        .call(|_, _| panic!("a mistake"))
        .expect("there is room");
    handle
        .call(|_, _| panic!("not called"))
        .expect("there is room");
    simulation.run_for(SECOND);
    assert_eq!(log.count("lost: "), 1);
    assert!(log.entries()[0].contains("a mistake"), "{log:?}");
    assert!(handle.transport().is_lost());
}

#[test]
fn handles_keep_neither_loop_nor_connection() {
    let simulation = Simulation::new();
    let log = Log::default();
    let (peer, handle) = connected(&simulation, &log);
    peer.close();
    simulation.reactor().run().expect("it returns");
    assert_eq!(log.count("lost: "), 1);
    drop(simulation);
    let closed = handle.transport().write("x");
    assert!(matches!(closed, Err(SendError::Closed(_))));
}

#[test]
fn a_loop_that_is_gone_with_something_left_for_a_peer_closes_the_handle() {
    let simulation = Simulation::new();
    let (peer, handle) = connected(&simulation, &Log::default());
    peer.pause_reading();
    peer.set_window(1_000);
    let remote = handle.transport();
    remote.write(pattern(MUCH)).expect("of any size");
    simulation.run_for(SECOND);
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    handle.call(move |_, _| drop(holds)).expect("there is room");
    simulation.run_for(SECOND);
    drop((simulation, peer));
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(remote.is_lost());
}

/// Echoes what it gets from a thread of its own, as a service behind a blocking library does.
struct Shouts {
    reactor: WeakReactor,
}

impl Protocol for Shouts {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        let client: RemoteTransport = transport.remote(&reactor);
        let data = data.to_ascii_uppercase();
        thread::spawn(move || {
            client.write(data).expect("there is room");
            client.lose_connection();
        });
    }
}

#[test]
fn a_thread_answers_on_a_real_socket() {
    use std::io::{Read, Write};
    let reactor = Reactor::new().expect("a loop");
    let weak = reactor.downgrade();
    let shouts = move |_| Shouts {
        reactor: weak.clone(),
    };
    let port = reactor.listen_tcp("127.0.0.1:0", shouts).expect("a port");
    let address = port.local_addr().socket_addr().expect("a TCP port");
    let asked = reactor.defer_to_thread(move || {
        let mut client = std::net::TcpStream::connect(address).expect("it listens");
        client.write_all(b"hello").expect("it is connected");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        answer
    });
    assert_eq!(reactor.run_until(asked).expect("it works"), "HELLO");
}
