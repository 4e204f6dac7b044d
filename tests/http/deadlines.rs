//! How long a site waits, and what it says then.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::Deferred;
use reactor::http::server::post;
use reactor::http::{HttpLimits, Request, Response, Site};
use reactor::testing::{Conditions, Peer, Simulation};

use crate::visitor::{Visitor, request};

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let visitor = Visitor::new();
    visitor.wait(59.0);
    assert!(!visitor.is_closed());
    visitor.say(request("GET /"));
    assert_eq!(visitor.bodies().len(), 1);
    visitor.wait(59.0);
    assert!(!visitor.is_closed(), "it counts from the last request");
    visitor.wait(2.0);
    assert!(visitor.is_closed());
    assert_eq!(visitor.hear(), "");
}

#[test]
fn idleness_counts_from_the_end_of_the_answer() {
    let visitor = Visitor::new();
    visitor.say(request("GET /later?50"));
    visitor.wait(51.0);
    assert_eq!(visitor.bodies().len(), 1);
    visitor.wait(58.0);
    assert!(!visitor.is_closed());
    visitor.wait(3.0);
    assert!(visitor.is_closed());
}

#[test]
fn an_idle_client_that_does_not_take_its_answer_is_dropped_half_a_minute_later() {
    let narrow = Conditions::calm().send_buffer(1000..=1000);
    let visitor = Visitor::of(
        Simulation::with_conditions(narrow, 1),
        HttpLimits::default(),
    );
    visitor.peer.pause_reading();
    visitor.peer.set_window(1000);
    visitor.say(request("GET /large?1"));
    visitor.wait(89.0);
    assert_eq!(visitor.simulation.descriptors(), 2, "it may still take it");
    visitor.wait(2.0);
    assert_eq!(visitor.simulation.descriptors(), 1, "only the port is left");
}

#[test]
fn a_head_has_so_long_however_it_drips() {
    let visitor = Visitor::new();
    let mut slow = request("GET /").into_bytes();
    slow.truncate(30);
    for byte in &slow[..19] {
        visitor.say([*byte]);
        visitor.wait(0.95);
    }
    assert_eq!(visitor.hear(), "");
    visitor.say([slow[20]]);
    visitor.wait(2.0);
    let heard = visitor.bodies();
    assert_eq!((heard.len(), heard[0].0), (1, 408));
    assert!(visitor.is_closed());
}

#[test]
fn what_came_while_the_loop_was_busy_came_in_time() {
    for (begin, rest) in [
        ("GET / HTTP/1.1\r\nHo", "st: a\r\n\r\n"),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
            "llo",
        ),
    ] {
        let visitor = Visitor::new();
        // More than one wait reports.
        let others: Vec<Peer> = (0..1100).map(|_| visitor.another()).collect();
        visitor.wait(1.0);
        let peers: Vec<Peer> = others.into_iter().chain([visitor.peer.clone()]).collect();
        for peer in &peers {
            peer.write(begin.as_bytes());
        }
        let (busy, reactor) = (visitor.simulation.clone(), visitor.simulation.reactor());
        let (all, rest) = (peers.clone(), rest.to_owned());
        reactor.call_later(Duration::from_secs(10), move || {
            for peer in &all {
                peer.write(rest.as_bytes());
            }
            busy.spend(Duration::from_secs(100));
        });
        visitor.wait(115.0);
        for peer in &peers {
            let heard = peer.read();
            assert!(heard.starts_with(b"HTTP/1.1 200"), "{begin}");
        }
    }
}

#[test]
fn a_client_that_takes_an_answer_slowly_is_waited_for_without_events_of_the_system() {
    let wide = Conditions::calm()
        .send_buffer(4_000_000..=4_000_000)
        .window_step(60_000..=60_000);
    let visitor = Visitor::of(Simulation::with_conditions(wide, 1), HttpLimits::default());
    visitor.peer.pause_reading();
    visitor.say(request("GET /large?1200"));
    // A third of the system's buffer takes more than a minute at 20 KB a second.
    let mut taken = 0;
    for _ in 0..300 {
        visitor.wait(1.0);
        taken += visitor.peer.read_at_most(20_000).len();
    }
    assert!(taken > 5_900_000, "{taken}");
    assert_eq!(visitor.peer.error(), None);
}

