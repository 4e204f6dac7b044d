//! The chat's API: what one asks of it over HTTP shows in the chat, and the other way round.

use std::time::Instant;

use crate::running::{ANY_PORT, Heard, PATIENCE, Running, ask, ask_for, chatter, get, run, run_in};

/// An address at which nobody listens.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// The chat with its API, and where they listen.
pub(crate) fn start(environment: &[(&str, &str)]) -> (Running, String, String) {
    let arguments = [ANY_PORT, "--api", ANY_PORT];
    let mut chat = Running::start("chat", &arguments, environment);
    let nc = chat.says("nc ").replace(' ', ":");
    let api = chat
        .says("The API: http://")
        .trim_end_matches('/')
        .to_owned();
    (chat, nc, api)
}

const JSON: &str = "Content-Type: application/json\r\n";

fn post(api: &str, headers: &str, body: &str) -> Heard {
    ask(api, "POST /banner/", headers, body)
}

#[test]
fn the_users_are_those_in_the_chat() {
    let (_chat, nc, api) = start(&[]);
    assert_eq!(get(&api, "/users/").body, "{\n    \"users\": 0\n}\n");
    let (one, _) = chatter(&nc);
    let (_other, _) = chatter(&nc);
    let heard = get(&api, "/users");
    assert_eq!(heard.body, "{\n    \"users\": 2\n}\n");
    assert!(
        heard.head.contains("Content-Type: application/json\r\n"),
        "{}",
        heard.head
    );
    drop(one);
    let began = Instant::now();
    while get(&api, "/users/").body != "{\n    \"users\": 1\n}\n" {
        assert!(began.elapsed() < PATIENCE, "the one who went is counted");
    }
}

