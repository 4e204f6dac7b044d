//! Descriptors of the program's own in the loop, and the loop in another one, on the real kernel: what it
//! says of them is the point.

#![cfg(unix)]

mod ends;
mod loops;
#[path = "../support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::fs::File;
#[cfg(target_os = "linux")]
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
#[cfg(target_os = "linux")]
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::Reactor;
use reactor::embedding::{ForeignSource, Interest, SourceEvent};
use reactor::observe::{Callback, Cause, Event, Observer};
use reactor::testing::Simulation;

use crate::support::Log;

/// Both ends of a stream, neither of which blocks.
fn pair() -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().expect("a pair of sockets");
    for end in [&one, &other] {
        end.set_nonblocking(true)
            .expect("a socket does as it is told");
    }
    (one, other)
}

fn reactor() -> Reactor {
    Reactor::new().expect("a loop")
}

/// One turn, without sleep.
fn turn(reactor: &Reactor) {
    reactor.turn(Some(Duration::ZERO)).expect("a turn");
}

/// Watches a stream, and notes each event; of what can be read, two bytes.
fn noting(
    reactor: &Reactor,
    stream: UnixStream,
    interest: Interest,
    log: &Log,
) -> ForeignSource<UnixStream> {
    let log = log.clone();
    let source = reactor.add_source(stream, interest, move |_, stream, event| {
        match event {
            SourceEvent::Readable => {
                let mut bytes = [0; 2];
                match stream.read(&mut bytes) {
                    Ok(count) => log.note(bytes[..count].escape_ascii()),
                    Err(error) => log.note(error.kind()),
                }
            }
            SourceEvent::Writable => log.note("writable"),
            event => log.note(format!("{event:?}")),
        };
    });
    source.expect("a socket can be watched")
}

/// Writes until there is no room.
fn fill(stream: &mut impl Write) {
    let full = loop {
        if let Err(error) = stream.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_callback_that_reads_a_part_is_called_again_in_the_next_turn() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    noting(&reactor, stream, Interest::Readable, &log);
    turn(&reactor);
    assert!(log.entries().is_empty(), "there is nothing yet");
    peer.write_all(b"hello").expect("there is room");
    for read in [&["he"][..], &["he", "ll"], &["he", "ll", "o"]] {
        turn(&reactor);
        assert_eq!(log.entries(), read);
    }
    turn(&reactor);
    assert_eq!(log.entries().len(), 3, "all of it is read");
    peer.write_all(b"!").expect("there is room");
    turn(&reactor);
    assert_eq!(log.entries().last().expect("it came").as_str(), "!");
}

#[test]
fn who_waits_for_room_is_called_for_as_long_as_there_is_some() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, mut stream) = pair();
    fill(&mut stream);
    let source = noting(&reactor, stream, Interest::Writable, &log);
    turn(&reactor);
    assert!(log.entries().is_empty(), "it is full");
    while peer.read(&mut [0; 4096]).is_ok() {}
    turn(&reactor);
    turn(&reactor);
    assert_eq!(log.entries(), ["writable", "writable"]);
    source.set_interest(Interest::Readable);
    turn(&reactor);
    assert_eq!(log.entries().len(), 2, "it has lost its interest");
}

#[test]
fn reading_comes_before_writing_and_may_end_the_interest_in_it() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    peer.write_all(b"abcd").expect("there is room");
    let source = noting(&reactor, stream, Interest::Both, &log);
    turn(&reactor);
    assert_eq!(log.entries(), ["ab", "writable"]);
    let stream = source.remove().expect("its callback is not running");
    let to_note = log.clone();
    let again = reactor.add_source(stream, Interest::Both, move |source, _, event| {
        to_note.note(format!("{event:?}"));
        source.set_interest(Interest::Nothing);
    });
    turn(&reactor);
    turn(&reactor);
    assert_eq!(log.entries()[2..], ["Readable"]);
    assert_eq!(again.expect("a socket").interest(), Interest::Nothing);
}

#[test]
fn what_came_while_nothing_was_of_interest_is_told_when_something_is() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    let source = noting(&reactor, stream, Interest::Nothing, &log);
    peer.write_all(b"a").expect("there is room");
    drop(peer);
    turn(&reactor);
    assert!(log.entries().is_empty());
    source.set_interest(Interest::Readable);
    turn(&reactor);
    turn(&reactor);
    turn(&reactor);
    assert_eq!(log.entries(), ["a", "", ""], "the end stays readable");
}

/// That of Linux, on most machines; std has no pipes that do not block.
#[cfg(target_os = "linux")]
const O_NONBLOCK: i32 = 0o4000;

