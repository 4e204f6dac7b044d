//! How a source ends: removed, lost, after a panic, with its loop.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use reactor::embedding::{ForeignSource, Interest, SourceEvent};
use reactor::lifecycle::{Phase, SystemEvent};
use reactor::{Reactor, Reason};

use crate::support::Log;
use crate::{noting, pair, reactor, turn};

/// Whether the other end of a stream is closed.
fn has_ended(peer: &mut UnixStream) -> bool {
    peer.read(&mut [0; 1]).is_ok_and(|count| count == 0)
}

#[test]
fn removing_gives_the_descriptor_back_which_may_be_watched_again() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    let source = noting(&reactor, stream, Interest::Readable, &log);
    peer.write_all(b"abcd").expect("there is room");
    let stream = source.remove().expect("its callback is not running");
    assert!(!source.is_watched() && source.remove().is_none());
    source.set_interest(Interest::Both);
    assert_eq!(source.interest(), Interest::Nothing, "it does nothing");
    turn(&reactor);
    assert!(log.entries().is_empty());
    let source = noting(&reactor, stream, Interest::Readable, &log);
    turn(&reactor);
    assert_eq!(log.entries(), ["ab"]);
    source.remove();
    reactor.run().expect("nothing is left to wait for");
}

#[test]
fn a_source_that_removes_itself_is_closed_when_its_callback_returns() {
    let reactor = reactor();
    let (mut peer, stream) = pair();
    let added = reactor.add_source(stream, Interest::Both, |source, stream, _| {
        assert!(source.remove().is_none(), "the descriptor is lent");
        assert!(!source.is_watched());
        source.set_interest(Interest::Both); // does nothing
        stream.write_all(b"bye").expect("it is still open");
    });
    reactor.run().expect("ends with the source");
    let mut heard = String::new();
    peer.read_to_string(&mut heard).expect("its end comes");
    assert_eq!(heard, "bye", "it was called once");
    assert!(added.expect("a socket").remove().is_none());
}

#[test]
fn a_descriptor_that_others_hold_can_be_watched_again_when_the_callback_has_returned() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    let stream = Rc::new(stream);
    let (kept, weak, to_note) = (Rc::clone(&stream), reactor.downgrade(), log.clone());
    let first = move |source: &ForeignSource<Rc<UnixStream>>, _: &mut Rc<UnixStream>, _| {
        source.remove();
        let (reactor, stream) = (weak.upgrade().expect("it runs"), Rc::clone(&kept));
        let to_note = to_note.clone();
        let weak = reactor.downgrade();
        reactor.call_soon(move || {
            let reactor = weak.upgrade().expect("it runs");
            let added = reactor.add_source(stream, Interest::Readable, move |_, _, _| {
                to_note.note("the second");
                weak.upgrade().expect("it runs").stop();
            });
            added.expect("the first is gone");
        });
    };
    let added = reactor.add_source(stream, Interest::Readable, first);
    added.expect("a socket");
    peer.write_all(b"a").expect("there is room");
    reactor.run().expect("is stopped");
    assert_eq!(log.entries()[0], "the second");
}

#[test]
fn one_that_another_removes_in_the_same_turn_is_not_called() {
    let (reactor, log) = (reactor(), Log::default());
    let ends = [pair(), pair()];
    let sources: Rc<RefCell<Vec<ForeignSource<UnixStream>>>> = Rc::default();
    let mut peers = Vec::new();
    for (mut peer, stream) in ends {
        let (to_note, others) = (log.clone(), Rc::clone(&sources));
        let source = reactor.add_source(stream, Interest::Readable, move |source, _, _| {
            to_note.note("called");
            for other in others.take() {
                // This one is lent.
                to_note.note(other.remove().is_some());
            }
            assert!(!source.is_watched());
        });
        sources.borrow_mut().push(source.expect("a socket"));
        peer.write_all(b"a").expect("there is room");
        peers.push(peer);
    }
    reactor.run().expect("nothing is left to wait for");
    let entries = log.entries();
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert!(entries.contains(&"true".to_owned()) && entries.contains(&"false".to_owned()));
}

