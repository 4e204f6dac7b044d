//! Clients that close their half, or all, while a request or its answer is under way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Answer, Audience, Body, BodyStream, Intake, Method, Request, Resource, Response, Site,
};
use reactor::testing::Simulation;

use crate::copying::Copying;
use crate::held::Held;
use crate::visitor::{Visitor, request};

/// The end of the peer's stream comes while the rest of the body is held, because the answer
/// has no room: the request is whole, and is broken off.
#[test]
fn a_whole_body_that_is_held_is_not_cut_off_by_a_half_close() {
    for size in [10_000_usize, 70_000, 100_000, 140_000, 200_000, 300_000] {
        for piece in [1000_usize, 5000, 20_000] {
            let simulation = Simulation::new();
            let copying = Copying::default();
            let site = Site::new(&simulation.reactor(), copying.clone());
            let visitor = Visitor::visit(simulation, site);
            visitor.peer.pause_reading();
            visitor.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            drop(copying.begin(&visitor.simulation.reactor()));
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

/// The same as a client sees it: it goes while the handler is still at work, and is counted
/// among the audience for ever.
#[test]
fn a_client_that_is_gone_before_the_answer_is_no_audience() {
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