#[test]
fn a_body_has_so_long_too_kept_or_handed_on_or_dropped() {
    for path in ["/echo", "/meter", "/nowhere"] {
        let visitor = Visitor::new();
        visitor.say(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"
        ));
        visitor.wait(59.0);
        assert_eq!(visitor.hear(), "", "{path}");
        visitor.wait(2.0);
        let heard = visitor.bodies();
        assert_eq!((heard.len(), heard[0].0), (1, 408), "{path}");
        visitor.wait(5.0);
        assert!(visitor.is_closed(), "{path}");
    }
}

#[test]
fn a_body_that_is_kept_has_so_long_in_all_and_one_that_is_handed_on_between_bytes() {
    for (path, status) in [("/echo", 408), ("/meter", 200)] {
        let visitor = Visitor::new();
        visitor.say(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
        ));
        for _ in 0..5 {
            visitor.wait(20.0);
            visitor.say("x");
        }
        assert_eq!(visitor.bodies()[0].0, status, "{path}");
    }
}

#[test]
fn a_body_that_comes_steadily_may_take_as_long_as_it_needs() {
    for path in ["/echo", "/meter", "/nowhere"] {
        let visitor = Visitor::with_limits(HttpLimits::default().body(64 << 20));
        visitor.say(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1600000\r\n\r\n"
        ));
        for _ in 0..80 {
            visitor.wait(1.0);
            visitor.peer.write(&[b'x'; 20_000]);
        }
        visitor.wait(1.0);
        let status = if path == "/nowhere" { 404 } else { 200 };
        assert_eq!(visitor.bodies()[0].0, status, "{path}");
    }
}

#[test]
fn a_body_that_drips_or_has_stopped_is_not_waited_for() {
    let begun = "Host: a\r\nContent-Length: 1000000\r\n\r\n";
    for path in ["/echo", "/nowhere"] {
        let visitor = Visitor::new();
        visitor.say(format!("POST {path} HTTP/1.1\r\n{begun}"));
        let seconds = (0..).take_while(|_| {
            visitor.peer.write(b"x");
            visitor.wait(1.0);
            !visitor.is_closed()
        });
        let seconds = seconds.count();
        assert!((58..=62).contains(&seconds), "{path}: {seconds}");
        assert_eq!(visitor.bodies()[0].0, 408, "{path}");
    }
    // What has come fast at first is no credit for later.
    let visitor = Visitor::new();
    visitor.say(format!("POST /echo HTTP/1.1\r\n{begun}"));
    visitor.say([b'x'; 900_000]);
    visitor.wait(118.0);
    assert_eq!(visitor.hear(), "");
    visitor.wait(3.0);
    assert_eq!(visitor.bodies()[0].0, 408);
}

#[test]
fn a_resource_has_so_long_and_its_deferred_is_cancelled() {
    let simulation = Simulation::new();
    let limits = HttpLimits::default().handler_time(Some(Duration::from_secs(3)));
    let cancelled = Rc::new(Cell::new(0));
    let count = Rc::clone(&cancelled);
    let site = Site::new(&simulation.reactor(), move |request: Request| {
        if request.query().is_none() {
            return Deferred::succeed(Response::text("at once"));
        }
        let (resolver, deferred) = Deferred::<Response>::pending();
        let count = Rc::clone(&count);
        resolver.on_cancel(move || count.set(count.get() + 1));
        std::mem::forget(resolver);
        deferred
    });
    let visitor = Visitor::visit(simulation, site.with_limits(limits));
    visitor.say([request("GET /?never"), request("GET /")].concat());
    visitor.wait(2.0);
    assert_eq!(visitor.hear(), "");
    visitor.wait(2.0);
    let heard = visitor.bodies();
    assert_eq!(
        (heard[0].0, heard[1].0),
        (503, 200),
        "the connection goes on"
    );
    assert_eq!(cancelled.get(), 1);
}

#[test]
fn a_client_that_goes_away_cancels_what_it_waited_for() {
    let simulation = Simulation::new();
    let cancelled = Rc::new(Cell::new(0));
    let count = Rc::clone(&cancelled);
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        let (resolver, deferred) = Deferred::<Response>::pending();
        let count = Rc::clone(&count);
        resolver.on_cancel(move || count.set(count.get() + 1));
        std::mem::forget(resolver);
        deferred
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    visitor.peer.reset();
    visitor.wait(1.0);
    assert_eq!(cancelled.get(), 1);
}

/// What never answers, and how often it was cancelled.
fn patient(simulation: Simulation) -> (Visitor, Rc<Cell<u32>>) {
    let cancelled = Rc::new(Cell::new(0));
    let count = Rc::clone(&cancelled);
    let site = Site::new(
        &simulation.reactor(),
        post(move |_: Request| {
            let (resolver, deferred) = Deferred::<Response>::pending();
            let count = Rc::clone(&count);
            resolver.on_cancel(move || count.set(count.get() + 1));
            std::mem::forget(resolver);
            deferred
        }),
    );
    (Visitor::visit(simulation, site), cancelled)
}

