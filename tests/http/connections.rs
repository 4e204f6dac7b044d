//! Many requests on one connection, and its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{Answer, Body, BodySink, Request, Response, Site};
use reactor::testing::Simulation;

use crate::visitor::{Visitor, request};

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let visitor = Visitor::new();
    let said = [
        request("GET /later"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        request("GET /chunks"),
        request("GET /soon"),
        request("GET /nowhere"),
        request("GET /panics"),
        request("GET /later?2"),
        request("GET /"),
    ];
    let expected = [
        ok("later /later"),
        ok("hello"),
        ok("0 1 2 "),
        ok("soon"),
        (404, "404 Not Found\n".to_owned()),
        (500, "500 Internal Server Error\n".to_owned()),
        ok("later /later?2"),
        ok("root"),
    ];
    assert_eq!(visitor.exchange(said.concat()), expected);
    assert!(!visitor.is_closed());
    // The same, one byte at a time.
    for byte in said.concat().as_bytes() {
        visitor.say([*byte]);
    }
    visitor.wait(5.0);
    assert_eq!(visitor.bodies(), expected);
}

#[test]
fn the_second_request_is_not_looked_at_before_the_first_is_answered() {
    let visitor = Visitor::new();
    visitor.say([request("GET /later?10"), request("GET /")].concat());
    visitor.wait(9.0);
    assert_eq!(visitor.hear(), "");
    visitor.wait(2.0);
    assert_eq!(visitor.bodies(), [ok("later /later?10"), ok("root")]);
}

#[test]
fn no_resource_hears_of_a_request_before_the_one_before_it_is_answered() {
    let simulation = Simulation::new();
    let asked = Rc::new(RefCell::new(Vec::new()));
    let sinks: Rc<RefCell<Vec<BodySink>>> = Rc::default();
    let (log, kept, clock) = (Rc::clone(&asked), Rc::clone(&sinks), simulation.reactor());
    let site = Site::new(&clock.clone(), move |request: Request| -> Answer {
        log.borrow_mut().push(request.target().to_owned());
        match request.target() {
            "/?later" => {
                let wait = clock.defer_later(Duration::from_secs(10));
                wait.map(|()| Response::text("later")).into()
            }
            "/?stream" => {
                let (sink, body) = Body::stream();
                kept.borrow_mut().push(sink);
                Response::text(body).into()
            }
            _ => Response::text("at once").into(),
        }
    });
    let visitor = Visitor::visit(simulation, site);
    let said = ["GET /?later", "GET /?stream", "GET /"];
    visitor.say(said.map(request).concat());
    visitor.wait(9.0);
    assert_eq!(*asked.borrow(), ["/?later"]);
    visitor.wait(20.0);
    assert_eq!(*asked.borrow(), ["/?later", "/?stream"]);
    let sink = sinks.borrow_mut().pop().expect("a request");
    sink.write(b"stream");
    visitor.wait(20.0);
    assert_eq!(asked.borrow().len(), 2, "half an answer is none");
    sink.finish();
    visitor.wait(0.1);
    assert_eq!(*asked.borrow(), ["/?later", "/?stream", "/"]);
    assert_eq!(visitor.bodies(), ["later", "stream", "at once"].map(ok));
}

#[test]
fn connection_close_in_any_place_of_the_list_is_the_last_request() {
    for list in [
        "close",
        "CLOSE",
        "foo, close",
        "close, foo",
        "keep-alive,close",
    ] {
        let visitor = Visitor::new();
        let said = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {list}\r\n\r\n");
        visitor.say([said, request("GET /echo")].concat());
        let answers = visitor.answers();
        assert_eq!(answers.len(), 1, "{list}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{list}");
        assert!(visitor.is_closed(), "{list}");
    }
}

/// What would still come destroys the last answer when it meets a socket that is closed; who has said
/// that nothing will is not waited for.
#[test]
fn a_client_that_has_sent_its_last_request_is_not_waited_for() {
    let close = "Host: a\r\nConnection: close\r\n";
    let body = "Content-Length: 5\r\n\r\nhello";
    for (said, is_waited_for) in [
        (format!("GET / HTTP/1.1\r\n{close}\r\n"), false),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), false),
        (format!("GET /later HTTP/1.1\r\n{close}\r\n"), false),
        (format!("GET /large HTTP/1.1\r\n{close}\r\n"), false),
        (format!("POST /echo HTTP/1.1\r\n{close}{body}"), false),
        (format!("GET / HTTP/1.1\r\n{close}\r\nmore"), true),
        (format!("GET /later HTTP/1.1\r\n{close}\r\nmore"), true),
        (format!("POST /echo HTTP/1.1\r\n{close}{body}more"), true),
        (
            format!(
                "POST /nowhere HTTP/1.1\r\n{close}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            ),
            true,
        ),
        (format!("GET / HTTP/1.1\r\n{close}Host: b\r\n\r\n"), true),
    ] {
        let visitor = Visitor::new();
        visitor.peer.write(said.as_bytes());
        visitor.wait(1.1);
        assert_eq!(visitor.answers().len(), 1, "{said}");
        assert!(visitor.is_closed(), "{said}");
        let open = visitor.simulation.descriptors() - 1;
        assert_eq!(open == 1, is_waited_for, "{said}");
    }
}

