//! What all bodies of a site have in memory at one time.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::Deferred;
use reactor::http::{HttpLimits, Request, Response, Site, post};
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
    let limits = HttpLimits {
        bodies,
        body: 1000,
        ..HttpLimits::default()
    };
    let site = Site::new(&simulation.reactor(), echo).with_http_limits(limits);
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