/// As `curl` does at Ctrl-C: its FIN has nothing before it.
#[test]
fn a_client_whose_stream_ends_while_it_waits_cancels_what_it_waited_for() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let last = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for said in [post, chunked, last, "POST / HTTP/1.0\r\n\r\n"] {
        for leave in [Peer::close, Peer::shut_write] {
            let (visitor, cancelled) = patient(Simulation::new());
            visitor.say(said);
            leave(&visitor.peer);
            visitor.wait(0.1);
            assert_eq!(cancelled.get(), 1, "{said}");
            assert_eq!(visitor.simulation.descriptors(), 1, "only the port is left");
            assert_eq!(visitor.hear(), "");
        }
    }
}

/// As `nc -N` does: its FIN is right behind its request, also where that is seen late.
#[test]
fn a_half_close_that_belongs_to_a_request_cancels_nothing() {
    for later in [0, 10] {
        let (visitor, cancelled) = patient(Simulation::new());
        visitor.peer.write(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n");
        visitor.simulation.run_for(Duration::from_millis(later));
        visitor.peer.shut_write();
        visitor.wait(59.0);
        assert_eq!((cancelled.get(), visitor.hear().as_str()), (0, ""));
        visitor.wait(2.0);
        assert_eq!(visitor.bodies()[0].0, 503);
    }
}

#[test]
fn an_answer_to_a_client_that_is_gone_goes_nowhere() {
    let simulation = Simulation::new();
    let resolvers = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&resolvers);
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        let (resolver, deferred) = Deferred::<Response>::pending();
        kept.borrow_mut().push(resolver);
        deferred
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    visitor.peer.reset();
    let other = visitor.another();
    other.write(request("GET /").as_bytes());
    visitor.wait(1.0);
    for resolver in resolvers.take() {
        resolver.callback(Response::text("late"));
    }
    visitor.wait(1.0);
    let heard = String::from_utf8(other.read()).expect("text");
    assert!(heard.ends_with("\r\n\r\nlate"), "{heard}");
}

#[test]
fn without_a_limit_a_resource_may_take_as_long_as_it_likes() {
    let limits = HttpLimits::default().handler_time(None);
    let visitor = Visitor::with_limits(limits);
    visitor.say(request("GET /later?1000"));
    visitor.wait(1001.0);
    assert_eq!(visitor.bodies()[0].0, 200);
}

#[test]
fn a_time_of_zero_is_no_limit() {
    let limits = HttpLimits::default()
        .head_time(Duration::ZERO)
        .body_time(Duration::ZERO)
        .idle(Duration::ZERO)
        .handler_time(Some(Duration::ZERO))
        .send_time(Duration::ZERO);
    let visitor = Visitor::with_limits(limits);
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let streamed = post.replace("/echo", "/meter");
    visitor.peer.pause_reading();
    for piece in [
        post,
        &streamed,
        &request("GET /later?1000"),
        &request("GET /large?500"),
    ] {
        let (one, other) = piece.split_at(piece.len() - 3);
        for part in [&one[..9], &one[9..], other] {
            visitor.wait(1000.0);
            visitor.say(part);
        }
    }
    visitor.wait(3000.0);
    visitor.peer.resume_reading();
    visitor.wait(10.0);
    let statuses: Vec<u16> = visitor
        .bodies()
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    assert_eq!(statuses, [200; 4]);
    assert!(!visitor.is_closed());
}

#[test]
fn a_client_that_does_not_take_its_answers_is_dropped() {
    for said in [
        request("GET /large?100000"),
        request("GET /large?10").repeat(50),
    ] {
        let visitor = Visitor::new();
        visitor.peer.pause_reading();
        visitor.say(said);
        visitor.wait(59.0);
        assert!(visitor.peer.is_connected());
        visitor.wait(65.0);
        assert_eq!(visitor.simulation.descriptors(), 1, "only the port is left");
    }
}

#[test]
fn a_client_that_takes_its_last_answer_one_byte_at_a_time_is_dropped_too() {
    let visitor = Visitor::new();
    visitor.peer.pause_reading();
    visitor.peer.set_window(1);
    visitor.say("GET /large?5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for _ in 0..100 {
        visitor.wait(1.0);
        let _ = visitor.peer.read_at_most(1);
    }
    assert_eq!(visitor.simulation.descriptors(), 1);
}
