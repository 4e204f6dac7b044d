//! Server-sent events.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::Reactor;
use reactor::http::{Audience, Request, ServerEvent, Site};
use reactor::testing::{Conditions, Simulation};

use crate::visitor::{Visitor, request};

fn listening() -> (Visitor, Audience) {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let audience = Audience::new(&reactor, Duration::from_secs(15));
    let visitor = Visitor::visit(simulation, site(&reactor, &audience));
    visitor.say(request("GET /"));
    (visitor, audience)
}

fn site(reactor: &Reactor, audience: &Audience) -> Site {
    let events = audience.clone();
    Site::new(reactor, move |_: Request| {
        events.subscribe(&[ServerEvent::new("first")])
    })
}

/// The bytes of the chunks that were heard.
fn events(visitor: &Visitor) -> String {
    let heard = visitor.hear();
    let body = heard
        .split_once("\r\n\r\n")
        .filter(|(head, _)| head.starts_with("HTTP"));
    let mut text = body.map_or(heard.as_str(), |(_, body)| body);
    let mut events = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        events.push_str(&rest[..size]);
        text = &rest[size + 2..];
    }
    events
}

#[test]
fn an_event_is_heard_when_it_happens() {
    let (visitor, audience) = listening();
    let head = visitor.hear();
    assert!(
        head.contains("Content-Type: text/event-stream\r\n"),
        "{head}"
    );
    assert!(head.contains("Cache-Control: no-store\r\n"), "{head}");
    assert!(head.contains("data: first\n\n"), "{head}");
    audience.send(&ServerEvent::new("one"));
    visitor.wait(0.1);
    assert_eq!(events(&visitor), "data: one\n\n");
    let event = ServerEvent::new("a\nb\r\nc\rd")
        .with_name("na\r\nme")
        .with_id("7\n");
    audience.send(&event.with_retry(Duration::from_secs(2)));
    visitor.wait(0.1);
    assert_eq!(
        events(&visitor),
        "event: name\nid: 7\nretry: 2000\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
    );
}

#[test]
fn something_is_said_every_so_often() {
    let (visitor, audience) = listening();
    assert_eq!(events(&visitor), "data: first\n\n");
    visitor.wait(100.0);
    assert_eq!(
        events(&visitor),
        ":\n\n".repeat(6),
        "and it is not idle for a site"
    );
    assert_eq!(audience.len(), 1);
}

#[test]
fn a_connection_that_is_lost_is_not_counted_any_more() {
    let (visitor, audience) = listening();
    let other = visitor.another();
    other.write(request("GET /").as_bytes());
    visitor.wait(0.1);
    assert_eq!(audience.len(), 2);
    // Its end looks like that of a client which still listens, until something is said to it.
    other.close();
    visitor.wait(16.0);
    assert_eq!(audience.len(), 1);
    visitor.peer.vanish();
    visitor.wait(200.0);
    assert!(visitor.simulation.descriptors() <= 2);
}

#[test]
fn head_does_not_listen() {
    let (visitor, audience) = listening();
    let other = visitor.another();
    other.write(request("HEAD /").as_bytes());
    visitor.wait(0.1);
    assert_eq!(audience.len(), 1);
    assert!(String::from_utf8_lossy(&other.read()).ends_with("\r\n\r\n"));
}

#[test]
fn a_client_that_does_not_take_its_events_is_disconnected_and_the_others_get_them_all() {
    let (visitor, audience) = listening();
    let slow = visitor.another();
    slow.pause_reading();
    slow.write(request("GET /").as_bytes());
    visitor.wait(0.1);
    let mut heard = 0;
    for _ in 0..1000 {
        audience.send(&ServerEvent::new("x".repeat(1000)));
        visitor.wait(0.001);
        heard += visitor.peer.read().len();
    }
    assert!(heard > 1_000_000);
    assert_eq!(audience.len(), 1);
    assert!(!slow.is_connected());
}

