//! Where features meet: long answers and what waits behind them, bodies that end after their answer,
//! streams that nobody holds any more, a stop in the middle of all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Answer, Audience, Body, BodyStream, HttpLimits, Intake, Method, Request, Resource, Response,
    ServerEvent, Site, Tree, post,
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

/// The end of the peer's stream comes while the rest of the body is held, because the answer
/// has no room: the request is whole, and is broken off.
#[test]
fn a_whole_body_that_is_held_is_not_cut_off_by_a_half_close() {
    struct Copy;
    impl Resource for Copy {
        fn methods(&self) -> &[Method] {
            &[Method::Post]
        }
        fn intake(&self, _: &Request) -> Intake {
            Intake::Stream
        }
        fn render(&self, mut request: Request) -> Answer {
            let mut stream = request.take_stream().expect("a stream");
            let (sink, body) = Body::stream();
            WORK.with(|work| {
                work.borrow_mut().push(Box::pin(async move {
                    while let Some(chunk) = stream.next_chunk().await? {
                        sink.write(&chunk);
                        sink.ready().await?;
                    }
                    sink.finish();
                    Ok(())
                }));
            });
            Response::text(body).into()
        }
    }
    type Work = std::pin::Pin<Box<dyn Future<Output = Result<(), reactor::Failure>>>>;
    thread_local! {
        static WORK: RefCell<Vec<Work>> = RefCell::default();
    }
    for size in [10_000_usize, 70_000, 100_000, 140_000, 200_000, 300_000] {
        for piece in [1000_usize, 5000, 20_000] {
            let simulation = Simulation::new();
            let site = Site::new(&simulation.reactor(), Copy);
            let visitor = Visitor::visit(simulation, site);
            visitor.peer.pause_reading();
            visitor.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            let work = WORK
                .with(|work| work.borrow_mut().pop())
                .expect("a request");
            drop(visitor.simulation.reactor().spawn(work));
            let mut said = Vec::new();
            let mut left = size;
            while left > 0 {
                let n = left.min(piece);
                said.extend(format!("{n:x}\r\n").into_bytes());
                said.extend(vec![b'x'; n]);
                said.extend(b"\r\n");
                left -= n;
            }
            said.extend(b"0\r\n\r\n");
            visitor.peer.write(&said);
            visitor.peer.shut_write();
            visitor.wait(1.0);
            visitor.peer.resume_reading();
            visitor.wait(50.0);
            let heard = visitor.hear();
            let whole = crate::visitor::parse(&heard);
            let got = whole.as_ref().map(|a| {
                a.iter()
                    .map(|a| (a.status, a.body.len()))
                    .collect::<Vec<_>>()
            });
            assert_eq!(got, Some(vec![(200, size)]), "size {size}, piece {piece}");
        }
    }
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

/// The same as a client sees it: it goes while the handler is still at work, and is counted
/// among the audience for ever.
#[test]
fn who_goes_before_the_answer_is_no_audience() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let audience = Audience::new(&reactor, Duration::from_secs(15));
    let events = audience.clone();
    let clock = reactor.clone();
    let site = Site::new(&reactor, move |_: Request| {
        let response = events.subscribe(&[]);
        let wait = clock.defer_later(Duration::from_secs(1));
        Answer::from_future(async move {
            wait.await?;
            Ok(response)
        })
    });
    let visitor = Visitor::visit(simulation, site);
    for _ in 0..100 {
        let peer = visitor.another();
        peer.write(request("GET /").as_bytes());
        visitor.wait(0.1);
        peer.reset();
    }
    visitor.wait(3600.0);
    assert_eq!(visitor.simulation.descriptors(), 1, "all are gone");
    assert_eq!(audience.len(), 0);
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
        let limits = HttpLimits {
            handler_time: Some(Duration::from_secs(3)),
            body_time: Duration::from_secs(3),
            idle: Duration::from_secs(3),
            ..HttpLimits::default()
        };
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

/// Who subscribes while the loop stops is not let go.
#[test]
fn who_subscribes_late_does_not_hold_up_a_stop() {
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

/// A client that takes a large answer steadily, but not within `send_time`, is aborted.
#[test]
fn who_takes_a_large_answer_steadily_gets_it() {
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

/// Limits that mean "none".
#[test]
fn a_limit_may_be_the_largest_number() {
    let limits = HttpLimits {
        request_line: usize::MAX,
        headers: usize::MAX,
        header_count: usize::MAX,
        body: u64::MAX,
        pipelined: usize::MAX,
        head_time: Duration::MAX,
        body_time: Duration::MAX,
        body_rate: u64::MAX,
        bodies: u64::MAX,
        idle: Duration::MAX,
        handler_time: Some(Duration::MAX),
        send_time: Duration::MAX,
    };
    let visitor = Visitor::with_limits(limits);
    let said = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n";
    let (one, other) = said.split_at(20);
    visitor.say(one);
    visitor.say(other);
    visitor.wait(5.0);
    assert_eq!(visitor.bodies(), [(200, "x".to_owned())]);
}

/// A 1xx is no answer.
#[test]
fn an_answer_is_not_informational() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        Response::empty(reactor::http::Status::SWITCHING_PROTOCOLS)
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    let heard = visitor.hear();
    assert!(heard.starts_with("HTTP/1.1 500"), "{heard}");
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

/// Everything that the tests' site has, asked for in one go with HTTP/1.0 and a half close.
#[test]
fn http_1_0_and_a_half_close() {
    for path in [
        "/", "/later", "/chunks", "/large", "/soon", "/nowhere", "/panics",
    ] {
        let visitor = Visitor::new();
        visitor
            .peer
            .write(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
        visitor.peer.shut_write();
        visitor.wait(10.0);
        assert_eq!(visitor.answers().len(), 1, "{path}");
        assert!(visitor.is_closed(), "{path}");
    }
}

/// The answer is large and whole, the rest of the body is held for want of room, and then the
/// client closes its half.
#[test]
fn a_half_close_behind_a_held_body() {
    for answer in [5_usize, 200_000, 500_000] {
        let held = Held {
            text: Some(answer),
            ..Held::default()
        };
        let visitor = held.visitor();
        visitor.peer.pause_reading();
        let size = 30_000;
        visitor.peer.write(
            format!("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").as_bytes(),
        );
        visitor.wait(0.01);
        visitor.peer.write(&vec![b'x'; size]);
        visitor.peer.shut_write();
        visitor.wait(1.0);
        let collected = held.stream().collect(1 << 20);
        visitor.wait(1.0);
        visitor.peer.resume_reading();
        visitor.wait(5.0);
        let heard = visitor.hear();
        let answers = crate::visitor::parse(&heard).map(|a| {
            a.iter()
                .map(|a| (a.status, a.body.len()))
                .collect::<Vec<_>>()
        });
        let body = collected
            .into_result()
            .map(|r| r.map(|b| b.len()).map_err(|f| f.to_string()))
            .ok();
        assert_eq!(answers, Some(vec![(200, answer)]));
        assert_eq!(body, Some(Ok(size)));
    }
}

/// Content-Type twice.
#[test]
fn one_content_type() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        let mut response = Response::text("x");
        response
            .headers_mut()
            .append("Content-Type", "text/html")
            .expect("a header");
        response
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    let heard = visitor.hear();
    assert_eq!(heard.matches("Content-Type").count(), 1, "{heard}");
}

/// Expect with a resource that refuses without reading.
#[test]
fn who_is_refused_is_not_told_to_go_on() {
    struct No;
    impl Resource for No {
        fn methods(&self) -> &[Method] {
            &[Method::Post]
        }
        fn intake(&self, _: &Request) -> Intake {
            Intake::Stream
        }
        fn render(&self, _: Request) -> Answer {
            Response::error(reactor::http::Status::FORBIDDEN).into()
        }
    }
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), No);
    let visitor = Visitor::visit(simulation, site);
    visitor.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    let heard = visitor.hear();
    assert!(heard.starts_with("HTTP/1.1 403"), "{heard}");
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

/// The same with a long answer in chunks.
#[test]
fn a_half_close_behind_a_held_body_aborts_nothing() {
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
            Response::text(Body::from_chunks((0..100).map(|_| Ok(vec![b'x'; 10_000])))).into()
        }
    }
    let kept: Rc<RefCell<Vec<BodyStream>>> = Rc::default();
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), Long(Rc::clone(&kept)));
    let visitor = Visitor::visit(simulation, site);
    visitor.peer.pause_reading();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n";
    visitor
        .peer
        .write(&[head.as_bytes(), &[b'y'; 30_000]].concat());
    visitor.peer.shut_write();
    visitor.wait(1.0);
    let stream = kept.borrow_mut().pop().expect("a body");
    let collected = stream.collect(1 << 20);
    visitor.peer.resume_reading();
    visitor.wait(10.0);
    assert_eq!(visitor.answers()[0].body.len(), 1_000_000);
    let collected = collected.into_result().expect("it has fired");
    assert_eq!(collected.expect("a body").len(), 30_000);
}

/// A file from the year 12000.
#[test]
fn a_time_that_no_header_can_say() {
    let far = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000);
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        reactor::http::Validators::new()
            .with_modified(far)
            .add_to(Response::text("x"))
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    assert_eq!(visitor.bodies()[0].0, 200);
}

/// A child whose last owner is the tree, and that uses the tree when it is dropped.
#[test]
fn a_replaced_child_may_use_the_tree() {
    struct Last(Tree);
    impl Resource for Last {
        fn render(&self, _: Request) -> Answer {
            Response::ok().into()
        }
    }
    impl Drop for Last {
        fn drop(&mut self) {
            let _ = self.0.names();
        }
    }
    let tree = Tree::new();
    tree.put_child("a", Last(tree.clone()));
    tree.put_child("a", |_: Request| Response::ok());
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
