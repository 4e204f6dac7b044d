//! The heads of answers, and the header lines of requests.

use std::time::Duration;

use reactor::http::{Answer, Intake, Method, Request, Resource, Response, Site};
use reactor::testing::Simulation;

use crate::visitor::{Visitor, request};

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
fn a_request_that_is_refused_gets_no_100_continue() {
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

#[test]
fn a_client_that_waits_for_it_is_told_to_go_on_once() {
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    for (path, body) in [("/echo", "hello"), ("/meter", "5 bytes, []")] {
        for (framing, pieces) in [
            ("Content-Length: 5", ["he", "llo"]),
            (
                "Transfer-Encoding: chunked",
                ["2\r\nhe\r\n", "3\r\nllo\r\n0\r\n\r\n"],
            ),
        ] {
            let visitor = Visitor::new();
            let head = head.replace("/echo", path);
            visitor.say(head.replace("Content-Length: 5", framing));
            assert_eq!(visitor.hear(), "HTTP/1.1 100 Continue\r\n\r\n", "{path}");
            visitor.say(pieces[0]);
            assert_eq!(visitor.hear(), "", "{path}");
            assert_eq!(visitor.exchange(pieces[1]), [(200, body.to_owned())]);
        }
    }
    // Who does not wait, speaks HTTP/1.0, or expects something else, is not.
    for said in [
        format!("{head}hello"),
        head.replace("1.1", "1.0"),
        head.replace("100-continue", "tea"),
        head.replace("/echo", "/nowhere"),
    ] {
        let visitor = Visitor::new();
        visitor.say(said);
        assert!(!visitor.hear().contains("100 Continue"));
    }
}

#[test]
fn header_lines_are_had_by_name_and_as_they_came() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |request: Request| {
        let headers = request.headers();
        assert_eq!(headers.get("HOST"), request.header("host"));
        assert_eq!(headers.get("latin"), None, "it is not UTF-8");
        assert_eq!(headers.get_bytes("latin"), Some(&b"caf\xe9"[..]));
        assert_eq!(headers.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert!(headers.len() == 4 && !headers.is_empty());
        let names: Vec<_> = headers.iter_bytes().map(|(name, _)| name).collect();
        Response::text(format!("{names:?} {:?}\n", headers.get("none")))
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nLatin: caf\xe9\r\na: 2\r\n\r\n");
    let heard = visitor.hear();
    let expected = "[\"Host\", \"A\", \"Latin\", \"a\"] None\n";
    assert!(heard.ends_with(expected), "{heard}");
}
