//! How bodies end: their requests, their answers, their deadlines, and a shutdown in the middle.

use std::time::Duration;

use reactor::http::{Audience, Body, HttpLimits, Request, Response, Site};
use reactor::testing::Simulation;

use crate::held::Held;
use crate::visitor::{Visitor, request};

/// The answer is out, its request's body is still read, and goes wrong: a second answer.
#[test]
fn a_request_has_one_answer_however_its_body_ends() {
    for end in ["half", "malformed", "silent"] {
        let held = Held {
            text: Some(5),
            ..Held::default()
        };
        let visitor = held.visitor();
        visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        let mut stream = held.stream();
        let _ = stream.next_chunk();
        let _waits = stream.next_chunk();
        match end {
            "half" => visitor.peer.shut_write(),
            "malformed" => visitor.say("lo!!"),
            _ => {}
        }
        visitor.wait(100.0);
        let answers = visitor.answers();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200], "{end}");
    }
}

/// A resource that takes its body as it comes finds no stream where the body is empty.
#[test]
fn an_empty_body_is_a_stream_too() {
    let visitor = Visitor::new();
    for headers in [
        "Content-Length: 0\r\n",
        "",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let end = if headers.starts_with('T') {
            "0\r\n\r\n"
        } else {
            ""
        };
        let heard = visitor.exchange(format!(
            "POST /meter HTTP/1.1\r\nHost: a\r\n{headers}\r\n{end}"
        ));
        assert_eq!(heard, [(200, "0 bytes, []".to_owned())], "{headers:?}");
    }
}

/// An answer that is broken off leaves who reads the request's body waiting for ever.
#[test]
fn an_answer_that_is_broken_off_ends_the_body_of_its_request() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhel");
    let mut stream = held.stream();
    let _ = stream.next_chunk();
    let next = stream.next_chunk();
    drop(held.sink());
    visitor.wait(300.0);
    assert!(!visitor.peer.is_connected());
    assert!(next.is_fired(), "{stream:?}");
}

/// A body that was longer than it was said to be: its sink is not over, and ready for ever. An
/// `async` block that writes when it is ready then never gives the loop back.
#[test]
fn a_sink_of_an_aborted_body_is_over() {
    let held = Held {
        length: Some(5),
        ..Held::default()
    };
    let visitor = held.visitor();
    visitor.say(request("GET /held"));
    let sink = held.sink();
    sink.write(b"hello!");
    visitor.wait(1.0);
    assert!(!visitor.peer.is_connected());
    let ready = sink.ready().into_result();
    assert!(sink.is_over());
    assert!(ready.expect("fired").is_err());
}

/// A response that is dropped before it is sent: nobody tells the sink.
#[test]
fn a_sink_learns_that_its_body_was_dropped() {
    let (sink, body) = Body::stream();
    drop(Response::text(body));
    assert!(sink.is_over(), "the body is gone");
}

/// A streamed body that its resource has dropped gives the resource time without end.
#[test]
fn a_resource_that_wants_no_body_has_a_deadline() {
    let held = Held {
        drops_and_hangs: true,
        ..Held::default()
    };
    let visitor = held.visitor();
    visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    for _ in 0..100 {
        visitor.wait(30.0);
        visitor.say("x");
    }
    assert!(
        !visitor.peer.is_connected() || !visitor.hear().is_empty(),
        "3000 s"
    );
}

/// A loop that stops ignores the deadlines of what is under way.
#[test]
fn deadlines_hold_in_a_shutdown() {
    for said in [
        request("GET /later?100000"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe".to_owned(),
    ] {
        let limits = HttpLimits::default()
            .handler_time(Some(Duration::from_secs(3)))
            .body_time(Duration::from_secs(3))
            .idle(Duration::from_secs(3));
        let visitor = Visitor::with_limits(limits);
        visitor.say(&said);
        let began = visitor.simulation.elapsed();
        let reactor = visitor.simulation.reactor();
        let stopped = reactor.clone();
        reactor.call_later(Duration::ZERO, move || {
            stopped.shutdown(Duration::from_secs(600));
        });
        reactor.run().expect("the loop runs");
        let took = visitor.simulation.elapsed() - began;
        let heard = visitor.hear();
        assert!(heard.starts_with("HTTP/1.1 "), "{heard:?}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

/// Who subscribes while the loop stops is not let go.
#[test]
fn a_late_subscriber_does_not_hold_up_a_stop() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let audience = Audience::new(&reactor, Duration::from_secs(15));
    let clock = reactor.clone();
    let site = Site::new(&reactor, move |_: Request| {
        let events = audience.clone();
        clock
            .defer_later(Duration::from_secs(1))
            .map(move |()| events.subscribe(&[]))
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    let began = visitor.simulation.elapsed();
    let reactor = visitor.simulation.reactor();
    let stopped = reactor.clone();
    reactor.call_later(Duration::ZERO, move || {
        stopped.shutdown(Duration::from_secs(60));
    });
    reactor.run().expect("the loop runs");
    let took = visitor.simulation.elapsed() - began;
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// After a 503 for a slow resource, the connection says that it stays, and goes at once.
#[test]
fn idleness_counts_from_the_503_too() {
    let visitor = Visitor::new();
    visitor.say(request("GET /later?1000"));
    visitor.wait(60.5);
    let heard = visitor.answers();
    assert_eq!(heard[0].status, 503);
    assert_eq!(heard[0].header("connection"), None);
    visitor.wait(30.0);
    assert!(!visitor.is_closed());
}

/// Bytes of a body that come while the answer, which is out already, has no room are kept.
#[test]
fn a_body_has_no_holes() {
    let held = Held {
        text: Some(200_000),
        ..Held::default()
    };
    let visitor = held.visitor();
    visitor.peer.pause_reading();
    let head = "POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
    visitor
        .peer
        .write(&[head.as_bytes(), &[b'a'; 20_000]].concat());
    visitor.wait(1.0);
    let collected = held.stream().collect(1 << 20);
    visitor.peer.resume_reading();
    visitor.wait(1.0);
    visitor.peer.write(&[b'b'; 20_000]);
    visitor.wait(1.0);
    visitor.peer.write(&[b'c'; 20_000]);
    visitor.wait(1.0);
    // A client that has sent all of its body.
    let fired = collected.is_fired();
    visitor.peer.write(&[b'X'; 20_000]);
    visitor.wait(1.0);
    let body = collected.into_result().expect("fired").expect("a body");
    let count = |byte: u8| body.iter().filter(|b| **b == byte).count();
    assert!(fired);
    assert_eq!(
        [b'a', b'b', b'c', b'X'].map(count),
        [20_000, 20_000, 20_000, 0]
    );
}