#[test]
fn many_events_in_one_callback_reach_who_reads_them() {
    let narrow = Conditions::calm()
        .send_buffer(50_000..=50_000)
        .latency(Duration::from_millis(20)..=Duration::from_millis(20));
    let simulation = Simulation::with_conditions(narrow, 1);
    let audience = Audience::new(&simulation.reactor(), Duration::from_secs(15));
    let site = site(&simulation.reactor(), &audience);
    let visitor = Visitor::visit(simulation, site);
    let slow = visitor.another();
    slow.pause_reading();
    for peer in [&visitor.peer, &slow] {
        peer.write(request("GET /").as_bytes());
    }
    visitor.wait(0.2);
    assert_eq!(events(&visitor), "data: first\n\n");
    let (reactor, everybody) = (visitor.simulation.reactor(), audience.clone());
    let send = move |numbers: std::ops::Range<u32>| {
        for n in numbers {
            everybody.send(&ServerEvent::new(format!("{n} {}", "b".repeat(110))));
        }
    };
    // A burst, and single ones while it is on its way.
    let burst = send.clone();
    reactor.call_later(Duration::ZERO, move || burst(0..9000));
    for n in 9000..9100 {
        let send = send.clone();
        reactor.call_later(Duration::from_millis(u64::from(n - 8999)), move || {
            send(n..n + 1);
        });
    }
    let mut heard = String::new();
    for _ in 0..100 {
        visitor.wait(1.0);
        heard.push_str(&visitor.hear());
    }
    let numbers = heard.lines().filter_map(|line| {
        let (number, _) = line.strip_prefix("data: ")?.split_once(' ')?;
        number.parse::<u32>().ok()
    });
    assert!(numbers.eq(0..9100));
    assert_eq!(audience.len(), 2, "who has got one burst may still take it");
    // Who does not is disconnected when there is more than that.
    send(0..4000);
    visitor.wait(1.0);
    assert_eq!(audience.len(), 1);
}

#[test]
fn a_subscriber_gets_the_events_sent_afterwards() {
    let simulation = Simulation::new();
    let audience = Audience::new(&simulation.reactor(), Duration::from_secs(15));
    let events_of = audience.clone();
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        events_of.send(&ServerEvent::new("before"));
        let answer = events_of.subscribe(&[ServerEvent::new("first")]);
        events_of.send(&ServerEvent::new("after"));
        answer
    });
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    assert_eq!(events(&visitor), "data: first\n\ndata: after\n\n");
    let other = visitor.another();
    other.write(request("GET /").as_bytes());
    visitor.wait(0.1);
    assert_eq!(events(&visitor), "data: before\n\ndata: after\n\n");
}

#[test]
fn a_heartbeat_of_zero_is_none() {
    let simulation = Simulation::new();
    let audience = Audience::new(&simulation.reactor(), Duration::ZERO);
    let site = site(&simulation.reactor(), &audience);
    let visitor = Visitor::visit(simulation, site);
    visitor.say(request("GET /"));
    visitor.wait(1000.0);
    assert_eq!(events(&visitor), "data: first\n\n");
    assert_eq!(audience.len(), 1);
}

#[test]
fn a_stop_of_the_loop_ends_all_answers_and_waits_for_none() {
    let (visitor, audience) = listening();
    for stop in 1..=2 {
        let reactor = visitor.simulation.reactor();
        let port = reactor.listen_tcp("127.0.0.1:8080", site(&reactor, &audience));
        assert_eq!(port.is_ok(), stop == 2, "a stop has closed the port");
        let listener = visitor.another();
        listener.write(request("GET /").as_bytes());
        visitor.wait(0.1);
        assert!(!audience.is_empty());
        let (weak, closing) = (reactor.downgrade(), listener.clone());
        reactor.call_soon(move || weak.upgrade().expect("it runs this").stop());
        let (peer, before) = (visitor.peer.clone(), visitor.simulation.elapsed());
        let heard = Rc::new(RefCell::new(String::new()));
        let hears = Rc::clone(&heard);
        reactor.call_later(Duration::from_millis(200), move || {
            hears.replace(String::from_utf8_lossy(&closing.read()).into_owned());
            closing.close();
            peer.close();
        });
        reactor.run().expect("it runs");
        let heard = heard.take();
        assert!(heard.ends_with("\r\n0\r\n\r\n"), "{heard}");
        assert!(visitor.simulation.elapsed() - before < Duration::from_secs(1));
        assert!(audience.is_empty());
    }
}
