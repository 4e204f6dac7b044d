//! Loops inside loops: another one inside ours, and ours inside another.

use std::cell::Cell;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest as MioInterest, Poll, Token};
use reactor::Reactor;
use reactor::embedding::Interest;
use reactor::testing::Simulation;

use crate::support::Log;
use crate::{noting, pair, reactor, turn};

/// A loop of another kind, of which only the descriptor is seen, as of that of calloop or GTK.
struct OtherLoop {
    poll: Poll,
    /// Room for one event at a time, so that others stay where they are.
    events: Events,
}

impl OtherLoop {
    fn new() -> Self {
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(1),
        }
    }

    /// Which of its own sources are ready, at most one.
    fn dispatch(&mut self, timeout: Option<Duration>) -> Option<Token> {
        let polled = self.poll.poll(&mut self.events, timeout);
        polled.expect("it polls");
        self.events.iter().next().map(|event| event.token())
    }
}

impl AsFd for OtherLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

#[test]
fn another_loop_runs_inside_ours_until_it_has_dispatched_everything() {
    let (reactor, other) = (reactor(), OtherLoop::new());
    let mut ends = [pair(), pair(), pair()];
    for (number, (_, stream)) in ends.iter().enumerate() {
        let (descriptor, token) = (stream.as_raw_fd(), Token(number));
        let registry = other.poll.registry();
        registry
            .register(&mut SourceFd(&descriptor), token, MioInterest::READABLE)
            .expect("it is watched");
    }
    let dispatched = Rc::new(Cell::new(0));
    let to_count = Rc::clone(&dispatched);
    let source = reactor.add_source(other, Interest::Readable, move |source, other, _| {
        let event = other.dispatch(Some(Duration::ZERO));
        to_count.set(to_count.get() + event.iter().len());
        if to_count.get() == 4 {
            source.remove();
        }
    });
    source.expect("a poll can be watched");
    turn(&reactor);
    assert_eq!(dispatched.get(), 0);
    for (peer, _) in &mut ends {
        peer.write_all(b"a").expect("there is room");
    }
    for count in [1, 2, 3, 3] {
        turn(&reactor);
        assert_eq!(dispatched.get(), count);
    }
    ends[1].0.write_all(b"b").expect("there is room");
    reactor.run().expect("ends with the source");
    assert_eq!(dispatched.get(), 4);
}

/// Runs ours inside another loop until `is_done`, and counts how often that has slept.
fn run_inside(other: &mut OtherLoop, reactor: &Reactor, is_done: impl Fn() -> bool) -> usize {
    let ours = reactor.embed().expect("a descriptor");
    let (descriptor, token) = (ours.as_raw_fd(), Token(0));
    let registry = other.poll.registry().try_clone().expect("a clone");
    registry
        .register(&mut SourceFd(&descriptor), token, MioInterest::READABLE)
        .expect("a poll can be watched");
    let mut sleeps = 0;
    while !is_done() {
        assert!(sleeps < 100, "it spins");
        let timeout = ours.timeout();
        sleeps += usize::from(timeout != Some(Duration::ZERO));
        other.dispatch(timeout);
        ours.turn().expect("it is not inside another turn");
        // mio's polls know only edges.
        registry
            .reregister(&mut SourceFd(&descriptor), token, MioInterest::READABLE)
            .expect("it is watched");
    }
    sleeps
}

#[test]
fn ours_inside_another_loop_wakes_it_for_sockets_and_timers_and_threads_and_calls() {
    let (reactor, log) = (reactor(), Log::default());
    let (peer, stream) = pair();
    noting(&reactor, stream, Interest::Readable, &log);
    let mut other = OtherLoop::new();
    let (to_note, remote) = (log.clone(), reactor.remote());
    let (begin, begins) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        begins.recv().expect("the timer says when");
        remote.call_from_thread(move |reactor| reactor.stop())
    });
    let mut to_write = peer.try_clone().expect("a descriptor"); // the end would be readable for ever
    reactor.call_soon(move || {
        to_note.note("queued");
        to_write.write_all(b"ab").expect("there is room");
    });
    let to_note = log.clone();
    reactor.call_later(Duration::from_millis(20), move || {
        to_note.note("later");
        begin.send(()).expect("the thread waits");
    });
    let is_done = || log.entries().iter().any(|entry| entry.starts_with("Lost"));
    run_inside(&mut other, &reactor, is_done);
    thread.join().expect("no panic").expect("it was queued");
    assert_eq!(log.entries(), ["queued", "ab", "later", "Lost(Shutdown)"]);
}

#[test]
fn ours_is_a_source_of_another_loop_that_takes_what_is_as_fd() {
    let (outer, inner, log) = (reactor(), reactor(), Log::default());
    let (mut peer, stream) = pair();
    noting(&inner, stream, Interest::Readable, &log);
    let embedded = inner.embed().expect("a descriptor");
    assert_eq!(embedded.as_fd().as_raw_fd(), embedded.as_raw_fd());
    let source = outer.add_source(embedded, Interest::Readable, |_, inner, _| {
        inner.turn().expect("it is not inside another turn");
    });
    source.expect("a poll can be watched");
    turn(&outer);
    assert!(log.entries().is_empty());
    peer.write_all(b"abcd").expect("there is room");
    for read in [&["ab"][..], &["ab", "cd"], &["ab", "cd"]] {
        turn(&outer);
        assert_eq!(log.entries(), read, "two bytes in each turn");
    }
}

#[test]
fn what_another_loop_polls_keeps_ours_with_its_timers() {
    let (inner, is_called) = (reactor(), Rc::new(Cell::new(false)));
    let to_set = Rc::clone(&is_called);
    inner.call_soon(move || to_set.set(true));
    let embedded = inner.embed().expect("a descriptor");
    drop(inner);
    assert_eq!(embedded.timeout(), Some(Duration::ZERO));
    embedded.turn().expect("a turn");
    assert!(is_called.get());
    assert_eq!(embedded.timeout(), None);
}

#[test]
fn a_loop_that_has_nothing_to_do_lets_the_other_one_sleep() {
    let reactor = reactor();
    assert_eq!(
        reactor.timeout(),
        None,
        "nothing will wake it, and it does not spin"
    );
    let mut other = OtherLoop::new();
    let is_called = Rc::new(Cell::new(false));
    let to_set = Rc::clone(&is_called);
    reactor.call_later(Duration::from_millis(10), move || to_set.set(true));
    let sleeps = run_inside(&mut other, &reactor, || is_called.get());
    assert!((1..=3).contains(&sleeps), "it slept {sleeps} times");
}

#[test]
fn the_timeout_is_that_of_the_next_thing_that_is_due() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    assert_eq!(reactor.timeout(), None);
    let later = reactor.call_later(Duration::from_secs(5), || ());
    assert_eq!(reactor.timeout(), Some(Duration::from_secs(5)));
    simulation.run_for(Duration::from_secs(2));
    assert_eq!(reactor.timeout(), Some(Duration::from_secs(3)));
    reactor.call_soon(|| ());
    assert_eq!(reactor.timeout(), Some(Duration::ZERO));
    turn(&reactor);
    later.cancel();
    assert_eq!(reactor.timeout(), None);
    reactor.stop();
    assert_eq!(reactor.timeout(), Some(Duration::ZERO));
}
