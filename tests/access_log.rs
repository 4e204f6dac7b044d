//! What a site logs: a line for each request, in the combined format, and why a resource failed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::http::server::post;
use reactor::http::{Answer, Audience, Body, Request, Response, ServerEvent, Site, Tree};
use reactor::testing::{Peer, Simulation};
use reactor::{Deferred, Failure};

/// Keeps what is logged on each thread, and so by each test.
struct Kept;

thread_local! {
    /// Whether this thread's log is read yet, and what it has for the access log and for everything
    /// else.
    static KEPT: RefCell<(bool, Vec<(bool, String)>)> = RefCell::default();
}

impl Kept {
    fn begin() {
        // It fails when another test was first.
        let _ = log::set_logger(&Self);
        log::set_max_level(log::LevelFilter::Info);
        KEPT.with_borrow_mut(|kept| kept.0 = true);
    }

    fn lines(of_access: bool) -> Vec<String> {
        KEPT.with_borrow(|(_, lines)| {
            let lines = lines.iter();
            let lines = lines.filter(|(is_access, _)| *is_access == of_access);
            lines.map(|(_, line)| line.clone()).collect()
        })
    }
}

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        KEPT.with_borrow(|(is_read, _)| *is_read)
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let is_access = record.target() == "reactor::access";
            let line = record.args().to_string();
            KEPT.with_borrow_mut(|(_, lines)| lines.push((is_access, line)));
        }
    }

    fn flush(&self) {}
}

/// Shows what it was asked: pairs in the query, and those of a form.
fn pairs_and_form() -> Tree {
    let root = Tree::new();
    let pairs = |request: Request| {
        let pairs: Vec<String> = request
            .query_pairs()
            .map(|(n, v)| format!("{n}={v};"))
            .collect();
        Response::text(pairs.concat())
    };
    root.put_child("", pairs);
    root.put_child(
        "form",
        post(|request: Request| match request.form() {
            Ok(form) => Response::text(format!("{form:?}")),
            Err(error) => {
                Response::text(error.to_string()).with_status(reactor::http::Status::BAD_REQUEST)
            }
        }),
    );
    root
}

/// The lines of the access log from the request on.
fn fields() -> Vec<String> {
    let lines = Kept::lines(true);
    let fields = lines.iter().map(|line| {
        let (host, rest) = line.split_once(" - - [").expect("who and when");
        let (time, rest) = rest.split_once("] ").expect("what");
        assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
        assert!(host.parse::<std::net::IpAddr>().is_ok(), "{host}");
        rest.to_owned()
    });
    fields.collect()
}

