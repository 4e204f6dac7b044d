//! Connections that were idle: when they are given up, and what is found out before a request goes
//! out on one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;
use reactor::Reactor;

/// A connection that has answered, with these headers, and is idle.
fn idle(game: &Game, headers: &str) -> Peer {
    let page = game.page("/first");
    let server = game.accept();
    let _ = heard(&server);
    let hello = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 5\r\n\r\nhello");
    game.say(&server, &hello);
    assert_eq!(text(page), "hello");
    server
}

/// Reads a request from the operating system's socket, and answers it.
fn answer_one(server: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while !said.ends_with(b"\r\n\r\n") && !said.ends_with(b"body") {
        let count = server.read(&mut buffer).expect("it reads");
        assert!(count > 0, "the client closes");
        said.extend_from_slice(&buffer[..count]);
    }
    server.write_all(HELLO.as_bytes()).expect("it writes");
    String::from_utf8(said).expect("text")
}

/// What the server reads of two requests, of which the second is made in the callback that gets the
/// answer to the first, while the server does something to the connection.
fn asked_twice(method: Method, meanwhile: fn(TcpStream) -> Option<TcpStream>) -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    let (go_on, is_to_go_on) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let server = thread::spawn(move || {
        let (mut first, _) = listener.accept().expect("a connection");
        let said = answer_one(&mut first);
        is_to_go_on.recv().expect("the client goes on");
        let kept = meanwhile(first);
        done.send(()).expect("the client waits");
        let mut second = kept.unwrap_or_else(|| listener.accept().expect("a connection").0);
        [said, answer_one(&mut second)]
    });
    let reactor = Reactor::new().expect("a reactor");
    let agent = Agent::new(&reactor);
    let again = agent.clone();
    let second =
        ClientRequest::new(method, url(&format!("http://{at}/second"))).with_body("", "body");
    let page = agent
        .get(&format!("http://{at}/first"))
        .add_callback(ClientResponse::read_body)
        .add_callback(move |_| {
            go_on.send(()).expect("the server waits");
            is_done.recv().expect("the server goes on");
            again.request(second)
        })
        .add_callback(ClientResponse::read_body);
    assert_eq!(reactor.run_until(page).expect("an answer"), b"hello");
    server.join().expect("it answers twice")
}

#[test]
fn a_post_does_not_go_out_on_a_connection_that_was_closed_meanwhile() {
    for closed in [
        |server: TcpStream| {
            drop(server);
            None
        },
        |mut server: TcpStream| {
            let late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
            server.write_all(late).expect("it writes");
            None
        },
    ] {
        let [_, second] = asked_twice(Method::Post, closed);
        assert!(second.starts_with("POST /second "), "{second}");
    }
}

#[test]
fn a_post_goes_out_on_the_connection_that_is_still_there() {
    let [_, second] = asked_twice(Method::Post, Some);
    assert!(second.starts_with("POST /second "), "{second}");
}

#[test]
fn a_connection_is_kept_for_less_than_the_server_keeps_it() {
    for (header, seconds) in [
        ("Keep-Alive: timeout=5\r\n", Some(4.0)),
        ("keep-alive: max=100, Timeout=5\r\n", Some(4.0)),
        ("Keep-Alive: timeout=500\r\n", Some(50.0)),
        ("Keep-Alive: timeout=99999999999999999999\r\n", Some(50.0)),
        ("Keep-Alive: timeout\r\n", Some(50.0)),
        ("Keep-Alive: timeout=x\r\n", Some(50.0)),
        ("Keep-Alive: timeout=1\r\n", None),
        ("Keep-Alive: timeout=0\r\n", None),
    ] {
        let game = Game::new();
        let server = idle(&game, header);
        let Some(seconds) = seconds else {
            assert!(server.has_ended(), "{header}");
            continue;
        };
        game.wait(seconds - 0.5);
        assert!(!server.has_ended(), "{header}");
        game.wait(0.6);
        assert!(server.has_ended(), "{header}");
    }
}

#[test]
fn the_next_request_gets_no_connection_that_ends_with_its_answer() {
    for method in [Method::Get, Method::Post] {
        let game = Game::with_limits(AgentLimits::default().connections_per_host(1));
        let first = game.page("/first");
        let next = ClientRequest::new(method, url("http://server/next"));
        let next = game.request(next.with_body("", "body"));
        let server = game.accept();
        assert!(heard(&server).starts_with("GET /first "));
        server.write(HELLO.as_bytes());
        server.shut_write();
        game.wait(3.0);
        assert_eq!(text(first), "hello");
        assert_eq!(heard(&server), "");
        let server = game.accept();
        assert!(heard(&server).starts_with(&format!("{method} /next ")));
        game.say(&server, HELLO);
        assert!(result(next).is_ok());
    }
}
