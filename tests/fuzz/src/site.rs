//! Whatever a client says, in whatever pieces, also as a trusted proxy: a site neither panics nor hangs nor is silent, and
//! answers the same bytes in the same way.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use reactor::http::server::post;
use reactor::http::{Method, Request, Response, Site, Tree};
use reactor::testing::Simulation;

/// The statuses that are heard when these pieces are said, one after the other.
fn statuses<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u16> {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    let show = |mut request: Request| Response::text(request.take_body());
    root.put_child("", post(show).on(Method::Get, show));
    let this_machine = "127.0.0.0/8".parse().expect("a network");
    let site = Site::new(&reactor, root)
        .without_access_log()
        .with_trusted_proxies([this_machine]);
    reactor
        .listen_tcp("127.0.0.1:80", site)
        .expect("it listens");
    let client = simulation.connect("127.0.0.1:80");
    let mut said = 0;
    for piece in pieces {
        said += piece.len();
        client.write(piece);
        simulation.run_for(Duration::from_millis(1));
    }
    client.shut_write();
    simulation.run_for(Duration::from_secs(100));
    let heard = client.read();
    assert!(client.has_ended(), "the connection is closed");
    assert_eq!(simulation.descriptors(), 1, "only the port is left");
    // An empty line before a request means nothing.
    assert!(!heard.is_empty() || said <= 2, "something is answered");
    status_lines(&heard)
}

fn status_lines(heard: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    let mut rest = heard;
    while let Some(head) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&rest[..head]).into_owned();
        assert!(
            text.starts_with("HTTP/1."),
            "an answer begins here: {text:?}"
        );
        statuses.push(text[9..12].parse().expect("a status"));
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        let is_head = statuses.last() == Some(&100);
        rest = &rest[head + 4 + if is_head { 0 } else { length }..];
    }
    assert!(rest.is_empty(), "nothing but answers");
    statuses
}

fuzz_target!(|data: &[u8]| {
    // The first byte says how long the pieces are.
    let Some((size, said)) = data.split_first() else {
        return;
    };
    if said.is_empty()
        || said
            .windows(4)
            .any(|four| four.eq_ignore_ascii_case(b"HEAD"))
    {
        return; // what answers HEAD has a length and no body
    }
    let whole = statuses(std::iter::once(said));
    let split = statuses(said.chunks(usize::from(*size).max(1)));
    // A client that waits to be told to go on is refused before its body, and one that does not
    // wait behind it: there, what is split makes a difference.
    let waits = said
        .windows(6)
        .any(|six| six.eq_ignore_ascii_case(b"expect"));
    assert!(waits || whole == split, "{whole:?} {split:?}");
});
