//! Functions as resources, plain and `async`, and answers by way of `?`.

use std::time::Duration;

use reactor::http::server::{get, post};
use reactor::http::{Answer, Guard, Request, Response, Site, Status, Tree};
use reactor::testing::Simulation;
use reactor::{Deferred, Failure, Reactor};

use crate::visitor::{Visitor, request};

async fn plain(request: Request) -> Response {
    Response::text(request.target().to_owned())
}

/// Answers with a number, and says what is wrong with one that is none.
async fn number(request: Request) -> Result<Response, Failure> {
    let text = request.query().unwrap_or_default();
    let number: u32 = text.parse().map_err(|_| teapot())?;
    if number == 0 {
        std::fs::read_to_string("/nowhere at all")?;
    }
    Ok(Response::text(number.to_string()))
}

fn teapot() -> Response {
    let status = Status::new(418).expect("it is a status");
    Response::text("no number").with_status(status)
}

fn site(reactor: &Reactor) -> Site {
    let root = Tree::new();
    root.put_child("plain", plain);
    root.put_child("number", number);
    root.put_child(
        "get",
        get(number).post(plain).put(|_| Response::text("put")),
    );
    root.put_child("post", post(async |_| Response::text("posted")));
    root.put_child("guarded", Guard::bearer("x", plain, |token| token == "t"));
    let clock = reactor.clone();
    root.put_child("block", move |request: Request| {
        let clock = clock.clone();
        async move {
            clock.defer_later(Duration::from_millis(10)).await?;
            let number: u32 = request.query().unwrap_or_default().parse()?;
            Ok(Response::text(number.to_string()))
        }
    });
    root.put_child("nested", async |_: Request| {
        Answer::from(Deferred::succeed(Response::text("nested")))
    });
    root.put_child("at once", |_: Request| -> Result<Response, Failure> {
        Err(teapot())?
    });
    root.put_child("late", |_: Request| {
        let answer: Deferred<Response> =
            Deferred::succeed(()).add_callback(|()| Err(teapot().into()));
        answer
    });
    root.put_parameter("any", plain);
    Site::new(reactor, root)
}

#[test]
fn a_function_fits_where_a_resource_does_async_or_not() {
    let simulation = Simulation::new();
    let site = site(&simulation.reactor());
    let visitor = Visitor::visit(simulation, site);
    for (line, status, body) in [
        ("GET /plain", 200, "/plain"),
        ("GET /number?7", 200, "7"),
        ("GET /get?7", 200, "7"),
        ("POST /get", 200, "/get"),
        ("PUT /get", 200, "put"),
        ("POST /post", 200, "posted"),
        ("GET /guarded", 401, "401 Unauthorized\n"),
        ("GET /block?7", 200, "7"),
        ("GET /nested", 200, "nested"),
        ("GET /other", 200, "/other"),
        ("POST /plain", 405, "405 Method Not Allowed\n"),
    ] {
        let heard = visitor.exchange(request(line));
        assert_eq!(heard, [(status, body.to_owned())], "{line}");
    }
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), number);
    let visitor = Visitor::visit(simulation, site);
    assert_eq!(
        visitor.exchange(request("GET /?3")),
        [(200, "3".to_owned())]
    );
}

#[test]
fn a_question_mark_answers_with_a_response_and_fails_with_anything_else() {
    let simulation = Simulation::new();
    let site = site(&simulation.reactor());
    let visitor = Visitor::visit(simulation, site);
    let refused = (418, "no number".to_owned());
    let failed = (500, "500 Internal Server Error\n".to_owned());
    for (line, expected) in [
        ("GET /number?x", &refused),
        ("GET /number?0", &failed),
        ("GET /block?x", &failed),
        ("GET /at%20once", &refused),
        ("GET /late", &refused),
    ] {
        let heard = visitor.exchange([request(line), request("GET /plain")].concat());
        assert_eq!(&heard[0], expected, "{line}");
        assert_eq!(heard.len(), 2, "{line}: the connection goes on");
    }
}