#[test]
fn a_panic_removes_its_source_and_no_other() {
    let (reactor, log) = (reactor(), Log::default());
    let [(mut peer, stream), (mut other_peer, other)] = [pair(), pair()];
    let stream = Rc::new(stream);
    let kept = Rc::clone(&stream);
    let source = reactor
        .add_source(stream, Interest::Readable, |_, _, _| panic!("a mistake"))
        .expect("a socket");
    noting(&reactor, other, Interest::Readable, &log);
    for peer in [&mut peer, &mut other_peer] {
        peer.write_all(b"ab").expect("there is room");
    }
    turn(&reactor);
    turn(&reactor);
    assert!(!source.is_watched());
    assert_eq!(log.entries(), ["ab"]);
    let again = reactor.add_source(kept, Interest::Readable, |_, _, _| ());
    assert!(again.expect("it is not watched any more").is_watched());
}

#[test]
fn a_callback_that_puts_another_descriptor_in_its_place_loses_the_source() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    let to_note = log.clone();
    let added = reactor.add_source(
        stream,
        Interest::Readable,
        move |_, stream, event| match event {
            SourceEvent::Lost(reason) => to_note.note(matches!(reason, Reason::Error(_))),
            _ => *stream = pair().0,
        },
    );
    peer.write_all(b"a").expect("there is room");
    reactor.run().expect("ends with the source");
    assert_eq!(log.entries(), ["true"]);
    assert!(!added.expect("a socket").is_watched());
}

#[test]
fn a_stop_loses_a_source_after_the_triggers_before_and_does_not_wait_for_it() {
    let (reactor, log) = (reactor(), Log::default());
    let (mut peer, stream) = pair();
    let source = noting(&reactor, stream, Interest::Nothing, &log);
    let (to_ask, to_note) = (source.clone(), log.clone());
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        to_note.note(to_ask.is_watched());
    });
    let (to_ask, to_note) = (source.clone(), log.clone());
    reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move || {
        to_note.note(to_ask.is_watched());
    });
    reactor.stop();
    reactor.run().expect("nothing holds it up");
    assert_eq!(log.entries(), ["true", "Lost(Shutdown)", "false"]);
    assert!(has_ended(&mut peer), "it is closed");
}

#[test]
fn a_source_that_is_added_again_whenever_it_is_lost_does_not_keep_the_loop() {
    fn add(reactor: &Reactor, lost: &Rc<Cell<usize>>) {
        let (weak, to_count) = (reactor.downgrade(), Rc::clone(lost));
        let added = reactor.add_source(pair().0, Interest::Nothing, move |_, _, _| {
            to_count.set(to_count.get() + 1);
            add(&weak.upgrade().expect("it runs"), &to_count);
        });
        added.expect("a socket");
    }
    let (reactor, lost) = (reactor(), Rc::default());
    add(&reactor, &lost);
    reactor.shutdown(Duration::from_millis(20));
    reactor.run().expect("ends with the grace");
    assert!(lost.get() > 1);
}

#[test]
fn a_loop_that_is_gone_has_closed_its_sources_though_handles_are_kept() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let reactor = reactor();
    let (mut peer, stream) = pair();
    let is_dropped = Rc::new(Cell::new(false));
    let dropped = Dropped(Rc::clone(&is_dropped));
    let source = reactor
        .add_source(stream, Interest::Both, move |_, _, _| {
            let _ = &dropped;
            unreachable!("no turn is made");
        })
        .expect("a socket");
    drop(reactor);
    assert!(has_ended(&mut peer) && is_dropped.get());
    assert!(!source.is_watched() && source.remove().is_none());
    source.set_interest(Interest::Readable); // does nothing
}
