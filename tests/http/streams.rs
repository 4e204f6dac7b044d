//! Bodies that are handed on while they come, in both directions.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::Failure;
use reactor::http::{
    Answer, Body, BodyStream, HttpLimits, Intake, Method, Request, Resource, Response, Site,
    Status, Tree,
};
use reactor::testing::{Conditions, Simulation};

use crate::copying::Copying;
use crate::held::Held;
use crate::visitor::{Visitor, request};

#[test]
fn a_stream_is_sent_as_it_is_written() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.say([request("GET /held"), request("GET /")].concat());
    let heard = visitor.hear();
    assert!(
        heard.ends_with("chunked\r\n\r\n"),
        "the head comes at once: {heard:?}"
    );
    let sink = held.sink();
    assert!(sink.write(b"one"));
    assert!(sink.write(b""), "nothing is not the end");
    visitor.wait(0.1);
    assert_eq!(visitor.hear(), "3\r\none\r\n");
    sink.write(&[b'x'; 300]);
    sink.finish();
    visitor.wait(0.1);
    let heard = visitor.hear();
    assert!(heard.starts_with(&format!(
        "12c\r\n{}\r\n0\r\n\r\nHTTP/1.1 200",
        "x".repeat(300)
    )));
    assert!(heard.ends_with("root"));
}

#[test]
fn what_was_written_before_the_answer_was_given_comes_first() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        let (sink, body) = Body::stream();
        sink.write(b"one ");
        sink.write(b"two");
        sink.finish();
        Response::text(body)
    });
    let visitor = Visitor::visit(simulation, site);
    let both = request("GET /").repeat(2);
    assert_eq!(visitor.exchange(both), vec![(200, "one two".to_owned()); 2]);
}

#[test]
fn a_stream_of_known_length_has_to_keep_it() {
    for (written, is_whole) in [("hello", true), ("hell", false), ("hello!", false)] {
        let held = Held {
            length: Some(5),
            ..Held::default()
        };
        let visitor = held.visitor();
        visitor.say(request("GET /held"));
        let sink = held.sink();
        sink.write(written.as_bytes());
        sink.finish();
        visitor.wait(0.1);
        let heard = visitor.hear();
        assert!(heard.contains("Content-Length: 5\r\n") && !heard.contains("chunked"));
        assert_eq!(visitor.peer.is_connected(), is_whole, "{written}");
        assert_eq!(
            visitor.peer.error().is_some(),
            !is_whole,
            "{written}: a reset"
        );
    }
}

#[test]
fn an_answer_that_breaks_off_is_no_whole_answer() {
    let visitor = Visitor::new();
    visitor.say(request("GET /breaks"));
    visitor.wait(1.0);
    let heard = visitor.hear();
    assert!(!heard.contains("0\r\n\r\n"), "{heard:?}");
    assert!(visitor.peer.error().is_some(), "the client sees a reset");

    let held = Held::default();
    let visitor = held.visitor();
    visitor.say(request("GET /held"));
    drop(held.sink());
    visitor.wait(0.1);
    assert!(visitor.peer.error().is_some(), "a sink was dropped");
}

#[test]
fn an_answer_whose_resource_panics_or_fails_half_way_is_no_whole_answer() {
    for (how, length) in [("panics", None), ("fails", None), ("fails", Some(100))] {
        let simulation = Simulation::new();
        let site = Site::new(&simulation.reactor(), move |_: Request| {
            let body = match how {
                "panics" => Body::from_chunks((0..2).map(|n| match n {
                    0 => Ok("half"),
                    _ => panic!("as it should"),
                })),
                _ => {
                    let (sink, body) = Body::stream();
                    sink.write(b"half");
                    sink.fail(Failure::message("as it should"));
                    body
                }
            };
            Response::text(match length {
                Some(length) => body.with_length(length),
                None => body,
            })
        });
        let visitor = Visitor::visit(simulation, site);
        visitor.say(request("GET /").repeat(2));
        let heard = visitor.hear();
        assert!(!heard.contains("0\r\n\r\n"), "{how}: {heard:?}");
        assert!(!heard.contains("500"), "{how}: {heard:?}");
        assert!(visitor.peer.error().is_some(), "{how}: the client sees it");
    }
}

