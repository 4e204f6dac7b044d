//! The chat's room and its API, in the simulated network.

#[path = "../examples/chat/api.rs"]
mod api;
#[path = "../examples/chat/chat.rs"]
mod chat;
#[path = "../examples/chat/sender.rs"]
#[allow(dead_code, reason = "the program adds names")]
mod sender;
#[path = "../examples/chat/visible.rs"]
mod visible;

use std::time::Duration;

use reactor::testing::Simulation;

const SECOND: Duration = Duration::from_secs(1);

/// How many are here, as the API says it.
fn users(simulation: &Simulation) -> String {
    let client = simulation.connect("10.0.0.1:8080");
    client.write(b"GET /users/ HTTP/1.0\r\nHost: a\r\n\r\n");
    simulation.run_until_idle();
    let answer = String::from_utf8(client.read()).expect("text");
    let digits = |line: &str| {
        line.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let line = answer.lines().find(|line| line.contains("\"users\""));
    digits(line.expect("it says how many"))
}

#[test]
fn who_has_vanished_is_counted_for_two_minutes_and_who_is_silent_for_as_long_as_they_stay() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let room = chat::Room::new("Welcome!");
    let port = reactor.listen_tcp("10.0.0.1:1400", chat::factory(&room));
    port.expect("the port is free");
    let site = api::site(&reactor, &room, sender::OwnNames::default(), None);
    let port = reactor.listen_tcp("10.0.0.1:8080", site);
    port.expect("the port is free");
    let [silent, goes, vanishes] = [0; 3].map(|_| simulation.connect("10.0.0.1:1400"));
    simulation.run_until_idle();
    assert_eq!(users(&simulation), "3");

    vanishes.vanish();
    goes.close();
    simulation.run_for(SECOND);
    assert_eq!(
        users(&simulation),
        "2",
        "the cable of one is cut, which nobody can know yet"
    );
    simulation.run_for(120 * SECOND);
    assert_eq!(users(&simulation), "1");

    simulation.run_for(24 * 3600 * SECOND);
    assert_eq!(users(&simulation), "1");
    assert_eq!(silent.read(), b"Welcome!\r\n", "it is not asked by text");
}
