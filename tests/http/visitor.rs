//! A client that reads answers, and a site with a little of everything for it.

use std::time::Duration;

use reactor::http::server::{get, post};
use reactor::http::{
    Answer, Body, HttpLimits, Intake, Request, Resource, Response, Site, Status, Tree,
};
use reactor::testing::{Peer, Simulation};
use reactor::{Deferred, Reactor};

/// A client of the site below.
pub(crate) struct Visitor {
    pub(crate) simulation: Simulation,
    pub(crate) peer: Peer,
}

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Visitor {
    pub(crate) fn new() -> Self {
        Self::with_limits(HttpLimits::default())
    }

    pub(crate) fn with_limits(limits: HttpLimits) -> Self {
        Self::of(Simulation::new(), limits)
    }

    pub(crate) fn of(simulation: Simulation, limits: HttpLimits) -> Self {
        let reactor = simulation.reactor();
        let site = Site::new(&reactor, everything(&reactor)).with_limits(limits);
        Self::visit(simulation, site)
    }

    /// A client of another site.
    pub(crate) fn visit(simulation: Simulation, site: Site) -> Self {
        let reactor = simulation.reactor();
        let port = reactor.listen_tcp("127.0.0.1:8080", site);
        port.expect("the simulation listens");
        let peer = simulation.connect("127.0.0.1:8080");
        Self { simulation, peer }
    }

    /// Another client of the same site.
    pub(crate) fn another(&self) -> Peer {
        self.simulation.connect("127.0.0.1:8080")
    }

    pub(crate) fn say(&self, said: impl AsRef<[u8]>) {
        self.peer.write(said.as_ref());
        self.simulation.run_for(Duration::from_millis(50));
    }

    pub(crate) fn wait(&self, seconds: f64) {
        self.simulation.run_for(Duration::from_secs_f64(seconds));
    }

    /// What was heard since it was last asked for.
    pub(crate) fn hear(&self) -> String {
        String::from_utf8_lossy(&self.peer.read()).into_owned()
    }

    /// The answers since they were last asked for, which have to be whole.
    pub(crate) fn answers(&self) -> Vec<Heard> {
        let heard = self.hear();
        parse(&heard).unwrap_or_else(|| panic!("whole answers: {heard:?}"))
    }

    /// The statuses and bodies of the answers.
    pub(crate) fn bodies(&self) -> Vec<(u16, String)> {
        let answers = self.answers();
        answers.into_iter().map(|a| (a.status, a.body)).collect()
    }

    /// Says something, and waits until everything that it can cause has happened.
    pub(crate) fn exchange(&self, said: impl AsRef<[u8]>) -> Vec<(u16, String)> {
        self.say(said);
        self.wait(5.0);
        self.bodies()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.peer.has_ended()
    }
}

/// A request without a body.
pub(crate) fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: here\r\n\r\n")
}

/// Answers, one behind the other. Nothing when the last one is not whole. An answer without a
/// length and chunks goes on to the end.
pub(crate) fn parse(mut text: &str) -> Option<Vec<Heard>> {
    let mut answers = Vec::new();
    while !text.is_empty() {
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let (version, status) = lines.next()?.split_once(' ')?;
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_owned(), value.to_owned())
        });
        let mut heard = Heard {
            status: status.get(..3)?.parse().ok()?,
            version: version.to_owned(),
            headers: headers.collect(),
            body: String::new(),
        };
        text = rest;
        if heard.header("transfer-encoding").is_some() {
            loop {
                let (size, rest) = text.split_once("\r\n")?;
                let size = usize::from_str_radix(size, 16).expect("a size");
                heard.body.push_str(rest.get(..size)?);
                text = rest.get(size..)?.strip_prefix("\r\n")?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = heard.header("content-length") {
            let length: usize = length.parse().expect("a length");
            heard.body = text.get(..length)?.to_owned();
            text = &text[length..];
        } else if heard.status >= 200 && heard.status != 204 && heard.status != 304 {
            heard.body = text.to_owned();
            text = "";
        }
        answers.push(heard);
    }
    Some(answers)
}

/// Takes the body of a request as it comes, and answers with its length.
struct Meter;

impl Resource for Meter {
    fn methods(&self) -> &[reactor::http::Method] {
        &[reactor::http::Method::Post]
    }

    fn intake(&self, _: &Request) -> Intake {
        Intake::Stream
    }

    fn render(&self, mut request: Request) -> Answer {
        let mut body = request.take_stream().expect("a stream");
        Answer::from_future(async move {
            let mut length = 0;
            while let Some(chunk) = body.next_chunk().await? {
                length += chunk.len();
            }
            Ok(Response::text(format!(
                "{length} bytes, {:?}",
                body.trailers()
            )))
        })
    }
}

pub(crate) fn everything(reactor: &Reactor) -> Tree {
    let root = Tree::new();
    root.put_child("", |_: Request| Response::text("root"));
    let echo = get(|request: Request| Response::text(request.target().to_owned()))
        .post(|mut request: Request| Response::text(request.take_body()));
    root.put_child("echo", echo);
    let clock = reactor.clone();
    root.put_child("later", move |request: Request| {
        let seconds = request.query().and_then(|query| query.parse().ok());
        let wait = clock.defer_later(Duration::from_secs(seconds.unwrap_or(1)));
        wait.map(move |()| Response::text(format!("later {}", request.target())))
    });
    root.put_child("soon", |_: Request| {
        Answer::from_future(async { Ok(Response::text("soon")) })
    });
    root.put_child("chunks", |_: Request| {
        Response::text(Body::from_chunks((0..3).map(|n| Ok(format!("{n} ")))))
    });
    root.put_child("large", |request: Request| {
        let count = request.query().and_then(|query| query.parse().ok());
        let chunks =
            (0..count.unwrap_or(100)).map(|n: u32| Ok(vec![b'a' + (n % 26) as u8; 10_000]));
        Response::text(Body::from_chunks(chunks))
    });
    root.put_child("breaks", |_: Request| {
        let chunks = (0..3).map(|n| match n {
            2 => Err(reactor::Failure::message("as it should")),
            n => Ok(format!("{n} ")),
        });
        Response::text(Body::from_chunks(chunks))
    });
    root.put_child("nothing", |_: Request| {
        Response::text("nobody sees this").with_status(Status::NO_CONTENT)
    });
    root.put_child("panics", |_: Request| -> Response {
        panic!("as it should")
    });
    root.put_child("fails", |_: Request| {
        Answer::from(Deferred::<Response>::fail(reactor::Failure::message(
            "as it should",
        )))
    });
    root.put_child("injects", |request: Request| {
        let value = request
            .query_value("value")
            .unwrap_or_default()
            .into_owned();
        Response::text("not this").with_header("X-Value", value)
    });
    root.put_child("meter", Meter);
    root.put_child("put", post(|_: Request| Response::text("put")));
    let users = root.put_tree("users");
    users.put_parameter("user", |request: Request| {
        Response::text(format!(
            "user {:?}",
            request.parameter("user").unwrap_or_default()
        ))
    });
    root
}

/// The one answer to what is said to the site of `Visitor::new`.
#[track_caller]
pub(crate) fn answer(said: &str) -> Heard {
    let visitor = Visitor::new();
    visitor.say(said);
    visitor.wait(5.0);
    let mut answers = visitor.answers();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}