#[test]
fn a_sink_learns_that_the_client_is_gone() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.say(request("GET /held"));
    let sink = held.sink();
    assert!(!sink.is_over());
    visitor.peer.reset();
    visitor.wait(0.1);
    assert!(sink.is_over());
    assert!(!sink.write(b"nobody"));
    assert!(sink.ready().into_result().expect("fired").is_err());
    sink.finish();
}

#[test]
fn head_of_a_stream_is_over_at_once() {
    let simulation = Simulation::new();
    let over = Rc::new(RefCell::new(Vec::new()));
    let sinks = Rc::clone(&over);
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        let (sink, body) = Body::stream();
        sinks.borrow_mut().push(sink);
        Response::text(body)
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("HEAD /"));
    assert!(visitor.hear().ends_with("\r\n\r\n"));
    assert!(over.borrow()[0].is_over());
    visitor.say(request("HEAD /"));
    assert!(visitor.hear().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_resource_that_writes_much_waits_until_there_is_room() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.peer.pause_reading();
    visitor.say(request("GET /held"));
    let sink = Rc::new(held.sink());
    let reactor = visitor.simulation.reactor();
    let written = Rc::new(RefCell::new(0));
    let count = Rc::clone(&written);
    let done = reactor.spawn(async move {
        for _ in 0..1000 {
            sink.ready().await?;
            sink.write(&[b'x'; 10_000]);
            *count.borrow_mut() += 10_000;
        }
        Rc::into_inner(sink).expect("the only one").finish();
        Ok(())
    });
    visitor.wait(1.0);
    let early = *written.borrow();
    assert!((64 << 10..400 << 10).contains(&early), "{early}");
    visitor.peer.resume_reading();
    visitor.wait(10.0);
    assert_eq!(visitor.answers()[0].body.len(), 10_000_000);
    done.into_result().expect("fired").expect("done");
}

#[test]
fn chunks_are_asked_for_as_the_client_reads() {
    let simulation = Simulation::new();
    let asked = Rc::new(RefCell::new(0));
    let count = Rc::clone(&asked);
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        let count = Rc::clone(&count);
        let chunks = (0..2000).map(move |_| {
            *count.borrow_mut() += 1;
            Ok(vec![b'x'; 10_000])
        });
        Response::text(Body::from_chunks(chunks))
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.peer.pause_reading();
    visitor.say(request("GET /"));
    visitor.wait(1.0);
    assert!(*asked.borrow() < 40, "{}", asked.borrow());
    visitor.peer.resume_reading();
    visitor.wait(10.0);
    assert_eq!(visitor.answers()[0].body.len(), 20_000_000);
    assert_eq!(*asked.borrow(), 2000);
}

#[test]
fn chunks_that_are_empty_and_never_end_stop_nobody_else() {
    let simulation = Simulation::new();
    let root = Tree::new();
    root.put_child("", |_: Request| Response::text("root"));
    root.put_child("idle", |_: Request| {
        Response::text(Body::from_chunks(std::iter::repeat_with(|| Ok(Vec::new()))))
    });
    let site = Site::new(&simulation.reactor(), root);
    let visitor = Visitor::visit(simulation, site);
    let other = visitor.another();
    visitor.peer.write(request("GET /idle").as_bytes());
    other.write(request("GET /").as_bytes());
    let heard = visitor
        .simulation
        .run_until_true(Duration::from_secs(1), || !other.read().is_empty());
    assert!(heard);
}

#[test]
fn a_body_is_handed_on_as_it_comes() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    let mut stream = held.stream();
    let chunk = |stream: &mut BodyStream| stream.next_chunk().into_result().expect("fired");
    assert_eq!(chunk(&mut stream).expect("bytes"), Some(b"hel".to_vec()));
    let next = stream.next_chunk();
    assert!(!next.is_fired());
    assert!(chunk(&mut stream).is_err(), "asked for twice");
    visitor.say("lo\r\n");
    assert_eq!(
        next.into_result().expect("fired").expect("bytes"),
        Some(b"lo".to_vec())
    );
    visitor.say("0\r\nA: b\r\n\r\n");
    assert_eq!(chunk(&mut stream).expect("the end"), None);
    assert_eq!(stream.trailers(), [("A".to_owned(), "b".to_owned())]);
    held.sink().finish();
    visitor.wait(0.1);
    assert!(
        visitor.hear().contains("Connection: close"),
        "the body was not whole by then"
    );
    assert!(visitor.is_closed());
}

