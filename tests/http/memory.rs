//! What all bodies of a site have in memory at one time.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::Deferred;
use reactor::deferred::Failure;
use reactor::http::server::post;
use reactor::http::{HttpLimits, Request, Response, Site};
use reactor::testing::{Peer, Simulation};

use crate::visitor::{Visitor, parse};

type Kept = Rc<RefCell<Vec<Request>>>;

/// Keeps the requests that are not for `/now`, and never answers them.
fn keeping(bodies: u64) -> (Visitor, Kept) {
    let (simulation, kept) = (Simulation::new(), Kept::default());
    let keep = Rc::clone(&kept);
    let echo = post(move |mut request: Request| {
        if request.target() == "/?now" {
            return Deferred::succeed(Response::text(request.take_body()));
        }
        keep.borrow_mut().push(request);
        let (resolver, deferred) = Deferred::pending();
        std::mem::forget(resolver);
        deferred
    });
    let limits = HttpLimits::default().bodies(bodies).body(1000);
    let site = Site::new(&simulation.reactor(), echo).with_limits(limits);
    (Visitor::visit(simulation, site), kept)
}

/// A client that has sent so much of a body.
fn sends(visitor: &Visitor, target: &str, length: usize, sent: usize) -> Peer {
    let peer = visitor.another();
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    peer.write(head.as_bytes());
    peer.write(&vec![b'x'; sent]);
    visitor.wait(0.1);
    peer
}

fn status(peer: &Peer) -> Option<(u16, Option<String>)> {
    let heard = String::from_utf8(peer.read()).expect("text");
    let answers = parse(&heard).expect("whole answers");
    let answer = answers.first()?;
    let retry = answer.header("retry-after").map(str::to_owned);
    Some((answer.status, retry))
}

fn is_busy(peer: &Peer) -> bool {
    status(peer).map(|(status, retry)| (status, retry.is_none())) == Some((503, false))
}

#[test]
fn three_hundred_bodies_that_have_begun_are_not_kept_all_at_once() {
    let visitor = Visitor::new();
    let peers: Vec<Peer> = (0..300)
        .map(|_| sends(&visitor, "/echo", 1_000_000, 900_000))
        .collect();
    let waiting = peers.iter().filter(|peer| status(peer).is_none()).count();
    assert_eq!(waiting, (32 << 20) / 900_000, "32 MiB, and not 270 MB");
}

#[test]
fn a_body_for_which_there_is_no_room_is_told_to_come_again() {
    let (visitor, _) = keeping(1500);
    let first = sends(&visitor, "/?now", 1000, 999);
    let second = sends(&visitor, "/?now", 1000, 500);
    assert!(is_busy(&sends(&visitor, "/?now", 1000, 2)));
    assert_eq!(status(&first), None);
    first.write(b"x");
    visitor.wait(0.1);
    assert_eq!(status(&first), Some((200, None)), "its last byte has room");
    second.write(&[b'x'; 500]);
    visitor.wait(0.1);
    assert_eq!(status(&second), Some((200, None)));
}

#[test]
fn a_body_counts_until_its_request_is_dropped_or_it_is_taken() {
    for end in ["drop", "take", "reset"] {
        let (visitor, kept) = keeping(1000);
        let peer = sends(&visitor, "/", 1000, if end == "reset" { 999 } else { 1000 });
        assert!(is_busy(&sends(&visitor, "/", 2, 2)), "{end}");
        let taken = match end {
            "drop" => kept.borrow_mut().drain(..).map(drop).count(),
            "take" => kept.borrow_mut()[0].take_body().len(),
            _ => {
                peer.reset();
                visitor.wait(0.1);
                0
            }
        };
        let other = sends(&visitor, "/?now", 1000, 1000);
        assert_eq!(status(&other), Some((200, None)), "{end} {taken}");
    }
}

/// Answers `/?now` with the body; fails, panics, or waits for ever with other requests in its hands.
async fn ends_in_its_way(mut request: Request) -> Result<Response, Failure> {
    match request.target() {
        "/?now" => Ok(Response::text(request.take_body())),
        "/?fail" => Err(Failure::message("it was meant to fail")),
        "/?panic" => panic!("it was meant to panic"),
        _ => {
            std::future::pending::<()>().await;
            Ok(Response::text(request.take_body()))
        }
    }
}

/// What a client does when it has sent 900 bytes of a body, and the status that it hears.
enum Then {
    Waits(Option<u16>),
    Resets,
    ClosesItsHalf(Option<u16>),
}

#[test]
fn whatever_the_end_of_a_request_is_the_room_of_its_body_is_free_behind_it() {
    use Then::{ClosesItsHalf, Resets, Waits};
    const LENGTH: &str = "Content-Length: 1000\r\n\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n384\r\n";
    let rest = "x".repeat(100);
    let too_much = format!("\r\n65\r\n{}", "x".repeat(101));
    for (target, framing, more, then) in [
        ("/?now", LENGTH, &*rest, Waits(Some(200))),
        ("/?now", CHUNKED, "\r\n0\r\n\r\n", Waits(Some(200))),
        ("/?fail", LENGTH, &rest, Waits(Some(500))),
        ("/?panic", LENGTH, &rest, Waits(Some(500))),
        ("/?never", LENGTH, &rest, Waits(Some(503))),
        ("/?never", LENGTH, &rest, Resets),
        ("/?never", LENGTH, &rest, ClosesItsHalf(None)),
        ("/?now", LENGTH, "", Waits(Some(408))),
        ("/?now", LENGTH, "", Resets),
        ("/?now", LENGTH, "", ClosesItsHalf(Some(400))),
        ("/?now", CHUNKED, "x", Waits(Some(400))),
        ("/?now", CHUNKED, &too_much, Waits(Some(413))),
    ] {
        let simulation = Simulation::new();
        let limits = HttpLimits::default().bodies(1000).body(1000);
        let site = Site::new(&simulation.reactor(), post(ends_in_its_way));
        let visitor = Visitor::visit(simulation, site.with_limits(limits));
        let peer = visitor.another();
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{framing}");
        peer.write(head.as_bytes());
        peer.write(&[b'x'; 900]);
        visitor.wait(0.1);
        assert!(is_busy(&sends(&visitor, "/?now", 200, 200)), "{head}");
        peer.write(more.as_bytes());
        visitor.wait(0.1);
        let heard = match then {
            Waits(status) => status,
            Resets => {
                peer.reset();
                None
            }
            ClosesItsHalf(status) => {
                peer.shut_write();
                visitor.wait(0.1);
                status
            }
        };
        if matches!(heard, Some(408 | 503)) {
            visitor.wait(60.0);
        }
        if !matches!(then, Resets) {
            assert_eq!(status(&peer).map(|(status, _)| status), heard, "{head}");
        }
        let other = sends(&visitor, "/?now", 1000, 1000);
        assert_eq!(status(&other), Some((200, None)), "{head} {more}");
    }
}

#[test]
fn a_body_that_its_resource_takes_may_be_larger_than_all_together() {
    let (visitor, _) = keeping(10);
    let peer = sends(&visitor, "/?now", 1000, 1000);
    assert_eq!(status(&peer), Some((200, None)));
    let chunked = visitor.another();
    chunked.write(b"POST /?now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..10 {
        chunked.write(b"64\r\n");
        chunked.write(&[b'x'; 100]);
        chunked.write(b"\r\n");
        visitor.wait(0.1);
    }
    chunked.write(b"0\r\n\r\n");
    visitor.wait(0.1);
    assert_eq!(status(&chunked), Some((200, None)));
}