#[test]
#[cfg(target_os = "linux")]
fn a_full_pipe_whose_reader_is_gone_can_be_written_to_and_fails() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut options = OpenOptions::new();
    let opened = options.write(true).custom_flags(O_NONBLOCK).open(path);
    let mut pipe = opened.expect("Linux opens a pipe anew");
    drop(writer);
    fill(&mut pipe);
    let (reactor, failed) = (reactor(), Rc::new(Cell::new(None)));
    let to_set = Rc::clone(&failed);
    let watched = reactor.add_source(pipe, Interest::Writable, move |source, pipe, _| {
        to_set.set(pipe.write(b"more").err().map(|error| error.kind()));
        source.remove();
    });
    watched.expect("a pipe can be watched");
    turn(&reactor);
    assert_eq!(failed.get(), None, "it is full");
    drop(reader);
    reactor.run().expect("ends with the source");
    assert_eq!(failed.get(), Some(io::ErrorKind::BrokenPipe));
}

/// Counts what is called for sources, and in how many turns.
#[derive(Default)]
struct Count {
    calls: Cell<usize>,
    last: RefCell<Option<Callback>>,
}

impl Observer for Count {
    fn event(&self, _: Instant, event: &Event<'_>) {
        if let Event::CallbackBegan(callback) = event
            && callback.cause == Cause::SourceEvent
        {
            self.calls.set(self.calls.get() + 1);
            self.last.replace(Some((*callback).clone()));
        }
    }
}

#[test]
fn a_crowd_of_sources_takes_several_turns_and_none_is_left_out() {
    const SOURCES: usize = 600;
    let reactor = reactor();
    let (mut peer, stream) = pair();
    peer.write_all(b"for all").expect("there is room");
    for _ in 0..SOURCES {
        let stream = stream.try_clone().expect("a descriptor");
        let both = Rc::new(Cell::new(0));
        let source = reactor.add_source(stream, Interest::Both, move |source, _, _| {
            both.set(both.get() + 1);
            if both.get() == 2 {
                source.remove();
            }
        });
        source.expect("each descriptor is watched by itself");
    }
    // What others have to do takes up the turn, and leaves the least that is done of each kind.
    for _ in 0..10_000 {
        reactor.call_soon(|| ());
    }
    let count = Rc::new(Count::default());
    reactor.add_observer(Rc::clone(&count) as Rc<dyn Observer>);
    turn(&reactor);
    let in_one_turn = count.calls.get();
    assert!((1..2 * SOURCES).contains(&in_one_turn), "{in_one_turn}");
    reactor.run().expect("until all are removed");
    assert_eq!(count.calls.get(), 2 * SOURCES);
}

#[test]
fn an_observer_sees_what_a_source_is_called_for_and_where_it_was_added() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    peer.write_all(b"a").expect("there is room");
    noting(&reactor, stream, Interest::Readable, &log);
    let count = Rc::new(Count::default());
    reactor.add_observer(Rc::clone(&count) as Rc<dyn Observer>);
    turn(&reactor);
    let callback = count.last.take().expect("it was called");
    assert!(callback.to_string().starts_with("source event of"));
    assert!(callback.place.expect("a place").file().ends_with("main.rs"));
}

#[test]
fn what_cannot_be_watched_comes_back_with_what_to_do() {
    let reactor = reactor();
    let never = |_: &ForeignSource<File>, _: &mut File, _| unreachable!("nothing happens");
    let file = File::open("Cargo.toml").expect("every package has one");
    if cfg!(target_os = "linux") {
        let refused = reactor
            .add_source(file, Interest::Readable, never)
            .expect_err("a file is always ready");
        let said = refused.to_string();
        assert!(said.contains("read with defer_to_thread"), "{said}");
        let mut text = String::new();
        let mut file = refused.into_inner();
        file.read_to_string(&mut text).expect("it is still open");
    }
    let stream = Rc::new(pair().0);
    let again = Rc::clone(&stream);
    let added = reactor.add_source(stream, Interest::Readable, |_, _, _| ());
    if cfg!(target_os = "linux") {
        let twice = reactor
            .add_source(again, Interest::Writable, |_, _, _| ())
            .expect_err("it is watched");
        assert_eq!(twice.io_error().kind(), io::ErrorKind::AlreadyExists);
    }
    added.expect("the first one stays").remove();
    reactor.run().expect("nothing is left over");
}

#[test]
fn a_simulation_says_that_it_has_no_descriptors() {
    let reactor = Simulation::new().reactor();
    let refused = reactor
        .add_source(pair().0, Interest::Readable, |_, _, _| ())
        .expect_err("there is no kernel");
    assert_eq!(refused.io_error().kind(), io::ErrorKind::Unsupported);
    assert!(
        refused
            .to_string()
            .contains("a simulation has no descriptors")
    );
    let none = reactor.embed().expect_err("there is no kernel");
    assert_eq!(none.kind(), io::ErrorKind::Unsupported);
}
