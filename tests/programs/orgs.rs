//! The two programs that teach Deferreds, and the one that waits, against a small fake of GitHub's
//! API, with delays, errors and what is no JSON.

use std::fs::File;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use reactor::http::{Request, Response, Site, Status, Tree};
use reactor::{Reactor, RemoteReactor};

use crate::running::{program, run};

/// The fake, on a thread of its own.
struct Fake {
    base: String,
    remote: RemoteReactor,
    thread: Option<thread::JoinHandle<()>>,
}

/// Each answer takes so long.
const DELAY: Duration = Duration::from_millis(300);

impl Fake {
    fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let reactor = Reactor::new().expect("a loop");
            let port = reactor
                .listen_tcp("127.0.0.1:0", site(&reactor))
                .expect("a port");
            let base = format!("http://{}", port.local_addr());
            sender
                .send((base, reactor.remote()))
                .expect("somebody waits");
            reactor.run().expect("the loop runs");
        });
        let (base, remote) = receiver.recv().expect("the fake starts");
        Self {
            base,
            remote,
            thread: Some(thread),
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.remote.call_from_thread(Reactor::stop);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

fn site(reactor: &Reactor) -> Site {
    let root = Tree::new();
    let slowly = |body: &'static str, status: Status| {
        let reactor = reactor.clone();
        move |_: Request| {
            let answer = Response::json(body).with_status(status);
            reactor.defer_later(DELAY).map(move |()| answer)
        }
    };
    let (ok, broken) = (Status::OK, Status::INTERNAL_SERVER_ERROR);
    let users = root.put_tree("users");
    users.put_tree("ana").put_child(
        "orgs",
        slowly(
            r#"[{"login": "zebra"}, {"login": "ant"}, {"login": "mole"}, {"login": "bee"}]"#,
            ok,
        ),
    );
    users.put_tree("eva").put_child("orgs", slowly("[]", ok));
    users.put_tree("mallory").put_child(
        "orgs",
        slowly(
            r#"[{"login": "\u001b[31mred\nblack"}, {"login": "../users/ana/orgs?"}]"#,
            ok,
        ),
    );
    users
        .put_tree("bob")
        .put_child("orgs", slowly("no JSON", ok));
    users
        .put_tree("cyd")
        .put_child("orgs", slowly(r#"[{"name": "x"}]"#, ok));
    users.put_tree("dan").put_child("orgs", |_: Request| {
        Response::redirect(Status::FOUND, "/users/ana/orgs")
    });
    let orgs = root.put_tree("orgs");
    for (org, repos) in [
        ("zebra", r#"[{"name": "stripes"}, {"name": "hooves"}]"#),
        ("ant", "[]"),
        ("mole", "[{"),
    ] {
        orgs.put_tree(org).put_child("repos", slowly(repos, ok));
    }
    orgs.put_tree("bee")
        .put_child("repos", slowly("oh", broken));
    Site::new(reactor, root).without_access_log()
}

/// What a program prints, and what it logs.
fn said(program: &str, arguments: &[&str]) -> (String, String) {
    let output = run(program, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn organisations_are_printed_sorted() {
    let fake = Fake::start();
    for user in ["ana", "dan"] {
        let (printed, log) = said("orgs", &[user, &fake.base]);
        assert_eq!(
            (printed.as_str(), log.as_str()),
            ("ant\nbee\nmole\nzebra\n", "")
        );
    }
    assert_eq!(said("orgs", &["eva", &fake.base]).0, "");
}

#[test]
fn what_a_server_says_moves_nobodys_cursor_and_leads_to_no_other_path() {
    let fake = Fake::start();
    let (printed, log) = said("orgs", &["mallory", &fake.base]);
    let names = "^[[31mred^Jblack\n../users/ana/orgs?\n";
    assert_eq!((printed.as_str(), log.as_str()), (names, ""));
    for program in ["orgs_and_repos", "orgs_and_repos_blocking"] {
        let (printed, log) = said(program, &["mallory", &fake.base]);
        let all = format!("{printed}{log}");
        assert!(!all.contains('\u{1b}'), "{program}: {all}");
        assert!(all.contains("^[[31mred^Jblack: "), "{program}: {all}");
        assert!(!all.contains("mole"), "{program}: {all}");
        let url = "/orgs/..%2Fusers%2Fana%2Forgs%3F/repos: the answer is 404 Not Found";
        assert!(all.contains(url), "{program}: {all}");
        for dots in [".", ".."] {
            let output = run(program, &[dots, &fake.base]);
            assert_eq!(output.status.code(), Some(1), "{program} {dots}");
        }
    }
    let output = run("orgs", &["..", &fake.base]);
    assert!(output.stderr.starts_with(b"usage: orgs"));
}

#[test]
fn errors_are_logged_and_the_loop_stops() {
    let fake = Fake::start();
    for (user, error) in [
        ("bob", "expected ident"),
        ("cyd", "an organisation has no login"),
        ("nobody", "404 Not Found"),
    ] {
        let (printed, log) = said("orgs", &[user, &fake.base]);
        assert_eq!(printed, "", "{user}");
        assert!(log.contains(error), "{user}: {log}");
    }
    let (_, log) = said("orgs", &["ana", "http://127.0.0.1:1"]);
    assert!(log.contains("no connection: Connection refused"), "{log}");
    let (_, log) = said("orgs", &["ana", "nowhere"]);
    assert!(log.contains("is no URL"), "{log}");
    for words in [&[][..], &["--chart"], &["ana/orgs#"], &["ana", "--chart"]] {
        let output = run("orgs", words);
        let log = String::from_utf8(output.stderr).expect("text");
        assert!(
            log.contains("usage: orgs USER") || log.contains("is no URL"),
            "{words:?}: {log}"
        );
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
}

#[test]
fn the_exit_status_says_whether_everything_was_found() {
    let fake = Fake::start();
    for (program, user, status) in [
        ("orgs", "ana", 0),
        ("orgs", "bob", 1),
        ("orgs_and_repos", "eva", 0),
        ("orgs_and_repos", "ana", 1),
        ("orgs_and_repos_blocking", "eva", 0),
        ("orgs_and_repos_blocking", "nobody", 1),
    ] {
        let output = run(program, &[user, &fake.base]);
        assert_eq!(output.status.code(), Some(status), "{program} {user}");
    }
    for program in ["orgs", "orgs_and_repos", "orgs_and_repos_blocking"] {
        let output = run(program, &["--help"]);
        assert_eq!(output.status.code(), Some(0), "{program}");
        assert!(output.stdout.starts_with(b"usage: orgs"), "{program}");
    }
}

#[test]
fn a_chain_draws_itself() {
    let fake = Fake::start();
    let folder = std::env::temp_dir().join(format!("orgs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for program in ["orgs", "orgs_and_repos"] {
        let file = folder.join(program).with_extension("svg");
        let path = file.to_str().expect("a path is text");
        said(program, &["ana", &fake.base, "--chart", path]);
        let svg = std::fs::read_to_string(&file).expect("the drawing");
        assert!(svg.starts_with("<svg") && svg.contains("print"), "{svg}");
    }
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}

#[test]
fn repositories_are_fetched_all_at_once_or_one_after_the_other() {
    let fake = Fake::start();
    for (program, label, least, most) in [
        ("orgs_and_repos", "all at once: ", 0.6, 1.2),
        (
            "orgs_and_repos_blocking",
            "one after the other: ",
            1.5,
            10.0,
        ),
    ] {
        let (printed, log) = said(program, &["ana", &fake.base]);
        let (repos, took) = printed.split_once(label).expect("how long it took");
        assert_eq!(repos, "ant: \nzebra: hooves, stripes\n", "{program}");
        assert!(
            log.contains("500 Internal Server Error: oh"),
            "{program}: {log}"
        );
        assert!(
            log.contains("mole: 500 ") || log.contains("bee: "),
            "{program}: {log}"
        );
        assert!(log.contains("EOF while parsing"), "{program}: {log}");
        let took: f64 = took.trim().trim_end_matches(" s").parse().expect("seconds");
        assert!((least..most).contains(&took), "{program} took {took} s");
    }
}

#[test]
fn what_cannot_be_printed_is_a_failure_and_no_panic() {
    let fake = Fake::start();
    for name in ["orgs", "orgs_and_repos", "orgs_and_repos_blocking"] {
        let full = File::options().write(true).open("/dev/full");
        let output = Command::new(program(name))
            .args(["ana", &fake.base])
            .stdout(full.expect("Linux has it"))
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(!said.contains("panicked"), "{name}: {said}");
        assert!(said.contains("No space left"), "{name}: {said}");
    }
}