#[test]
fn a_client_that_closes_its_half_after_a_request_gets_the_answer() {
    for line in ["GET /", "GET /later", "GET /chunks", "GET /large"] {
        let visitor = Visitor::new();
        visitor.peer.write(request(line).as_bytes());
        visitor.peer.shut_write();
        visitor.wait(5.0);
        let answers = visitor.answers();
        assert_eq!((answers.len(), answers[0].status), (1, 200), "{line}");
        assert!(visitor.is_closed(), "{line}");
    }
}

#[test]
fn all_pipelined_requests_of_a_half_closed_client_are_answered() {
    let visitor = Visitor::new();
    let said = [
        "GET /later",
        "GET /",
        "GET /later",
        "GET /large",
        "GET /chunks",
    ];
    visitor.peer.write(said.map(request).concat().as_bytes());
    visitor.peer.shut_write();
    visitor.wait(5.0);
    assert_eq!(visitor.answers().len(), 5);
    assert!(visitor.is_closed());
}

#[test]
fn a_good_request_before_a_bad_one_is_answered_first() {
    for good in ["GET /", "GET /later", "GET /chunks"] {
        let visitor = Visitor::new();
        let heard = visitor.exchange([request(good), "what is this\r\n\r\n".to_owned()].concat());
        let statuses: Vec<u16> = heard.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [200, 400], "{good}");
        assert!(visitor.is_closed(), "{good}");
    }
}

#[test]
fn a_request_that_ends_in_the_middle_is_told_so() {
    for said in [
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        "POST /meter HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
        "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
    ] {
        let visitor = Visitor::new();
        visitor.peer.write(said.as_bytes());
        visitor.peer.shut_write();
        visitor.wait(5.0);
        let answers = visitor.answers();
        assert_eq!((answers.len(), answers[0].status), (1, 400), "{said:?}");
        assert!(visitor.is_closed());
    }
}

#[test]
fn a_client_that_sends_nothing_and_closes_gets_nothing() {
    let visitor = Visitor::new();
    visitor.peer.shut_write();
    visitor.wait(1.0);
    assert_eq!(visitor.hear(), "");
    assert!(visitor.is_closed());
}

#[test]
fn an_answer_without_the_body_is_read_to_the_end_if_it_is_small() {
    let visitor = Visitor::new();
    let said = "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let heard = visitor.exchange([said.to_owned(), request("GET /")].concat());
    assert_eq!(heard, [(404, "404 Not Found\n".to_owned()), ok("root")]);
}

#[test]
fn shutting_down_answers_what_was_asked_and_closes_what_is_idle() {
    let visitor = Visitor::new();
    let idle = visitor.another();
    visitor.say(request("GET /later?2"));
    visitor.say(request("GET /"));
    let network = visitor.simulation.clone();
    let began = visitor.simulation.elapsed();
    let reactor = visitor.simulation.reactor();
    reactor.call_later(Duration::ZERO, move || {
        network.terminate();
    });
    reactor.run().expect("the loop runs");
    let took = visitor.simulation.elapsed() - began;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(idle.has_ended());
    let answers = visitor.answers();
    assert_eq!(answers.len(), 1, "the one that had begun");
    assert_eq!(answers[0].header("connection"), Some("close"));
    assert!(visitor.is_closed());
}

#[test]
fn behind_a_request_that_waits_only_so_much_is_kept() {
    let visitor = Visitor::new();
    visitor.say(request("GET /later?5"));
    let count = 100_000;
    visitor
        .peer
        .write(request("GET /").repeat(count).as_bytes());
    visitor.wait(1.0);
    let waiting = visitor.peer.unsent();
    assert!(waiting > 2_800_000, "most of it is not taken: {waiting}");
    visitor.wait(60.0);
    assert_eq!(visitor.answers().len(), count + 1);
}

#[test]
fn a_client_that_does_not_take_its_answers_is_not_read_any_further() {
    let visitor = Visitor::new();
    visitor.peer.pause_reading();
    let count = 100_000;
    visitor
        .peer
        .write(request("GET /").repeat(count).as_bytes());
    visitor.wait(10.0);
    let waiting = visitor.peer.unsent();
    assert!(waiting > 2_500_000, "most of it is not taken: {waiting}");
    visitor.peer.resume_reading();
    visitor.wait(60.0);
    assert_eq!(visitor.answers().len(), count);
}
