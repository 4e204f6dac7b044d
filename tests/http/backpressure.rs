//! Back-pressure: what waits behind long answers is bounded, and what the limits allow may have any
//! size.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::http::server::post;
use reactor::http::{
    Answer, Audience, Body, BodyStream, HttpLimits, Intake, Method, Request, Resource, Response,
    ServerEvent, Site,
};
use reactor::testing::Simulation;

use crate::held::Held;
use crate::visitor::{Visitor, request};

/// A client takes a long answer and meanwhile sends requests without end: `writing_resumed`
/// lifts the pause that `hold` has set.
#[test]
fn pipelined_requests_behind_a_long_answer_are_bounded() {
    for megabytes in [5, 20] {
        let visitor = Visitor::new();
        visitor.peer.pause_reading();
        visitor.say(request(&format!("GET /large?{}", megabytes * 100)));
        let flood = request("GET /soon").repeat(20_000);
        let all = flood.len();
        visitor.peer.write(flood.as_bytes());
        visitor.wait(0.1);
        let (mut heard, mut taken) = (0, 0);
        while heard < megabytes * 1_000_000 - 500_000 {
            heard += visitor.peer.read_at_most(20_000).len();
            visitor.wait(0.001);
            taken = all - visitor.peer.unsent();
        }
        visitor.peer.reset();
        assert!(taken < 400_000, "{taken} bytes are held");
    }
}

/// The same with a streamed request body that nobody takes while a long answer goes out.
#[test]
fn a_streamed_body_behind_a_long_answer_is_bounded() {
    struct Long(Rc<RefCell<Vec<BodyStream>>>);
    impl Resource for Long {
        fn methods(&self) -> &[Method] {
            &[Method::Post]
        }
        fn intake(&self, _: &Request) -> Intake {
            Intake::Stream
        }
        fn render(&self, mut request: Request) -> Answer {
            self.0.borrow_mut().extend(request.take_stream());
            Response::text(Body::from_chunks(
                (0..10_000).map(|_| Ok(vec![b'x'; 10_000])),
            ))
            .into()
        }
    }
    let kept = Rc::default();
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), Long(Rc::clone(&kept)));
    let visitor = Visitor::visit(simulation, site);
    visitor.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    visitor.peer.write(&vec![b'y'; 100_000_000]);
    for _ in 0..400 {
        visitor.wait(0.01);
        let _ = visitor.peer.read();
    }
    let stream = format!("{:?}", kept.borrow()[0]);
    assert!(visitor.peer.unsent() > 99_000_000, "{stream}");
}

/// A chunk of more than `Limits::unsent` (1 MiB) drops the connection, because the CRLF behind it
/// is another write.
#[test]
fn one_chunk_may_have_any_size() {
    for version in ["1.0", "1.1"] {
        let simulation = Simulation::new();
        let site = Site::new(&simulation.reactor(), |_: Request| {
            Response::text(Body::from_chunks([Ok(vec![b'x'; 2 << 20])]))
        });
        let visitor = Visitor::visit(simulation, site);
        visitor.say(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
        visitor.wait(30.0);
        let heard = visitor.hear().len();
        assert!(
            heard > 2 << 20,
            "{version}: {heard} {:?}",
            visitor.peer.error()
        );
    }
}

#[test]
fn what_was_written_before_the_answer_may_have_any_size() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        let (sink, body) = Body::stream();
        sink.write(&vec![b'x'; 2 << 20]);
        sink.finish();
        Response::text(body)
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    visitor.wait(30.0);
    let heard = visitor.hear().len();
    assert!(heard > 2 << 20, "{heard} {:?}", visitor.peer.error());
}

/// A burst of events in one turn disconnects everybody, also who takes all at once.
#[test]
fn a_burst_of_events_disconnects_nobody_who_listens() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let audience = Audience::new(&reactor, Duration::from_secs(15));
    let events = audience.clone();
    let site = Site::new(&reactor, move |_: Request| events.subscribe(&[]));
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    for _ in 0..100 {
        audience.send(&ServerEvent::new("x".repeat(1000)));
    }
    visitor.wait(1.0);
    assert!(visitor.peer.is_connected(), "{:?}", visitor.peer.error());
}