#[test]
fn a_streamed_body_that_nobody_takes_is_not_read() {
    let held = Held::default();
    let visitor = held.visitor();
    visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    visitor.peer.write(&vec![b'x'; 10_000_000]);
    visitor.wait(5.0);
    assert!(
        visitor.peer.unsent() > 9_000_000,
        "{}",
        visitor.peer.unsent()
    );
    let collected = held.stream().collect(20_000_000);
    visitor.wait(30.0);
    assert_eq!(
        collected
            .into_result()
            .expect("fired")
            .expect("whole")
            .len(),
        10_000_000
    );
}

#[test]
fn a_streamed_body_fails_with_its_connection_and_with_its_chunks() {
    for end in ["reset", "half", "malformed"] {
        let held = Held::default();
        let visitor = held.visitor();
        visitor.say("POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let next = held.stream().next_chunk();
        match end {
            "reset" => visitor.peer.reset(),
            "half" => visitor.peer.shut_write(),
            _ => visitor.say("what?"),
        }
        visitor.wait(1.0);
        assert!(next.into_result().expect("fired").is_err(), "{end}");
        assert!(held.sink().is_over(), "{end}");
        assert!(!visitor.peer.is_connected(), "{end}");
    }
}

#[test]
fn an_answer_before_the_end_of_its_body_is_heard_and_is_the_last() {
    let simulation = Simulation::new();
    /// Says no without looking at the body.
    struct No;
    impl Resource for No {
        fn methods(&self) -> &[Method] {
            &[Method::Post]
        }
        fn intake(&self, _: &Request) -> Intake {
            Intake::Stream
        }
        fn render(&self, _: Request) -> Answer {
            Response::error(Status::FORBIDDEN).into()
        }
    }
    let site = Site::new(&simulation.reactor(), No);
    let visitor = Visitor::visit(simulation, site);
    visitor.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    visitor.say(vec![b'x'; 500_000]);
    visitor.wait(5.0);
    let answers = visitor.answers();
    assert_eq!((answers.len(), answers[0].status), (1, 403));
    assert_eq!(answers[0].header("connection"), Some("close"));
    assert_eq!(visitor.peer.error(), None, "no reset destroyed it");
    assert!(visitor.is_closed());
}

#[test]
fn a_body_whose_end_has_come_leaves_the_connection_open() {
    let visitor = Visitor::new();
    let said = "POST /meter HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let heard = visitor.exchange([said, said, &request("GET /")].concat());
    let meter = (200, "5 bytes, []".to_owned());
    assert_eq!(heard, [meter.clone(), meter, (200, "root".to_owned())]);
}

#[test]
fn large_bodies_pass_in_both_directions_at_once_with_bounded_memory() {
    let copying = Copying::default();
    let simulation = Simulation::with_conditions(
        Conditions::calm().latency(Duration::from_millis(1)..=Duration::from_millis(1)),
        1,
    );
    let site = Site::new(&simulation.reactor(), copying.clone());
    let visitor = Visitor::visit(simulation, site);
    visitor.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    let done = copying.begin(&visitor.simulation.reactor());
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
    visitor.peer.write(&body);
    visitor.wait(60.0);
    done.into_result().expect("fired").expect("copied");
    assert_eq!(visitor.answers()[0].body.as_bytes(), body);
}

#[test]
fn a_body_in_memory_has_a_limit_which_strikes_before_the_body_is_sent() {
    let limits = HttpLimits::default().body(10);
    for (said, status) in [
        ("Content-Length: 10\r\n\r\n0123456789", 200),
        ("Content-Length: 11\r\n\r\n0123456789a", 413),
        ("Content-Length: 99999999999999999999999999\r\n\r\n", 413),
        ("Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", 413),
        (
            "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            200,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n",
            413,
        ),
    ] {
        let visitor = Visitor::with_limits(limits.clone());
        let heard = visitor.exchange(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{said}"));
        assert_eq!(heard.len(), 1, "{said:?}: {heard:?}");
        assert_eq!(heard[0].0, status, "{said:?}");
        assert_eq!(visitor.is_closed(), status == 413, "{said:?}");
    }
}
