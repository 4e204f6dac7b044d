//! The dashboard, without a browser: a service that is made of another one.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use crate::chat_api::{self, NOBODY};
use crate::running::{ANY_PORT, Heard, PATIENCE, Running, ask, ask_for, chatter, connect, get};

/// A dashboard of the API at this address, and where it is.
fn start(api: &str, environment: &[(&str, &str)]) -> (Running, String) {
    let url = format!("http://{api}");
    let arguments = ["--listen", ANY_PORT, "--api", &url];
    let mut dashboard = Running::start("dashboard", &arguments, environment);
    let address = dashboard.says("The dashboard: http://");
    (dashboard, address.trim_end_matches('/').to_owned())
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn post(dashboard: &str, headers: &str, body: &str) -> Heard {
    ask(dashboard, "POST /", &format!("{FORM}{headers}"), body)
}

/// What an open page does.
fn listen(dashboard: &str) -> TcpStream {
    let mut stream = connect(dashboard);
    stream
        .write_all(format!("GET /events HTTP/1.1\r\nHost: {dashboard}\r\n\r\n").as_bytes())
        .expect("the request is taken");
    stream
}

#[test]
fn the_page_shows_what_the_api_says() {
    let (_chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    let (_somebody, _) = chatter(&nc);
    let heard = get(&page, "/");
    assert_eq!(heard.status, 200);
    assert!(
        heard
            .body
            .contains(r#"<output id="users">1</output> <span id="people">person<"#)
    );
    assert!(
        heard
            .body
            .contains("<pre id=\"banner\" tabindex=\"0\">Welcome to NetCatChat!</pre>")
    );
    assert!(
        heard
            .head
            .contains("Content-Security-Policy: default-src 'none'")
    );
    for (path, content_type) in [
        ("/style.css", "text/css"),
        ("/script.js", "text/javascript"),
    ] {
        let heard = get(&page, path);
        assert_eq!(heard.status, 200);
        assert!(
            heard
                .head
                .contains(&format!("Content-Type: {content_type}\r\n"))
        );
    }
    assert_eq!(get(&page, "/nowhere").status, 404);
}

#[test]
fn the_form_sets_the_banner_and_redirects() {
    let (_chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    let heard = post(&page, "", "banner=Hello+%3Cb%3E%26%22%27+%C3%A9");
    assert_eq!(heard.status, 303);
    assert!(
        heard.head.contains("Location: /?saved\r\n"),
        "{}",
        heard.head
    );
    assert_eq!(chatter(&nc).1, "Hello <b>&\"' é\r\n");
    let heard = get(&page, "/?saved");
    assert!(heard.body.contains("Saved."));
    assert!(
        heard
            .body
            .contains("Hello &lt;b&gt;&amp;&quot;&#39; é</pre>"),
        "{}",
        heard.body
    );
    assert!(!heard.body.contains("<b>"));
}

#[test]
fn what_the_chat_refuses_is_shown_and_not_lost() {
    let (_chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    let long = "x".repeat(2001);
    let heard = post(&page, "", &format!("banner={long}"));
    assert_eq!(heard.status, 422);
    assert!(
        heard
            .body
            .contains("Not saved: a banner has at most 2000 bytes")
    );
    assert!(heard.body.contains(&long), "what was typed is still there");
    assert_eq!(chatter(&nc).1, "Welcome to NetCatChat!\r\n");
    assert_eq!(post(&page, "", "other=1").status, 400);
    assert_eq!(
        ask(&page, "POST /", "Content-Type: text/plain\r\n", "banner=x").status,
        415
    );
}

#[test]
fn the_first_line_of_a_banner_may_be_empty() {
    let (_chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    assert_eq!(post(&page, "", "banner=%0D%0A%0D%0Aa").status, 303);
    assert_eq!(chatter(&nc).1, "\r\n");
    let heard = get(&page, "/");
    // The first line feed behind these tags means nothing.
    for tag in ["tabindex=\"0\">", "required>"] {
        assert!(
            heard.body.contains(&format!("{tag}\n\r\n\r\na<")),
            "{}",
            heard.body
        );
    }
}

#[test]
fn the_token_of_the_chat_is_passed_on() {
    let token = [("CHAT_TOKEN", "sesame")];
    let (_chat, _, api) = chat_api::start(&token);
    let (_knows, page) = start(&api, &token);
    assert_eq!(post(&page, "", "banner=a").status, 303);
    let (_does_not, page) = start(&api, &[]);
    let heard = post(&page, "", "banner=b");
    assert_eq!(heard.status, 422);
    assert!(
        heard.body.contains("Not saved: Unauthorized"),
        "{}",
        heard.body
    );
}

#[test]
fn forms_on_pages_of_other_sites_change_nothing() {
    let (_chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    for origin in ["http://evil.example", "null", &format!("https://{page}")] {
        let heard = post(&page, &format!("Origin: {origin}\r\n"), "banner=gotcha");
        assert_eq!(heard.status, 403, "{origin}");
    }
    for headers in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Referer: http://evil.example/\r\n",
        &format!("Origin: http://{page}\r\nOrigin: http://evil.example\r\n"),
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        assert_eq!(
            post(&page, headers, "banner=gotcha").status,
            403,
            "{headers}"
        );
    }
    let headers = format!("{FORM}Origin: http://evil.example\r\n");
    let heard = ask_for(&page, "evil.example", "POST /", &headers, "banner=gotcha");
    assert_eq!(heard.status, 403);
    assert_eq!(chatter(&nc).1, "Welcome to NetCatChat!\r\n");
    assert_eq!(
        post(&page, &format!("Origin: http://{page}\r\n"), "banner=fine").status,
        303
    );
}

#[test]
fn without_the_chat_the_page_says_so() {
    let (_dashboard, page) = start(NOBODY, &[]);
    let heard = get(&page, "/");
    assert_eq!(heard.status, 502);
    assert!(heard.body.contains("The chat does not answer"));
    assert_eq!(post(&page, "", "banner=a").status, 502);
    assert_eq!(get(&page, "/style.css").status, 200);
}

#[test]
fn a_chat_that_hangs_is_as_good_as_none() {
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let api = hangs.local_addr().expect("it has an address").to_string();
    let (_dashboard, page) = start(&api, &[]);
    let mut events = BufReader::new(listen(&page)).lines();
    assert!(events.any(|line| line.expect("the page is told in time") == "event: down"));
    let heard = get(&page, "/");
    assert_eq!(heard.status, 502);
    assert!(heard.body.contains("The chat does not answer"));
}

#[test]
fn an_open_page_is_told_when_the_count_changes() {
    let (chat, nc, api) = chat_api::start(&[]);
    let (_dashboard, page) = start(&api, &[]);
    let mut lines = BufReader::new(listen(&page)).lines();
    let mut next = |beginning: &str| {
        let began = Instant::now();
        loop {
            let line = lines.next().expect("the events go on").expect("a line");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "{beginning:?} never came");
        }
    };
    assert_eq!(
        (next("event: ").as_str(), next("data: ").as_str()),
        ("users", "0")
    );
    let somebody = chatter(&nc);
    assert_eq!(
        (next("event: ").as_str(), next("data: ").as_str()),
        ("users", "1")
    );
    drop(somebody);
    assert_eq!(
        (next("event: ").as_str(), next("data: ").as_str()),
        ("users", "0")
    );
    drop(chat);
    assert_eq!(next("event: "), "down");
}
