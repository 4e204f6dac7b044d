//! Trees: which path and method lead to which resource.

use reactor::http::{Answer, Guard, Request, Resource, Response, Site, Tree};
use reactor::testing::Simulation;

use crate::visitor::{Visitor, answer, request};

#[test]
fn an_unknown_path_is_404_and_another_method_405_with_those_that_are_allowed() {
    assert_eq!(answer(&request("GET /nowhere")).status, 404);
    assert_eq!(answer(&request("GET /echo/below")).status, 404);
    for method in ["PUT", "PATCH", "DELETE", "TRACE"] {
        let heard = answer(&request(&format!("{method} /echo")));
        assert_eq!(heard.status, 405, "{method}");
        assert_eq!(heard.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    }
    let heard = answer(&request("GET /put"));
    assert_eq!(
        (heard.status, heard.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    for method in ["get", "FROB"] {
        assert_eq!(
            answer(&request(&format!("{method} /echo"))).status,
            501,
            "{method}"
        );
    }
}

#[test]
fn options_says_what_is_allowed_there_and_everywhere() {
    let heard = answer(&request("OPTIONS /echo"));
    assert_eq!(
        (heard.status, heard.header("allow")),
        (200, Some("GET, POST, HEAD, OPTIONS"))
    );
    let heard = answer(&request("OPTIONS *"));
    assert_eq!(
        (heard.status, heard.header("content-length")),
        (200, Some("0"))
    );
    let heard = answer(&request("GET *"));
    assert_eq!(
        (heard.status, heard.header("allow")),
        (405, Some("OPTIONS"))
    );
    assert_eq!(answer(&request("OPTIONS /nowhere")).status, 404);
}

#[test]
fn a_slash_at_the_end_means_nothing_and_two_in_a_row_lead_nowhere() {
    for (path, status) in [
        ("/echo", 200),
        ("/echo/", 200),
        ("/%65cho", 200),
        ("/echo?x", 200),
        ("/echo/?x", 200),
        ("//echo", 404),
        ("/echo//", 404),
        ("/users//x", 404),
        ("/users", 404),
        ("/../echo", 404),
        ("/echo%2F", 404),
        ("/%zz", 400),
        ("/%", 400),
        ("/%ff", 400),
    ] {
        assert_eq!(
            answer(&request(&format!("GET {path}"))).status,
            status,
            "{path}"
        );
    }
}

#[test]
fn a_part_of_the_path_may_be_a_parameter() {
    for (path, user) in [
        ("/users/ana", "ana"),
        ("/users/a%2Fb", "a/b"),
        ("/users/%C3%A9/", "é"),
    ] {
        assert_eq!(
            answer(&request(&format!("GET {path}"))).body,
            format!("user {user:?}")
        );
    }
}

#[test]
fn a_fallback_answers_for_every_path_that_no_child_takes_and_sees_all_of_it() {
    let below = |name: &'static str| {
        move |request: Request| Response::text(format!("{name} {:?}", request.path_below()))
    };
    let simulation = Simulation::new();
    let root = Tree::new();
    root.put_child("users", below("users"));
    let files = root.put_tree("files");
    files.put_child("", below("index"));
    let inner = Tree::new();
    inner.put_fallback(below("files"));
    files.put_child("more", Guard::basic("more", inner, |user, _| user == "a"));
    root.put_tree("empty");
    root.put_fallback(below("root"));
    let visitor = Visitor::visit(simulation.clone(), Site::new(&simulation.reactor(), root));
    for (path, status, body) in [
        ("/users", 200, "users \"\""),
        ("/users/ana", 404, ""), // a child was found, and has nothing below it
        ("/empty", 404, ""),
        ("/", 200, "root \"/\""),
        ("/nobody", 200, "root \"/nobody\""),
        ("/a/b%2Fc/?d", 200, "root \"/a/b%2Fc/\""),
        ("/files/", 200, "index \"/\""),
        ("/files/x", 404, ""),
        ("/files/more", 200, "files \"\""),
        ("/files/more/", 200, "files \"/\""),
        ("/files/more/x/y", 200, "files \"/x/y\""),
        ("//nobody", 404, ""),
        ("/%zz", 400, ""),
    ] {
        let line =
            format!("GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Basic YTo=\r\n\r\n");
        visitor.say(line);
        let heard = visitor.bodies().remove(0);
        assert_eq!(heard.0, status, "{path}");
        assert!(status != 200 || heard.1 == body, "{path}: {heard:?}");
    }
    visitor.say(request("POST /nobody"));
    assert_eq!(visitor.bodies()[0].0, 405);
    visitor.say(request("GET /files/more/x"));
    assert_eq!(
        visitor.bodies()[0].0,
        401,
        "the guard is before its fallback"
    );
}

#[test]
fn a_url_as_a_target_is_its_path() {
    let heard = answer("GET http://here/echo?a=b HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!((heard.status, heard.body.as_str()), (200, "/echo?a=b"));
    let heard = answer("GET http://here HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!((heard.status, heard.body.as_str()), (200, "root"));
}

#[test]
fn a_method_that_nobody_knows_is_501_and_letters_have_a_case() {
    for method in ["get", "BREW", "Get"] {
        assert_eq!(
            answer(&request(&format!("{method} /"))).status,
            501,
            "{method}"
        );
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let heard = answer(&request(&format!("{method} /")));
        assert_eq!(heard.status, 405, "{method}");
        assert!(
            heard
                .header("allow")
                .is_some_and(|allow| allow.contains("GET"))
        );
    }
}

#[test]
fn an_escaped_letter_is_that_letter_and_an_escaped_slash_no_end_of_a_segment() {
    let said =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(answer(&said("/%65ch%6F")).body, "abc");
    assert_eq!(answer(&said("/x%2Fecho")).status, 404);
    assert_eq!(answer(&said("/%2Fecho")).status, 404);
}

/// A child whose last owner is the tree, and that uses the tree when it is dropped.
#[test]
fn a_replaced_child_may_use_the_tree() {
    struct Last(Tree);
    impl Resource for Last {
        fn render(&self, _: Request) -> Answer {
            Response::ok().into()
        }
    }
    impl Drop for Last {
        fn drop(&mut self) {
            let _ = self.0.names();
        }
    }
    let tree = Tree::new();
    tree.put_child("a", Last(tree.clone()));
    tree.put_child("a", |_: Request| Response::ok());
}
