//! The access log: a line for each request, in the combined format.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reactor::http::{Request, Response, Site, Tree, post};
use reactor::testing::Simulation;

/// Keeps what is logged for the access log.
struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl log::Log for Kept {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "reactor::access"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn each_request_is_one_line_whatever_it_says() {
    log::set_logger(&KEPT).expect("there is no other");
    log::set_max_level(log::LevelFilter::Info);
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
    let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
    let fields: Vec<String> = lines
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
            r#""-" 400 66 "-" "-""#,
        ]
    );
}
