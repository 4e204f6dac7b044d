//! Clients that mean no good, and networks that do what they may.

use reactor::http::HttpLimits;
use reactor::testing::Simulation;

use crate::visitor::{Visitor, parse, request};

/// A thousand clients attack in one way; somebody else asks.
fn while_a_thousand(attack: impl Fn(usize, &reactor::testing::Peer)) {
    let visitor = Visitor::new();
    let attackers: Vec<_> = (0..1000).map(|_| visitor.another()).collect();
    visitor.wait(0.1);
    for round in 0..30 {
        for (index, attacker) in attackers.iter().enumerate() {
            attack(round * 1000 + index, attacker);
        }
        visitor.peer.write(request("GET /echo").as_bytes());
        let mut heard = Vec::new();
        for _ in 0..20 {
            visitor.wait(0.001);
            heard.extend(visitor.peer.read());
        }
        assert!(heard.ends_with(b"/echo"), "after 20 ms in round {round}");
        visitor.wait(5.0);
    }
    visitor.wait(200.0);
    assert!(
        visitor.simulation.descriptors() <= 2,
        "all of them are gone"
    );
}

#[test]
fn a_thousand_slow_heads_hold_nobody_up_and_are_gone_in_time() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    while_a_thousand(|turn, attacker| {
        let said = if turn < 1000 { head } else { "x" };
        attacker.write(said.as_bytes());
    });
}

#[test]
fn a_thousand_slow_bodies_hold_nobody_up_and_are_gone_in_time() {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    while_a_thousand(|turn, attacker| {
        let said = if turn < 1000 { head } else { "x" };
        attacker.write(said.as_bytes());
    });
}

#[test]
fn a_thousand_slow_readers_hold_nobody_up_and_are_gone_in_time() {
    while_a_thousand(|turn, attacker| {
        if turn < 1000 {
            attacker.pause_reading();
            attacker.set_window(1);
            attacker.write(request("GET /large?100000").as_bytes());
        }
        let _ = attacker.read_at_most(1);
    });
}

/// What one client says, and the statuses that it hears if nothing breaks.
fn conversation(seed: u64) -> (Vec<u8>, Vec<u16>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut said, mut statuses) = (Vec::new(), Vec::new());
    for _ in 0..1 + draw(20) {
        let length = draw(5000) as usize;
        let (request, status) = match draw(12) {
            0 => (request("GET /"), 200),
            1 => (request("GET /later"), 200),
            2 => (request("GET /soon"), 200),
            3 => (request("GET /chunks"), 200),
            4 => (request(&format!("GET /large?{}", draw(20))), 200),
            5 => (request("GET /nowhere"), 404),
            6 => (request("GET /panics"), 500),
            7 => (request("DELETE /echo"), 405),
            8 => (
                format!(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{}",
                    "x".repeat(length)
                ),
                200,
            ),
            9 => (
                format!(
                    "POST /meter HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
                    "x".repeat(length.max(1))
                ),
                200,
            ),
            10 => (
                format!(
                    "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{}",
                    "x".repeat(length)
                ),
                404,
            ),
            _ => (
                format!(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\nA: b\r\n\r\n",
                    "x".repeat(length.max(1))
                ),
                200,
            ),
        };
        // A chunk of no bytes would be the end.
        if request.contains("chunked") && length == 0 {
            continue;
        }
        said.extend(request.into_bytes());
        statuses.push(status);
    }
    (said, statuses)
}

#[test]
fn whatever_the_network_does_each_request_gets_its_answer_in_its_turn() {
    for seed in 0..300 {
        let (said, statuses) = conversation(seed);
        let visitor = Visitor::of(Simulation::chaotic(seed), HttpLimits::default());
        visitor.peer.write(&said);
        if seed % 3 == 0 {
            visitor.peer.shut_write();
        }
        visitor.wait(120.0);
        let heard = visitor.hear();
        let answers = parse(&heard).unwrap_or_else(|| panic!("seed {seed}: {heard:?}"));
        let heard: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(heard, statuses, "seed {seed}");
    }
}

#[test]
fn a_client_may_go_away_at_every_point_of_an_exchange() {
    let said = [
        "POST /meter HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        &request("GET /chunks"),
        &request("GET /later"),
    ]
    .concat();
    for cut in 0..=said.len() {
        for end in ["close", "reset", "vanish"] {
            let visitor = Visitor::new();
            visitor.say(&said[..cut]);
            match end {
                "close" => visitor.peer.close(),
                "reset" => visitor.peer.reset(),
                _ => visitor.peer.vanish(),
            }
            visitor.wait(200.0);
            assert_eq!(
                visitor.simulation.descriptors(),
                1,
                "{end} after {cut} bytes"
            );
        }
    }
}