#[test]
fn each_request_is_one_line_whatever_it_says() {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    reactor
        .listen_tcp("10.0.0.1:80", Site::new(&reactor, pairs_and_form()))
        .expect("it listens");
    let client = simulation.connect("10.0.0.1:80");
    for said in [
        "GET /?a=1&a=2&b=&c=x+y?z HTTP/1.1\r\nHost: h\r\nReferer: http://x/\"\\\r\nUser-Agent: \u{e9}\tz\r\n\r\n",
        "HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 7\r\n\r\ngarbage",
        "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=%20+b",
        "GET /?\"'\\ HTTP/1.1\r\nHost: h\r\nUser-Agent: a\"b\r\n\r\n",
        "FROB / HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        client.write(said.as_bytes());
        simulation.run_for(Duration::from_secs(1));
    }
    let heard = String::from_utf8(client.read()).expect("text");
    assert!(heard.contains("a=1;a=2;b=;c=x y?z;"), "{heard}");
    assert!(
        heard.contains("the body has to be application/x-www-form-urlencoded"),
        "{heard}"
    );
    assert!(heard.contains(r#"[("a", "  b")]"#), "{heard}");
    assert_eq!(
        fields(),
        [
            r#""GET /?a=1&a=2&b=&c=x+y?z HTTP/1.1" 200 19 "http://x/\"\\" "\xc3\xa9\x09z""#,
            r#""HEAD /nowhere HTTP/1.1" 404 - "-" "-""#,
            r#""POST /form HTTP/1.1" 400 82 "-" "-""#,
            r#""POST /form HTTP/1.1" 200 14 "-" "-""#,
            r#""GET /?\"'\\ HTTP/1.1" 200 5 "-" "a\"b""#,
            r#""FROB / HTTP/1.1" 501 36 "-" "-""#,
        ]
    );
}

/// What is logged of a target, from its request line on.
fn logged(mark: &str) -> Vec<String> {
    let lines = Kept::lines(true).into_iter();
    let line = |line: String| line.split_once("] ").map(|(_, rest)| rest.to_owned());
    lines
        .filter(|line| line.contains(mark))
        .filter_map(line)
        .collect()
}

#[test]
fn what_is_no_request_is_logged_as_it_came() {
    Kept::begin();
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| Response::text("never"));
    let port = simulation.reactor().listen_tcp("10.0.0.1:80", site);
    port.expect("it listens");
    let long = format!("GET /mark?{}", "x".repeat(20_000));
    for (said, line) in [
        (
            "what is mark\r\n\r\n",
            r#""what is mark" 400 66 "-" "-""#.to_owned(),
        ),
        (
            "GET /mark HTTP/1.1\r\n\r\n",
            r#""GET /mark HTTP/1.1" 400 57 "-" "-""#.to_owned(),
        ),
        ("\r\nmark\x1b\n", r#""mark\x1b" 400 66 "-" "-""#.to_owned()),
        (&long, format!(r#""{}" 414 47 "-" "-""#, &long[..1000])),
        // The time for it is over.
        ("GET /mark", r#""GET /mark" 408 55 "-" "-""#.to_owned()),
    ] {
        for piece in [said.len(), 1, 700] {
            let before = logged("mark").len();
            let client = simulation.connect("10.0.0.1:80");
            for bytes in said.as_bytes().chunks(piece) {
                client.write(bytes);
                simulation.run_for(Duration::from_micros(500));
            }
            simulation.run_for(Duration::from_secs(30));
            assert_eq!(logged("mark")[before..], [line.as_str()], "{piece}");
        }
    }
}

#[test]
fn a_client_that_got_no_answer_or_half_of_one_is_logged_so() {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let (root, sinks) = (Tree::new(), Rc::new(RefCell::new(Vec::new())));
    let clock = reactor.clone();
    root.put_child("late", move |_: Request| {
        let wait = clock.defer_later(Duration::from_secs(5));
        wait.map(|()| Response::text("late"))
    });
    root.put_child("post", post(|_: Request| Response::text("never")));
    root.put_child("stream", move |_: Request| {
        let (sink, body) = Body::stream();
        sink.write(b"hello");
        sinks.borrow_mut().push(sink);
        Response::text(body)
    });
    root.put_child("chunks", |_: Request| {
        let chunks = [Ok("half"), Err(Failure::message("because\nfive"))];
        Response::text(Body::from_chunks(chunks))
    });
    let port = reactor.listen_tcp("10.0.0.1:80", Site::new(&reactor, root));
    port.expect("it listens");
    let reset = "broken off: the peer reset the connection";
    let closed = "broken off: the peer closed the connection";
    let leave: fn(&Peer) = Peer::reset;
    for (said, leave, expected) in [
        ("GET /late?gone", leave, format!("- - \"-\" \"-\" {reset}")),
        (
            "GET /late?left",
            Peer::close,
            format!("- - \"-\" \"-\" {closed}"),
        ),
        ("POST /post?cut", leave, format!("- - \"-\" \"-\" {reset}")),
        (
            "GET /stream?cut",
            leave,
            format!("200 5 \"-\" \"-\" {reset}"),
        ),
        (
            "GET /chunks?cut",
            |_| {},
            r#"200 4 "-" "-" broken off: because\x0afive"#.to_owned(),
        ),
    ] {
        let client = simulation.connect("10.0.0.1:80");
        let length = if said.starts_with("POST") { 5 } else { 0 };
        client.write(
            format!("{said} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
        );
        simulation.run_for(Duration::from_secs(1));
        leave(&client);
        simulation.run_for(Duration::from_secs(10));
        let line = format!("\"{said} HTTP/1.1\" {expected}");
        assert_eq!(logged(&format!("{said} ")), [line]);
    }
}

/// A site that is stopped while it answers, with a grace of three seconds.
fn stop_under(path: &'static str, reads: bool) -> Peer {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    let clock = reactor.clone();
    root.put_child("late", move |_: Request| {
        let wait = clock.defer_later(Duration::from_secs(5));
        wait.map(|()| Response::text("late"))
    });
    root.put_child("large", |_: Request| Response::text("x".repeat(10_000_000)));
    root.put_child("small", |_: Request| Response::text("small"));
    let site = Site::new(&reactor, root);
    reactor.listen_tcp("10.0.0.1:80", site).expect("it listens");
    let client = simulation.connect("10.0.0.1:80");
    if !reads {
        client.pause_reading();
    }
    client.write(format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
    let weak = reactor.downgrade();
    reactor.call_later(Duration::from_secs(1), move || {
        weak.upgrade().expect("it runs this").stop();
    });
    reactor.run().expect("the loop runs");
    client
}

#[test]
fn an_answer_that_a_stop_has_cut_off_is_not_called_whole() {
    for (path, begun) in [("late", "- -"), ("large", "200 10000000")] {
        stop_under(path, false);
        let line = format!(
            r#""GET /{path} HTTP/1.1" {begun} "-" "-" broken off: the reactor was shut down"#
        );
        assert_eq!(logged(&format!("/{path} ")), [line]);
    }
    let lines = Kept::lines(false).concat();
    for left in [
        "HttpChannel: the answer of ",
        "HttpChannel: 9",
        " bytes unsent)",
        "the grace of the stop is over, and these are cut off: 192.0.2.",
    ] {
        assert!(lines.contains(left), "{lines}");
    }
}

#[test]
fn an_answer_that_a_stop_has_waited_for_is_one_line() {
    for (path, length) in [("small", 5), ("large", 10_000_000)] {
        let client = stop_under(path, true);
        assert!(client.read().len() > length);
        let line = format!(r#""GET /{path} HTTP/1.1" 200 {length} "-" "-""#);
        assert_eq!(logged(&format!("/{path} ")), [line]);
    }
}

#[test]
fn a_large_answer_is_logged_when_the_client_has_taken_most_of_it() {
    Kept::begin();
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| {
        Response::text("x".repeat(3_000_000))
    });
    let port = simulation.reactor().listen_tcp("10.0.0.1:80", site);
    port.expect("it listens");
    let client = simulation.connect("10.0.0.1:80");
    client.pause_reading();
    client.write(b"GET /?slow HTTP/1.1\r\nHost: h\r\n\r\n");
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(logged("?slow").len(), 0);
    client.resume_reading();
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(
        logged("?slow"),
        [r#""GET /?slow HTTP/1.1" 200 3000000 "-" "-""#]
    );
    assert!(client.is_connected(), "it is not over for that");
}

#[test]
fn a_listener_that_is_disconnected_is_logged() {
    Kept::begin();
    let simulation = Simulation::new();
    let audience = Audience::new(&simulation.reactor(), Duration::from_secs(15));
    let events = audience.clone();
    let site = Site::new(&simulation.reactor(), move |_: Request| {
        events.subscribe(&[])
    });
    let port = simulation.reactor().listen_tcp("10.0.0.1:80", site);
    port.expect("it listens");
    let client = simulation.connect("10.0.0.1:80");
    client.pause_reading();
    client.write(b"GET /?listens HTTP/1.1\r\nHost: h\r\n\r\n");
    for _ in 0..1000 {
        simulation.run_for(Duration::from_millis(1));
        audience.send(&ServerEvent::new("x".repeat(1000)));
    }
    let lines = Kept::lines(false);
    let said = |line: &&String| {
        line.starts_with("a listener is disconnected: it has not taken its events")
    };
    assert_eq!(lines.iter().filter(said).count(), 1, "{lines:?}");
    let access = logged("listens").concat();
    assert!(
        access.contains("\" 200 ") && access.contains("broken off"),
        "{access}"
    );
}

#[test]
fn a_logger_that_is_set_after_a_site_was_made_is_told() {
    let simulation = Simulation::new();
    let site = Site::new(&simulation.reactor(), |_: Request| Response::text("hello"));
    let port = simulation.reactor().listen_tcp("10.0.0.1:80", site);
    port.expect("it listens");
    Kept::begin();
    let client = simulation.connect("10.0.0.1:80");
    client.write(b"GET /?afterwards HTTP/1.1\r\nHost: h\r\n\r\n");
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(logged("afterwards").len(), 1);
}

#[test]
fn why_a_resource_failed_is_in_the_log_and_not_in_the_answer() {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let root = Tree::new();
    root.put_child("panics", |_: Request| -> Response { panic!("because one") });
    root.put_child("fails", |_: Request| {
        Deferred::<Response>::fail(Failure::message("because two"))
    });
    root.put_child("future", |_: Request| {
        Answer::from_future(async { Err(Failure::message("because three")) })
    });
    root.put_child("half", |_: Request| {
        let chunks = [Ok("half"), Err(Failure::message("because four"))];
        Response::text(Body::from_chunks(chunks))
    });
    let site = Site::new(&reactor, root).without_access_log();
    reactor.listen_tcp("10.0.0.1:80", site).expect("it listens");
    for (path, status, why) in [
        ("panics", 500, "because one"),
        ("fails", 500, "because two"),
        ("future", 500, "because three"),
        ("half", 200, "because four"),
    ] {
        let client = simulation.connect("10.0.0.1:80");
        client.write(format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        simulation.run_for(Duration::from_secs(1));
        let heard = String::from_utf8(client.read()).expect("text");
        assert!(!heard.contains("because"), "{path}: {heard}");
        let begins = format!("HTTP/1.1 {status} ");
        assert!(heard.is_empty() || heard.starts_with(&begins), "{heard}");
        let logged = Kept::lines(false);
        let count = logged.iter().filter(|line| line.contains(why)).count();
        assert_eq!(count, 1, "{path}: {logged:?}");
    }
}

#[test]
fn behind_a_trusted_proxy_a_line_has_the_client() {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let site = Site::new(&reactor, |_: Request| Response::text("hello"));
    let site = site.with_trusted_proxies(["10.0.0.2".parse().expect("a network")]);
    reactor.listen_tcp("10.0.0.1:80", site).expect("it listens");
    let lines = "X-Forwarded-For: 127.0.0.1, 198.51.100.7\r\n";
    for peer in [[10, 0, 0, 2], [10, 0, 0, 3]] {
        let peer = simulation.connect_from(peer.into(), "10.0.0.1:80");
        peer.write(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
        simulation.run_until_idle();
    }
    let hosts: Vec<String> = Kept::lines(true)
        .iter()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    assert_eq!(hosts, ["198.51.100.7", "10.0.0.3"]);
}