#[test]
fn a_banner_that_is_set_is_what_people_are_welcomed_with() {
    let (_chat, nc, api) = start(&[]);
    let welcome = "{\n    \"banner\": \"Welcome to NetCatChat!\\r\\n\"\n}\n";
    assert_eq!(get(&api, "/banner/").body, welcome);
    let began = Instant::now();
    let heard = post(&api, JSON, r#"{"banner": "Hello, \"you\" é 🦀"}"#);
    assert_eq!(
        (heard.status, heard.body.as_str()),
        (200, "{\n    \"status\": \"SUCCESS\"\n}\n")
    );
    assert!(
        began.elapsed().as_millis() >= 100,
        "the answer waits until it is set"
    );
    assert_eq!(
        get(&api, "/banner").body,
        "{\n    \"banner\": \"Hello, \\\"you\\\" \\u00e9 \\ud83e\\udd80\\r\\n\"\n}\n"
    );
    assert_eq!(chatter(&nc).1, "Hello, \"you\" é 🦀\r\n");
}

#[test]
fn a_banner_ends_in_one_crlf_and_moves_nobodys_cursor() {
    let (_chat, nc, api) = start(&[]);
    for (banner, welcome) in [
        (r"a\r\n", "a\r\n"),
        (r"a\n", "a\r\n"),
        (r"a\u001b[2J", "a^[[2J\r\n"),
        ("", "\r\n"),
    ] {
        assert_eq!(
            post(&api, JSON, &format!("{{\"banner\": \"{banner}\"}}")).status,
            200
        );
        assert_eq!(chatter(&nc).1, welcome, "{banner}");
    }
}

#[test]
fn what_is_no_banner_changes_nothing_and_is_told_why() {
    let (_chat, nc, api) = start(&[]);
    let long = format!("{{\"banner\": \"{}\"}}", "x".repeat(2001));
    for (body, status, reason) in [
        ("", 400, "the body is not JSON"),
        ("banner=hello", 400, "the body is not JSON"),
        ("{\"banner\": \"a\"", 400, "the body is not JSON"),
        ("{}", 400, "the body has to be an object with a banner"),
        (
            "[\"banner\"]",
            400,
            "the body has to be an object with a banner",
        ),
        ("{\"banner\": null}", 400, "the banner has to be a string"),
        ("{\"banner\": 5}", 400, "the banner has to be a string"),
        (&long, 413, "a banner has at most 2000 bytes"),
    ] {
        let heard = post(&api, JSON, body);
        assert_eq!(heard.status, status, "{body}");
        let beginning = format!("{{\n    \"status\": \"ERROR\",\n    \"reason\": \"{reason}");
        assert!(heard.body.starts_with(&beginning), "{}", heard.body);
        assert!(heard.body.ends_with("\"\n}\n"), "{}", heard.body);
    }
    assert_eq!(chatter(&nc).1, "Welcome to NetCatChat!\r\n");
}

fn error(reason: &str) -> String {
    format!("{{\n    \"status\": \"ERROR\",\n    \"reason\": \"{reason}\"\n}}\n")
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (_chat, nc, api) = start(&[]);
    let body = r#"{"banner": "gotcha"}"#;
    for (headers, status) in [
        ("Origin: http://evil.example\r\n".to_owned(), 403),
        (
            "Content-Type: text/plain\r\nOrigin: null\r\n".to_owned(),
            403,
        ),
        ("Referer: http://evil.example/page\r\n".to_owned(), 403),
        (format!("Referer: http://{api}.evil.example/\r\n"), 403),
        (
            format!("{JSON}Origin: http://{api}\r\nOrigin: http://evil.example\r\n"),
            403,
        ),
        (
            format!("{JSON}Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n"),
            403,
        ),
        (format!("{JSON}Origin: http://evil.example\r\n"), 403),
        (format!("{JSON}Origin: null\r\n"), 403),
        (format!("{JSON}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{JSON}Sec-Fetch-Site: same-site\r\n"), 403),
        (format!("{JSON}Origin: https://{api}\r\n"), 403),
    ] {
        let heard = post(&api, &headers, body);
        assert_eq!(heard.status, status, "{headers}");
        assert!(
            heard.body.contains("\"status\": \"ERROR\""),
            "{}",
            heard.body
        );
    }
    // A name of another site that was made to lead here has the same origin as its pages.
    let origin = format!("{JSON}Origin: http://evil.example\r\n");
    let heard = ask_for(&api, "evil.example", "POST /banner/", &origin, body);
    assert_eq!(heard.status, 403);
    assert_eq!(chatter(&nc).1, "Welcome to NetCatChat!\r\n");
    let own = format!("{JSON}Origin: http://{api}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(post(&api, &own, body).status, 200);
    let own = format!("Referer: http://{api}/page?x\r\n");
    assert_eq!(post(&api, &own, body).status, 200);
    let typed = format!("{JSON}Sec-Fetch-Site: none\r\n");
    assert_eq!(post(&api, &typed, body).status, 200);
}

/// As `curl -d` and `requests.post(url, data=…)` send it: a program does not always say what it sends.
#[test]
fn a_body_is_judged_by_what_it_is() {
    let (_chat, nc, api) = start(&[]);
    for (number, headers) in [
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/plain\r\n",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!("{{\"banner\": \"{number}\"}}");
        assert_eq!(post(&api, headers, &body).status, 200, "{headers}");
        assert_eq!(chatter(&nc).1, format!("{number}\r\n"));
        assert_eq!(post(&api, headers, "banner=x").status, 400, "{headers}");
    }
}

#[test]
fn a_name_of_ones_own_is_one_by_which_the_api_may_be_written_to() {
    let arguments = [ANY_PORT, "--api", ANY_PORT, "--name", "chat.example"];
    let mut chat = Running::start("chat", &arguments, &[]);
    let api = chat.says("The API: http://");
    let api = api.trim_end_matches('/');
    let body = r#"{"banner": "hello"}"#;
    for (host, headers, status) in [
        ("chat.example", "", 200),
        ("Chat.Example:80", "Origin: http://chat.example:80\r\n", 200),
        ("chat.example", "Origin: https://chat.example\r\n", 200),
        ("chat.example", "Origin: http://evil.example\r\n", 403),
        ("other.example", "", 403),
    ] {
        let heard = ask_for(api, host, "POST /banner/", headers, body);
        assert_eq!(heard.status, status, "{host} {headers}");
    }
}

#[test]
fn a_token_that_nobody_can_send_is_a_mistake_for_both_programs() {
    for (program, arguments) in [
        ("chat", [ANY_PORT, "--api", ANY_PORT].as_slice()),
        ("dashboard", &["--listen", ANY_PORT]),
    ] {
        for (token, mistake) in [
            ("", "CHAT_TOKEN is empty: give it a value"),
            (" ", "CHAT_TOKEN cannot be sent"),
            ("sesame ", "CHAT_TOKEN cannot be sent"),
            ("sesame\n", "CHAT_TOKEN cannot be sent"),
            ("ses\u{1}ame", "CHAT_TOKEN cannot be sent"),
        ] {
            let output = run_in(program, arguments, &[("CHAT_TOKEN", token)]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{program} {token:?}");
            assert!(said.contains(mistake), "{said}");
        }
    }
}

#[test]
fn no_more_is_read_than_a_banner_needs() {
    let (_chat, _, api) = start(&[]);
    let escaped = format!("{{\"banner\": \"{}\"}}", "\\u0001".repeat(2000));
    assert_eq!(post(&api, JSON, &escaped).status, 200);
    let heard = post(&api, JSON, &" ".repeat(16 * 1024 + 1));
    assert_eq!(
        (heard.status, heard.body),
        (413, error("the body is too long"))
    );
}

#[test]
fn with_a_token_only_who_knows_it_writes() {
    let (_chat, _, api) = start(&[("CHAT_TOKEN", "sesame")]);
    let body = r#"{"banner": "hello"}"#;
    for given in ["", "Authorization: Bearer wrong\r\n"] {
        let heard = post(&api, &format!("{JSON}{given}"), body);
        assert_eq!(heard.status, 401, "{given}");
        assert_eq!(heard.body, error("Unauthorized"), "{given}");
    }
    assert_eq!(get(&api, "/banner/").status, 200);
    assert_eq!(
        post(
            &api,
            &format!("{JSON}Authorization: Bearer sesame\r\n"),
            body
        )
        .status,
        200
    );
}

#[test]
fn the_root_lists_what_there_is_and_the_rest_is_404_or_405() {
    let (_chat, _, api) = start(&[]);
    let root = get(&api, "/").body;
    assert!(
        root.contains("/users/") && root.contains("POST /banner/"),
        "{root}"
    );
    let heard = get(&api, "/nowhere");
    assert_eq!((heard.status, heard.body), (404, error("Not Found")));
    let heard = post(&api, JSON, &"x".repeat((1 << 20) + 1));
    assert_eq!(
        (heard.status, heard.body),
        (413, error("the body is too long"))
    );
    let heard = ask(&api, "DELETE /banner/", "", "");
    assert_eq!(heard.status, 405);
    assert!(
        heard.head.contains("Allow: GET, POST, HEAD, OPTIONS\r\n"),
        "{}",
        heard.head
    );
}

#[test]
fn a_port_that_is_taken_and_options_that_are_none_are_explained() {
    let (_chat, _, api) = start(&[]);
    let port = api.split(':').next_back().expect("a port");
    for (arguments, said) in [
        (
            vec![
                ANY_PORT,
                "--api",
                &format!("tcp:{port}:interface=127.0.0.1"),
            ],
            "--no-api",
        ),
        (vec!["--apy"], "there is no option --apy; usage:"),
        (vec!["--api"], "usage:"),
        (vec!["--api", "8080"], "8080"),
    ] {
        let output = run("chat", &arguments);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(
            log.starts_with("chat: ") && log.contains(said),
            "{arguments:?}: {log}"
        );
    }
}
