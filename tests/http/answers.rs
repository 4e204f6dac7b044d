//! What comes back for a request.

use std::time::Duration;

use reactor::http::{Answer, Body, Request, Response, Site, Tree, post};
use reactor::testing::{Peer, Simulation};

/// A site with a little of everything, and a client of it.
fn client(simulation: &Simulation) -> Peer {
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("", |_: Request| Response::text("root"));
    root.put_child(
        "echo",
        post(|mut request: Request| Response::text(request.take_body())),
    );
    let clock = reactor.clone();
    root.put_child("later", move |_: Request| {
        let clock = clock.clone();
        Answer::from_future(async move {
            clock.defer_later(Duration::from_secs(1)).await?;
            Ok(Response::text("later"))
        })
    });
    root.put_child("chunks", |_: Request| {
        Response::text(Body::from_chunks((0..3).map(|n| Ok(format!("{n} ")))))
    });
    root.put_child("panics", |_: Request| -> Response {
        panic!("as it should")
    });
    let port = reactor
        .listen_tcp("127.0.0.1:0", Site::new(&reactor, root))
        .expect("the simulation listens");
    simulation.connect(port.local_addr())
}

/// What the client hears when it says this, without the dates.
fn exchange(said: &str) -> String {
    let simulation = Simulation::new();
    let client = client(&simulation);
    client.write(said.as_bytes());
    simulation.run_for(Duration::from_secs(5));
    let heard = String::from_utf8(client.read()).expect("the answers are text");
    let lines = heard.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("Date: ")).collect()
}

#[test]
fn an_answer_says_how_long_it_is() {
    assert_eq!(
        exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\nroot"
    );
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let heard = exchange(
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
         GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /panics HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let bodies: Vec<&str> = heard
        .split("HTTP/1.1 ")
        .filter_map(|answer| answer.split_once("\r\n\r\n"))
        .map(|(_, body)| body)
        .collect();
    assert_eq!(
        bodies,
        [
            "later",
            "hello",
            "2\r\n0 \r\n2\r\n1 \r\n2\r\n2 \r\n0\r\n\r\n",
            "404 Not Found\n",
            "500 Internal Server Error\n",
        ]
    );
}
