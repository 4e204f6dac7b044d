//! What a site logs: a line for each request, in the combined format, and why a resource failed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reactor::http::{Answer, Body, Request, Response, Site, Tree, post};
use reactor::testing::Simulation;
use reactor::{Deferred, Failure};

/// Keeps what is logged, for the access log and for everything else.
struct Kept(Mutex<Vec<(bool, String)>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl Kept {
    fn begin() {
        // It fails when the other test was first.
        let _ = log::set_logger(&KEPT);
        log::set_max_level(log::LevelFilter::Info);
    }

    fn lines(of_access: bool) -> Vec<String> {
        let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines
            .iter()
            .filter(|(is_access, _)| *is_access == of_access);
        lines.map(|(_, line)| line.clone()).collect()
    }
}

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let is_access = record.target() == "reactor::access";
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((is_access, record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn each_request_is_one_line_whatever_it_says() {
    Kept::begin();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
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
    reactor
        .listen_tcp("10.0.0.1:80", Site::new(&reactor, root))
        .expect("it listens");
    let client = simulation.connect("10.0.0.1:80");
    for said in [
        "GET /?a=1&a=2&b=&c=x+y?z HTTP/1.1\r\nHost: h\r\nReferer: http://x/\"\\\r\nUser-Agent: \u{e9}\tz\r\n\r\n",
        "HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 7\r\n\r\ngarbage",
        "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=%20+b",
        "GET /?\"'\\ HTTP/1.1\r\nHost: h\r\nUser-Agent: a\"b\r\n\r\n",
        "what is this\r\n\r\n",
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
    let fields: Vec<String> = Kept::lines(true)
        .iter()
        .map(|line| {
            let (host, rest) = line.split_once(" - - [").expect("who and when");
            let (time, rest) = rest.split_once("] ").expect("what");
            assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
            assert!(host.parse::<std::net::IpAddr>().is_ok(), "{host}");
            rest.to_owned()
        })
        .collect();
    assert_eq!(
        fields,
        [
            r#""GET /?a=1&a=2&b=&c=x+y?z HTTP/1.1" 200 19 "http://x/\"\\" "\xc3\xa9\x09z""#,
            r#""HEAD /nowhere HTTP/1.1" 404 - "-" "-""#,
            r#""POST /form HTTP/1.1" 400 82 "-" "-""#,
            r#""POST /form HTTP/1.1" 200 14 "-" "-""#,
            r#""GET /?\"'\\ HTTP/1.1" 200 5 "-" "a\"b""#,
            r#""-" 400 66 "-" "-""#,
        ]
    );
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
