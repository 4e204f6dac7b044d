//! `get_page`: the body of a page, or the status there was instead.

use std::time::Duration;

use reactor::http::server::get;
use reactor::http::{
    ClientResponse, Request, Response, Site, Status, Tree, UnexpectedStatus, get_page,
};
use reactor::testing::Simulation;

use crate::{Game, SERVER, result, text};

#[test]
fn get_page_is_the_body_or_says_which_status_there_was_instead() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("", get(|_: Request| Response::text("page")));
    root.put_child("moved", |_: Request| Response::redirect(Status::FOUND, "/"));
    reactor
        .listen_tcp(SERVER, Site::new(&reactor, root))
        .expect("listens");
    let base = format!("http://{SERVER}");
    let pages =
        ["/", "/moved", "/nowhere"].map(|path| get_page(&reactor, &format!("{base}{path}")));
    simulation.run_for(Duration::from_secs(5));
    let [page, moved, nowhere] = pages;
    assert_eq!(text(page), "page");
    assert_eq!(text(moved), "page");
    let Err(failure) = result(nowhere) else {
        panic!("there is no such page");
    };
    let status = failure.check::<UnexpectedStatus>().expect("a status");
    assert_eq!(status.status, Status::NOT_FOUND);
    assert_eq!(
        failure.to_string(),
        format!("GET {base}/nowhere: the answer is 404 Not Found").replace(":80/", "/")
    );
    assert_eq!(simulation.descriptors(), 1, "no connection is left");
}

#[test]
fn an_unexpected_status_says_how_its_body_begins_however_long_that_is() {
    let game = Game::new();
    let page = game.agent.get("http://server/");
    let page = page.add_callback(ClientResponse::expect_success);
    game.wait(0.1);
    let server = game.accept();
    game.say(
        &server,
        "HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\nbecause ",
    );
    game.say(&server, &"x".repeat(100_000));
    let Err(failure) = result(page) else {
        panic!("it is no success");
    };
    let status = failure.check::<UnexpectedStatus>().expect("a status");
    assert_eq!(status.body, format!("because {}", "x".repeat(1024 - 8)));
    game.wait(0.1);
    assert!(!server.is_connected(), "nobody wants the rest");
}