/// A client that takes a large answer steadily, but not within `send_time`, is aborted.
#[test]
fn a_client_that_takes_a_large_answer_steadily_gets_it() {
    for close in ["keep-alive", "close"] {
        let simulation = Simulation::new();
        let site = Site::new(&simulation.reactor(), |_: Request| {
            Response::text(vec![b'x'; 20_000_000])
        });
        let visitor = Visitor::visit(simulation, site);
        visitor.peer.pause_reading();
        visitor.say(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: {close}\r\n\r\n"
        ));
        let mut heard = 0;
        for _ in 0..1000 {
            visitor.wait(0.1);
            heard += visitor.peer.read_at_most(20_000).len(); // 200 kB/s, 100 s
        }
        visitor.peer.resume_reading();
        visitor.wait(5.0);
        heard += visitor.hear().len();
        assert!(
            heard > 20_000_000,
            "{close}: {heard}, {:?}",
            visitor.peer.error()
        );
    }
}

/// Limits that mean "none".
#[test]
fn a_limit_may_be_the_largest_number() {
    let limits = HttpLimits::default()
        .request_line(usize::MAX)
        .headers(usize::MAX)
        .header_count(usize::MAX)
        .body(u64::MAX)
        .pipelined(usize::MAX)
        .head_time(Duration::MAX)
        .body_time(Duration::MAX)
        .body_rate(u64::MAX)
        .bodies(u64::MAX)
        .idle(Duration::MAX)
        .handler_time(Some(Duration::MAX))
        .send_time(Duration::MAX);
    let visitor = Visitor::with_limits(limits);
    let said = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n";
    let (one, other) = said.split_at(20);
    visitor.say(one);
    visitor.say(other);
    visitor.wait(5.0);
    assert_eq!(visitor.bodies(), [(200, "x".to_owned())]);
}

/// `collect` of many small pieces.
#[test]
fn many_small_pieces_are_collected() {
    let done = Rc::new(Cell::new(0));
    let seen = Rc::clone(&done);
    let simulation = Simulation::new();
    let resource = post(move |mut request: Request| {
        let seen = Rc::clone(&seen);
        request
            .take_stream()
            .expect("a stream")
            .collect(10_000_000)
            .map(move |body| {
                seen.set(body.len());
                Response::text(body.len().to_string())
            })
    })
    .with_intake(Intake::Stream);
    let site = Site::new(&simulation.reactor(), resource);
    let visitor = Visitor::visit(simulation, site);
    visitor.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    visitor.peer.write("1\r\nx\r\n".repeat(500_000).as_bytes());
    visitor.peer.write(b"0\r\n\r\n");
    visitor.wait(60.0);
    assert_eq!(done.get(), 500_000);
    assert_eq!(visitor.bodies(), [(200, "500000".to_owned())]);
}

/// An endless writer that waits for `ready` after its body was broken off. (`limit` stands for
/// for ever.)
#[test]
fn a_writer_that_waits_for_room_gives_the_loop_back() {
    let held = Held {
        length: Some(1000),
        ..Held::default()
    };
    let visitor = held.visitor();
    visitor.say(request("GET /held"));
    let sink = held.sink();
    let turns = Rc::new(Cell::new(0_u64));
    let count = Rc::clone(&turns);
    let _ends = visitor.simulation.reactor().spawn(async move {
        while count.get() < 3_000_000 {
            sink.ready().await?;
            sink.write(b"hello");
            count.set(count.get() + 1);
        }
        Ok(())
    });
    visitor.wait(1.0);
    assert!(turns.get() < 3_000_000);
}

/// A long answer with requests behind it, read slowly.
#[test]
fn a_long_answer_goes_on_whatever_waits_behind_it() {
    for (flood, window) in [
        (0, None),
        (100, None),
        (20_000, None),
        (20_000, Some(20_000)),
    ] {
        let visitor = Visitor::new();
        if let Some(window) = window {
            visitor.peer.set_window(window);
        }
        visitor.peer.pause_reading();
        visitor.say(request("GET /large?300"));
        visitor
            .peer
            .write(request("GET /soon").repeat(flood).as_bytes());
        visitor.wait(0.1);
        let mut heard = 0;
        for _ in 0..400 {
            heard += visitor.peer.read_at_most(20_000).len();
            visitor.wait(0.01);
        }
        assert!(heard > 3_000_000, "{flood} {window:?}: {heard}");
        assert!(visitor.peer.is_connected());
    }
}
