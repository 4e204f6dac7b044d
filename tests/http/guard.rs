//! Who may come in.

use reactor::http::server::get;
use reactor::http::{Guard, Method, Request, Response, Site, Tree};
use reactor::testing::Simulation;

use crate::visitor::{Heard, Visitor};

/// A tree of which one half is guarded by a password, and of the other half what is written by a
/// token.
fn ask(line: &str, headers: &str) -> Vec<Heard> {
    let simulation = Simulation::new();
    let root = Tree::new();
    let secrets = Tree::new();
    secrets.put_child("", |_: Request| Response::text("all secrets"));
    secrets.put_child("one", |_: Request| Response::text("one secret"));
    let password = |user: &str, password: &str| user == "ana" && Guard::equal(password, "pa:ss ö");
    root.put_child("secrets", Guard::basic("the secrets", secrets, password));
    let banner = get(|_: Request| Response::text("banner"))
        .post(|mut request: Request| Response::text(request.take_body()));
    let token = |token: &str| Guard::equal(token, "token");
    let banner = Guard::bearer("the banner", banner, token).for_methods([Method::Post]);
    root.put_child("banner", banner);
    let visitor = Visitor::visit(simulation.clone(), Site::new(&simulation.reactor(), root));
    visitor.say(format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
    visitor.wait(1.0);
    visitor.answers()
}

/// `ana:pa:ss ö`
const RIGHT: &str = "Authorization: Basic YW5hOnBhOnNzIMO2\r\n";

#[test]
fn the_right_password_is_let_in() {
    for (path, body) in [
        ("/secrets", "all secrets"),
        ("/secrets/", "all secrets"),
        ("/secrets/one", "one secret"),
    ] {
        let heard = ask(&format!("GET {path}"), RIGHT);
        assert_eq!((heard[0].status, heard[0].body.as_str()), (200, body));
    }
    assert_eq!(ask("GET /secrets/two", RIGHT)[0].status, 404);
    assert_eq!(
        ask("GET /secrets", &RIGHT.replace("Basic", "bASIC"))[0].status,
        200
    );
}

#[test]
fn a_wrong_password_is_answered_with_401_and_nothing_else() {
    let twice = format!("{RIGHT}{RIGHT}");
    for headers in [
        "",
        "Authorization: Basic\r\n",
        "Authorization: Basic \r\n",
        "Authorization: Basic YW5hOnBhOnNz\r\n",
        "Authorization: Basic YW5h\r\n",
        "Authorization: Basic ????\r\n",
        "Authorization: Basic //79/Q==\r\n",
        "Authorization: Bearer YW5hOnBhOnNzIMO2\r\n",
        "Authorization: YW5hOnBhOnNzIMO2\r\n",
        &twice,
    ] {
        for line in [
            "GET /secrets",
            "GET /secrets/two",
            "DELETE /secrets/one",
            "OPTIONS /secrets",
        ] {
            let heard = ask(line, headers);
            assert_eq!((heard.len(), heard[0].status), (1, 401), "{line} {headers}");
            assert_eq!(
                heard[0].header("www-authenticate"),
                Some("Basic realm=\"the secrets\", charset=\"UTF-8\"")
            );
            assert_eq!(heard[0].header("allow"), None);
        }
    }
}

#[test]
fn only_what_is_written_may_be_guarded() {
    assert_eq!(ask("GET /banner", "")[0].body, "banner");
    let body = "Content-Length: 2\r\n\r\nhi";
    let heard = ask(
        "POST /banner",
        &format!("Authorization: Bearer token\r\n{body}"),
    );
    assert_eq!((heard[0].status, heard[0].body.as_str()), (200, "hi"));
    for headers in [
        "",
        "Authorization: Bearer tokem\r\n",
        "Authorization: Bearer token2\r\n",
    ] {
        let heard = ask("POST /banner", &format!("{headers}{body}"));
        assert_eq!(heard[0].status, 401, "{headers}");
        assert_eq!(
            heard[0].header("www-authenticate"),
            Some("Bearer realm=\"the banner\"")
        );
    }
}

#[test]
fn a_body_is_not_asked_for_before_the_guard_has_agreed() {
    let heard = ask(
        "POST /banner",
        "Expect: 100-continue\r\nContent-Length: 2\r\n",
    );
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].status, 401);
}

#[test]
fn secrets_are_the_same_or_not() {
    assert!(Guard::equal("", "") && Guard::equal("abc", "abc"));
    assert!(!Guard::equal("abc", "abd") && !Guard::equal("abc", "ab") && !Guard::equal("", "a"));
}

#[test]
fn what_get_would_say_is_not_told_by_head_either() {
    let simulation = Simulation::new();
    let secret = |_: Request| Response::text("secret");
    let guard = Guard::bearer("the secret", secret, |token| Guard::equal(token, "token"));
    let site = Site::new(&simulation.reactor(), guard.for_methods([Method::Get]));
    let visitor = Visitor::visit(simulation, site);
    for method in ["GET", "HEAD"] {
        visitor.say(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        visitor.wait(1.0);
        let heard = visitor.hear();
        assert!(heard.starts_with("HTTP/1.1 401 "), "{method}: {heard}");
    }
}
