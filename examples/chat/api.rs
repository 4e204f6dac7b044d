//! The admin API: how many are here, and what they are welcomed with.
//!
//! ```text
//! $ curl http://127.0.0.1:8080/users/
//! $ curl http://127.0.0.1:8080/banner/
//! $ curl -d '{"banner": "Hello!"}' http://127.0.0.1:8080/banner/
//! ```
//!
//! It runs in the reactor of the chat and looks at the same room: an `Rc`, no lock, no copy.

use std::rc::Rc;
use std::time::Duration;

use reactor::http::server::get;
use reactor::http::{
    Answer, Guard, Intake, Method, Request, Resource, Response, Site, Status, Tree,
};
use reactor::{Deferred, Reactor, WeakReactor};
use serde_json::Value;

use crate::chat::Room;
use crate::sender::OwnNames;

/// Longer banners are refused, in bytes.
const LONGEST_BANNER: usize = 2000;

/// So many bytes of JSON are read, which is more than the longest banner needs with each byte of it
/// as an escape.
const LONGEST_BODY: u64 = 16 << 10;

/// Setting a banner takes this long, as if it were written to somewhere.
const SETTING_TAKES: Duration = Duration::from_millis(100);

const INDEX: &str = "\
GET  /users/   how many are in the chat
GET  /banner/  what they are welcomed with
POST /banner/  welcome them with something else: {\"banner\": \"…\"}
";

/// What there is. With a token, only those who know it may write.
pub(crate) fn site(
    reactor: &Reactor,
    room: &Rc<Room>,
    names: OwnNames,
    token: Option<String>,
) -> Site {
    let users = {
        let room = Rc::clone(room);
        get(move |_| page(&[("users", room.everybody.len().into())]))
    };
    let banner = Banner {
        // A resource stays in the loop, and must not keep it.
        reactor: reactor.downgrade(),
        room: Rc::clone(room),
        names,
    };
    let root = Tree::new();
    root.put_child("", get(|_| Response::text(INDEX)));
    root.put_child("users", users);
    match token {
        None => root.put_child("banner", banner),
        Some(token) => {
            let knows = move |given: &str| Guard::equal(given, &token);
            let guard = Guard::bearer("chat", banner, knows);
            root.put_child("banner", guard.for_methods([Method::Post]));
        }
    }
    Site::new(reactor, root).with_error_pages(|_, what| error(what))
}

/// What people are welcomed with.
struct Banner {
    reactor: WeakReactor,
    room: Rc<Room>,
    names: OwnNames,
}

impl Resource for Banner {
    fn methods(&self) -> &[Method] {
        &[Method::Get, Method::Post]
    }

    fn intake(&self, _: &Request) -> Intake {
        Intake::AtMost(LONGEST_BODY)
    }

    fn render(&self, request: Request) -> Answer {
        if request.method() != Method::Post {
            let banner = self.room.banner.borrow().as_str().into();
            return page(&[("banner", banner)]).into();
        }
        let is_ours = self.names.check_sender(&request);
        let is_ours = is_ours.or_else(|reason| refuse(Status::FORBIDDEN, reason));
        match is_ours.and_then(|()| read_banner(request.body())) {
            Ok(banner) => self.set(banner).into(),
            Err(refusal) => refusal.answer().into(),
        }
    }
}

impl Banner {
    fn set(&self, banner: String) -> Deferred<Response> {
        let room = Rc::clone(&self.room);
        let reactor = self.reactor.upgrade().expect("the loop calls this");
        reactor.defer_later(SETTING_TAKES).map(move |()| {
            room.set_banner(&banner);
            page(&[("status", "SUCCESS".into())])
        })
    }
}

/// Why a banner is not changed.
struct Refusal {
    status: Status,
    reason: String,
}

fn refuse<T>(status: Status, reason: impl Into<String>) -> Result<T, Refusal> {
    let reason = reason.into();
    Err(Refusal { status, reason })
}

impl Refusal {
    fn answer(self) -> Response {
        error(&self.reason).with_status(self.status)
    }
}

fn read_banner(body: &[u8]) -> Result<String, Refusal> {
    let bad = Status::BAD_REQUEST;
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return refuse(bad, format!("the body is not JSON: {error}")),
    };
    match value.get("banner") {
        None => refuse(bad, "the body has to be an object with a banner"),
        Some(Value::String(banner)) if banner.len() > LONGEST_BANNER => refuse(
            Status::CONTENT_TOO_LARGE,
            format!("a banner has at most {LONGEST_BANNER} bytes"),
        ),
        Some(Value::String(banner)) => Ok(banner.clone()),
        Some(_) => refuse(bad, "the banner has to be a string"),
    }
}

fn error(reason: &str) -> Response {
    page(&[("status", "ERROR".into()), ("reason", reason.into())])
}

/// An object as Python's `json.dumps(…, indent=4)` writes it, and a line feed.
fn page(fields: &[(&str, Value)]) -> Response {
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("    \"{name}\": {value}"))
        .collect();
    Response::json(ascii(&format!("{{\n{}\n}}\n", lines.join(",\n"))))
}

/// JSON with everything but ASCII escaped, which means the same.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' | '\n' => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    escaped
}
