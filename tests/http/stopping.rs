//! A site whose loop stops: no request is left without its answer.

use std::time::Duration;

use reactor::Reactor;
use reactor::http::HttpLimits;
use reactor::lifecycle::StopLimits;
use reactor::testing::Simulation;

use crate::visitor::{Visitor, request};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A visitor of a site whose loop has so long in a stop.
fn visitor(lame_duck: u64, grace: u64) -> Visitor {
    let limits = StopLimits::default()
        .lame_duck(seconds(lame_duck))
        .grace(seconds(grace));
    let visitor = Visitor::new();
    visitor.simulation.reactor().set_stop_limits(limits);
    visitor
}

fn after(simulation: &Simulation, delay: Duration, f: impl FnOnce(&Reactor) + 'static) {
    let (reactor, weak) = (simulation.reactor(), simulation.reactor().downgrade());
    reactor.call_later(delay, move || f(&weak.upgrade().expect("it runs this")));
}

fn connection_headers(visitor: &Visitor) -> Vec<(u16, Option<String>)> {
    let answers = visitor.answers();
    let answers = answers.iter();
    let shown = answers.map(|a| (a.status, a.header("connection").map(str::to_owned)));
    shown.collect()
}

#[test]
fn in_the_lame_duck_time_the_next_answer_of_each_connection_is_its_last() {
    let visitor = visitor(10, 3);
    let close = Some("close".to_owned());
    visitor.say(request("GET /"));
    assert_eq!(connection_headers(&visitor), [(200, None)]);
    visitor.simulation.reactor().stop();
    visitor.wait(5.0);
    assert!(!visitor.is_closed(), "it may be in use");
    visitor.say(request("GET /"));
    assert_eq!(connection_headers(&visitor), [(200, close)]);
    assert!(visitor.is_closed());
    let late = visitor.another();
    late.write(request("GET /").as_bytes());
    visitor.wait(1.0);
    let heard = String::from_utf8(late.read()).expect("text");
    assert!(heard.contains("Connection: close\r\n"), "{heard}");
}

#[test]
fn an_idle_connection_is_closed_when_the_lame_duck_time_is_over() {
    let visitor = visitor(10, 3);
    visitor.say(request("GET /"));
    let began = visitor.simulation.elapsed();
    let idle = visitor.another();
    after(&visitor.simulation, Duration::ZERO, Reactor::stop);
    let (first, second) = (visitor.peer.clone(), idle.clone());
    after(&visitor.simulation, seconds(11), move |_| {
        assert!(first.has_ended() && second.has_ended());
        first.close();
        second.close();
    });
    let reactor = visitor.simulation.reactor();
    reactor.run().expect("the loop runs");
    let took = visitor.simulation.elapsed() - began;
    assert!(took < seconds(11) + Duration::from_millis(10), "{took:?}");
    assert_eq!(visitor.peer.error(), None);
}

#[test]
fn a_request_that_has_come_when_the_connection_is_to_be_closed_is_answered() {
    let visitor = visitor(0, 3);
    visitor.say(request("GET /"));
    visitor.answers();
    let (peer, network) = (visitor.peer.clone(), visitor.simulation.clone());
    after(&visitor.simulation, seconds(1), move |reactor| {
        peer.write(request("GET /").as_bytes());
        network.spend(seconds(1)); // in which the request comes
        reactor.stop();
    });
    let reactor = visitor.simulation.reactor();
    reactor.run().expect("the loop runs");
    assert_eq!(
        connection_headers(&visitor),
        [(200, Some("close".to_owned()))]
    );
}

#[test]
fn a_request_of_which_a_part_has_come_is_read_to_its_end_and_answered() {
    let visitor = visitor(0, 3);
    visitor.say("GET / HTT");
    after(&visitor.simulation, seconds(1), Reactor::stop);
    let peer = visitor.peer.clone();
    after(&visitor.simulation, seconds(2), move |_| {
        peer.write(b"P/1.1\r\nHost: h\r\n\r\n");
    });
    let reactor = visitor.simulation.reactor();
    reactor.run().expect("the loop runs");
    assert_eq!(
        connection_headers(&visitor),
        [(200, Some("close".to_owned()))]
    );
}

#[test]
fn a_part_of_a_request_does_not_hold_up_a_stop_for_longer_than_its_deadline() {
    let limits = HttpLimits::default().head_time(seconds(5));
    let visitor = Visitor::with_limits(limits);
    visitor.say("GET / HTT");
    let reactor = visitor.simulation.reactor();
    after(&visitor.simulation, seconds(1), |reactor| {
        reactor.shutdown(seconds(600));
    });
    reactor.run().expect("the loop runs");
    assert!(visitor.simulation.elapsed() < seconds(10));
    assert!(visitor.hear().starts_with("HTTP/1.1 408 "));
}

#[test]
fn an_answer_that_is_due_within_the_grace_is_given() {
    let visitor = visitor(0, 20);
    visitor.say(request("GET /later?5"));
    let network = visitor.simulation.clone();
    after(&visitor.simulation, seconds(1), move |_| {
        assert!(network.terminate());
    });
    let reactor = visitor.simulation.reactor();
    reactor.run().expect("the loop runs");
    assert_eq!(
        connection_headers(&visitor),
        [(200, Some("close".to_owned()))]
    );
}
